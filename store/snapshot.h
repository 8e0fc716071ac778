/* Snapshots: the whole state at one revision as one file, equal byte for byte on every replica that
 * applied the same index. It is what a log is cut off behind, what a member that lags gets, what a
 * lost view is built from, and a backup.
 *
 *   file    = head chunk* end sha256:32          (of everything before it)
 *   head    = "WEFTSNAP" format:u32 size:u32 meta note crc:u32   size is that of meta and note
 *   chunk   = size:u32 record* crc:u32           at least one record; the size is the records'
 *   end     = 0:u32 record_count:u64 crc:u32
 *   record  = table:u8 key:bytes value:bytes     in the order of tables and keys
 *   meta    = the row of TABLE_META (store/meta.h), with the digest that the records add up to
 *   note    = bytes of whoever took the snapshot (Raft: the configuration)
 *
 * A crc is the CRC32C of its part from the part's first byte. Memory: one chunk, which is
 * LIMIT_SNAPSHOT_CHUNK_SIZE and at most one record more. */
#ifndef WEFT_STORE_SNAPSHOT_H
#define WEFT_STORE_SNAPSHOT_H

#include "store/meta.h"
#include "store/store.h"
#include "util/sha256.h"

/* ---- writing ---- */

struct snapshot_writer;

/* Begins a snapshot of the last commit; writing goes on meanwhile. Shape: `note` has at most
 * LIMIT_SNAPSHOT_NOTE_SIZE_MAX bytes and is copied. On the store's thread. Owns: the caller,
 * snapshot_writer_close. Errors: ERR_IO. */
MUST_USE enum err snapshot_writer_open(struct store *store, struct slice note,
                                       struct snapshot_writer **out_writer);
/* On the store's thread, when nobody pulls any more; also before the end. */
void snapshot_writer_close(struct snapshot_writer *writer);
/* The state that it shows. */
const struct meta *snapshot_writer_state(const struct snapshot_writer *writer);
/* Appends the file's next piece to `out`; nothing once all of it was pulled. Any one thread.
 * Errors: ERR_CLOSED (the store was replaced meanwhile: there is no more to come). */
MUST_USE enum err snapshot_writer_pull(struct snapshot_writer *writer, struct buf *out);
/* SHA-256 of the whole file. Shape: SHA256_SIZE bytes (util/sha256.h), once all of it was pulled.
 */
const uint8_t *snapshot_writer_sha256(const struct snapshot_writer *writer);
/* The file of a directory in which a snapshot is written until it is whole. It is always the same
 * one, so that servers that are killed again and again leave one behind and not many. */
#define SNAPSHOT_UNFINISHED_NAME "snapshot.new"
/* Pulls all of it into a file, which is there once it is whole and on the disk; one at a time in a
 * directory. Blocks; any one thread. Errors: ERR_CLOSED, ERR_IO (logged). */
MUST_USE enum err snapshot_write(struct snapshot_writer *writer, const char *path);

/* ---- reading ---- */

/* Errors of all three: ERR_NOT_FOUND; ERR_CORRUPT (a byte is wrong, missing or too many), ERR_IO
 * (logged). The outputs are untouched then. They block and know no store: any thread. */

/* The head alone, checked by its own CRC. `out_note` NULL: not wanted; it is appended to. */
MUST_USE enum err snapshot_read_head(const char *path, struct meta *out_state,
                                     struct buf *out_note);
/* Reads the whole file: every byte of it is as it was written. */
MUST_USE enum err snapshot_check(const char *path, struct meta *out_state);
/* Makes a view of it in `directory`, for store_replace. The directory is made when absent; a view
 * that is in it goes. Checks as snapshot_check does. Errors: also ERR_SYSTEM (the view cannot be
 * written; logged). */
MUST_USE enum err snapshot_build_view(const char *path, const char *directory,
                                      struct meta *out_state);

#endif
