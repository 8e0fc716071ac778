/* What a replica's parts ask of each other: the hooks that join them. Each steps one part from
 * another; what is due then happens in the turn (raft/turn.c). */
#include "raft/replica_parts.h"

#include "util/limits.h"
#include "util/log.h"

/* ---- engine ---- */

static void hook_save_ballot(void *owner, uint64_t term, uint64_t vote) {
    struct replica *replica = owner;
    replica->ballot.term = term;
    replica->ballot.vote = vote;
    if (ballot_save(replica->directory, &replica->ballot) != ERR_OK) {
        stop_process(); /* logged; to go on could mean to vote twice */
    }
}

static void hook_append(void *owner, uint64_t index, const struct log_entry *entries,
                        unsigned count) {
    struct replica *replica = owner;
    log_append(replica->log, index, entries, count);
    replica->counters.log_entries += count;
    for (unsigned i = 0; i < count; i++) {
        replica->counters.log_bytes += entries[i].data.size;
    }
}

static void hook_send(void *owner, uint64_t to, const struct raft_message *message) {
    struct replica *replica = owner;
    struct frame frame = {.type = FRAME_MESSAGE, .message = *message};
    peers_send(replica->peers, to, &frame);
}

static size_t hook_room(void *owner, uint64_t to) {
    struct replica *replica = owner;
    return peers_room(replica->peers, to);
}

static void hook_get_entry(void *owner, uint64_t index, struct arena *arena,
                           struct log_entry *out_entry) {
    struct replica *replica = owner;
    if (snapshots_get_change(replica, index, out_entry)) {
        return;
    }
    if (log_get(replica->log, index, arena, out_entry) != ERR_OK) {
        LOG_ERROR("an entry of the log is lost: stopping", LOG_U64("index", index));
        stop_process();
    }
}

static uint64_t hook_last_change(void *owner, uint64_t upto) {
    struct replica *replica = owner;
    return snapshots_last_change(replica, upto);
}

static void hook_offer_snapshot(void *owner, uint64_t to, uint64_t term) {
    struct replica *replica = owner;
    const struct snapshots *snapshots = &replica->snapshots;
    CHECK(snapshots->point.index > 0);
    ship_offer(&replica->ship, replica_now(replica), to, term, snapshots->size, &snapshots->point);
}

static void hook_install(void *owner, const struct snapshot_point *point) {
    struct replica *replica = owner;
    log_reset(replica->log, point->index, point->term);
    snapshots_set(&replica->snapshots, point, replica->fetch.size);
}

static void count_change(struct replica *replica) {
    enum role role = engine_role(replica->engine);
    uint64_t leader = engine_leader(replica->engine);
    replica->counters.elections += role == ROLE_CANDIDATE && replica->role != ROLE_CANDIDATE;
    replica->role = role;
    if (leader != 0 && leader != replica->last_leader) {
        replica->counters.leader_changes += replica->last_leader != 0;
        replica->last_leader = leader;
    }
}

/* Role, term, leader or configuration changed. Only lists move here: callbacks wait for the turn.
 */
static void hook_changed(void *owner) {
    struct replica *replica = owner;
    const struct engine *engine = replica->engine;
    bool is_leader = engine_role(engine) == ROLE_LEADER;
    uint64_t term = engine_term(engine);
    if (!is_leader || term != replica->lead_term) {
        propose_lost(&replica->propose);
    }
    if (is_leader && term != replica->lead_term) {
        replica->lead_term = term;
        replica->lead_index = engine_last_index(engine);
        replica->has_log_time = false;
    }
    peers_set_members(replica->peers, engine_configuration(engine));
    replica->has_changed = true;
    count_change(replica);
    const struct member *leader = replica_leader(replica);
    if (leader != NULL) {
        LOG_INFO(is_leader ? "leading" : "following", LOG_TEXT("name", replica->name),
                 LOG_U64("term", term), LOG_TEXT("leader", leader->name));
    } else {
        LOG_DEBUG("no leader", LOG_TEXT("name", replica->name), LOG_U64("term", term));
    }
}

const struct engine_hooks turn_engine_hooks = {.save_ballot = hook_save_ballot,
                                               .append = hook_append,
                                               .send = hook_send,
                                               .offer_snapshot = hook_offer_snapshot,
                                               .install = hook_install,
                                               .room = hook_room,
                                               .get_entry = hook_get_entry,
                                               .last_change = hook_last_change,
                                               .changed = hook_changed};

/* ---- proposals ---- */

static void hook_entry_begin(void *owner, unsigned count, struct buf *out) {
    struct replica *replica = owner;
    uint64_t log_time_ms = logtime_now(&replica->logtime, replica_now(replica));
    fsm_entry_begin(log_time_ms, clock_wall_ms(replica->options.clock), count, out);
}

static void hook_entry_add(void *owner, struct slice command, struct buf *out) {
    (void)owner;
    fsm_entry_add(command, out);
}

static enum err hook_submit(void *owner, struct slice entry, uint64_t *out_index,
                            uint64_t *out_term) {
    struct replica *replica = owner;
    *out_term = engine_term(replica->engine);
    return engine_submit(replica->engine, replica_now(replica), ENTRY_COMMAND, entry, out_index);
}

const struct propose_hooks turn_propose_hooks = {
    .entry_begin = hook_entry_begin, .entry_add = hook_entry_add, .submit = hook_submit};

static unsigned hook_due(void *owner, msec_t now, struct buf *out, msec_t *out_next) {
    struct replica *replica = owner;
    uint64_t next_log_ms;
    unsigned count = fsm_due_commands(replica->fsm, logtime_now(&replica->logtime, now),
                                      &replica->options, LIMIT_EXPIRE_BATCH_MAX, out, &next_log_ms);
    *out_next = logtime_instant(&replica->logtime, next_log_ms);
    return count;
}

static void hook_propose(void *owner, struct proposal *proposal) {
    replica_propose(owner, proposal);
}

const struct expire_hooks turn_expire_hooks = {.due = hook_due, .propose = hook_propose};

/* ---- reads ---- */

static void hook_look(void *owner, struct readindex_view *out_view) {
    struct replica *replica = owner;
    const struct engine *engine = replica->engine;
    uint64_t commit_index = engine_commit_index(engine);
    *out_view = (struct readindex_view){.role = engine_role(engine),
                                        .is_ready = replica_is_ready(replica),
                                        .self = replica->ballot.server_id,
                                        .leader = engine_leader(engine),
                                        .term = engine_term(engine),
                                        .commit_index = commit_index,
                                        .commit_term = log_term(replica->log, commit_index),
                                        .applied_index = fsm_applied_index(replica->fsm),
                                        .configuration = engine_configuration(engine)};
}

static void hook_send_frame(void *owner, uint64_t to, const struct frame *frame) {
    struct replica *replica = owner;
    peers_send(replica->peers, to, frame);
}

static void hook_learn_commit(void *owner, uint64_t leader,
                              const struct frame_read_answer *answer) {
    struct replica *replica = owner;
    if (answer->index_term > 0 && log_term(replica->log, answer->index) == answer->index_term) {
        engine_learn_commit(replica->engine, replica_now(replica), leader, answer->term,
                            answer->index, answer->index_term);
    }
}

const struct readindex_hooks turn_readindex_hooks = {
    .look = hook_look, .send = hook_send_frame, .learn_commit = hook_learn_commit};

/* ---- snapshots on their way ---- */

static bool hook_is_quiet(void *owner, uint64_t to) {
    struct replica *replica = owner;
    return peers_room(replica->peers, to) == LIMIT_RAFT_PEER_QUEUE_SIZE_MAX;
}

static void hook_work(void *owner, void (*run)(void *job), void (*done)(void *owner, void *job),
                      void *job) {
    struct replica *replica = owner;
    loop_work(replica->loop, run, done, job);
}

static void hook_doubt(void *owner, uint64_t index) {
    struct replica *replica = owner;
    if (index == replica->snapshots.point.index) {
        replica->snapshots.verify_at = replica_now(replica); /* the turn begins it */
    }
}

const struct ship_hooks turn_ship_hooks = {
    .send = hook_send_frame, .is_quiet = hook_is_quiet, .work = hook_work, .doubt = hook_doubt};

static bool hook_has(void *owner, uint64_t index, uint64_t term) {
    struct replica *replica = owner;
    return engine_has(replica->engine, index, term);
}

static bool hook_try_install(void *owner, const struct snapshot_point *point) {
    struct replica *replica = owner;
    return !replica->snapshots.is_taking &&
           engine_install(replica->engine, replica_now(replica), point);
}

static bool hook_is_reset(void *owner) {
    struct replica *replica = owner;
    return !log_is_resetting(replica->log);
}

/* The store jumps to the snapshot, and the engine goes on from there. */
static void hook_finish(void *owner, const struct snapshot_point *point, uint64_t size) {
    struct replica *replica = owner;
    if (fsm_replace(replica->fsm, replica->view_path) != ERR_OK) {
        stop_process(); /* logged; the next start builds it from the received file */
    }
    CHECK(fsm_applied_index(replica->fsm) == point->index);
    replica->snapshots.appended_size = log_appended_size(replica->log);
    replica->has_applied = true;
    engine_installed(replica->engine, replica_now(replica), point);
    snapshots_remove_log(replica, log_segment_of(replica->log, point->index + 1));
    LOG_INFO("snapshot installed", LOG_U64("index", point->index), LOG_U64("size", size));
}

const struct fetch_hooks turn_fetch_hooks = {.send = hook_send_frame,
                                             .work = hook_work,
                                             .build = fsm_build_view,
                                             .has = hook_has,
                                             .install = hook_try_install,
                                             .is_reset = hook_is_reset,
                                             .finish = hook_finish};

/* ---- members ---- */

static void receive_message(struct replica *replica, uint64_t from, const struct frame *frame) {
    msec_t now = replica_now(replica);
    engine_receive(replica->engine, now, from, &frame->message);
    if (frame->message.type == RAFT_APPEND_ENTRIES && from == engine_leader(replica->engine)) {
        replica->heard_ms = now;
    }
}

static void hook_received(void *owner, uint64_t from, const struct frame *frame) {
    struct replica *replica = owner;
    msec_t now = replica_now(replica);
    if (replica->phase >= PHASE_STOPPING && frame->type >= FRAME_SNAPSHOT) {
        return; /* no new file work */
    }
    if (replica->phase == PHASE_CLOSING) {
        return;
    }
    switch (frame->type) {
    case FRAME_MESSAGE:
        receive_message(replica, from, frame);
        break;
    case FRAME_SNAPSHOT:
        if (from == engine_leader(replica->engine) &&
            frame->snapshot.term == engine_term(replica->engine)) {
            fetch_offer(&replica->fetch, now, from, &frame->snapshot);
        }
        break;
    case FRAME_CHUNK_ASK:
        ship_receive(&replica->ship, now, from, &frame->chunk);
        break;
    case FRAME_CHUNK:
        fetch_receive(&replica->fetch, now, &frame->chunk);
        break;
    default:
        readindex_receive(&replica->readindex, from, frame);
    }
}

static void hook_lost(void *owner, uint64_t id) {
    struct replica *replica = owner;
    if (replica->phase != PHASE_CLOSING) {
        engine_leader_lost(replica->engine, replica_now(replica), id);
    }
}

/* A majority is connected and nobody leads, as after a start of all: no reason to wait. */
static void hook_joined(void *owner, uint64_t id) {
    struct replica *replica = owner;
    const struct configuration *configuration = engine_configuration(replica->engine);
    unsigned connected = 0;
    (void)id;
    for (unsigned i = 0; i < configuration->count; i++) {
        const struct configured_member *member = &configuration->members[i];
        struct peer_status peer;
        bool is_here = member->member.id == replica->ballot.server_id ||
                       (peers_find(replica->peers, member->member.id, &peer) && peer.is_connected);
        connected += member->role == MEMBER_VOTER && is_here;
    }
    if (connected > configuration_voters(configuration) / 2) {
        engine_hasten_election(replica->engine, replica_now(replica));
    }
}

const struct peers_hooks turn_peers_hooks = {
    .received = hook_received, .joined = hook_joined, .lost = hook_lost};
