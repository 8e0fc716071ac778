#include "ctl/path.h"

#include "wire/http.h"
#include "wire/kind.h"

#include <string.h>

/* "subnets/NETWORK/ADDRESS/LENGTH": in a key the last slash is a dash. */
static void dash_subnet(struct buf *key) {
    static const char collection[] = "subnets/";
    const char *text = buf_text(key);
    unsigned slashes = 0;
    for (const char *at = text; *at != 0; at++) {
        slashes += *at == '/' ? 1 : 0;
    }
    if (strncmp(text, collection, strlen(collection)) == 0 && slashes == 3) {
        key->data[strrchr(text, '/') - text] = '-';
    }
}

void path_join(const char *const *words, unsigned count, struct buf *out_key) {
    for (unsigned i = 0; i < count; i++) {
        const char *word = words[i];
        if (i == 0) {
            word += *word == '/' ? 1 : 0;
            word += strncmp(word, "v1/", 3) == 0 ? 3 : 0;
        }
        if (out_key->size > 0 && out_key->data[out_key->size - 1] != '/') {
            buf_append_char(out_key, '/');
        }
        buf_append_text(out_key, word);
    }
    dash_subnet(out_key);
}

bool path_is_value(const char *key) {
    return strncmp(key, "kv/", 3) == 0 && key[3] != 0;
}

void path_object_target(const char *key, struct buf *out) {
    buf_append_text(out, "/v1/");
    http_escape(key, true, out);
}

/* How many bytes of the key name the list: the collection, and all names but the last. */
static size_t list_size(const char *key) {
    char collection[32];
    size_t size = strcspn(key, "/");
    if (size >= sizeof collection) {
        return strlen(key);
    }
    memcpy(collection, key, size);
    collection[size] = 0;
    const struct kind *kind = kind_find(collection);
    if (kind == NULL) {
        return strlen(key);
    }
    for (unsigned i = 1; i < kind->segments && key[size] == '/'; i++) {
        size += 1 + strcspn(key + size + 1, "/");
    }
    return size;
}

void path_list_target(const char *key, struct buf *out) {
    size_t size = list_size(key);
    struct buf list;
    buf_init(&list);
    buf_append(&list, key, size);
    path_object_target(buf_text(&list), out);
    buf_deinit(&list);
    const char *prefix = key + size + (key[size] == '/' ? 1 : 0);
    if (*prefix != 0) {
        path_add_query(out, "prefix", prefix);
    }
}

void path_add_query(struct buf *target, const char *name, const char *value) {
    bool is_first = memchr(target->data, '?', target->size) == NULL;
    buf_appendf(target, "%c%s=", is_first ? '?' : '&', name);
    http_escape(value, false, target);
}
