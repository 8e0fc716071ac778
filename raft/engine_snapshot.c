/* The engine's part in snapshots: our own, and those that a leader sends. See engine.h. */
#include "raft/engine_parts.h"

#include <stdlib.h>

void engine_fill_metadata(const struct snapshot_point *point,
                          struct raft_snapshot_metadata *out_metadata) {
    CHECK(point->index > 0 && point->term > 0 && point->configuration_index <= point->index);
    *out_metadata = (struct raft_snapshot_metadata){
        .index = point->index,
        .term = point->term,
        .configuration_index = point->configuration_index,
    };
    struct raft_buffer bytes = {.base = (void *)(uintptr_t)point->configuration.data,
                                .len = point->configuration.size};
    CHECK(raft_configuration_decode(&bytes, &out_metadata->configuration) == 0);
}

uint64_t engine_first_index(const struct engine *engine) {
    return engine->raft.trail.offset + 1;
}

bool engine_is_installing(const struct engine *engine) {
    return engine->raft.snapshot.installing;
}

bool engine_has(const struct engine *engine, uint64_t index, uint64_t term) {
    const struct raft_trail *trail = &engine->raft.trail;
    if (index <= trail->snapshot.index || index <= engine->raft.commit_index) {
        return true;
    }
    struct log_entry entry = {.term = 0};
    if (index <= engine->last_index) {
        struct arena arena;
        arena_init(&arena);
        engine->hooks.get_entry(engine->hooks.owner, index, &arena, &entry);
        arena_deinit(&arena);
    }
    return entry.term == term;
}

void engine_snapshot(struct engine *engine, msec_t now, const struct snapshot_point *point,
                     uint64_t trailing) {
    CHECK(point->index > engine->raft.trail.snapshot.index);
    CHECK(point->index <= engine_apply_index(engine));
    struct raft_event event = {.type = RAFT_SNAPSHOT};
    event.snapshot.trailing = (unsigned)MIN_OF(trailing, (uint64_t)UINT32_MAX);
    engine_fill_metadata(point, &event.snapshot.metadata); /* libraft's from here on */
    (void)engine_step(engine, &event, now);
    engine_settle(engine, now);
}

bool engine_install(struct engine *engine, msec_t now, const struct snapshot_point *point) {
    uint64_t leader = engine_leader(engine);
    if (engine_role(engine) != ROLE_FOLLOWER || leader == 0 || engine_is_installing(engine) ||
        engine_has(engine, point->index, point->term)) {
        return false;
    }
    /* Whichever leader offered it: the snapshot is of committed entries, and the leader of this
     * term has them all (Raft, figure 3: leader completeness). */
    struct raft_snapshot_metadata metadata;
    engine_fill_metadata(point, &metadata);
    char *address = must_strdup(engine->raft.follower_state.current_leader.address);
    struct raft_message message = {
        .type = RAFT_INSTALL_SNAPSHOT, .server_id = leader, .server_address = address};
    message.install_snapshot.term = engine_term(engine);
    message.install_snapshot.last_index = point->index;
    message.install_snapshot.last_term = point->term;
    message.install_snapshot.conf = metadata.configuration; /* libraft's, or comes back */
    message.install_snapshot.conf_index = point->configuration_index;
    struct raft_event event = {.type = RAFT_RECEIVE};
    event.receive.message = &message;
    engine->installed = point;
    (void)engine_step(engine, &event, now);
    engine->installed = NULL;
    engine_settle(engine, now);
    free(address);
    return engine_is_installing(engine);
}

void engine_begin_install(struct engine *engine, struct raft_update *update) {
    const struct snapshot_point *point = engine->installed;
    CHECK(point != NULL && update->snapshot.metadata.index == point->index);
    raft_configuration_close(&update->snapshot.metadata.configuration);
    raft_free(update->snapshot.chunk.base);
    engine->last_index = point->index;
    engine->last_term = point->term;
    engine->told.configuration_index = UINT64_MAX; /* look again, it may be another one */
    engine->hooks.install(engine->hooks.owner, point);
}

void engine_installed(struct engine *engine, msec_t now, const struct snapshot_point *point) {
    CHECK(engine_is_installing(engine) && engine->last_index == point->index);
    struct raft_event event = {.type = RAFT_PERSISTED_SNAPSHOT};
    engine_fill_metadata(point, &event.persisted_snapshot.metadata); /* libraft's from here on */
    event.persisted_snapshot.last = true;
    (void)engine_step(engine, &event, now);
    engine_settle(engine, now);
}

void engine_cut_to_snapshot(const struct engine *engine, struct raft_append_entries *args) {
    const struct raft_trail *trail = &engine->raft.trail;
    if (trail->offset == 0 || args->prev_log_index > trail->offset ||
        args->prev_log_index == trail->snapshot.index || args->term < engine_term(engine)) {
        return;
    }
    /* What it repeats is committed, and so the same as ours (Raft, figure 3: log matching). */
    uint64_t known = trail->snapshot.index - args->prev_log_index;
    unsigned cut = (unsigned)MIN_OF(known, (uint64_t)args->n_entries);
    args->entries += cut;
    args->n_entries -= cut;
    args->prev_log_index = trail->snapshot.index;
    args->prev_log_term = trail->snapshot.term;
}
