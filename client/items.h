/* Takes a list's answer apart while it comes: {"revision":R,"items":[...],"continue":"..."}.
 *
 * A whole list may be far larger than what the JSON fence lets through at once, so each item is cut
 * out, parsed alone and kept; what remains (the frame, with an empty "items") is parsed at the end.
 * The cutting knows strings and brackets only; whether all is valid JSON is the fence's to say.
 * Lifetime: items_init .. items_deinit; the parsed items belong to it. Bounds: an item
 * LIMIT_CLIENT_LINE_SIZE_MAX, LIMIT_FOLLOW_ITEMS_MAX items, the frame 64 KiB. */
#ifndef WEFT_CLIENT_ITEMS_H
#define WEFT_CLIENT_ITEMS_H

#include "util/buf.h"
#include "util/err.h"
#include "wire/json.h"

#include <stdbool.h>
#include <stddef.h>

struct items {
    struct json **parsed; /* `count` trees */
    size_t count;
    size_t capacity;
    struct json *frame; /* after items_finish */
    struct buf frame_text;
    struct buf item_text;
    char word[8]; /* the string at the frame's top level that came last: a member's name */
    size_t word_size;
    unsigned depth;
    bool is_in_string;
    bool is_escaped;
    bool is_in_items; /* within the top level's "items" list */
};

void items_init(struct items *items);
void items_deinit(struct items *items);
/* Takes the next bytes. Errors: ERR_BAD_JSON, ERR_TOO_LARGE. */
MUST_USE enum err items_feed(struct items *items, struct slice bytes);
/* The answer is complete: parses the frame. Errors: ERR_BAD_JSON (cut off, no "items" list). */
MUST_USE enum err items_finish(struct items *items);

#endif
