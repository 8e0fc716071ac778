/* Where a watch stands, so that it can be resumed on any server without a gap or a repetition.
 * Pure.
 *
 * All events of one revision come together and in the same order from every server, but a
 * connection may break between two of them. So a revision counts as seen only when a later one or a
 * bookmark has come; until then it is open, and a resume skips as many of its events as were seen.
 */
#ifndef WEFT_CLIENT_CURSOR_H
#define WEFT_CLIENT_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

struct cursor {
    uint64_t revision;      /* all up to here has been seen: where to resume */
    uint64_t open_revision; /* a later one, of which open_count events have been seen; 0: none */
    unsigned open_count;
    unsigned skip_count; /* so many events of open_revision come again */
    bool is_first_line;  /* of this stream */
};

/* All up to `revision` is known. */
void cursor_set(struct cursor *cursor, uint64_t revision);
/* A stream that begins behind cursor->revision is being opened. */
void cursor_resume(struct cursor *cursor);
/* A change came: true when it is new, false for a repetition. */
bool cursor_take_change(struct cursor *cursor, uint64_t revision);
/* A bookmark came. A stream's first line is one that says only that the watch stands: what happened
 * since cursor->revision comes behind it. */
void cursor_take_bookmark(struct cursor *cursor, uint64_t revision);

#endif
