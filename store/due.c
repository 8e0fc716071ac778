/* What the leader looks after: leases that have run out are ended by commands that name what it
 * saw, and history that nobody needs any more is compacted away. */
#include "store/command.h"
#include "store/history.h"
#include "store/lease_index.h"
#include "store/subnet_index.h"
#include "store/view.h"
#include "util/limits.h"

/* ---- leases ---- */

struct due_walk {
    struct txn *txn;
    struct arena arena;
    const struct store_upkeep *upkeep;
    unsigned count;
    struct buf *out;
    uint64_t *out_next_ms;
};

static void propose(enum command_id id, const void *arguments, struct buf *out) {
    struct buf command;
    buf_init(&command);
    command_encode(id, arguments, &command);
    buf_put_bytes(out, command.data, command.size);
    buf_deinit(&command);
}

static void encode_due(struct due_walk *walk, const struct subnet_due *due) {
    uint64_t lease;
    if (lease_read_due(due->key, &lease)) {
        struct command_lease_expire expire = {.id = lease, .expires_log_ms = due->expires_log_ms};
        propose(COMMAND_LEASE_EXPIRE, &expire, walk->out);
        walk->count++;
        return;
    }
    const char *key = arena_strndup(&walk->arena, due->key.data, due->key.size);
    struct object object;
    struct subnet subnet;
    if (!objects_get(walk->txn, key, &object) ||
        field_decode(&shape_subnet, object.payload, &walk->arena, &subnet) != ERR_OK) {
        return;
    }
    struct command_subnet_expire expire = {.key = key,
                                           .epoch = subnet.epoch,
                                           .expires_log_ms = due->expires_log_ms,
                                           .quarantine_ms = walk->upkeep->quarantine_ms};
    propose(COMMAND_SUBNET_EXPIRE, &expire, walk->out);
    walk->count++;
}

static bool visit_due(void *owner, struct slice key, struct slice value) {
    (void)value;
    struct due_walk *walk = owner;
    struct subnet_due due;
    if (!subnet_index_read_due(key, &due)) {
        return true;
    }
    if (due.expires_log_ms > walk->upkeep->log_time_ms ||
        walk->count == walk->upkeep->command_count_max) {
        *walk->out_next_ms = due.expires_log_ms;
        return false;
    }
    encode_due(walk, &due);
    return true;
}

static unsigned end_leases(struct txn *txn, const struct store_upkeep *upkeep, struct buf *out,
                           uint64_t *out_next_ms) {
    struct due_walk walk = {.txn = txn, .upkeep = upkeep, .out = out, .out_next_ms = out_next_ms};
    arena_init(&walk.arena);
    txn_walk(txn, TABLE_DUE, slice_of(NULL, 0), visit_due, &walk);
    arena_deinit(&walk.arena);
    return walk.count;
}

/* ---- history ---- */

/* How many events are to go. Some slack keeps it from being a command for each put. */
static uint64_t count_excess(const struct store *store, const struct store_upkeep *upkeep) {
    uint64_t count = store_event_count(store);
    uint64_t wanted = upkeep->history_events > 0 ? upkeep->history_events : UINT64_MAX;
    uint64_t slack = MAX_OF(1u, MIN_OF(wanted / 10, LIMIT_HISTORY_SLACK_MAX));
    if (upkeep->quota_size > 0 && store_size(store) > upkeep->quota_size / 4 * 3) {
        /* Nearly full: half of it goes, and half of the rest the next time, but not the last few,
         * which watchers need to resume. */
        wanted = MIN_OF(wanted, MAX_OF(count / 2, LIMIT_HISTORY_EVENTS_LEAST));
    }
    return count > wanted && count - wanted > slack ? count - wanted : 0;
}

static unsigned compact(struct txn *txn, const struct store *store,
                        const struct store_upkeep *upkeep, struct buf *out, uint64_t *out_next_ms) {
    uint64_t excess = count_excess(store, upkeep);
    struct command_compact compact = {.revision = history_find_cut(txn, excess)};
    if (compact.revision == 0) {
        return 0;
    }
    propose(COMMAND_COMPACT, &compact, out);
    if (excess > LIMIT_COMPACT_EVENTS_MAX) {
        *out_next_ms = upkeep->log_time_ms; /* more than one command may take */
    }
    return 1;
}

unsigned store_upkeep(struct store *store, const struct store_upkeep *upkeep, struct buf *out,
                      uint64_t *out_next_ms) {
    *out_next_ms = UINT64_MAX;
    struct store_read read;
    if (store_read_begin(store, &read) != ERR_OK) {
        return 0;
    }
    struct txn txn = view_txn(&read);
    unsigned count = end_leases(&txn, upkeep, out, out_next_ms);
    if (count < upkeep->command_count_max) {
        count += compact(&txn, store, upkeep, out, out_next_ms);
    }
    if (txn.status != 0) {
        view_fail(txn.status, "look for what is due");
    }
    store_read_end(&read);
    return count;
}
