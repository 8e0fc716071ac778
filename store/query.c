/* Reading: a consistent view at one revision, and the digest of the whole state. */
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
                                : mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader);
    if (status != 0) {
        LOG_ERROR("cannot read the store", LOG_TEXT("reason", mdb_strerror(status)));
        return ERR_IO;
    }
    *out_read = (struct store_read){.store = store, .txn = reader};
    struct txn txn = view_txn(out_read);
    out_read->revision = txn_get_number(&txn, VIEW_REVISION);
    out_read->compact_revision = txn_get_number(&txn, VIEW_COMPACT_REVISION);
    check_read(&txn);
    return ERR_OK;
}

void store_read_end(struct store_read *read) {
    struct store *store = read->store;
    if (store->idle_reader == NULL) {
        mdb_txn_reset(read->txn);
        store->idle_reader = read->txn;
    } else {
        mdb_txn_abort(read->txn);
    }
    read->txn = NULL;
}

enum err store_get(struct store_read *read, const char *key, struct object *out_object) {
    struct txn txn = view_txn(read);
    bool is_there = objects_get(&txn, key, out_object);
    check_read(&txn);
    return is_there ? ERR_OK : ERR_NOT_FOUND;
}

void store_list(struct store_read *read, const char *prefix, const char *after,
                store_object_cb callback, void *owner) {
    struct txn txn = view_txn(read);
    objects_walk(&txn, prefix, after, callback, owner);
    check_read(&txn);
}

void store_events(struct store_read *read, uint64_t after, store_event_cb callback, void *owner) {
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
    if (revision > 0) {
        store_events(read, revision - 1, visit_event, &at);
    }
    return at.is_found ? ERR_OK : ERR_NOT_FOUND;
}

static void mix(uint64_t *digest, struct slice bytes) {
    uint64_t hash = *digest ^ bytes.size; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    *digest = hash;
}

static bool visit_digest(void *owner, struct slice key, struct slice value) {
    mix(owner, key);
    mix(owner, value);
    return true;
}

uint64_t store_digest(struct store *store) {
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    struct store_read read;
    if (store_read_begin(store, &read) != ERR_OK) {
        return 0;
    }
    struct txn txn = view_txn(&read);
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        txn_walk(&txn, (enum table)table, slice_of(NULL, 0), visit_digest, &digest);
    }
    check_read(&txn);
    store_read_end(&read);
    return digest;
}
