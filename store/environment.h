/* An LMDB environment with the store's tables: how one is opened, written and closed, whoever it is
 * for, the store or a view that is being built. No syncs of its own: what is in it can be had again
 * from snapshot and log.
 *
 * Functions return 0 or an LMDB or errno code (environment_reason says it in words). */
#ifndef WEFT_STORE_ENVIRONMENT_H
#define WEFT_STORE_ENVIRONMENT_H

#include "store/meta.h"
#include "store/txn.h"

#define ENVIRONMENT_DATA_FILE "data.mdb"
#define ENVIRONMENT_LOCK_FILE "lock.mdb"

struct environment {
    MDB_env *env;
    struct tables tables;
    uint64_t map_size; /* bytes */
    size_t page_size;
};

/* Opens the environment in a directory that exists; what is not there is made. `map_size` 0: the
 * default. Owns: environment_close. */
MUST_USE int environment_open(const char *directory, uint64_t map_size,
                              struct environment *out_environment);
void environment_close(struct environment *environment);
/* Whether the map is nearly full; then environment_grow doubles it, which it can only while no
 * transaction is open, read or write. */
bool environment_is_nearly_full(const struct environment *environment);
MUST_USE int environment_grow(struct environment *environment);

/* A write transaction; its status says whether it began. `tally` is what the state adds up to. */
void environment_begin(struct environment *environment, const struct tally *tally,
                       struct txn *out_txn);
/* Commits, or gives up when the transaction's status is not 0, which it returns then. */
MUST_USE int environment_commit(struct txn *txn);

/* The row of TABLE_META; all zero in an empty view. */
void environment_get_meta(struct txn *txn, struct meta *out_meta);
void environment_put_meta(struct txn *txn, const struct meta *meta);

const char *environment_reason(int status);

#endif
