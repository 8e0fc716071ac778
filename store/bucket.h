/* Buckets: where keys longer than LMDB takes are found. A bucket is the sorted list of the long
 * keys that share their first 510 bytes, each with the number of its record in TABLE_LONG, so that
 * a change of one record rewrites the list of keys and no other record.
 *
 *   bucket = { size:varint key number:varint }*   in the order of keys */
#ifndef WEFT_STORE_BUCKET_H
#define WEFT_STORE_BUCKET_H

#include "util/buf.h"

struct bucket_entry {
    struct slice key;
    uint64_t number;
};

/* Takes the next entry; false at the end, or when the bytes are damaged (reader->is_broken). */
bool bucket_next(struct reader *reader, struct bucket_entry *out_entry);
/* The number of the key's record; 0 when it is not there. */
uint64_t bucket_find(struct slice bucket, struct slice key);
/* Appends the bucket with the entry in its place, or without the key. */
void bucket_add(struct slice bucket, const struct bucket_entry *entry, struct buf *out);
void bucket_remove(struct slice bucket, struct slice key, struct buf *out);

#endif
