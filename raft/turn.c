/* What happens in a replica: the turn.
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
    turn_engine_hooks.get_entry(replica, index, &replica->arena, &entry);
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
    if (replica->phase < PHASE_STOPPING) {
        fetch_turn(&replica->fetch, now);
        ship_turn(&replica->ship, now);
    }
    snapshots_turn(replica, now);
    readindex_turn(&replica->readindex, now);
    advance_close(replica, now);
    call_back(replica);
}

static void set_timer(struct replica *replica) {
    msec_t now = replica_now(replica);
    msec_t deadline = MIN_OF(engine_deadline(replica->engine), peers_deadline(replica->peers));
    deadline = MIN_OF(deadline, readindex_deadline(&replica->readindex, now));
    deadline = MIN_OF(deadline, fetch_deadline(&replica->fetch));
    deadline = MIN_OF(deadline, ship_deadline(&replica->ship, now));
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
    if (replica->phase == PHASE_STOPPING && !loop_is_working(replica->loop)) {
        replica_end(replica);
        return;
    }
    if (has_work(replica)) {
        loop_wake(replica->loop);
    }
    set_timer(replica);
    histogram_add(&replica->counters.turn, now_us(replica) - since_us);
}
