/* The engine around libraft. See engine.h.
 *
 * Ownership at 0.22.1 (its legacy.c is the reference): entries that come out in an update share one
 * raft_malloc'ed `batch`, freed here once the log has copied them; received entries go in as such a
 * batch and an array that stays ours; a configuration given with RAFT_CONFIGURATION belongs to
 * libraft. The messages of an update live until the next step. */
#include "raft/engine.h"

#include "raft/engine_parts.h"

#include "raft/outbox.h"
#include "raft/sanity.h"
#include "util/limits.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>

static_assert((int)ENTRY_COMMAND == (int)RAFT_COMMAND && (int)ENTRY_BARRIER == (int)RAFT_BARRIER &&
                  (int)ENTRY_CHANGE == (int)RAFT_CHANGE,
              "the log keeps libraft's numbers");
static_assert(RAFT_VERSION_NUMBER == 2201, "the ownership rules here are those of 0.22.1");

struct engine *engine_new(const struct engine_options *options, const struct engine_hooks *hooks) {
    struct engine *engine = must_alloc_zeroed(1, sizeof *engine);
    CHECK(raft_init(&engine->raft, NULL, NULL, options->id, options->address) == 0);
    raft_seed(&engine->raft, options->seed);
    raft_set_pre_vote(&engine->raft, true);
    raft_set_election_timeout(&engine->raft, options->election_ms);
    raft_set_heartbeat_timeout(&engine->raft, options->heartbeat_ms);
    /* Only then a member that was offered a snapshot is offered a newer one. It drops what it does
     * not need: an offer is small. */
    raft_set_install_snapshot_timeout(&engine->raft, options->election_ms);
    raft_set_max_inflight_entries(&engine->raft, LIMIT_RAFT_INFLIGHT_ENTRIES);
    raft_set_capacity_threshold(&engine->raft, 0);
    engine->hooks = *hooks;
    arena_init(&engine->arena);
    return engine;
}

void engine_free(struct engine *engine) {
    raft_close(&engine->raft, NULL);
    arena_deinit(&engine->arena);
    free(engine);
}

/* raft_malloc that never fails and is never asked for nothing. */
static void *raft_alloc(size_t size) {
    void *memory = raft_malloc(MAX_OF(size, (size_t)1));
    CHECK(memory != NULL);
    return memory;
}

enum role engine_role(const struct engine *engine) {
    switch (engine->raft.state) {
    case RAFT_LEADER:
        return ROLE_LEADER;
    case RAFT_CANDIDATE:
        return ROLE_CANDIDATE;
    default:
        return ROLE_FOLLOWER;
    }
}

uint64_t engine_term(const struct engine *engine) {
    return raft_current_term(&engine->raft);
}

uint64_t engine_leader(const struct engine *engine) {
    switch (engine->raft.state) {
    case RAFT_LEADER:
        return engine->raft.id;
    case RAFT_FOLLOWER:
        /* libraft keeps the old leader for a while after the term has moved on. */
        return engine->leader_term == engine_term(engine)
                   ? engine->raft.follower_state.current_leader.id
                   : 0;
    default:
        return 0;
    }
}

uint64_t engine_commit_index(const struct engine *engine) {
    return raft_commit_index(&engine->raft);
}

uint64_t engine_last_index(const struct engine *engine) {
    return engine->last_index;
}

uint64_t engine_apply_index(const struct engine *engine) {
    return MIN_OF(raft_commit_index(&engine->raft), engine->raft.last_stored);
}

bool engine_is_transferring(const struct engine *engine) {
    return raft_transferee(&engine->raft) != 0;
}

uint64_t engine_match_index(const struct engine *engine, uint64_t id) {
    raft_index index;
    if (raft_match_index(&engine->raft, id, &index) != 0) {
        return 0;
    }
    return index;
}

const struct configuration *engine_configuration(const struct engine *engine) {
    return &engine->configuration;
}

uint64_t engine_committed_configuration_index(const struct engine *engine) {
    return engine->raft.configuration_committed_index;
}

/* ---- from an update to its owners ---- */

static void append_entries(struct engine *engine, const struct raft_update *update) {
    unsigned count = update->entries.n;
    struct log_entry *entries = must_alloc(count * sizeof *entries);
    bool has_change = false;
    for (unsigned i = 0; i < count; i++) {
        const struct raft_entry *entry = &update->entries.batch[i];
        entries[i].term = entry->term;
        entries[i].type = (enum entry_type)entry->type;
        has_change = has_change || entry->type == RAFT_CHANGE;
        /* libraft's own barriers carry eight bytes that nobody wrote: none of ours has any. */
        entries[i].data = entry->type == RAFT_BARRIER ? slice_of(NULL, 0)
                                                      : slice_of(entry->buf.base, entry->buf.len);
    }
    if (has_change || update->entries.index <= engine->last_index) {
        engine->told.configuration_index = UINT64_MAX; /* look again, it may be another one */
    }
    engine->hooks.append(engine->hooks.owner, update->entries.index, entries, count);
    engine->last_index = update->entries.index + count - 1;
    engine->last_term = entries[count - 1].term;
    free(entries);
    raft_free(update->entries.batch[0].batch);
}

static void repair_uncommitted(struct engine *engine);

int engine_step(struct engine *engine, struct raft_event *event, msec_t now) {
    struct raft *raft = &engine->raft;
    struct raft_update update = {.flags = 0};
    event->time = now;
    event->capacity = UINT16_MAX;
    int code = raft_step(raft, event, &update);
    bool is_answer =
        code == RAFT_NOTLEADER || code == RAFT_CANTCHANGE || code == RAFT_NOSPACE ||
        (event->type == RAFT_TRANSFER && (code == RAFT_NOTFOUND || code == RAFT_BADID));
    if (code != 0 && is_answer) {
        return code;
    }
    if (code != 0) {
        LOG_ERROR("raft engine failed: stopping", LOG_TEXT("reason", raft_strerror(code)),
                  LOG_U64("event", event->type), LOG_U64("term", raft->current_term));
        abort();
    }
    if ((update.flags & (RAFT_UPDATE_CURRENT_TERM)) || (update.flags & (RAFT_UPDATE_VOTED_FOR))) {
        engine->hooks.save_ballot(engine->hooks.owner, raft->current_term, raft->voted_for);
    }
    if (update.flags & (RAFT_UPDATE_ENTRIES)) {
        append_entries(engine, &update);
    }
    if (update.flags & (RAFT_UPDATE_SNAPSHOT)) {
        engine_begin_install(engine, &update);
    }
    repair_uncommitted(engine);
    if (update.flags & (RAFT_UPDATE_MESSAGES)) {
        outbox_send(&engine->hooks, &engine->arena, update.messages.batch, update.messages.n);
    }
    return 0;
}

/* ---- configurations ---- */

/* libraft's copy of the configuration at `index`. */
static void load_configuration(struct engine *engine, uint64_t index,
                               struct raft_configuration *out_configuration) {
    struct log_entry entry;
    engine->hooks.get_entry(engine->hooks.owner, index, &engine->arena, &entry);
    CHECK(entry.type == ENTRY_CHANGE);
    struct raft_buffer bytes = {.base = (void *)(uintptr_t)entry.data.data, .len = entry.data.size};
    CHECK(raft_configuration_decode(&bytes, out_configuration) == 0);
    arena_reset(&engine->arena);
}

/* A follower uses the newest configuration in its log, wherever in a batch it came. */
static void repair_uncommitted(struct engine *engine) {
    struct raft *raft = &engine->raft;
    if (raft->state == RAFT_LEADER || raft->snapshot.installing) {
        return;
    }
    uint64_t index = engine->hooks.last_change(engine->hooks.owner, UINT64_MAX);
    if (index <= raft->configuration_committed_index ||
        index == raft->configuration_uncommitted_index) {
        return;
    }
    struct raft_configuration configuration;
    load_configuration(engine, index, &configuration);
    raft_configuration_close(&raft->configuration);
    raft->configuration = configuration;
    raft->configuration_uncommitted_index = index;
}

/* Tells libraft of a configuration that became committed, and makes sure that it took note. */
static void commit_configuration(struct engine *engine, msec_t now) {
    struct raft *raft = &engine->raft;
    uint64_t index = engine->hooks.last_change(engine->hooks.owner, raft->commit_index);
    if (index <= raft->configuration_committed_index || raft->snapshot.installing) {
        return;
    }
    struct raft_event event = {.type = RAFT_CONFIGURATION};
    event.configuration.index = index;
    load_configuration(engine, index, &event.configuration.conf);
    (void)engine_step(engine, &event, now);
    if (raft->configuration_committed_index < index) {
        struct raft_configuration configuration;
        load_configuration(engine, index, &configuration);
        raft_configuration_close(&raft->configuration_committed);
        raft->configuration_committed = configuration;
        raft->configuration_committed_index = index;
        if (raft->configuration_uncommitted_index <= index) {
            raft->configuration_uncommitted_index = 0;
        }
    }
}

/* Our own form of the newest configuration. */
static void note_configuration(struct engine *engine) {
    struct configuration configuration = {.count = 0};
    uint64_t index = engine->hooks.last_change(engine->hooks.owner, UINT64_MAX);
    if (index > 0) {
        struct log_entry entry;
        engine->hooks.get_entry(engine->hooks.owner, index, &engine->arena, &entry);
        CHECK(configuration_decode(entry.data, &configuration) == ERR_OK);
        arena_reset(&engine->arena);
    }
    engine->configuration = configuration;
}

/* ---- after each event ---- */

static int submit(struct engine *engine, msec_t now, enum entry_type type, struct slice data) {
    struct raft_entry entry = {.term = raft_current_term(&engine->raft),
                               .type = (enum raft_entry_type)type};
    entry.buf.base = raft_alloc(data.size);
    entry.buf.len = data.size;
    if (data.size > 0) {
        memcpy(entry.buf.base, data.data, data.size);
    }
    entry.batch = entry.buf.base;
    struct raft_event event = {.type = RAFT_SUBMIT};
    event.submit.entries = &entry;
    event.submit.n = 1;
    int code = engine_step(engine, &event, now);
    if (code != 0) {
        raft_free(entry.buf.base);
    }
    return code;
}

static void tell_changes(struct engine *engine) {
    struct told told = {.role = engine_role(engine),
                        .term = engine_term(engine),
                        .leader = engine_leader(engine),
                        .configuration_index =
                            engine->hooks.last_change(engine->hooks.owner, UINT64_MAX)};
    const struct told *old = &engine->told;
    if (told.role == old->role && told.term == old->term && told.leader == old->leader &&
        told.configuration_index == old->configuration_index) {
        return;
    }
    bool is_configuration = told.configuration_index != old->configuration_index;
    engine->told = told;
    if (is_configuration) {
        note_configuration(engine);
    }
    engine->hooks.changed(engine->hooks.owner);
}

void engine_settle(struct engine *engine, msec_t now) {
    commit_configuration(engine, now);
    if (engine->raft.state == RAFT_LEADER && engine->last_term != engine_term(engine) &&
        !engine_is_transferring(engine)) {
        (void)submit(engine, now, ENTRY_BARRIER, slice_of(NULL, 0));
        commit_configuration(engine, now);
    }
    tell_changes(engine);
}

/* ---- events ---- */

void engine_start(struct engine *engine, msec_t now, const struct ballot *ballot,
                  const struct snapshot_point *point, uint64_t first_index,
                  const struct log_entry *entries, uint64_t count) {
    CHECK(count < UINT32_MAX);
    struct raft_entry *loaded = must_alloc_zeroed((size_t)count + 1, sizeof *loaded);
    for (uint64_t i = 0; i < count; i++) {
        loaded[i].term = entries[i].term;
        loaded[i].type = (enum raft_entry_type)entries[i].type;
        loaded[i].buf.base = (void *)(uintptr_t)entries[i].data.data;
        loaded[i].buf.len = entries[i].data.size;
    }
    engine->last_index = first_index + count - 1;
    engine->last_term = count > 0 ? entries[count - 1].term : 0;
    struct raft_event event = {.type = RAFT_START};
    struct raft_snapshot_metadata metadata;
    if (point != NULL) {
        CHECK(first_index <= point->index + 1 && engine->last_index >= point->index);
        engine->last_term = count > 0 ? engine->last_term : point->term;
        engine_fill_metadata(point, &metadata);
        event.start.metadata = &metadata;
    }
    event.start.term = ballot->term;
    event.start.voted_for = ballot->vote;
    event.start.start_index = first_index;
    event.start.entries = loaded;
    event.start.n_entries = (unsigned)count;
    (void)engine_step(engine, &event, now);
    free(loaded);
    engine_settle(engine, now);
}

/* Copies the entries into one batch, as libraft takes them. Owns: the caller frees the array. */
static struct raft_entry *copy_entries(const struct raft_append_entries *args) {
    size_t total = 0;
    for (unsigned i = 0; i < args->n_entries; i++) {
        total += args->entries[i].buf.len;
    }
    char *batch = raft_alloc(total);
    char *next = batch;
    struct raft_entry *copies = must_alloc(args->n_entries * sizeof *copies);
    for (unsigned i = 0; i < args->n_entries; i++) {
        copies[i] = args->entries[i];
        copies[i].batch = batch;
        copies[i].buf.base = next;
        if (copies[i].buf.len > 0) {
            memcpy(next, args->entries[i].buf.base, copies[i].buf.len);
        }
        next += copies[i].buf.len;
    }
    return copies;
}

/* libraft's own text for a member. */
static const char *address_of(const struct engine *engine, uint64_t id) {
    const struct raft_configuration *configuration = &engine->raft.configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        if (configuration->servers[i].id == id) {
            return configuration->servers[i].address;
        }
    }
    return "";
}

void engine_receive(struct engine *engine, msec_t now, uint64_t from,
                    const struct raft_message *message) {
    bool is_settled = engine->raft.last_stored == engine->last_index;
    if (engine->raft.snapshot.installing) {
        return; /* as if it were lost: this takes no longer than a write */
    }
    if (!message_is_sane(message, from, engine_role(engine), engine_term(engine), is_settled)) {
        LOG_WARN("dropping a message that makes no sense here", LOG_U64("from", from),
                 LOG_U64("type", message->type), LOG_U64("term", engine_term(engine)));
        return;
    }
    /* A copy, because a step may free the configuration that the text is in. */
    char *address = must_strdup(address_of(engine, from));
    struct raft_message copy = *message;
    copy.server_id = from;
    copy.server_address = address;
    struct raft_entry *entries = NULL;
    if (message->type == RAFT_APPEND_ENTRIES) {
        engine_cut_to_snapshot(engine, &copy.append_entries);
        if (copy.append_entries.n_entries > 0) {
            entries = copy_entries(&copy.append_entries);
            copy.append_entries.entries = entries;
        }
    }
    struct raft_event event = {.type = RAFT_RECEIVE};
    event.receive.message = &copy;
    (void)engine_step(engine, &event, now);
    free(entries);
    if (message->type == RAFT_APPEND_ENTRIES &&
        message->append_entries.term == engine_term(engine)) {
        engine->leader_term = engine_term(engine);
    }
    engine_settle(engine, now);
    free(address);
}

void engine_persisted(struct engine *engine, msec_t now, uint64_t index) {
    if (index <= engine->raft.last_stored) {
        return;
    }
    struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
    event.persisted_entries.index = index;
    (void)engine_step(engine, &event, now);
    engine_settle(engine, now);
}

void engine_tick(struct engine *engine, msec_t now) {
    if (now < engine_deadline(engine)) {
        return;
    }
    struct raft_event event = {.type = RAFT_TIMEOUT};
    (void)engine_step(engine, &event, now);
    engine_settle(engine, now);
}

msec_t engine_deadline(const struct engine *engine) {
    return raft_timeout(&engine->raft);
}

enum err engine_submit(struct engine *engine, msec_t now, enum entry_type type, struct slice data,
                       uint64_t *out_index) {
    CHECK(data.size <= LIMIT_PROPOSE_ENTRY_SIZE_MAX);
    int code = submit(engine, now, type, data);
    if (code != 0) {
        return code == RAFT_CANTCHANGE ? ERR_CONFLICT : ERR_NO_LEADER;
    }
    *out_index = engine->last_index;
    engine_settle(engine, now);
    return ERR_OK;
}

enum err engine_transfer(struct engine *engine, msec_t now, uint64_t to) {
    struct raft_event event = {.type = RAFT_TRANSFER};
    event.transfer.server_id = to;
    int code = engine_step(engine, &event, now);
    if (code != 0) {
        return code == RAFT_NOTLEADER ? ERR_NO_LEADER : ERR_NOT_FOUND;
    }
    engine_settle(engine, now);
    return ERR_OK;
}

void engine_leader_lost(struct engine *engine, msec_t now, uint64_t leader) {
    struct raft *raft = &engine->raft;
    if (raft->state != RAFT_FOLLOWER || leader == 0 ||
        raft->follower_state.current_leader.id != leader || raft->snapshot.installing) {
        return;
    }
    /* Without a leader this server may grant its vote. */
    raft_free(raft->follower_state.current_leader.address);
    raft->follower_state.current_leader.address = NULL;
    raft->follower_state.current_leader.id = 0;
    engine_hasten_election(engine, now);
    tell_changes(engine);
}

void engine_hasten_election(struct engine *engine, msec_t now) {
    struct raft *raft = &engine->raft;
    if (raft->state != RAFT_FOLLOWER || raft->follower_state.current_leader.id != 0) {
        return;
    }
    /* Members differ by chance, so that the first to ask finds the others willing. */
    unsigned wait = raft_random(&raft->random, 1, 2 * raft->heartbeat_timeout);
    unsigned whole = raft->follower_state.randomized_election_timeout;
    if (wait < whole && now + wait < raft->election_timer_start + whole) {
        raft->election_timer_start = now + wait - MIN_OF(now + wait, (msec_t)whole);
    }
}

void engine_learn_commit(struct engine *engine, msec_t now, uint64_t leader, uint64_t term,
                         uint64_t index, uint64_t index_term) {
    bool is_current = engine_role(engine) == ROLE_FOLLOWER && term == engine_term(engine) &&
                      engine_leader(engine) == leader;
    if (!is_current || index <= engine_commit_index(engine) || index > engine->last_index) {
        return;
    }
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES};
    message.append_entries.version = 0;
    message.append_entries.term = term;
    message.append_entries.prev_log_index = index;
    message.append_entries.prev_log_term = index_term;
    message.append_entries.leader_commit = index;
    engine_receive(engine, now, leader, &message);
}
