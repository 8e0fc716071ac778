/* What a replica tells about itself. See replica.h. */
#include "raft/replica_parts.h"

#include "util/limits.h"

#include <stdio.h>
#include <string.h>

bool replica_is_leader(const struct replica *replica) {
    return engine_role(replica->engine) == ROLE_LEADER;
}

uint64_t replica_term(const struct replica *replica) {
    return engine_term(replica->engine);
}

const struct member *replica_leader(const struct replica *replica) {
    const struct configured_member *leader =
        configuration_find(engine_configuration(replica->engine), engine_leader(replica->engine));
    return leader == NULL ? NULL : &leader->member;
}

msec_t replica_stale_ms(const struct replica *replica) {
    return replica_is_leader(replica) ? 0 : replica_now(replica) - replica->heard_ms;
}

/* A member is reachable when it spoke within an election timeout; we always are. */
static bool is_reachable(const struct replica *replica, uint64_t id, struct peer_status *peer) {
    if (id == replica->ballot.server_id) {
        return true;
    }
    return peers_find(replica->peers, id, peer) && peer->heard_ms > 0 &&
           replica_now(replica) - peer->heard_ms <= replica->options.election_ms;
}

bool replica_has_lost_quorum(const struct replica *replica) {
    const struct configuration *configuration = engine_configuration(replica->engine);
    struct peer_status peer;
    unsigned here = 0;
    for (unsigned i = 0; i < configuration->count; i++) {
        const struct configured_member *member = &configuration->members[i];
        here += member->role == MEMBER_VOTER && is_reachable(replica, member->member.id, &peer);
    }
    /* Who has just started has heard of nobody yet. */
    bool is_new = replica_now(replica) - replica->opened_ms <= replica->options.election_ms;
    return !is_new && here < configuration_voters(configuration) / 2 + 1;
}

uint64_t replica_log_time_ms(struct replica *replica) {
    msec_t now = replica_now(replica);
    if (replica_is_ready(replica) && replica->has_log_time) {
        return logtime_now(&replica->logtime, now);
    }
    if (replica->seen_log_at == 0) {
        return fsm_log_time_ms(replica->fsm); /* nothing was applied in this life */
    }
    return replica->seen_log_ms + (now - replica->seen_log_at);
}

static void fill_member(const struct replica *replica, const struct configured_member *member,
                        struct member_status *out) {
    uint64_t id = member->member.id;
    struct peer_status peer = {.version = WEFT_VERSION};
    bool is_here = is_reachable(replica, id, &peer);
    out->member = member->member;
    out->role = member->role;
    out->state = MEMBER_UNREACHABLE;
    if (is_here) {
        out->state = id == engine_leader(replica->engine) ? MEMBER_LEADER : MEMBER_FOLLOWER;
    }
    out->match_index = engine_match_index(replica->engine, id);
    if (replica_is_leader(replica)) {
        out->lag_entries = engine_last_index(replica->engine) - out->match_index;
    }
    out->rtt_us = peer.rtt_us;
    out->traffic = peer.traffic;
    snprintf(out->version, sizeof out->version, "%s", peer.version);
}

void replica_status(struct replica *replica, struct replica_status *out_status) {
    const struct configuration *configuration = engine_configuration(replica->engine);
    struct replica_status *status = out_status;
    memset(status, 0, sizeof *status);
    cluster_id_format(replica->ballot.cluster, status->cluster_id);
    status->id = replica->ballot.server_id;
    status->term = engine_term(replica->engine);
    status->applied_index = fsm_applied_index(replica->fsm);
    /* After a start the engine has yet to hear what is committed; what was applied, was. */
    status->commit_index = MAX_OF(engine_commit_index(replica->engine), status->applied_index);
    status->last_index = engine_last_index(replica->engine);
    status->first_index = log_first_index(replica->log);
    status->snapshot_index = replica->snapshots.point.index;
    status->snapshot_size = replica->snapshots.size;
    status->snapshots_taken = replica->snapshots.taken_count;
    status->snapshots_fetched = replica->fetch.fetched_count;
    status->chunks_shipped = replica->ship.chunk_count;
    status->is_fetching = replica->fetch.state != FETCH_NONE;
    status->is_leader = replica_is_leader(replica);
    status->is_ready = replica_is_ready(replica);
    const struct member *leader = replica_leader(replica);
    if (leader != NULL) {
        status->leader_id = leader->id;
        snprintf(status->leader_name, sizeof status->leader_name, "%s", leader->name);
        snprintf(status->leader_url, sizeof status->leader_url, "%s", leader->api_url);
    }
    status->member_count = configuration->count;
    status->voters = configuration_voters(configuration);
    status->needed = status->voters / 2 + 1;
    for (unsigned i = 0; i < configuration->count; i++) {
        struct member_status *member = &status->members[i];
        fill_member(replica, &configuration->members[i], member);
        status->reachable += member->role == MEMBER_VOTER && member->state != MEMBER_UNREACHABLE;
    }
}

void replica_counters(const struct replica *replica, struct replica_counters *out_counters) {
    *out_counters = replica->counters;
    out_counters->queued = replica->propose.count;
    out_counters->reads_waiting = replica->readindex.count;
}
