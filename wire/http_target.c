/* Request targets (RFC 9112 3.2, origin form; of the absolute form what follows the host): taken
 * apart, then percent-decoded (RFC 3986 2.1).
 *
 * A plus sign is a plus sign, in the path and in the query: a key may contain one, and the form
 * encoding that reads it as a space is HTML's, not the URI's. Dot segments are names like others.
 * An escaped slash is a slash: clients that escape a whole key reach the same key. */
#include "wire/http.h"

#include "wire/json_fence.h"

#include <ctype.h>
#include <string.h>

static int hex_digit(uint8_t digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decodes into the arena; NULL with the problem filled when it cannot. */
static const char *decode(struct slice raw, struct arena *arena, struct problem *problem) {
    char *text = arena_alloc(arena, raw.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++) {
        uint8_t byte = raw.data[i];
        if (byte == '%') {
            int high = i + 2 < raw.size ? hex_digit(raw.data[i + 1]) : -1;
            int low = i + 2 < raw.size ? hex_digit(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                (void)problem_set(problem, ERR_BAD_REQUEST,
                                  "the target has a %% that no two hexadecimal digits follow");
                return NULL;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
            if (byte == 0) {
                (void)problem_set(problem, ERR_BAD_REQUEST,
                                  "the target may not encode a NUL (%%00)");
                return NULL;
            }
        }
        text[size++] = (char)byte;
    }
    if (!utf8_is_valid(slice_of(text, size))) {
        (void)problem_set(problem, ERR_BAD_REQUEST, "the target is not UTF-8");
        return NULL;
    }
    return text;
}

static bool is_plain(const char *target) {
    for (const char *at = target; *at != 0; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '#') { /* char may be signed: both ends are out */
            return false;
        }
    }
    return true;
}

static struct slice take_until(struct slice *rest, uint8_t separator) {
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct slice taken = slice_of(rest->data, size);
    size_t skipped = end != NULL ? size + 1 : size;
    *rest = slice_of(rest->data + skipped, rest->size - skipped);
    return taken;
}

static enum err add_query(struct slice pair, struct arena *arena, struct http_target *target,
                          struct problem *problem) {
    if (target->query_count == ARRAY_COUNT(target->query)) {
        return problem_set(problem, ERR_BAD_REQUEST, "more than %zu query parameters",
                           ARRAY_COUNT(target->query));
    }
    struct slice name = take_until(&pair, '=');
    struct http_query *query = &target->query[target->query_count];
    query->name = decode(name, arena, problem);
    query->value = query->name != NULL ? decode(pair, arena, problem) : NULL;
    if (query->value == NULL) {
        return ERR_BAD_REQUEST;
    }
    target->query_count++;
    return ERR_OK;
}

/* "http://host:80/path" as "/path": what a proxy or a client behind one sends (RFC 9112 3.2.2). */
static const char *skip_authority(const char *target) {
    static const char scheme[] = "http://";
    size_t size = sizeof scheme - 1;
    if (strncasecmp(target, scheme, size) != 0) {
        return target;
    }
    size_t host = strcspn(target + size, "/?#");
    return host > 0 ? target + size + host : target;
}

enum err http_parse_target(const char *target, struct arena *arena, struct http_target *out_target,
                           struct problem *problem) {
    target = skip_authority(target);
    struct slice rest = slice_of_text(target);
    if (target[0] != '/' || !is_plain(target)) {
        return problem_set(problem, ERR_BAD_REQUEST,
                           "the target must be a path that begins with a slash");
    }
    out_target->query_count = 0;
    out_target->raw_path = take_until(&rest, '?');
    out_target->path = decode(out_target->raw_path, arena, problem);
    if (out_target->path == NULL) {
        return ERR_BAD_REQUEST;
    }
    while (rest.size > 0) {
        struct slice pair = take_until(&rest, '&');
        enum err err = pair.size > 0 ? add_query(pair, arena, out_target, problem) : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

const char *http_find_query(const struct http_target *target, const char *name) {
    for (unsigned i = 0; i < target->query_count; i++) {
        if (strcmp(target->query[i].name, name) == 0) {
            return target->query[i].value;
        }
    }
    return NULL;
}

void http_escape(const char *text, bool keeps_slash, struct buf *out) {
    static const char digits[] = "0123456789ABCDEF";
    for (const char *at = text; *at != 0; at++) {
        uint8_t byte = (uint8_t)*at;
        bool is_unreserved = isascii(byte) && (isalnum(byte) || strchr("-._~", byte) != NULL);
        if (is_unreserved || (byte == '/' && keeps_slash)) {
            buf_append_char(out, *at);
        } else {
            buf_append_char(out, '%');
            buf_append_char(out, digits[byte >> 4]);
            buf_append_char(out, digits[byte & 15]);
        }
    }
}
