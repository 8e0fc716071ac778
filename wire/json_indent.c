/* JSON for people: lines and indentation, without parsing it again. */
#include "wire/json.h"

/* Behind the value that begins at `at`, quotes and brackets minded. */
static size_t find_end(struct slice json, size_t at) {
    bool is_quoted = false;
    unsigned depth = 0;
    do {
        uint8_t c = json.data[at];
        if (is_quoted) {
            at += c == '\\';
            is_quoted = c != '"';
        } else {
            is_quoted = c == '"';
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
        }
        at++;
    } while (depth > 0 && at < json.size);
    return at;
}

static void begin_line(unsigned depth, struct buf *out) {
    buf_append_char(out, '\n');
    for (unsigned i = 0; i < depth; i++) {
        buf_append_char(out, ' ');
    }
}

void json_indent(struct slice json, size_t line_size_max, struct buf *out) {
    unsigned depth = 0;
    bool is_quoted = false;
    for (size_t at = 0; at < json.size; at++) {
        uint8_t c = json.data[at];
        if (is_quoted || c == '"') {
            buf_append(out, &c, 1);
            if (is_quoted && c == '\\') {
                buf_append(out, &json.data[++at], 1);
            } else if (c == '"') {
                is_quoted = !is_quoted;
            }
        } else if (c == '{' || c == '[') {
            size_t end = find_end(json, at);
            if (end - at + depth <= line_size_max) {
                buf_append(out, json.data + at, end - at);
                at = end - 1;
            } else {
                buf_append(out, &c, 1);
                begin_line(++depth, out);
            }
        } else if (c == '}' || c == ']') {
            begin_line(--depth, out);
            buf_append(out, &c, 1);
        } else {
            buf_append(out, &c, 1);
            if (c == ',') {
                begin_line(depth, out);
            } else if (c == ':') {
                buf_append_char(out, ' ');
            }
        }
    }
    buf_append_char(out, '\n');
}
