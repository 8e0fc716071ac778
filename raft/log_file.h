/* The files of the log: the directory with its segments and the one spare, made ahead so that a
 * full disk is noticed early and a write never waits for an allocation. Only raft/log.c uses it.
 *
 * log_file_make_spare, log_file_begin_segment and log_file_write run on a worker thread, one at a
 * time; they touch only what belongs to writing. The rest runs on the loop. */
#ifndef WEFT_RAFT_LOG_FILE_H
#define WEFT_RAFT_LOG_FILE_H

#include "raft/segment.h"
#include "util/arena.h"
#include "util/err.h"

struct log_file;

/* Makes the directory when it is absent and locks it. Errors: ERR_EXISTS (locked by another
 * process), ERR_SYSTEM. */
MUST_USE enum err log_file_open(const char *directory, struct log_file **out_files);
void log_file_close(struct log_file *files);
const char *log_file_directory(const struct log_file *files);

/* Reads the segments in order, `begin` before each: the newest ones without a gap between them,
 * because a head may be half removed; whether they reach back far enough is for the caller. Cuts
 * the newest one's torn tail and keeps it open for writing at `*out_end`. Errors: ERR_CORRUPT,
 * ERR_IO. */
MUST_USE enum err log_file_load(struct log_file *files,
                                void (*begin)(void *owner, uint64_t sequence),
                                segment_record_cb callback, void *owner, uint32_t *out_end);
/* Reads one record back. Shape: `size` is its data's. Errors: ERR_CORRUPT, ERR_IO. */
MUST_USE enum err log_file_read(struct log_file *files, uint64_t sequence, uint32_t offset,
                                uint32_t size, struct arena *arena,
                                struct segment_record *out_record);

/* These return an errno, 0 when all went well. */
/* Removes the segments before `sequence`. Any thread, at any time. */
MUST_USE int log_file_remove_before(struct log_file *files, uint64_t sequence);
MUST_USE int log_file_make_spare(struct log_file *files);
/* Turns the spare (made now when there is none) into segment `sequence`, durably. */
MUST_USE int log_file_begin_segment(struct log_file *files, uint64_t sequence);
/* Writes into the newest segment and syncs. */
MUST_USE int log_file_write(struct log_file *files, uint32_t offset, struct slice bytes);

#endif
