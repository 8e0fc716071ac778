/* The Raft log on disk: segments of records (raft/segment.h), and in memory the table of terms and
 * positions with a bounded cache of the newest entries.
 *
 * Writing is split so that the loop goes on: log_append only remembers; log_begin hands out one job
 * with all that waits (one write, one fdatasync), log_run does it on any thread, log_finish takes
 * it back on the loop and says how far the log is durable. At most one job is out.
 *
 * A suffix is truncated by appending at a lower index: the newer record supersedes, in memory at
 * once and on disk because records are read in order. A disk that refuses a write stops the
 * process: after a failed fsync nothing is known. */
#ifndef WEFT_RAFT_LOG_H
#define WEFT_RAFT_LOG_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

#include <stdint.h>

struct log;
struct log_job;

/* The numbers are libraft's (raft/engine.c asserts it) and those in the files. */
enum entry_type { ENTRY_COMMAND = 1, ENTRY_BARRIER = 2, ENTRY_CHANGE = 3 };

struct log_entry {
    uint64_t term;
    enum entry_type type;
    struct slice data;
};

/* Opens and verifies every record; makes the directory when it is absent, cuts a torn tail.
 * Errors: ERR_CORRUPT (damage; file and offset are logged), ERR_EXISTS (another process has the
 * directory), ERR_SYSTEM, ERR_IO. Owns: the caller, log_close. */
MUST_USE enum err log_open(const char *directory, struct log **out_log);
/* No job may be out. What log_begin has not handed out is lost. */
void log_close(struct log *log);

/* The first entry's index (1 in an empty log), and the last one's (first - 1 in an empty log). */
uint64_t log_first_index(const struct log *log);
uint64_t log_last_index(const struct log *log);
/* 0: there is no such entry. */
uint64_t log_term(const struct log *log, uint64_t index);
/* Shape: the entry is there. */
enum entry_type log_type(const struct log *log, uint64_t index);
/* The newest entry of type ENTRY_CHANGE at or before `upto`; 0: none. */
uint64_t log_last_change(const struct log *log, uint64_t upto);

/* Puts the entries at `index`, index + 1, ...; whatever was there and behind is truncated. Copies.
 * Shape: first <= index <= last + 1. */
void log_append(struct log *log, uint64_t index, const struct log_entry *entries, unsigned count);
/* The entry at `index`, which must be there. Its data lives until the next call of log_append or
 * log_finish, or as long as the arena. Errors: ERR_CORRUPT, ERR_IO (logged). */
MUST_USE enum err log_get(struct log *log, uint64_t index, struct arena *arena,
                          struct log_entry *out_entry);

/* All that waits to be written, or the work of preallocating the next segment; NULL: nothing to do,
 * or a job is out. */
struct log_job *log_begin(struct log *log);
/* Does the job; touches nothing but the job. Any thread. */
void log_run(struct log_job *job);
/* Takes the job back and frees it. Returns the highest index that this job made durable and that
 * was not truncated meanwhile; 0: none. Stops the process when the disk refused. */
uint64_t log_finish(struct log *log, struct log_job *job);

#endif
