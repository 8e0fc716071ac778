/* Changes, read from the store's history once and shared by all watchers that match: a batch copies
 * the events of one reading into its arena and renders each line at most once. An event writer puts
 * lines into the form of a stream: NDJSON, or server-sent events.
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

enum event_format {
    EVENT_NDJSON,
    EVENT_SSE /* server-sent events (WHATWG HTML, "Server-sent events") */
};

/* Writes events of one stream, in order. As server-sent events, `id` comes with the last event of a
 * revision only: a client's last id never lies within one, so that to resume from it neither splits
 * nor skips a revision. */
struct event_writer {
    struct buf *out;
    enum event_format format;
    uint64_t open_revision; /* SSE: of the event that has no end yet; 0: none */
    unsigned count;         /* changes that were written */
};

struct event_writer event_writer_to(struct buf *out, enum event_format format);
/* Ends what is open: call it before anybody reads `out`. */
void event_writer_finish(struct event_writer *writer);
/* The change for this watcher; nothing when it does not concern it. With a selector, an object that
 * stops matching is a DELETE. */
void event_write_change(struct event_writer *writer, struct batch *batch, struct change *change,
                        const struct watch_filter *filter);
/* The first one of a stream also says how soon a client may come back. */
void event_write_bookmark(struct event_writer *writer, uint64_t revision, bool is_first);
/* `revision`: up to where the watch was complete. */
void event_write_error(struct event_writer *writer, const struct problem *problem,
                       uint64_t revision);

bool watch_filter_matches_key(const struct watch_filter *filter, const char *key);

#endif
