/* The queue of proposals. See propose.h. */
#include "raft/propose.h"

#include <stdlib.h>

/* What an entry and each of its commands take at most besides the commands' bytes. */
#define ENTRY_OVERHEAD   64u
#define COMMAND_OVERHEAD 10u

void propose_init(struct propose *propose, const struct propose_hooks *hooks) {
    *propose = (struct propose){.hooks = *hooks};
    list_init(&propose->queued);
    list_init(&propose->batches);
    list_init(&propose->decided);
    buf_init(&propose->entry);
}

void propose_deinit(struct propose *propose) {
    CHECK(list_is_empty(&propose->queued) && list_is_empty(&propose->batches) &&
          list_is_empty(&propose->decided));
    buf_deinit(&propose->entry);
}

static void decide(struct propose *propose, struct proposal *proposal, enum err err) {
    proposal->state = PROPOSAL_DECIDED;
    proposal->err = err;
    proposal->batch = NULL;
    list_append(&propose->decided, &proposal->link);
}

void propose_refuse(struct propose *propose, struct proposal *proposal, enum err err) {
    list_init(&proposal->link);
    decide(propose, proposal, err);
}

void propose_add(struct propose *propose, struct proposal *proposal) {
    size_t size = proposal->command.size;
    if (size > LIMIT_PROPOSE_ENTRY_SIZE_MAX - ENTRY_OVERHEAD - COMMAND_OVERHEAD) {
        propose_refuse(propose, proposal, ERR_TOO_LARGE);
        return;
    }
    if (propose->count >= LIMIT_PROPOSALS_MAX ||
        propose->queued_size + size > LIMIT_PROPOSE_QUEUE_SIZE_MAX) {
        propose_refuse(propose, proposal, ERR_OVERLOADED);
        return;
    }
    proposal->state = PROPOSAL_QUEUED;
    proposal->batch = NULL;
    list_init(&proposal->link);
    list_append(&propose->queued, &proposal->link);
    propose->count++;
    propose->queued_size += size;
}

/* Takes it out of the queue. */
static void unqueue(struct propose *propose, struct proposal *proposal) {
    list_remove(&proposal->link);
    propose->queued_size -= proposal->command.size;
}

void propose_abandon(struct propose *propose, struct proposal *proposal) {
    switch (proposal->state) {
    case PROPOSAL_QUEUED:
        unqueue(propose, proposal);
        propose->count--;
        break;
    case PROPOSAL_IN_FLIGHT:
        proposal->batch->proposals[proposal->slot] = NULL;
        break;
    case PROPOSAL_DECIDED:
        list_remove(&proposal->link);
        break;
    case PROPOSAL_IDLE:
        break;
    }
    proposal->batch = NULL;
    proposal->state = PROPOSAL_IDLE;
}

/* How many of the queued proposals fit one entry. */
static unsigned count_fitting(const struct propose *propose) {
    size_t size = ENTRY_OVERHEAD;
    unsigned count = 0;
    LIST_FOR_EACH(&propose->queued, node) {
        const struct proposal *proposal = CONTAINER_OF(node, struct proposal, link);
        size += COMMAND_OVERHEAD + proposal->command.size;
        if (size > LIMIT_PROPOSE_ENTRY_SIZE_MAX || count == LIMIT_PROPOSE_ENTRY_COMMANDS_MAX) {
            break;
        }
        count++;
    }
    return count;
}

static void write_entry(struct propose *propose, unsigned count) {
    buf_clear(&propose->entry);
    propose->hooks.entry_begin(propose->hooks.owner, count, &propose->entry);
    unsigned done = 0;
    LIST_FOR_EACH(&propose->queued, node) {
        if (done == count) {
            break;
        }
        const struct proposal *proposal = CONTAINER_OF(node, struct proposal, link);
        propose->hooks.entry_add(propose->hooks.owner, proposal->command, &propose->entry);
        done++;
    }
    CHECK(propose->entry.size <= LIMIT_PROPOSE_ENTRY_SIZE_MAX);
}

/* Makes one entry of the first queued proposals. */
static enum err flush_one(struct propose *propose) {
    unsigned count = count_fitting(propose);
    write_entry(propose, count);
    uint64_t index;
    uint64_t term;
    enum err err =
        propose->hooks.submit(propose->hooks.owner, buf_slice(&propose->entry), &index, &term);
    if (err != ERR_OK) {
        return err;
    }
    struct propose_batch *batch = must_alloc(sizeof *batch + count * sizeof(struct proposal *));
    batch->index = index;
    batch->term = term;
    batch->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct proposal *proposal = CONTAINER_OF(propose->queued.next, struct proposal, link);
        unqueue(propose, proposal);
        proposal->state = PROPOSAL_IN_FLIGHT;
        proposal->batch = batch;
        proposal->slot = i;
        batch->proposals[i] = proposal;
    }
    list_init(&batch->link);
    list_append(&propose->batches, &batch->link);
    propose->batch_count++;
    return ERR_OK;
}

void propose_flush(struct propose *propose) {
    while (!list_is_empty(&propose->queued) && propose->batch_count < LIMIT_RAFT_INFLIGHT_ENTRIES) {
        if (flush_one(propose) != ERR_OK) {
            return; /* leadership goes: propose_lost follows */
        }
    }
}

struct propose_batch *propose_find(struct propose *propose, uint64_t index, uint64_t term) {
    if (list_is_empty(&propose->batches)) {
        return NULL;
    }
    /* Entries are applied in order, so only the oldest batch can be next. */
    struct propose_batch *batch = CONTAINER_OF(propose->batches.next, struct propose_batch, link);
    return batch->index == index && batch->term == term ? batch : NULL;
}

static void finish_batch(struct propose *propose, struct propose_batch *batch, enum err err) {
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->proposals[i] != NULL) {
            decide(propose, batch->proposals[i], err);
        }
    }
    propose->count -= batch->count;
    propose->batch_count--;
    list_remove(&batch->link);
    free(batch);
}

void propose_applied(struct propose *propose, struct propose_batch *batch) {
    finish_batch(propose, batch, ERR_OK);
}

void propose_lost(struct propose *propose) {
    struct list *node;
    while ((node = list_take_first(&propose->batches)) != NULL) {
        finish_batch(propose, CONTAINER_OF(node, struct propose_batch, link), ERR_COMMIT_TIMEOUT);
    }
    while (!list_is_empty(&propose->queued)) {
        struct proposal *proposal = CONTAINER_OF(propose->queued.next, struct proposal, link);
        unqueue(propose, proposal);
        propose->count--;
        decide(propose, proposal, ERR_NO_LEADER);
    }
}

void propose_call_back(struct propose *propose) {
    struct list due;
    list_init(&due);
    list_move_all(&propose->decided, &due);
    struct list *node;
    while ((node = list_take_first(&due)) != NULL) {
        struct proposal *proposal = CONTAINER_OF(node, struct proposal, link);
        proposal->decided(proposal, proposal->err);
    }
}

bool propose_has_work(const struct propose *propose) {
    return !list_is_empty(&propose->decided);
}
