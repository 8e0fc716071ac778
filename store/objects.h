/* The objects by key, in key order.
 *
 * LMDB keys have at most 511 bytes, ours 1,024. A key of up to 510 bytes is its own LMDB key.
 * Longer keys that share their first 510 bytes are listed in one bucket (store/bucket.h), whose
 * LMDB key is those bytes and 0xFF (which no UTF-8 text contains): so the walk's order is the keys'
 * order throughout. */
#ifndef WEFT_STORE_OBJECTS_H
#define WEFT_STORE_OBJECTS_H

#include "store/store.h"
#include "store/txn.h"

/* record = kind:u8 revision created_revision version lease:varint key\0 content_type\0 payload */
void object_encode(const struct object *object, struct buf *out);
/* Borrows from the record. Errors: ERR_CORRUPT. */
MUST_USE enum err object_decode(struct slice record, struct object *out_object);

bool objects_get(struct txn *txn, const char *key, struct object *out_object);
void objects_put(struct txn *txn, const struct object *object);
void objects_delete(struct txn *txn, const char *key);
/* Walks keys that begin with `prefix` and are > `after` (NULL: from the start). The callback must
 * not write. */
void objects_walk(struct txn *txn, const char *prefix, const char *after, store_object_cb callback,
                  void *owner);

#endif
