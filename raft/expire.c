/* Ends leases. See expire.h. */
#include "raft/expire.h"

void expire_init(struct expire *expire, const struct expire_hooks *hooks) {
    *expire = (struct expire){.hooks = *hooks};
    buf_init(&expire->commands);
}

void expire_deinit(struct expire *expire) {
    CHECK(expire->out_count == 0);
    buf_deinit(&expire->commands);
}

/* Applied, or lost: the next look finds what is still due. */
static void expire_decided(struct proposal *proposal, enum err err) {
    (void)err;
    CONTAINER_OF(proposal, struct expire_proposal, proposal)->expire->out_count--;
}

void expire_tick(struct expire *expire, msec_t now) {
    if (now < expire->next || expire->out_count > 0) {
        return;
    }
    buf_clear(&expire->commands);
    msec_t next;
    unsigned count = expire->hooks.due(expire->hooks.owner, now, &expire->commands, &next);
    CHECK(count <= LIMIT_EXPIRE_BATCH_MAX);
    /* A lease may be granted meanwhile that ends sooner; a full batch means that more are due. */
    next = MIN_OF(next, now + LIMIT_EXPIRE_CHECK_MS);
    expire->next = count == LIMIT_EXPIRE_BATCH_MAX ? now : MAX_OF(next, now + 1);
    struct reader reader = reader_of(expire->commands.data, expire->commands.size);
    expire->out_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct expire_proposal *item = &expire->proposals[i];
        item->expire = expire;
        item->proposal =
            (struct proposal){.command = reader_bytes(&reader), .decided = expire_decided};
        expire->hooks.propose(expire->hooks.owner, &item->proposal);
    }
    CHECK(reader_is_done(&reader));
}

msec_t expire_deadline(const struct expire *expire) {
    return expire->out_count > 0 ? UINT64_MAX : expire->next;
}
