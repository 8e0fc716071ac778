#include "client/lines.h"

#include "util/limits.h"

#include <string.h>

void lines_init(struct lines *lines, lines_cb line, void *owner) {
    buf_init(&lines->partial);
    lines->line = line;
    lines->owner = owner;
}

void lines_deinit(struct lines *lines) {
    buf_deinit(&lines->partial);
}

void lines_reset(struct lines *lines) {
    buf_clear(&lines->partial);
}

static struct slice without_carriage_return(struct slice line) {
    bool has_one = line.size > 0 && line.data[line.size - 1] == '\r';
    return slice_of(line.data, line.size - (has_one ? 1 : 0));
}

/* A line that came in several pieces: the buffer is moved aside, so that the callback may deinit.
 */
static bool deliver_joined(struct lines *lines, struct slice end) {
    buf_append(&lines->partial, end.data, end.size);
    struct buf whole = lines->partial;
    buf_init(&lines->partial);
    struct slice line = without_carriage_return(buf_slice(&whole));
    bool goes_on = line.size == 0 || lines->line(lines->owner, line);
    buf_deinit(&whole);
    return goes_on;
}

static bool deliver(struct lines *lines, struct slice piece) {
    if (lines->partial.size > 0) {
        return deliver_joined(lines, piece);
    }
    struct slice line = without_carriage_return(piece);
    return line.size == 0 || lines->line(lines->owner, line);
}

enum err lines_feed(struct lines *lines, struct slice bytes) {
    while (bytes.size > 0) {
        const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
        size_t size = end != NULL ? (size_t)(end - bytes.data) : bytes.size;
        if (lines->partial.size + size > LIMIT_CLIENT_LINE_SIZE_MAX) {
            return ERR_TOO_LARGE;
        }
        if (end == NULL) {
            buf_append(&lines->partial, bytes.data, size);
            return ERR_OK;
        }
        if (!deliver(lines, slice_of(bytes.data, size))) {
            return ERR_CLOSED;
        }
        bytes = slice_of(end + 1, bytes.size - size - 1);
    }
    return ERR_OK;
}
