/* Proposals: a bounded queue, and group commit. All that is queued when the turn of the loop ends
 * goes into one log entry (more than one only past its bounds), so that the log syncs once and
 * every replica commits once for all of them.
 *
 *   QUEUED     in `queued`
 *   IN_FLIGHT  in a batch: its entry is in the log and not yet applied
 *   DECIDED    in `decided` until its callback is called
 *   late       abandoned while in flight: the batch keeps an empty slot, nobody is called */
#ifndef WEFT_RAFT_PROPOSE_H
#define WEFT_RAFT_PROPOSE_H

#include "raft/replica.h"

struct propose_hooks {
    void *owner;
    /* Writes the header of an entry of `count` commands. */
    void (*entry_begin)(void *owner, unsigned count, struct buf *out);
    void (*entry_add)(void *owner, struct slice command, struct buf *out);
    /* Appends the entry to the log. Errors: ERR_NO_LEADER. */
    enum err (*submit)(void *owner, struct slice entry, uint64_t *out_index, uint64_t *out_term);
};

struct propose_batch {
    struct list link;
    uint64_t index;
    uint64_t term;
    unsigned count;
    struct proposal *proposals[]; /* NULL: abandoned */
};

struct propose {
    struct propose_hooks hooks;
    struct list queued;
    struct list batches; /* by index */
    struct list decided;
    unsigned count;     /* queued and in flight */
    size_t queued_size; /* bytes of the queued commands */
    unsigned batch_count;
    struct buf entry;
};

void propose_init(struct propose *propose, const struct propose_hooks *hooks);
/* Nothing may be waiting. */
void propose_deinit(struct propose *propose);
/* Queues it, or decides it: ERR_OVERLOADED (full), ERR_TOO_LARGE. */
void propose_add(struct propose *propose, struct proposal *proposal);
/* Decides it without queueing. */
void propose_refuse(struct propose *propose, struct proposal *proposal, enum err err);
/* Takes it back in any state; no callback comes. */
void propose_abandon(struct propose *propose, struct proposal *proposal);
/* Puts what is queued into entries while fewer than LIMIT_RAFT_INFLIGHT_ENTRIES are in flight. */
void propose_flush(struct propose *propose);
/* The batch whose entry this is; NULL: somebody else's. */
struct propose_batch *propose_find(struct propose *propose, uint64_t index, uint64_t term);
/* The batch's entry was applied: decides its proposals and frees it. */
void propose_applied(struct propose *propose, struct propose_batch *batch);
/* Leadership is lost: what is in flight has an unknown outcome (ERR_COMMIT_TIMEOUT), what is queued
 * never entered the log (ERR_NO_LEADER). */
void propose_lost(struct propose *propose);
/* Calls back what is decided. */
void propose_call_back(struct propose *propose);
/* Whether a flush or a callback is due. */
bool propose_has_work(const struct propose *propose);

#endif
