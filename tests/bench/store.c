#include "tests/bench/store.h"

#include "tests/bench/connection.h"
#include "util/base64.h"

#include <string.h>

enum store parse_store(const char *name) {
    if (strcmp(name, "weft") == 0) {
        return STORE_WEFT;
    }
    if (strcmp(name, "etcd") != 0) {
        fail("'%s' is neither weft nor etcd", name);
    }
    return STORE_ETCD;
}

void append_base64_field(struct buf *out, bool is_first, const char *name, struct slice bytes) {
    buf_appendf(out, "%s\"%s\":\"", is_first ? "" : ",", name);
    base64_encode(bytes, out);
    buf_append_char(out, '"');
}

void store_put(enum store store, const char *key, struct slice value, struct buf *out) {
    struct buf text;
    buf_init(&text);
    if (store == STORE_WEFT) {
        buf_appendf(&text, "/v1/kv/%s", key);
        build_request(out, METHOD_PUT, buf_text(&text), value);
    } else {
        buf_append_char(&text, '{');
        append_base64_field(&text, true, "key", slice_of_text(key));
        append_base64_field(&text, false, "value", value);
        buf_append_char(&text, '}');
        build_request(out, METHOD_POST, "/v3/kv/put", buf_slice(&text));
    }
    buf_deinit(&text);
}

/* The first key behind all keys with the prefix, as etcd wants a range's end. */
static void append_prefix_range(struct buf *out, const char *prefix) {
    struct buf end;
    buf_init(&end);
    buf_append_text(&end, prefix);
    end.data[end.size - 1]++;
    append_base64_field(out, true, "key", slice_of_text(prefix));
    append_base64_field(out, false, "range_end", buf_slice(&end));
    buf_deinit(&end);
}

void store_watch(enum store store, const char *prefix, struct buf *out) {
    struct buf text;
    buf_init(&text);
    if (store == STORE_WEFT) {
        buf_appendf(&text, "/v1/kv?prefix=%s&watch=true", prefix);
        build_request(out, METHOD_GET, buf_text(&text), slice_of(NULL, 0));
    } else {
        buf_append_text(&text, "{\"create_request\":{");
        append_prefix_range(&text, prefix);
        buf_append_text(&text, "}}");
        build_request(out, METHOD_POST, "/v3/watch", buf_slice(&text));
    }
    buf_deinit(&text);
}

void store_event_mark(enum store store, const char *key, struct buf *out) {
    if (store == STORE_WEFT) {
        buf_appendf(out, "\"kv/%s\"", key);
    } else {
        append_base64_field(out, true, "key", slice_of_text(key));
    }
}
