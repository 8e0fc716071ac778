/* The Raft log on disk: segments of records (raft/segment.h), and in memory the table of terms and
 * positions with a bounded cache of the newest entries.
 *
 * Writing is split so that the loop goes on: log_append only remembers; log_begin hands out one job
 * with all that waits (one write, one fdatasync), log_run does it on any thread, log_finish takes
 * it back on the loop and says how far the log is durable. At most one job is out.
 *
 * A suffix is truncated by appending at a lower index: the newer record supersedes, in memory at
 * once and on disk because records are read in order. A disk that refuses a write stops the
 * process: after a failed fsync nothing is known.
 *
 * The head goes when a snapshot has it: log_drop_head forgets entries at once, log_remove_before
 * removes whole files, which may be fewer. log_reset begins the log anew behind an installed
 * snapshot: one record says so in a new file, and from then on older files are no part of the log.
 * Invariant: snapshot and log together are the whole committed history, after each single step. */
#ifndef WEFT_RAFT_LOG_H
#define WEFT_RAFT_LOG_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

#include <stdbool.h>
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
 * `base_index` is where the newest snapshot ends (0: there is none): the log must reach back to the
 * entry behind it. Errors: ERR_CORRUPT (damage; file and offset are logged), ERR_EXISTS (another
 * process has the directory), ERR_SYSTEM, ERR_IO. Owns: the caller, log_close. */
MUST_USE enum err log_open(const char *directory, uint64_t base_index, struct log **out_log);
/* No job may be out. What log_begin has not handed out is lost. */
void log_close(struct log *log);

/* The first entry's index (1 in a new log), and the last one's (first - 1 in an empty log). */
uint64_t log_first_index(const struct log *log);
uint64_t log_last_index(const struct log *log);
/* Also of the entry before the first one, where it is known. 0: there is no such entry. */
uint64_t log_term(const struct log *log, uint64_t index);
/* Bytes of the entries' data that were appended since the log was opened. */
uint64_t log_appended_size(const struct log *log);
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

/* Forgets the entries up to `upto`, which a snapshot has. Shape: they are durable. */
void log_drop_head(struct log *log, uint64_t upto);
/* The first file that holds entries from `index` on. Shape: index >= the first one's. */
uint64_t log_segment_of(const struct log *log, uint64_t index);
/* Removes the files before `segment`, as log_segment_of gave it. Any thread, also while a job is
 * out; it touches nothing but the directory. Returns an errno; what is left then goes next time. */
MUST_USE int log_remove_before(struct log *log, uint64_t segment);
/* Forgets everything: the log begins anew behind the entry `index` of `term`, the last one of a
 * snapshot that is durable. */
void log_reset(struct log *log, uint64_t index, uint64_t term);
/* From log_reset until a job has made it durable. */
bool log_is_resetting(const struct log *log);

/* All that waits to be written, or the work of preallocating the next segment; NULL: nothing to do,
 * or a job is out. */
struct log_job *log_begin(struct log *log);
/* Does the job; touches nothing but the job. Any thread. */
void log_run(struct log_job *job);
/* Takes the job back and frees it. Returns the highest index that this job made durable and that
 * was not truncated meanwhile; 0: none. Stops the process when the disk refused. */
uint64_t log_finish(struct log *log, struct log_job *job);

#endif
