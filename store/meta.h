/* The one row of TABLE_META: the numbers of the whole state, written once a commit in the
 * transaction of the data, with a checksum of its own. A view without it is empty.
 *
 *   row = format:u8 revision applied_index applied_term log_time_ms compact_revision event_count
 *         digest size:u64 crc:u32 */
#ifndef WEFT_STORE_META_H
#define WEFT_STORE_META_H

#include "store/tally.h"
#include "util/err.h"

#define META_KEY  "state"
#define META_SIZE (1u + 8u * 8u + 4u)

struct meta {
    uint64_t revision;
    uint64_t applied_index, applied_term;
    uint64_t log_time_ms;
    uint64_t compact_revision; /* events up to here are gone */
    uint64_t event_count;
    struct tally tally; /* of all tables but this one */
};

/* Appends META_SIZE bytes. */
void meta_encode(const struct meta *meta, struct buf *out);
/* Errors: ERR_CORRUPT. */
MUST_USE enum err meta_decode(struct slice row, struct meta *out_meta);
/* The digest of the state: of its records, its revision and its log time. It does not say by which
 * index of which log the state came about. */
uint64_t meta_digest(const struct meta *meta);

#endif
