/* Fetches a snapshot: the side that needs one.
 *
 *   NONE --offer--> OPENING --worker--> ASKING <--chunk/worker--> WRITING
 *   ... the last chunk --> VERIFYING --worker--> READY --engine and log agree--> INSTALLING
 *   INSTALLING --the log begins anew, durably--> the store is exchanged --> ENDING --worker--> NONE
 *
 * What is there already counts, after a cut connection and after a restart: the partial file's size
 * is how far it has come. The file is verified (its own digest) before anything builds on it; a
 * damaged one is fetched again. While it is fetched this server is a follower that lags, and votes.
 * An offer that comes meanwhile is dropped, unless nothing has come for a while. All file work
 * happens on a worker, one piece at a time. */
#ifndef WEFT_RAFT_FETCH_H
#define WEFT_RAFT_FETCH_H

#include "raft/codec.h"
#include "raft/shelf.h"

enum fetch_state {
    FETCH_NONE,
    FETCH_OPENING,
    FETCH_ASKING,
    FETCH_WRITING,
    FETCH_VERIFYING,
    FETCH_READY,
    FETCH_INSTALLING,
    FETCH_ENDING
};

struct fetch_hooks {
    void *owner;
    void (*send)(void *owner, uint64_t to, const struct frame *frame);
    /* loop_work: `done` gets `owner`. */
    void (*work)(void *owner, void (*run)(void *job), void (*done)(void *owner, void *job),
                 void *job);
    /* Checks a file's digest and builds a view of it in `view`. On a worker. */
    enum err (*build)(const char *path, const char *view, uint64_t *out_index, uint64_t *out_term);
    /* Whether snapshot and log have the entry already. */
    bool (*has)(void *owner, uint64_t index, uint64_t term);
    /* Asks the engine to install it: false: not now. */
    bool (*install)(void *owner, const struct snapshot_point *point);
    /* Whether the log, durably, begins behind the snapshot. */
    bool (*is_reset)(void *owner);
    /* Puts the view into the store's place, and tells the engine. */
    void (*finish)(void *owner, const struct snapshot_point *point, uint64_t size);
};

struct fetch {
    struct fetch_hooks hooks;
    const char *directory; /* borrowed */
    const char *view;      /* borrowed: where the new view is built */
    enum fetch_state state;
    uint64_t from; /* who is asked */
    struct snapshot_point point;
    struct buf configuration; /* the point's */
    uint64_t size;
    uint64_t offset;    /* how much is there */
    msec_t asked_ms;    /* last */
    msec_t progress_ms; /* when something last came */
    msec_t next_at;     /* after a failure: offers before are dropped */
    uint64_t fetched_count;
    /* The worker's while one is out. */
    int fd;
    struct buf chunk;
    enum err err;
    int error;
};

void fetch_init(struct fetch *fetch, const struct fetch_hooks *hooks, const char *directory,
                const char *view);
/* No work may be out. */
void fetch_deinit(struct fetch *fetch);
/* The leader of this term, `from`, offers its snapshot. */
void fetch_offer(struct fetch *fetch, msec_t now, uint64_t from,
                 const struct frame_snapshot *offer);
void fetch_receive(struct fetch *fetch, msec_t now, const struct frame_chunk *chunk);
/* Asks again, installs what is ready. */
void fetch_turn(struct fetch *fetch, msec_t now);
msec_t fetch_deadline(const struct fetch *fetch);

#endif
