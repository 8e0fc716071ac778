#include "store/txn.h"

#include <string.h>

static const char *const table_names[] = {
    [TABLE_META] = "meta",
    [TABLE_OBJECTS] = "objects",
    [TABLE_LONG] = "long",
    [TABLE_EVENTS] = "events",
    [TABLE_HOLDERS] = "holders",
    [TABLE_PUBLIC_IPS] = "public_ips",
    [TABLE_DUE] = "due",
    [TABLE_FREED] = "freed",
    [TABLE_FORMER] = "former",
    [TABLE_LEASES] = "leases",
    [TABLE_LEASE_KEYS] = "lease_keys",
    [TABLE_ONCE] = "once",
    [TABLE_ONCE_AGE] = "once_age",
};
static_assert(ARRAY_COUNT(table_names) == TABLE_COUNT, "a name for each table");

static MDB_val value_of(struct slice slice) {
    return (MDB_val){.mv_size = slice.size, .mv_data = (void *)(uintptr_t)slice.data};
}

static struct slice slice_of_value(const MDB_val *value) {
    return slice_of(value->mv_data, value->mv_size);
}

void txn_open_tables(struct txn *txn, struct tables *out_tables) {
    for (unsigned i = 0; i < TABLE_COUNT && txn->status == 0; i++) {
        txn->status = mdb_dbi_open(txn->txn, table_names[i], MDB_CREATE, &out_tables->dbi[i]);
    }
    txn->tables = out_tables;
}

void txn_begin_child(struct txn *parent, struct txn *out_child) {
    *out_child = *parent;
    out_child->parent = parent;
    if (parent->status == 0) {
        parent->status = mdb_txn_begin(mdb_txn_env(parent->txn), parent->txn, 0, &out_child->txn);
        out_child->status = parent->status;
    }
}

void txn_merge(struct txn *child) {
    struct txn *parent = child->parent;
    if (parent->status != 0) { /* it never began */
        return;
    }
    if (child->status == 0) {
        parent->status = mdb_txn_commit(child->txn);
    } else {
        mdb_txn_abort(child->txn);
        parent->status = child->status;
    }
}

void txn_roll_back(struct txn *child) {
    struct txn *parent = child->parent;
    if (parent->status == 0) {
        mdb_txn_abort(child->txn);
        parent->status = child->status;
    }
}

bool txn_get(struct txn *txn, enum table table, struct slice key, struct slice *out_value) {
    if (txn->status != 0) {
        return false;
    }
    MDB_val key_value = value_of(key);
    MDB_val found;
    int status = mdb_get(txn->txn, txn->tables->dbi[table], &key_value, &found);
    if (status == 0) {
        *out_value = slice_of_value(&found);
        return true;
    }
    txn->status = status == MDB_NOTFOUND ? 0 : status;
    return false;
}

void txn_put(struct txn *txn, enum table table, struct slice key, struct slice value) {
    if (txn->status == 0) {
        MDB_val key_value = value_of(key);
        MDB_val data = value_of(value);
        txn->status = mdb_put(txn->txn, txn->tables->dbi[table], &key_value, &data, 0);
    }
}

bool txn_delete(struct txn *txn, enum table table, struct slice key) {
    if (txn->status != 0) {
        return false;
    }
    MDB_val key_value = value_of(key);
    int status = mdb_del(txn->txn, txn->tables->dbi[table], &key_value, NULL);
    txn->status = status == MDB_NOTFOUND ? 0 : status;
    return status == 0;
}

void txn_walk(struct txn *txn, enum table table, struct slice from, txn_walk_cb callback,
              void *owner) {
    if (txn->status != 0) {
        return;
    }
    MDB_cursor *cursor;
    txn->status = mdb_cursor_open(txn->txn, txn->tables->dbi[table], &cursor);
    if (txn->status != 0) {
        return;
    }
    MDB_val key = value_of(from);
    MDB_val value;
    int status = mdb_cursor_get(cursor, &key, &value, from.size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (status == 0 && callback(owner, slice_of_value(&key), slice_of_value(&value))) {
        status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    txn->status = status == MDB_NOTFOUND ? 0 : status;
}

struct first {
    struct slice prefix, key, value;
    bool is_found;
};

static bool take_first(void *owner, struct slice key, struct slice value) {
    struct first *first = owner;
    if (slice_starts_with(key, first->prefix)) {
        first->key = key;
        first->value = value;
        first->is_found = true;
    }
    return false;
}

bool txn_first(struct txn *txn, enum table table, struct slice prefix, struct slice *out_key,
               struct slice *out_value) {
    struct first first = {.prefix = prefix};
    txn_walk(txn, table, prefix, take_first, &first);
    if (first.is_found) {
        *out_key = first.key;
        *out_value = first.value;
    }
    return first.is_found;
}

void txn_delete_prefix(struct txn *txn, enum table table, struct slice prefix) {
    struct slice key;
    struct slice value;
    while (txn_first(txn, table, prefix, &key, &value)) {
        struct buf copy; /* the key lies in a page that the delete changes */
        buf_init(&copy);
        buf_append(&copy, key.data, key.size);
        txn_delete(txn, table, buf_slice(&copy));
        buf_deinit(&copy);
    }
}

uint64_t txn_get_number(struct txn *txn, const char *name) {
    struct slice value;
    if (!txn_get(txn, TABLE_META, slice_of_text(name), &value)) {
        return 0;
    }
    struct reader reader = reader_of(value.data, value.size);
    return reader_u64(&reader);
}

void txn_put_number(struct txn *txn, const char *name, uint64_t number) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (8 * (7 - i)));
    }
    txn_put(txn, TABLE_META, slice_of_text(name), slice_of(bytes, sizeof bytes));
}
