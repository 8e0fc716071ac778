/* Which leases have run out: found by the leader, ended by commands that name what it saw. */
#include "store/command.h"
#include "store/lease_index.h"
#include "store/subnet_index.h"
#include "store/view.h"

struct due_walk {
    struct txn *txn;
    struct arena arena;
    uint64_t log_time_ms, quarantine_ms;
    unsigned count, count_max;
    struct buf *out;
    uint64_t *out_next_ms;
};

static void add_command(struct due_walk *walk, enum command_id id, const void *arguments) {
    struct buf command;
    buf_init(&command);
    command_encode(id, arguments, &command);
    buf_put_bytes(walk->out, command.data, command.size);
    buf_deinit(&command);
    walk->count++;
}

static void encode_due(struct due_walk *walk, const struct subnet_due *due) {
    uint64_t lease;
    if (lease_read_due(due->key, &lease)) {
        struct command_lease_expire expire = {.id = lease, .expires_log_ms = due->expires_log_ms};
        add_command(walk, COMMAND_LEASE_EXPIRE, &expire);
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
                                           .quarantine_ms = walk->quarantine_ms};
    add_command(walk, COMMAND_SUBNET_EXPIRE, &expire);
}

static bool visit_due(void *owner, struct slice key, struct slice value) {
    (void)value;
    struct due_walk *walk = owner;
    struct subnet_due due;
    if (!subnet_index_read_due(key, &due)) {
        return true;
    }
    if (due.expires_log_ms > walk->log_time_ms || walk->count == walk->count_max) {
        *walk->out_next_ms = due.expires_log_ms;
        return false;
    }
    encode_due(walk, &due);
    return true;
}

unsigned store_due_commands(struct store *store, uint64_t log_time_ms, uint64_t quarantine_ms,
                            unsigned count_max, struct buf *out, uint64_t *out_next_ms) {
    *out_next_ms = UINT64_MAX;
    struct store_read read;
    if (store_read_begin(store, &read) != ERR_OK) {
        return 0;
    }
    struct txn txn = view_txn(&read);
    struct due_walk walk = {.txn = &txn,
                            .log_time_ms = log_time_ms,
                            .quarantine_ms = quarantine_ms,
                            .count_max = count_max,
                            .out = out,
                            .out_next_ms = out_next_ms};
    arena_init(&walk.arena);
    txn_walk(&txn, TABLE_DUE, slice_of(NULL, 0), visit_due, &walk);
    if (txn.status != 0) {
        view_fail(txn.status, "look for due leases");
    }
    arena_deinit(&walk.arena);
    store_read_end(&read);
    return walk.count;
}
