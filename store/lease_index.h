/* TTL leases as rows: the lease by its id, the keys that are attached to it, and the time that it
 * is due (in the table that subnet leases share). Whoever changes a lease changes all of them here.
 *
 * LMDB keys have at most 511 bytes. A row of TABLE_LEASE_KEYS is the id and the key, which is its
 * own up to 502 bytes; longer keys that share their first 502 bytes are listed in one bucket
 * (store/bucket.h) whose row ends in 0xFF, so that the order of rows is the order of keys. */
#ifndef WEFT_STORE_LEASE_INDEX_H
#define WEFT_STORE_LEASE_INDEX_H

#include "store/store.h"
#include "store/txn.h"
#include "wire/field.h"

extern const struct shape shape_lease;

bool lease_find(struct txn *txn, uint64_t id, struct lease *out_lease);
/* Writes a lease, in place of the one that has its id. */
void lease_put(struct txn *txn, const struct lease *lease);
/* Nothing may be attached any more. */
void lease_remove(struct txn *txn, const struct lease *lease);
void lease_walk(struct txn *txn, uint64_t after, store_lease_cb callback, void *owner);

/* Called where an object is written or deleted (store/apply.c), so that the rows and the objects'
 * `lease` agree. */
void lease_attach(struct txn *txn, uint64_t id, const char *key);
void lease_detach(struct txn *txn, uint64_t id, const char *key);
/* The callback must not write. */
void lease_walk_keys(struct txn *txn, uint64_t id, store_lease_key_cb callback, void *owner);

/* The id in the text "leases/<id>" of a row of TABLE_DUE; false for a subnet's row. */
bool lease_read_due(struct slice text, uint64_t *out_id);

#endif
