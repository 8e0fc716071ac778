#include "store/txn.h"

#include <string.h>

static const char *const table_names[] = {
    [TABLE_META] = "meta",       [TABLE_OBJECTS] = "objects",   [TABLE_LONG] = "long",
    [TABLE_EVENTS] = "events",   [TABLE_HOLDERS] = "holders",   [TABLE_PUBLIC_IPS] = "public_ips",
    [TABLE_DUE] = "due",         [TABLE_FREED] = "freed",       [TABLE_FORMER] = "former",
    [TABLE_NUMBERS] = "numbers", [TABLE_LEASES] = "leases",     [TABLE_LEASE_KEYS] = "lease_keys",
    [TABLE_ONCE] = "once",       [TABLE_ONCE_AGE] = "once_age",
};
static_assert(ARRAY_COUNT(table_names) == TABLE_COUNT, "a name for each table");

static MDB_val value_of(struct slice slice) {
    return (MDB_val){.mv_size = slice.size, .mv_data = (void *)(uintptr_t)slice.data};
}

static struct slice slice_of_value(const MDB_val *value) {
    return slice_of(value->mv_data, value->mv_size);
}

const char *txn_table_name(enum table table) {
    return table_names[table];
}

void txn_open_tables(struct txn *txn, struct tables *out_tables) {
    for (unsigned i = 0; i < TABLE_COUNT && txn->status == 0; i++) {
        txn->status = mdb_dbi_open(txn->txn, table_names[i], MDB_CREATE, &out_tables->dbi[i]);
    }
    txn->tables = out_tables;
}

/* ---- children ---- */

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
        parent->tally = child->tally;
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

/* ---- one row ---- */

static void count_in(struct txn *txn, enum table table, struct slice key, struct slice value) {
    if (table != TABLE_META) {
        tally_add(&txn->tally, table, key, value);
    }
}

static void count_out(struct txn *txn, enum table table, struct slice key, struct slice value) {
    if (table != TABLE_META) {
        tally_subtract(&txn->tally, table, key, value);
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
    if (txn->status != 0) {
        return;
    }
    MDB_val key_value = value_of(key);
    MDB_val data = value_of(value);
    int status = mdb_put(txn->txn, txn->tables->dbi[table], &key_value, &data, MDB_NOOVERWRITE);
    if (status == MDB_KEYEXIST) { /* and `data` is what is there */
        count_out(txn, table, key, slice_of_value(&data));
        data = value_of(value);
        status = mdb_put(txn->txn, txn->tables->dbi[table], &key_value, &data, 0);
    }
    txn->status = status;
    count_in(txn, table, key, value);
}

void txn_append(struct txn *txn, enum table table, struct slice key, struct slice value) {
    if (txn->status == 0) {
        MDB_val key_value = value_of(key);
        MDB_val data = value_of(value);
        txn->status = mdb_put(txn->txn, txn->tables->dbi[table], &key_value, &data, MDB_APPEND);
        count_in(txn, table, key, value);
    }
}

uint64_t txn_count(struct txn *txn, enum table table) {
    MDB_stat stat = {.ms_entries = 0};
    if (txn->status == 0) {
        txn->status = mdb_stat(txn->txn, txn->tables->dbi[table], &stat);
    }
    return stat.ms_entries;
}

/* ---- many rows ---- */

static MDB_cursor *open_cursor(struct txn *txn, enum table table) {
    MDB_cursor *cursor = NULL;
    if (txn->status == 0) {
        txn->status = mdb_cursor_open(txn->txn, txn->tables->dbi[table], &cursor);
    }
    return txn->status == 0 ? cursor : NULL;
}

static int seek(MDB_cursor *cursor, struct slice from, MDB_val *out_key, MDB_val *out_value) {
    *out_key = value_of(from);
    return mdb_cursor_get(cursor, out_key, out_value, from.size > 0 ? MDB_SET_RANGE : MDB_FIRST);
}

void txn_walk(struct txn *txn, enum table table, struct slice from, txn_walk_cb callback,
              void *owner) {
    MDB_cursor *cursor = open_cursor(txn, table);
    if (cursor == NULL) {
        return;
    }
    MDB_val key;
    MDB_val value;
    int status = seek(cursor, from, &key, &value);
    while (status == 0 && callback(owner, slice_of_value(&key), slice_of_value(&value))) {
        status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    txn->status = status == MDB_NOTFOUND ? 0 : status;
}

void txn_trim(struct txn *txn, enum table table, struct slice from, txn_walk_cb callback,
              void *owner) {
    MDB_cursor *cursor = open_cursor(txn, table);
    if (cursor == NULL) {
        return;
    }
    MDB_val key;
    MDB_val value;
    int status = seek(cursor, from, &key, &value);
    while (status == 0 && callback(owner, slice_of_value(&key), slice_of_value(&value))) {
        count_out(txn, table, slice_of_value(&key), slice_of_value(&value));
        status = mdb_cursor_del(cursor, 0);
        if (status == 0) {
            status = seek(cursor, from, &key, &value);
        }
    }
    mdb_cursor_close(cursor);
    txn->status = status == MDB_NOTFOUND ? 0 : status;
}

bool txn_delete(struct txn *txn, enum table table, struct slice key) {
    MDB_cursor *cursor = open_cursor(txn, table);
    if (cursor == NULL) {
        return false;
    }
    MDB_val key_value = value_of(key);
    MDB_val value;
    int status = mdb_cursor_get(cursor, &key_value, &value, MDB_SET);
    if (status == 0) {
        count_out(txn, table, key, slice_of_value(&value));
        status = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    txn->status = status == MDB_NOTFOUND ? 0 : status;
    return status == 0;
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

static bool has_prefix(void *owner, struct slice key, struct slice value) {
    (void)value;
    const struct slice *prefix = owner;
    return slice_starts_with(key, *prefix);
}

void txn_delete_prefix(struct txn *txn, enum table table, struct slice prefix) {
    txn_trim(txn, table, prefix, has_prefix, &prefix);
}

/* ---- numbers ---- */

uint64_t txn_get_number(struct txn *txn, const char *name) {
    struct slice value;
    if (!txn_get(txn, TABLE_NUMBERS, slice_of_text(name), &value)) {
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
    txn_put(txn, TABLE_NUMBERS, slice_of_text(name), slice_of(bytes, sizeof bytes));
}
