/* Changes, read from the store's history once and shared by all watchers that match: a batch copies
 * the events of one reading into its arena and renders each line at most once in each of its forms.
 * Place in the flow: store -> batch -> api/watch. Invariant: a batch holds whole revisions only.
 * Lifetime: batch_init .. batch_deinit, within the store_read that filled it. */
#ifndef WEFT_API_EVENT_H
#define WEFT_API_EVENT_H

#include "api/selector.h"
#include "store/store.h"
#include "util/arena.h"

/* How a watcher looks at events. */
struct watch_filter {
    const char *prefixes[LIMIT_WATCH_PREFIXES_MAX]; /* of keys; none: no key matches */
    unsigned prefix_count;
    struct selector selector;
    bool wants_previous;
};

/* One change. Its lines are rendered when the first watcher asks for them. */
struct change {
    struct event event;
    bool is_previous_loaded;
    bool has_previous;
    struct object previous;
    struct slice lines[2][2]; /* [shown as DELETE][with previous]; empty: not rendered yet */
};

struct batch {
    struct store_read *read;
    struct arena arena;
    struct buf changes; /* struct change, side by side */
    uint64_t revision;  /* all events that match, up to here, are in it */
    bool is_complete;   /* nothing newer is in the view */
};

void batch_init(struct batch *batch, struct store_read *read);
void batch_deinit(struct batch *batch);
/* Reads events with revision > `after`, and about `count_max` of them: a revision is never split.
 * `filter` NULL: of all keys. */
void batch_fill(struct batch *batch, uint64_t after, size_t count_max,
                const struct watch_filter *filter);
size_t batch_count(const struct batch *batch);
struct change *batch_at(struct batch *batch, size_t index);
/* The change's line for this watcher; empty when it does not concern it. With a selector, an object
 * that stops matching is a DELETE. Lifetime: the batch's. */
struct slice change_line(struct batch *batch, struct change *change,
                         const struct watch_filter *filter);

/* Lines that are no change. */
void event_write_bookmark(uint64_t revision, struct buf *out);
/* `revision`: up to where the watch was complete. */
void event_write_error(const struct problem *problem, uint64_t revision, struct buf *out);

bool watch_filter_matches_key(const struct watch_filter *filter, const char *key);

#endif
