/* The state machine's side: committed entries go to the store, all of a turn in one transaction;
 * and entries are made of commands. The only file of raft/ that knows store/. */
#ifndef WEFT_RAFT_FSM_H
#define WEFT_RAFT_FSM_H

#include "raft/replica.h"

struct fsm;
struct snapshot_writer;

/* The store is borrowed. */
struct fsm *fsm_new(struct store *store);
void fsm_free(struct fsm *fsm);

/* Of the newest entry that was applied, committed to the store or not. */
uint64_t fsm_applied_index(const struct fsm *fsm);
uint64_t fsm_applied_term(const struct fsm *fsm);
/* Of the newest entry that this server ever applied, in this store or one that is gone. */
uint64_t fsm_known_index(const struct fsm *fsm);
uint64_t fsm_known_term(const struct fsm *fsm);
/* Of the last commit. */
uint64_t fsm_revision(const struct fsm *fsm);
uint64_t fsm_log_time_ms(const struct fsm *fsm);

void fsm_begin(struct fsm *fsm);
/* Applies the entry after the last one. `data` is empty for an entry without commands. `proposals`
 * are those whose commands it carries, NULL where nobody waits; their outcomes are filled. */
void fsm_apply(struct fsm *fsm, uint64_t index, uint64_t term, struct slice data,
               struct proposal *const *proposals, unsigned count);
void fsm_commit(struct fsm *fsm);

/* An entry: this, then fsm_entry_add for each of its commands. */
void fsm_entry_begin(uint64_t log_time_ms, int64_t wall_ms, unsigned count, struct buf *out);
void fsm_entry_add(struct slice command, struct buf *out);

/* Commands that end the leases due at `log_time_ms` and compact the history, as the options say:
 * see store_upkeep. */
unsigned fsm_due_commands(struct fsm *fsm, uint64_t log_time_ms,
                          const struct replica_options *options, unsigned count_max,
                          struct buf *out, uint64_t *out_next_ms);

/* Snapshots: store/snapshot.h. A writer shows the state at the last commit, and carries `note`. */
MUST_USE enum err fsm_snapshot_open(struct fsm *fsm, struct slice note,
                                    struct snapshot_writer **out_writer);
void fsm_snapshot_close(struct snapshot_writer *writer);
/* Writes it to a file, which is there once it is durable. On a worker. */
MUST_USE enum err fsm_snapshot_write(struct snapshot_writer *writer, const char *path);
/* Reads a file's head: where it ends, and its note. Any thread. */
MUST_USE enum err fsm_snapshot_head(const char *path, uint64_t *out_index, uint64_t *out_term,
                                    struct buf *out_note);
/* Reads all of a file: that every byte is as it was written. Any thread. */
MUST_USE enum err fsm_snapshot_check(const char *path);
/* Checks a file and makes a view of it in `directory`, which fsm_replace then puts into the store's
 * place. Any thread. */
MUST_USE enum err fsm_build_view(const char *path, const char *directory, uint64_t *out_index,
                                 uint64_t *out_term);
MUST_USE enum err fsm_replace(struct fsm *fsm, const char *directory);

#endif
