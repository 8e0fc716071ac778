/* One file of the log: its bytes, and how they are judged after a crash.
 *
 *   file    = header { record }* zeroes          (preallocated: LIMIT_RAFT_SEGMENT_SIZE)
 *   header  = "WEFTLOG1" sequence:u64 crc32c:u32
 *   record  = magic:u32 size:u32 index:u64 term:u64 batch:u64 type:u8 data_crc:u32 header_crc:u32
 *             mark:u8 data trailer:u32
 *
 * All records of one write carry one batch number, and a batch is synced before the next one is
 * written. So damage in the newest batch that shows missing bytes (zeroes where a record must have
 * none) is a write that the crash tore: nobody was told of it, and it is cut. Any other damage
 * hit bytes that were durable, and is refused. */
#ifndef WEFT_RAFT_SEGMENT_H
#define WEFT_RAFT_SEGMENT_H

#include "util/buf.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SEGMENT_HEADER_SIZE        20u
#define SEGMENT_RECORD_HEADER_SIZE 42u
#define SEGMENT_RECORD_OVERHEAD    (SEGMENT_RECORD_HEADER_SIZE + 4u)
#define SEGMENT_NAME_SIZE          32u

struct segment_record {
    uint64_t index;
    uint64_t term;
    uint64_t batch;
    uint8_t type;
    uint32_t offset; /* of the record in its file */
    struct slice data;
};

/* "segment-00000001". Shape: `out` has SEGMENT_NAME_SIZE. */
void segment_name(uint64_t sequence, char out[SEGMENT_NAME_SIZE]);
/* The sequence in such a name; false for other names. */
bool segment_name_parse(const char *name, uint64_t *out_sequence);

void segment_put_header(struct buf *out, uint64_t sequence);
/* Appends one record (offset is not used). */
void segment_put_record(struct buf *out, const struct segment_record *record);
/* Reads the record at `offset` of `file`. Errors: ERR_CORRUPT. */
MUST_USE enum err segment_get_record(struct slice file, size_t offset,
                                     struct segment_record *out_record);

typedef enum err (*segment_record_cb)(void *owner, const struct segment_record *record);
/* Walks a whole file and judges what follows the last good record. `*out_end` is where the next
 * record belongs; `*out_is_torn` says that the bytes from there on must be cut first. Only the
 * newest segment may be torn. Errors: ERR_CORRUPT (logged with file and offset); the callback's. */
MUST_USE enum err segment_scan(const char *path, struct slice file, uint64_t sequence,
                               bool is_newest, segment_record_cb callback, void *owner,
                               uint32_t *out_end, bool *out_is_torn);

#endif
