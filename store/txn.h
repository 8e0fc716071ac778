/* LMDB transactions with a sticky error: after the first failure every call is a no-op, so that ten
 * steps need one check, txn_status. The only place besides store.c that knows LMDB.
 *
 * Every put and delete keeps the transaction's tally (store/tally.h) up to date.
 *
 * A slice that a get or a walk hands out points into the map and lives until the transaction ends
 * or writes. */
#ifndef WEFT_STORE_TXN_H
#define WEFT_STORE_TXN_H

#include "store/tally.h"
#include "util/buf.h"
#include "util/err.h"

#include <lmdb.h>
#include <stdbool.h>

/* The tables. Keys are byte strings; the order of keys is the order of meaning. Their numbers are
 * in digests and snapshots: a new one goes to the end. */
enum table {
    TABLE_META,       /* one row that describes all others (store/meta); not in the tally */
    TABLE_OBJECTS,    /* key -> record (store/objects) */
    TABLE_LONG,       /* number -> record of a key longer than LMDB takes (store/bucket) */
    TABLE_EVENTS,     /* revision, number in it -> event (store/history) */
    TABLE_HOLDERS,    /* network, node, subnet -> nothing: what a node holds or has reserved */
    TABLE_PUBLIC_IPS, /* network, address -> subnet */
    TABLE_DUE,        /* log time, subnet key or "leases/<id>" -> nothing: when leases end */
    TABLE_FREED,      /* network, order -> subnet: free again, least recently used first */
    TABLE_FORMER,     /* network, subnet -> when and whose: the same subnets by name */
    TABLE_NUMBERS,    /* name -> number: counters that the units keep */
    TABLE_LEASES,     /* id -> TTL lease (store/lease_index) */
    TABLE_LEASE_KEYS, /* id, key -> nothing: what is attached to a TTL lease */
    TABLE_ONCE,       /* client, Idempotency-Key -> what came of it (store/op_once) */
    TABLE_ONCE_AGE,   /* number -> its key in TABLE_ONCE, oldest first */
    TABLE_COUNT
};

struct tables {
    MDB_dbi dbi[TABLE_COUNT];
};

struct txn {
    MDB_txn *txn;
    const struct tables *tables;
    struct txn *parent;
    struct tally tally; /* of all tables but TABLE_META; kept by whoever writes */
    int status;         /* 0, or the first LMDB or errno code that went wrong */
};

/* As LMDB knows the table. */
const char *txn_table_name(enum table table);
/* Opens all tables inside a fresh write transaction. */
void txn_open_tables(struct txn *txn, struct tables *out_tables);

/* A transaction inside a transaction, whose changes are kept or given up together, the tally's too.
 * The parent is not used until one of the two ends it; slices from before stay good when it is
 * given up. */
void txn_begin_child(struct txn *parent, struct txn *out_child);
void txn_merge(struct txn *child);
void txn_roll_back(struct txn *child);

/* False when the key is absent (that is no error). */
bool txn_get(struct txn *txn, enum table table, struct slice key, struct slice *out_value);
void txn_put(struct txn *txn, enum table table, struct slice key, struct slice value);
/* Puts a key that is greater than all of the table's: cheaper, and its pages become full. Any other
 * key is an error. */
void txn_append(struct txn *txn, enum table table, struct slice key, struct slice value);
/* True when the key was there. */
bool txn_delete(struct txn *txn, enum table table, struct slice key);
/* How many rows the table has. */
uint64_t txn_count(struct txn *txn, enum table table);

/* Walks from the first key >= `from`, in order, until the callback returns false. The callback must
 * not write: collect first. */
typedef bool (*txn_walk_cb)(void *owner, struct slice key, struct slice value);
void txn_walk(struct txn *txn, enum table table, struct slice from, txn_walk_cb callback,
              void *owner);
/* The first key that begins with `prefix`; false when there is none. */
bool txn_first(struct txn *txn, enum table table, struct slice prefix, struct slice *out_key,
               struct slice *out_value);
/* Deletes rows from the first key >= `from` on, in order, as long as the callback returns true for
 * them. The callback must not write. */
void txn_trim(struct txn *txn, enum table table, struct slice from, txn_walk_cb callback,
              void *owner);
/* Deletes every key that begins with `prefix`. */
void txn_delete_prefix(struct txn *txn, enum table table, struct slice prefix);

/* Numbers in TABLE_NUMBERS; one that was never put is 0. */
uint64_t txn_get_number(struct txn *txn, const char *name);
void txn_put_number(struct txn *txn, const char *name, uint64_t number);

#endif
