/* What happens in a replica: the hooks that join its parts, and the turn.
 *
 * Input (frames, timeouts, durable entries) steps the engine at once. The turn then does, in this
 * order: timeouts, proposals into one entry, one write for all that the log was given, committed
 * entries into one store transaction, reads, and last the callbacks. Entries are applied up to what
 * is committed and durable here, so that the store never knows more than the log.
 *
 * No libuv in here: raft/loop.c calls, and the simulator may. */
#include "raft/replica_parts.h"

#include "util/limits.h"
#include "util/log.h"

#include <string.h>

static uint64_t now_us(const struct replica *replica) {
    return clock_boot_us(replica->options.clock);
}

bool replica_is_ready(const struct replica *replica) {
    return engine_role(replica->engine) == ROLE_LEADER &&
           engine_term(replica->engine) == replica->lead_term &&
           fsm_applied_index(replica->fsm) >= replica->lead_index;
}

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
    if (log_get(replica->log, index, arena, out_entry) != ERR_OK) {
        LOG_ERROR("an entry of the log is lost: stopping", LOG_U64("index", index));
        stop_process();
    }
}

static uint64_t hook_last_change(void *owner, uint64_t upto) {
    struct replica *replica = owner;
    return log_last_change(replica->log, upto);
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
    unsigned count =
        fsm_due_commands(replica->fsm, logtime_now(&replica->logtime, now),
                         replica->options.quarantine_ms, LIMIT_EXPIRE_BATCH_MAX, out, &next_log_ms);
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

/* ---- members ---- */

static void hook_received(void *owner, uint64_t from, const struct frame *frame) {
    struct replica *replica = owner;
    msec_t now = replica_now(replica);
    if (replica->phase == PHASE_CLOSING) {
        return;
    }
    if (frame->type != FRAME_MESSAGE) {
        readindex_receive(&replica->readindex, from, frame);
        return;
    }
    engine_receive(replica->engine, now, from, &frame->message);
    if (frame->message.type == RAFT_APPEND_ENTRIES && from == engine_leader(replica->engine)) {
        replica->heard_ms = now;
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

/* ---- the turn ---- */

static void log_work_run(void *job) {
    log_run(job);
}

static void log_work_done(void *owner, void *job) {
    struct replica *replica = owner;
    replica->work_is_out = false;
    uint64_t top = log_finish(replica->log, job);
    if (top > 0) { /* else it made room for later */
        replica->counters.log_writes++;
        histogram_add(&replica->counters.log_write, now_us(replica) - replica->write_since_us);
    }
    engine_persisted(replica->engine, replica_now(replica), top);
}

static void write_log(struct replica *replica) {
    if (replica->work_is_out) {
        return;
    }
    struct log_job *job = log_begin(replica->log);
    if (job != NULL) {
        replica->work_is_out = true;
        replica->write_since_us = now_us(replica);
        loop_work(replica->loop, log_work_run, log_work_done, job);
    }
}

/* As applied: when its transaction ends, all of it is. */
static void count_applied(struct replica *replica, const struct propose_batch *batch) {
    uint64_t now = now_us(replica);
    replica->counters.batches++;
    replica->counters.commands += batch->count;
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->proposals[i] != NULL) {
            histogram_add(&replica->counters.proposal, now - batch->proposals[i]->since_us);
        }
    }
}

static void apply_one(struct replica *replica, uint64_t index, size_t *size) {
    struct log_entry entry;
    hook_get_entry(replica, index, &replica->arena, &entry);
    *size += entry.data.size;
    /* Barriers and configurations are not for the store: only its index moves. */
    struct slice data = entry.type == ENTRY_COMMAND ? entry.data : slice_of(NULL, 0);
    struct propose_batch *batch = propose_find(&replica->propose, index, entry.term);
    if (batch == NULL) {
        fsm_apply(replica->fsm, index, entry.term, data, NULL, 0);
    } else {
        fsm_apply(replica->fsm, index, entry.term, data, batch->proposals, batch->count);
        count_applied(replica, batch);
        propose_applied(&replica->propose, batch);
    }
    arena_reset(&replica->arena);
}

static void note_log_time(struct replica *replica) {
    uint64_t log_time_ms = fsm_log_time_ms(replica->fsm);
    if (log_time_ms != replica->seen_log_ms) {
        replica->seen_log_ms = log_time_ms;
        replica->seen_log_at = replica_now(replica);
    }
}

/* Applies up to `upto`, in one transaction, bounded so that heartbeats go on. */
static void apply_entries(struct replica *replica, uint64_t upto) {
    uint64_t index = fsm_applied_index(replica->fsm);
    uint64_t last = MIN_OF(upto, index + LIMIT_RAFT_APPLY_ENTRIES_MAX);
    if (index >= last) {
        return;
    }
    size_t size = 0;
    uint64_t since_us = now_us(replica);
    uint64_t first = index;
    fsm_begin(replica->fsm);
    while (index < last && size < LIMIT_RAFT_APPLY_SIZE_MAX) {
        index++;
        apply_one(replica, index, &size);
    }
    fsm_commit(replica->fsm);
    replica->counters.applied_entries += index - first;
    replica->counters.applied_commits++;
    histogram_add(&replica->counters.apply, now_us(replica) - since_us);
    replica->has_applied = true;
    note_log_time(replica);
}

void turn_replay(struct replica *replica) {
    uint64_t known = fsm_known_index(replica->fsm);
    if (fsm_applied_index(replica->fsm) < known) {
        LOG_INFO("building the store again from the log", LOG_U64("entries", known));
    }
    while (fsm_applied_index(replica->fsm) < known) {
        apply_entries(replica, known);
    }
}

/* The leader's own work; most of it once its barrier is applied. */
static void lead(struct replica *replica, msec_t now) {
    if (replica_is_leader(replica)) {
        replica->heard_ms = now; /* of ourselves: when we step down, we grow stale from then on */
    }
    if (!replica_is_ready(replica) || engine_is_transferring(replica->engine)) {
        return;
    }
    if (!replica->has_log_time) {
        replica->has_log_time = true;
        logtime_lead(&replica->logtime, now, fsm_log_time_ms(replica->fsm));
    }
    if (replica->phase == PHASE_OPEN) {
        expire_tick(replica->expire, now);
    }
    propose_flush(&replica->propose);
}

/* Those that are about to be called back. */
static void count_reads(struct replica *replica) {
    const struct list *decided = &replica->readindex.decided;
    uint64_t now = list_is_empty(decided) ? 0 : now_us(replica);
    LIST_FOR_EACH(decided, node) {
        const struct read_request *request = CONTAINER_OF(node, struct read_request, link);
        if (request->err == ERR_OK) {
            replica->counters.reads++;
            histogram_add(&replica->counters.read, now - request->since_us);
        }
    }
}

static void call_back(struct replica *replica) {
    if (replica->has_applied) {
        replica->has_applied = false;
        if (replica->options.applied != NULL) {
            replica->options.applied(replica->options.owner, fsm_revision(replica->fsm));
        }
    }
    propose_call_back(&replica->propose);
    count_reads(replica);
    readindex_call_back(&replica->readindex);
    if (replica->has_changed) {
        replica->has_changed = false;
        if (replica->options.changed != NULL) {
            replica->options.changed(replica->options.owner);
        }
    }
}

static void advance_close(struct replica *replica, msec_t now) {
    if (replica->phase == PHASE_HANDING_OVER &&
        (!replica_is_leader(replica) || now >= replica->handover_until)) {
        replica->phase = PHASE_STOPPING;
    }
    if (replica->phase == PHASE_STOPPING) {
        propose_lost(&replica->propose);
        readindex_fail(&replica->readindex, ERR_NO_LEADER);
    }
}

/* Whether another round of the turn would do something. */
static bool has_work(const struct replica *replica) {
    return propose_has_work(&replica->propose) || readindex_has_work(&replica->readindex) ||
           replica->has_changed ||
           fsm_applied_index(replica->fsm) < engine_apply_index(replica->engine);
}

static void round_of_turn(struct replica *replica) {
    msec_t now = replica_now(replica);
    engine_tick(replica->engine, now);
    peers_tick(replica->peers, now);
    lead(replica, now);
    if (replica->phase != PHASE_STOPPING) {
        write_log(replica);
    }
    apply_entries(replica, engine_apply_index(replica->engine)); /* committed and durable */
    readindex_turn(&replica->readindex, now);
    advance_close(replica, now);
    call_back(replica);
}

static void set_timer(struct replica *replica) {
    msec_t now = replica_now(replica);
    msec_t deadline = MIN_OF(engine_deadline(replica->engine), peers_deadline(replica->peers));
    deadline = MIN_OF(deadline, readindex_deadline(&replica->readindex, now));
    if (replica_is_ready(replica)) {
        deadline = MIN_OF(deadline, expire_deadline(replica->expire));
    }
    if (replica->phase == PHASE_HANDING_OVER) {
        deadline = MIN_OF(deadline, replica->handover_until);
    }
    loop_set_timer(replica->loop, deadline > now ? deadline - now : 1);
}

void replica_turn(void *owner) {
    struct replica *replica = owner;
    if (replica->phase == PHASE_OPENING || replica->phase == PHASE_CLOSING) {
        return;
    }
    unsigned rounds = 0;
    uint64_t since_us = now_us(replica);
    do {
        round_of_turn(replica);
        rounds++;
    } while (has_work(replica) && rounds < LIMIT_RAFT_TURN_ROUNDS_MAX);
    if (replica->phase == PHASE_STOPPING && !replica->work_is_out) {
        replica_end(replica);
        return;
    }
    if (has_work(replica)) {
        loop_wake(replica->loop);
    }
    set_timer(replica);
    histogram_add(&replica->counters.turn, now_us(replica) - since_us);
}
