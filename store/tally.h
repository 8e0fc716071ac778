/* What a set of records adds up to: a digest that does not depend on their order, so that it can be
 * kept up to date record by record, and their size. Replicas that hold the same records have the
 * same tally; a view whose records do not add up to its tally is damaged.
 *
 * The digest is the sum, modulo 2^64, of a 64-bit hash (XXH3) of each record's table, key and
 * value. It finds accidents, not forgers. */
#ifndef WEFT_STORE_TALLY_H
#define WEFT_STORE_TALLY_H

#include "util/buf.h"

/* What a record costs beside its bytes: LMDB's node header and its place in the page, rounded up.
 */
#define TALLY_RECORD_SIZE 16u

struct tally {
    uint64_t digest;
    uint64_t size; /* bytes of keys and values, and TALLY_RECORD_SIZE for each record */
};

/* `table` is the record's enum table. */
void tally_add(struct tally *tally, unsigned table, struct slice key, struct slice value);
void tally_subtract(struct tally *tally, unsigned table, struct slice key, struct slice value);
/* The same hash over bytes that are no record. */
uint64_t tally_hash(struct slice bytes);

#endif
