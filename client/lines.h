/* Cuts a stream of bytes into lines (NDJSON), whatever pieces they come in.
 *
 * Lifetime: lines_init .. lines_deinit. A line longer than LIMIT_CLIENT_LINE_SIZE_MAX breaks the
 * stream; nothing is delivered after that. */
#ifndef WEFT_CLIENT_LINES_H
#define WEFT_CLIENT_LINES_H

#include "util/buf.h"
#include "util/err.h"

#include <stdbool.h>

/* Gets one line without its line feed (and carriage return); empty lines are left out. False stops.
 */
typedef bool (*lines_cb)(void *owner, struct slice line);

struct lines {
    struct buf partial; /* the beginning of a line whose end has not come */
    lines_cb line;
    void *owner;
};

void lines_init(struct lines *lines, lines_cb line, void *owner);
void lines_deinit(struct lines *lines);
/* Forgets an unfinished line. */
void lines_reset(struct lines *lines);
/* Delivers the lines that end within `bytes`. Errors: ERR_TOO_LARGE; ERR_CLOSED when the callback
 * stopped (the lines may be deinitialised by then: they are not touched any more). */
MUST_USE enum err lines_feed(struct lines *lines, struct slice bytes);

#endif
