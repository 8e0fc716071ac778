/* What the files of store/snapshot.h share: numbers of the format, and one pass over a file. */
#ifndef WEFT_STORE_SNAPSHOT_FORMAT_H
#define WEFT_STORE_SNAPSHOT_FORMAT_H

#include "store/snapshot.h"
#include "store/txn.h"
#include "util/limits.h"

#define SNAPSHOT_MAGIC      UINT64_C(0x57454654534e4150) /* "WEFTSNAP" */
#define SNAPSHOT_FORMAT     1u
#define SNAPSHOT_HEAD_SIZE  16u /* before meta and note */
#define SNAPSHOT_COUNT_SIZE 8u  /* of the end, between size and crc */
#define SNAPSHOT_CRC_SIZE   4u

/* Where the records of a file go, in the order of tables and keys, each once. They stand until the
 * next one. An error ends the pass, which returns it. */
struct snapshot_sink {
    void *owner;
    enum err (*take)(void *owner, unsigned table, struct slice key, struct slice value);
};
/* Reads and checks the whole file. Errors: as snapshot_check, and the sink's. Whether all is well
 * is known only at the end. */
MUST_USE enum err snapshot_scan(const char *path, const struct snapshot_sink *sink,
                                struct meta *out_state);

#endif
