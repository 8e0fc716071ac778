/* From the log to the store. See fsm.h. */
#include "raft/fsm.h"

#include "store/command.h"
#include "store/snapshot.h"
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

unsigned fsm_due_commands(struct fsm *fsm, uint64_t log_time_ms,
                          const struct replica_options *options, unsigned count_max,
                          struct buf *out, uint64_t *out_next_ms) {
    struct store_upkeep upkeep = {.log_time_ms = log_time_ms,
                                  .quarantine_ms = options->quarantine_ms,
                                  .history_events = options->history_events,
                                  .quota_size = options->quota_size,
                                  .command_count_max = count_max};
    return store_upkeep(fsm->store, &upkeep, out, out_next_ms);
}

/* ---- snapshots ---- */

enum err fsm_snapshot_open(struct fsm *fsm, struct slice note,
                           struct snapshot_writer **out_writer) {
    enum err err = snapshot_writer_open(fsm->store, note, out_writer);
    if (err == ERR_OK) {
        CHECK(snapshot_writer_state(*out_writer)->applied_index == fsm->applied_index);
    }
    return err;
}

void fsm_snapshot_close(struct snapshot_writer *writer) {
    snapshot_writer_close(writer);
}

enum err fsm_snapshot_write(struct snapshot_writer *writer, const char *path) {
    return snapshot_write(writer, path);
}

enum err fsm_snapshot_head(const char *path, uint64_t *out_index, uint64_t *out_term,
                           struct buf *out_note) {
    struct meta state;
    enum err err = snapshot_read_head(path, &state, out_note);
    if (err == ERR_OK) {
        *out_index = state.applied_index;
        *out_term = state.applied_term;
    }
    return err;
}

enum err fsm_snapshot_check(const char *path) {
    struct meta state;
    return snapshot_check(path, &state);
}

enum err fsm_build_view(const char *path, const char *directory, uint64_t *out_index,
                        uint64_t *out_term) {
    struct meta state;
    enum err err = snapshot_build_view(path, directory, &state);
    if (err == ERR_OK) {
        *out_index = state.applied_index;
        *out_term = state.applied_term;
    }
    return err;
}

enum err fsm_replace(struct fsm *fsm, const char *directory) {
    enum err err = store_replace(fsm->store, directory);
    if (err == ERR_OK) {
        fsm->applied_index = store_applied_index(fsm->store);
        fsm->applied_term = store_applied_term(fsm->store);
    }
    return err;
}
