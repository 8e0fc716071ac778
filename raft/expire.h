/* Ends leases: on the leader, commands for those that are due at the log time are proposed like
 * anybody's, one batch at a time. Each names the lease revision that was seen, so that a renewal in
 * between makes it a no-op (RELIABILITY.md S7). */
#ifndef WEFT_RAFT_EXPIRE_H
#define WEFT_RAFT_EXPIRE_H

#include "raft/replica.h"

struct expire_hooks {
    void *owner;
    /* Commands for the leases that are due, at most LIMIT_EXPIRE_BATCH_MAX, each as buf_put_bytes.
     * `*out_next` is the instant of the next one. */
    unsigned (*due)(void *owner, msec_t now, struct buf *out, msec_t *out_next);
    void (*propose)(void *owner, struct proposal *proposal);
};

struct expire {
    struct expire_hooks hooks;
    struct buf commands; /* of the batch that is out */
    unsigned out_count;  /* proposals that are not decided */
    msec_t next;
    struct expire_proposal {
        struct expire *expire;
        struct proposal proposal;
    } proposals[LIMIT_EXPIRE_BATCH_MAX];
};

void expire_init(struct expire *expire, const struct expire_hooks *hooks);
/* Nothing may be out. */
void expire_deinit(struct expire *expire);
/* Looks for due leases when it is time; only on a leader that is ready. */
void expire_tick(struct expire *expire, msec_t now);
/* When expire_tick is next due. */
msec_t expire_deadline(const struct expire *expire);

#endif
