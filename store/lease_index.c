#include "store/lease_index.h"

#include "store/bucket.h"
#include "store/row.h"
#include "util/limits.h"

#include <stdlib.h>
#include <string.h>

#define ID_SIZE             8u
#define DIRECT_KEY_SIZE_MAX 502u
#define BUCKET_MARK         0xFFu
#define IN_BUCKET           1u /* a bucket's entries need a number other than 0 */
#define DUE_PREFIX          "leases/"
#define DUE_TEXT_SIZE       (sizeof DUE_PREFIX - 1 + 2 * ID_SIZE)

static const struct field lease_fields[] = {
    ROW(lease, id, 1, FIELD_NUMBER),
    ROW(lease, ttl_s, 2, FIELD_NUMBER),
    ROW(lease, expires_log_ms, 3, FIELD_NUMBER),
    ROW(lease, expires_at, 4, FIELD_TIME),
};
SHAPE(shape_lease, lease, lease_fields);

/* ---- leases ---- */

struct id_key {
    uint8_t bytes[ID_SIZE];
};

static struct slice id_key(uint64_t id, struct id_key *out_key) {
    for (unsigned i = 0; i < ID_SIZE; i++) {
        out_key->bytes[i] = (uint8_t)(id >> (8 * (ID_SIZE - 1 - i)));
    }
    return slice_of(out_key->bytes, ID_SIZE);
}

static bool decode(struct txn *txn, struct slice value, struct lease *out_lease) {
    if (field_decode(&shape_lease, value, NULL, out_lease) == ERR_OK) {
        return true;
    }
    txn->status = MDB_CORRUPTED;
    return false;
}

bool lease_find(struct txn *txn, uint64_t id, struct lease *out_lease) {
    struct id_key key;
    struct slice value;
    return txn_get(txn, TABLE_LEASES, id_key(id, &key), &value) && decode(txn, value, out_lease);
}

static void due_key(struct buf *key, const struct lease *lease) {
    buf_init(key);
    buf_put_u64(key, lease->expires_log_ms);
    buf_appendf(key, DUE_PREFIX "%016llx", (unsigned long long)lease->id);
}

void lease_put(struct txn *txn, const struct lease *lease) {
    struct lease old;
    if (lease_find(txn, lease->id, &old)) {
        lease_remove(txn, &old);
    }
    struct id_key id;
    struct buf bytes;
    buf_init(&bytes);
    field_encode(&shape_lease, lease, &bytes);
    txn_put(txn, TABLE_LEASES, id_key(lease->id, &id), buf_slice(&bytes));
    buf_deinit(&bytes);
    due_key(&bytes, lease);
    txn_put(txn, TABLE_DUE, buf_slice(&bytes), slice_of(NULL, 0));
    buf_deinit(&bytes);
}

void lease_remove(struct txn *txn, const struct lease *lease) {
    struct id_key id;
    struct buf due;
    txn_delete(txn, TABLE_LEASES, id_key(lease->id, &id));
    due_key(&due, lease);
    txn_delete(txn, TABLE_DUE, buf_slice(&due));
    buf_deinit(&due);
}

struct lease_walk {
    struct txn *txn;
    store_lease_cb callback;
    void *owner;
    bool is_broken; /* the walk overwrites txn->status when it ends */
};

static bool visit_lease(void *owner, struct slice key, struct slice value) {
    (void)key;
    struct lease_walk *walk = owner;
    struct lease lease;
    walk->is_broken = !decode(walk->txn, value, &lease);
    return !walk->is_broken && walk->callback(walk->owner, &lease);
}

void lease_walk(struct txn *txn, uint64_t after, store_lease_cb callback, void *owner) {
    if (after == UINT64_MAX) {
        return;
    }
    struct lease_walk walk = {.txn = txn, .callback = callback, .owner = owner};
    struct id_key from;
    txn_walk(txn, TABLE_LEASES, id_key(after + 1, &from), visit_lease, &walk);
    if (walk.is_broken && txn->status == 0) {
        txn->status = MDB_CORRUPTED;
    }
}

bool lease_read_due(struct slice text, uint64_t *out_id) {
    struct slice prefix = slice_of_text(DUE_PREFIX);
    if (text.size != DUE_TEXT_SIZE || !slice_starts_with(text, prefix)) {
        return false;
    }
    char digits[ID_SIZE * 2 + 1] = {0};
    memcpy(digits, text.data + prefix.size, ID_SIZE * 2);
    *out_id = strtoull(digits, NULL, 16);
    return true;
}

/* ---- attached keys ---- */

struct row_key {
    uint8_t bytes[ID_SIZE + DIRECT_KEY_SIZE_MAX + 1];
    bool is_bucket;
};

static struct slice row_key(uint64_t id, const char *key, struct row_key *out_key) {
    struct id_key prefix;
    size_t size = strlen(key);
    size_t kept = MIN_OF(size, (size_t)DIRECT_KEY_SIZE_MAX);
    memcpy(out_key->bytes, id_key(id, &prefix).data, ID_SIZE);
    memcpy(out_key->bytes + ID_SIZE, key, kept);
    out_key->is_bucket = size > DIRECT_KEY_SIZE_MAX;
    out_key->bytes[ID_SIZE + DIRECT_KEY_SIZE_MAX] = BUCKET_MARK;
    return slice_of(out_key->bytes, ID_SIZE + kept + (out_key->is_bucket ? 1 : 0));
}

static bool is_bucket(struct slice row) {
    return row.size == ID_SIZE + DIRECT_KEY_SIZE_MAX + 1;
}

void lease_attach(struct txn *txn, uint64_t id, const char *key) {
    struct row_key place;
    struct slice row = row_key(id, key, &place);
    if (!place.is_bucket) {
        txn_put(txn, TABLE_LEASE_KEYS, row, slice_of(NULL, 0));
        return;
    }
    struct slice bucket = slice_of(NULL, 0);
    struct bucket_entry entry = {.key = slice_of_text(key), .number = IN_BUCKET};
    struct buf changed; /* made before anything is written: the bucket lies in a page */
    txn_get(txn, TABLE_LEASE_KEYS, row, &bucket);
    buf_init(&changed);
    bucket_add(bucket, &entry, &changed);
    txn_put(txn, TABLE_LEASE_KEYS, row, buf_slice(&changed));
    buf_deinit(&changed);
}

void lease_detach(struct txn *txn, uint64_t id, const char *key) {
    struct row_key place;
    struct slice row = row_key(id, key, &place);
    struct slice bucket = slice_of(NULL, 0);
    struct buf changed;
    buf_init(&changed);
    if (place.is_bucket && txn_get(txn, TABLE_LEASE_KEYS, row, &bucket)) {
        bucket_remove(bucket, slice_of_text(key), &changed);
    }
    if (changed.size > 0) {
        txn_put(txn, TABLE_LEASE_KEYS, row, buf_slice(&changed));
    } else {
        txn_delete(txn, TABLE_LEASE_KEYS, row);
    }
    buf_deinit(&changed);
}

struct key_walk {
    struct slice prefix;
    store_lease_key_cb callback;
    void *owner;
    bool is_broken;
};

static bool give_key(struct key_walk *walk, struct slice key) {
    char text[LIMIT_KEY_SIZE_MAX + 1];
    if (key.size > LIMIT_KEY_SIZE_MAX) {
        walk->is_broken = true;
        return false;
    }
    memcpy(text, key.data, key.size);
    text[key.size] = 0;
    return walk->callback(walk->owner, text);
}

static bool visit_row(void *owner, struct slice row, struct slice value) {
    struct key_walk *walk = owner;
    if (!slice_starts_with(row, walk->prefix)) {
        return false;
    }
    if (!is_bucket(row)) {
        return give_key(walk, slice_of(row.data + ID_SIZE, row.size - ID_SIZE));
    }
    struct reader reader = reader_of(value.data, value.size);
    struct bucket_entry entry;
    bool goes_on = true;
    while (goes_on && bucket_next(&reader, &entry)) {
        goes_on = give_key(walk, entry.key);
    }
    walk->is_broken = walk->is_broken || reader.is_broken;
    return goes_on && !walk->is_broken;
}

void lease_walk_keys(struct txn *txn, uint64_t id, store_lease_key_cb callback, void *owner) {
    struct id_key prefix;
    struct key_walk walk = {.prefix = id_key(id, &prefix), .callback = callback, .owner = owner};
    txn_walk(txn, TABLE_LEASE_KEYS, walk.prefix, visit_row, &walk);
    if (walk.is_broken && txn->status == 0) {
        txn->status = MDB_CORRUPTED;
    }
}
