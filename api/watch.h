/* The watch hub: after each batch of applied entries it reads the new events once and hands them to
 * every live watcher that matches. A watcher that starts in the past, or fell behind, catches up
 * from the history in bounded steps, one round a loop turn, and then goes live.
 *
 *   watch_start -> behind -> live <-> behind;   any of them -> ended (by the hub) or stopped
 *
 * Invariants: everything up to watcher->revision that matches was written to it, once, in order,
 * and nothing beyond it; a revision is never split over two writes; a live watcher's revision is at
 * least the hub's. The hub does no I/O and no timing of its own: api.c calls applied, turn and
 * bookmark. Nobody calls the hub from inside a handler, except to stop the very watcher. */
#ifndef WEFT_API_WATCH_H
#define WEFT_API_WATCH_H

#include "api/event.h"
#include "util/list.h"

struct watcher;

struct watcher_handlers {
    /* Lines for the watcher; `has_changes` is false for a mere BOOKMARK. */
    void (*write)(struct watcher *watcher, struct slice lines, bool has_changes);
    /* Bytes written and not yet gone to the client. */
    size_t (*queued_size)(const struct watcher *watcher);
    /* The hub has let the watcher go: compacted, too slow, or shutting down. */
    void (*ended)(struct watcher *watcher, const struct problem *problem);
};

/* Lives in its owner, from watch_start until ended or watch_stop. */
struct watcher {
    const struct watcher_handlers *handlers; /* the owner's, as is the filter with its texts */
    struct watch_filter filter;
    enum event_format format;
    uint64_t revision; /* the start: changes after it; may be in the future */
    /* private */
    struct list node; /* in hub->live or hub->behind; alone when not started */
};

struct watch_hub {
    struct store *store;
    uint64_t revision; /* events up to here went to the live watchers */
    struct list live;
    struct list behind;
    unsigned count;
    unsigned count_max;
    size_t queued_size;        /* bytes that wait for all watchers, as far as they were counted */
    uint64_t events;           /* changes that were sent, to all watchers together */
    uint64_t bookmarks;        /* the same */
    uint64_t ended[ERR_COUNT]; /* watchers that the hub let go, by reason */
};

void watch_hub_init(struct watch_hub *hub, struct store *store);
/* Whether a watch from `revision` may start now. Errors: ERR_OVERLOADED (count_max),
 * ERR_COMPACTED, ERR_IO; the problem is filled. */
MUST_USE enum err watch_check(struct watch_hub *hub, uint64_t revision, struct problem *problem);
/* Starts, in the same turn of the loop as a watch_check that passed. */
void watch_start(struct watch_hub *hub, struct watcher *watcher);
/* The first BOOKMARK of one watcher. */
void watch_greet(struct watch_hub *hub, struct watcher *watcher);
/* Not started is fine. */
void watch_stop(struct watch_hub *hub, struct watcher *watcher);
/* The store has new events. */
void watch_hub_applied(struct watch_hub *hub);
/* One round of catching up. True when somebody is still behind and has room for more. */
bool watch_hub_turn(struct watch_hub *hub);
/* A BOOKMARK to every live watcher. */
void watch_hub_bookmark(struct watch_hub *hub);
/* Ends all watchers with this problem. */
void watch_hub_end_all(struct watch_hub *hub, const struct problem *problem);

#endif
