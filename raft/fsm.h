/* The state machine's side: committed entries go to the store, all of a turn in one transaction;
 * and entries are made of commands. The only file of raft/ that knows store/. */
#ifndef WEFT_RAFT_FSM_H
#define WEFT_RAFT_FSM_H

#include "raft/replica.h"

struct fsm;

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

/* Commands that end the leases due at `log_time_ms` and compact the history: see store_upkeep. */
unsigned fsm_due_commands(struct fsm *fsm, uint64_t log_time_ms, uint64_t quarantine_ms,
                          unsigned count_max, struct buf *out, uint64_t *out_next_ms);

#endif
