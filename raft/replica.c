/* A replica's life: opening, requests, closing. See replica.h; what happens in between is in
 * raft/turn.c. */
#include "raft/replica.h"

#include "raft/replica_parts.h"
#include "util/limits.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

/* Appends the first configuration, durably. Every founder writes the same one. */
static void write_first_entry(struct replica *replica, const struct configuration *configuration) {
    struct buf bytes;
    buf_init(&bytes);
    configuration_encode(configuration, &bytes);
    struct log_entry entry = {.term = 1, .type = ENTRY_CHANGE, .data = buf_slice(&bytes)};
    log_append(replica->log, 1, &entry, 1);
    buf_deinit(&bytes);
    struct log_job *job = log_begin(replica->log);
    log_run(job);
    CHECK(log_finish(replica->log, job) == 1);
}

/* The first start: this server is one of the members, and all of them begin alike. The ballot comes
 * first, so that a log without a ballot is always damage. */
static enum err form_cluster(struct replica *replica) {
    struct configuration configuration;
    enum err err =
        configuration_form(replica->options.members, replica->options.member_count, &configuration);
    if (err != ERR_OK) {
        return err;
    }
    const struct configured_member *self = configuration_find_name(&configuration, replica->name);
    if (self == NULL) {
        LOG_ERROR("this server is none of the members: --name must be one of --member",
                  LOG_TEXT("name", replica->name));
        return ERR_INVALID;
    }
    replica->ballot = (struct ballot){
        .term = 1, .cluster = cluster_digest(&configuration), .server_id = self->member.id};
    err = ballot_save(replica->directory, &replica->ballot);
    if (err != ERR_OK) {
        return err;
    }
    write_first_entry(replica, &configuration);
    LOG_INFO("cluster formed", LOG_TEXT("name", replica->name),
             LOG_U64("members", configuration.count));
    return ERR_OK;
}

/* There is a ballot and no entry: the first start ended between the two, or the log is gone. */
static enum err finish_forming(struct replica *replica) {
    struct configuration configuration;
    if (replica->ballot.term == 1 && replica->ballot.vote == 0 &&
        replica->options.member_count > 0 &&
        configuration_form(replica->options.members, replica->options.member_count,
                           &configuration) == ERR_OK &&
        cluster_digest(&configuration) == replica->ballot.cluster) {
        write_first_entry(replica, &configuration);
        return ERR_OK;
    }
    LOG_ERROR("the log is gone: restore this server from its peers or a backup",
              LOG_TEXT("directory", replica->directory));
    return ERR_CORRUPT;
}

/* The directory and the options must speak of the same server of the same cluster. */
static enum err check_identity(struct replica *replica) {
    uint64_t index = snapshots_last_change(replica, UINT64_MAX);
    struct log_entry entry;
    struct configuration configuration;
    bool is_found = index > 0 && (snapshots_get_change(replica, index, &entry) ||
                                  log_get(replica->log, index, &replica->arena, &entry) == ERR_OK);
    if (!is_found || configuration_decode(entry.data, &configuration) != ERR_OK) {
        LOG_ERROR("the log has no configuration", LOG_TEXT("directory", replica->directory));
        return ERR_CORRUPT;
    }
    arena_reset(&replica->arena);
    const struct configured_member *self =
        configuration_find(&configuration, replica->ballot.server_id);
    if (self != NULL && strcmp(self->member.name, replica->name) != 0) {
        LOG_ERROR("the data directory is another server's: check --name and --data-dir",
                  LOG_TEXT("name", replica->name), LOG_TEXT("owner", self->member.name));
        return ERR_INVALID;
    }
    if (replica->options.member_count == 0 || index != 1) {
        return ERR_OK;
    }
    struct configuration given;
    if (configuration_form(replica->options.members, replica->options.member_count, &given) !=
            ERR_OK ||
        cluster_digest(&given) != replica->ballot.cluster) {
        LOG_ERROR("--member disagrees with the data directory: give the members that formed the "
                  "cluster, or none",
                  LOG_TEXT("directory", replica->directory));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Log and ballot, and that they belong together. */
static enum err open_disk(struct replica *replica) {
    enum err err = snapshots_find(replica);
    if (err == ERR_OK) {
        err = log_open(replica->directory, replica->snapshots.point.index, &replica->log);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool has_entries = log_last_index(replica->log) > 0;
    err = ballot_load(replica->directory, &replica->ballot);
    if (err == ERR_NOT_FOUND && has_entries) {
        LOG_ERROR("the ballot is gone: restore this server from its peers or a backup",
                  LOG_TEXT("directory", replica->directory));
        return ERR_CORRUPT;
    }
    if (err == ERR_NOT_FOUND) {
        return form_cluster(replica);
    }
    if (err == ERR_OK && !has_entries) {
        err = finish_forming(replica);
    }
    if (err == ERR_OK) {
        err = snapshots_join_log(replica);
    }
    return err == ERR_OK ? check_identity(replica) : err;
}

/* What this server applied once, it must have in its snapshot or its log. */
static enum err open_fsm(struct replica *replica) {
    uint64_t known = fsm_known_index(replica->fsm);
    const struct snapshot_point *point = &replica->snapshots.point;
    uint64_t term = known == point->index ? point->term : log_term(replica->log, known);
    if (known > 0 && known >= point->index && term != fsm_known_term(replica->fsm)) {
        LOG_ERROR("the store is ahead of the log, which has lost entries: restore this server from "
                  "its peers or a backup",
                  LOG_TEXT("directory", replica->directory), LOG_U64("applied", known),
                  LOG_U64("last", log_last_index(replica->log)));
        return ERR_CORRUPT;
    }
    return snapshots_restore(replica);
}

static enum err open_peers(struct replica *replica) {
    struct peers_options options = {.loop = replica->options.loop,
                                    .clock = replica->options.clock,
                                    .rand = &replica->rand,
                                    .listen = replica->options.raft_listen,
                                    .self = replica->ballot.server_id,
                                    .name = replica->name,
                                    .cluster = replica->ballot.cluster,
                                    .ping_ms = replica->options.heartbeat_ms * 2};
    struct peers_hooks hooks = turn_peers_hooks;
    hooks.owner = replica;
    return peers_open(&options, &hooks, &replica->peers);
}

static void open_requests(struct replica *replica) {
    struct propose_hooks propose_hooks = turn_propose_hooks;
    propose_hooks.owner = replica;
    propose_init(&replica->propose, &propose_hooks);
    struct readindex_hooks readindex_hooks = turn_readindex_hooks;
    readindex_hooks.owner = replica;
    readindex_init(&replica->readindex, &readindex_hooks, replica->options.heartbeat_ms,
                   replica->options.election_ms, rand_u64(&replica->rand));
    struct expire_hooks expire_hooks = turn_expire_hooks;
    expire_hooks.owner = replica;
    replica->expire = must_alloc(sizeof *replica->expire);
    expire_init(replica->expire, &expire_hooks);
    struct ship_hooks ship_hooks = turn_ship_hooks;
    ship_hooks.owner = replica;
    ship_init(&replica->ship, &ship_hooks, replica->directory);
    struct fetch_hooks fetch_hooks = turn_fetch_hooks;
    fetch_hooks.owner = replica;
    fetch_init(&replica->fetch, &fetch_hooks, replica->directory, replica->view_path);
}

/* The whole log goes in: terms and types, and the data of configurations. */
static void start_engine(struct replica *replica) {
    uint64_t first = log_first_index(replica->log);
    uint64_t count = log_last_index(replica->log) + 1 - first;
    struct log_entry *entries = must_alloc_zeroed((size_t)count + 1, sizeof *entries);
    for (uint64_t i = 0; i < count; i++) {
        entries[i].term = log_term(replica->log, first + i);
        entries[i].type = log_type(replica->log, first + i);
        if (entries[i].type == ENTRY_CHANGE) {
            turn_engine_hooks.get_entry(replica, first + i, &replica->arena, &entries[i]);
        }
    }
    struct engine_hooks hooks = turn_engine_hooks;
    hooks.owner = replica;
    struct engine_options options = {.id = replica->ballot.server_id,
                                     .address = replica->name,
                                     .heartbeat_ms = replica->options.heartbeat_ms,
                                     .election_ms = replica->options.election_ms,
                                     .seed = (unsigned)rand_below(&replica->rand, UINT32_MAX) + 1};
    replica->engine = engine_new(&options, &hooks);
    const struct snapshot_point *point = &replica->snapshots.point;
    engine_start(replica->engine, replica_now(replica), &replica->ballot,
                 point->index > 0 ? point : NULL, first, entries, count);
    free(entries);
    arena_reset(&replica->arena);
}

static void replica_free(struct replica *replica) {
    if (replica->engine != NULL) {
        propose_call_back(&replica->propose);
        readindex_call_back(&replica->readindex);
        engine_free(replica->engine);
        propose_deinit(&replica->propose);
        expire_deinit(replica->expire);
        free(replica->expire);
        ship_deinit(&replica->ship);
        fetch_deinit(&replica->fetch);
    }
    snapshots_deinit(&replica->snapshots);
    if (replica->fsm != NULL) {
        fsm_free(replica->fsm);
    }
    if (replica->log != NULL) {
        log_close(replica->log);
    }
    arena_deinit(&replica->arena);
    free(replica->name);
    free(replica->directory);
    free(replica);
}

enum err replica_open(const struct replica_options *options, struct replica **out_replica) {
    struct replica *replica = must_alloc_zeroed(1, sizeof *replica);
    replica->options = *options;
    replica->name = must_strdup(options->name);
    replica->directory = must_strdup(options->directory);
    replica->opened_ms = clock_boot_ms(options->clock);
    replica->heard_ms = replica->opened_ms;
    arena_init(&replica->arena);
    snapshots_init(&replica->snapshots);
    if (options->history_events == 0) {
        replica->options.history_events = LIMIT_HISTORY_EVENTS_DEFAULT;
    }
    if (options->snapshot_entries == 0) {
        replica->options.snapshot_entries = LIMIT_SNAPSHOT_ENTRIES_DEFAULT;
    }
    int size =
        snprintf(replica->view_path, sizeof replica->view_path, "%s/view.new", options->directory);
    CHECK(size > 0 && (size_t)size < sizeof replica->view_path);
    if (options->seed == 0) {
        rand_seed_os(&replica->rand);
    } else {
        rand_seed(&replica->rand, options->seed);
    }
    replica->fsm = fsm_new(options->store);
    enum err err = open_disk(replica);
    if (err == ERR_OK) {
        err = open_fsm(replica);
    }
    if (err == ERR_OK) {
        err = open_peers(replica);
    }
    if (err != ERR_OK) {
        replica_free(replica);
        return err;
    }
    open_requests(replica);
    start_engine(replica);
    turn_replay(replica);
    replica->loop = loop_open(options->loop, replica_turn, replica);
    replica->phase = PHASE_OPEN;
    *out_replica = replica;
    return ERR_OK;
}

/* ---- requests ---- */

void replica_propose(struct replica *replica, struct proposal *proposal) {
    proposal->since_us = clock_boot_us(replica->options.clock);
    if (replica->phase == PHASE_OPEN && replica_is_leader(replica)) {
        propose_add(&replica->propose, proposal);
    } else {
        propose_refuse(&replica->propose, proposal, ERR_NO_LEADER);
    }
    if (replica->phase < PHASE_CLOSING) {
        loop_wake(replica->loop);
    }
}

void replica_abandon(struct replica *replica, struct proposal *proposal) {
    propose_abandon(&replica->propose, proposal);
}

void replica_read(struct replica *replica, struct read_request *request) {
    request->since_us = clock_boot_us(replica->options.clock);
    if (replica->phase < PHASE_STOPPING) {
        readindex_add(&replica->readindex, request, replica_now(replica));
    } else {
        readindex_refuse(&replica->readindex, request, ERR_NO_LEADER);
    }
    if (replica->phase < PHASE_CLOSING) {
        loop_wake(replica->loop);
    }
}

void replica_cancel_read(struct replica *replica, struct read_request *request) {
    readindex_cancel(&replica->readindex, request);
}

/* ---- closing ---- */

/* The reachable voter that has most of the log; 0: none. */
static uint64_t find_heir(const struct replica *replica) {
    const struct configuration *configuration = engine_configuration(replica->engine);
    uint64_t heir = 0;
    for (unsigned i = 0; i < configuration->count; i++) {
        const struct configured_member *member = &configuration->members[i];
        uint64_t id = member->member.id;
        if (member->role == MEMBER_VOTER && peers_room(replica->peers, id) > 0 &&
            (heir == 0 ||
             engine_match_index(replica->engine, id) > engine_match_index(replica->engine, heir))) {
            heir = id;
        }
    }
    return heir;
}

void replica_close(struct replica *replica, void (*closed)(void *owner), void *owner) {
    CHECK(replica->phase == PHASE_OPEN);
    msec_t now = replica_now(replica);
    replica->closed = closed;
    replica->closed_owner = owner;
    replica->phase = PHASE_STOPPING;
    uint64_t heir = replica_is_ready(replica) ? find_heir(replica) : 0;
    if (heir != 0 && engine_transfer(replica->engine, now, heir) == ERR_OK) {
        replica->phase = PHASE_HANDING_OVER;
        replica->handover_until = now + replica->options.election_ms;
    }
    loop_wake(replica->loop);
}

static void loop_is_closed(void *owner) {
    struct replica *replica = owner;
    void (*closed)(void *owner) = replica->closed;
    void *closed_owner = replica->closed_owner;
    replica_free(replica);
    closed(closed_owner);
}

static void peers_are_closed(void *owner) {
    struct replica *replica = owner;
    loop_close(replica->loop, loop_is_closed);
}

void replica_end(struct replica *replica) {
    replica->phase = PHASE_CLOSING;
    peers_close(replica->peers, peers_are_closed, replica);
}
