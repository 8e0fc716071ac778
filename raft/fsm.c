/* From the log to the store. See fsm.h. */
#include "raft/fsm.h"

#include "store/command.h"
#include "store/store.h"

#include <stdlib.h>

struct fsm {
    struct store *store;
    struct outcome **outcomes; /* LIMIT_PROPOSE_ENTRY_COMMANDS_MAX */
    uint64_t applied_index;
    uint64_t applied_term;
};

struct fsm *fsm_new(struct store *store) {
    struct fsm *fsm = must_alloc_zeroed(1, sizeof *fsm);
    fsm->store = store;
    fsm->outcomes = must_alloc_zeroed(LIMIT_PROPOSE_ENTRY_COMMANDS_MAX, sizeof(struct outcome *));
    fsm->applied_index = store_applied_index(store);
    fsm->applied_term = store_applied_term(store);
    return fsm;
}

void fsm_free(struct fsm *fsm) {
    free(fsm->outcomes);
    free(fsm);
}

uint64_t fsm_applied_index(const struct fsm *fsm) {
    return fsm->applied_index;
}

uint64_t fsm_applied_term(const struct fsm *fsm) {
    return fsm->applied_term;
}

uint64_t fsm_known_index(const struct fsm *fsm) {
    return store_known_index(fsm->store);
}

uint64_t fsm_known_term(const struct fsm *fsm) {
    return store_known_term(fsm->store);
}

uint64_t fsm_revision(const struct fsm *fsm) {
    return store_revision(fsm->store);
}

uint64_t fsm_log_time_ms(const struct fsm *fsm) {
    return store_log_time_ms(fsm->store);
}

void fsm_begin(struct fsm *fsm) {
    store_begin(fsm->store);
}

void fsm_apply(struct fsm *fsm, uint64_t index, uint64_t term, struct slice data,
               struct proposal *const *proposals, unsigned count) {
    CHECK(index == fsm->applied_index + 1);
    CHECK(count <= LIMIT_PROPOSE_ENTRY_COMMANDS_MAX);
    for (unsigned i = 0; i < count; i++) {
        fsm->outcomes[i] = proposals[i] == NULL ? NULL : proposals[i]->outcome;
    }
    store_apply(fsm->store, index, term, data, count == 0 ? NULL : fsm->outcomes);
    fsm->applied_index = index;
    fsm->applied_term = term;
}

void fsm_commit(struct fsm *fsm) {
    store_commit(fsm->store);
}

void fsm_entry_begin(uint64_t log_time_ms, int64_t wall_ms, unsigned count, struct buf *out) {
    struct entry_header header = {
        .log_time_ms = log_time_ms, .wall_ms = wall_ms, .command_count = count};
    entry_begin(&header, out);
}

void fsm_entry_add(struct slice command, struct buf *out) {
    entry_add_command(command, out);
}

unsigned fsm_due_commands(struct fsm *fsm, uint64_t log_time_ms, uint64_t quarantine_ms,
                          unsigned count_max, struct buf *out, uint64_t *out_next_ms) {
    struct store_upkeep upkeep = {.log_time_ms = log_time_ms,
                                  .quarantine_ms = quarantine_ms,
                                  .history_events = LIMIT_HISTORY_EVENTS_DEFAULT,
                                  .command_count_max = count_max};
    return store_upkeep(fsm->store, &upkeep, out, out_next_ms);
}
