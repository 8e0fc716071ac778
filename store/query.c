/* Reading: a consistent view at one revision. */
#include "store/history.h"
#include "store/objects.h"
#include "store/view.h"
#include "util/log.h"

#include <string.h>

static void check_read(const struct txn *txn) {
    if (txn->status != 0) {
        view_fail(txn->status, "read");
    }
}

enum err store_read_begin(struct store *store, struct store_read *out_read) {
    MDB_txn *reader = store->idle_reader;
    store->idle_reader = NULL;
    int status = reader != NULL ? mdb_txn_renew(reader)
                                : mdb_txn_begin(store->environment.env, NULL, MDB_RDONLY, &reader);
    if (status != 0) {
        LOG_ERROR("cannot read the store", LOG_TEXT("reason", environment_reason(status)));
        return ERR_IO;
    }
    *out_read = (struct store_read){.store = store, .txn = reader};
    list_append(&store->reads, &out_read->link);
    struct txn txn = view_txn(out_read);
    struct meta meta;
    environment_get_meta(&txn, &meta);
    check_read(&txn);
    out_read->revision = meta.revision;
    out_read->compact_revision = meta.compact_revision;
    return ERR_OK;
}

void store_read_end(struct store_read *read) {
    struct store *store = read->store;
    list_remove(&read->link);
    if (read->txn == NULL) {
        return; /* the store was replaced, and ended it */
    }
    if (store->idle_reader == NULL) {
        mdb_txn_reset(read->txn);
        store->idle_reader = read->txn;
    } else {
        mdb_txn_abort(read->txn);
    }
    read->txn = NULL;
}

bool store_read_is_open(const struct store_read *read) {
    return read->txn != NULL;
}

void view_end_reads(struct store *store) {
    for (struct list *node; (node = list_take_first(&store->reads)) != NULL;) {
        struct store_read *read = CONTAINER_OF(node, struct store_read, link);
        if (read->lock != NULL) {
            pthread_mutex_lock(read->lock);
        }
        mdb_txn_abort(read->txn);
        read->txn = NULL;
        if (read->lock != NULL) {
            pthread_mutex_unlock(read->lock);
        }
    }
    if (store->idle_reader != NULL) {
        mdb_txn_abort(store->idle_reader);
        store->idle_reader = NULL;
    }
}

enum err store_get(struct store_read *read, const char *key, struct object *out_object) {
    if (!store_read_is_open(read)) {
        return ERR_CLOSED;
    }
    struct txn txn = view_txn(read);
    bool is_there = objects_get(&txn, key, out_object);
    check_read(&txn);
    return is_there ? ERR_OK : ERR_NOT_FOUND;
}

void store_list(struct store_read *read, const char *prefix, const char *after,
                store_object_cb callback, void *owner) {
    if (!store_read_is_open(read)) {
        return;
    }
    struct txn txn = view_txn(read);
    objects_walk(&txn, prefix, after, callback, owner);
    check_read(&txn);
}

void store_events(struct store_read *read, uint64_t after, store_event_cb callback, void *owner) {
    if (!store_read_is_open(read)) {
        return;
    }
    struct txn txn = view_txn(read);
    history_walk(&txn, after, callback, owner);
    check_read(&txn);
}

struct at_revision {
    const char *key;
    uint64_t revision;
    struct object *out_object;
    bool is_found;
};

static bool visit_event(void *owner, const struct event *event) {
    struct at_revision *at = owner;
    if (event->object.revision != at->revision) {
        return false;
    }
    if (!event->is_delete && strcmp(event->object.key, at->key) == 0) {
        *at->out_object = event->object;
        at->is_found = true;
    }
    return !at->is_found;
}

enum err store_get_at(struct store_read *read, const char *key, uint64_t revision,
                      struct object *out_object) {
    struct at_revision at = {.key = key, .revision = revision, .out_object = out_object};
    if (!store_read_is_open(read)) {
        return ERR_CLOSED;
    }
    if (revision > 0) {
        store_events(read, revision - 1, visit_event, &at);
    }
    return at.is_found ? ERR_OK : ERR_NOT_FOUND;
}

struct digest_walk {
    struct tally tally;
    unsigned table;
};

static bool visit_record(void *owner, struct slice key, struct slice value) {
    struct digest_walk *walk = owner;
    tally_add(&walk->tally, walk->table, key, value);
    return true;
}

uint64_t store_digest_walk(struct store *store) {
    struct store_read read;
    if (store_read_begin(store, &read) != ERR_OK) {
        return 0;
    }
    struct txn txn = view_txn(&read);
    struct meta meta;
    environment_get_meta(&txn, &meta);
    struct digest_walk walk = {.tally = {0}};
    for (walk.table = TABLE_META + 1; walk.table < TABLE_COUNT; walk.table++) {
        txn_walk(&txn, (enum table)walk.table, slice_of(NULL, 0), visit_record, &walk);
    }
    check_read(&txn);
    store_read_end(&read);
    meta.tally = walk.tally;
    return meta_digest(&meta);
}

void store_count(struct store_read *read, struct store_counts *out_counts) {
    *out_counts = (struct store_counts){0};
    if (!store_read_is_open(read)) {
        return;
    }
    struct txn txn = view_txn(read);
    out_counts->objects = txn_count(&txn, TABLE_OBJECTS) + txn_count(&txn, TABLE_LONG);
    out_counts->subnets = txn_count(&txn, TABLE_HOLDERS);
    out_counts->freed_subnets = txn_count(&txn, TABLE_FORMER);
    out_counts->leases = txn_count(&txn, TABLE_LEASES);
    out_counts->lease_keys = txn_count(&txn, TABLE_LEASE_KEYS);
    out_counts->once = txn_count(&txn, TABLE_ONCE);
    if (txn.status != 0) {
        view_fail(txn.status, "count records");
    }
}
