/* What this server knows of the cluster and of itself: answered locally, also without a quorum. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>

#define TEXT_TYPE "text/plain; charset=utf-8"

static const char *const role_names[] = {
    [MEMBER_VOTER] = "voter", [MEMBER_STANDBY] = "standby", [MEMBER_SPARE] = "spare"};
static const char *const state_names[] = {[MEMBER_FOLLOWER] = "follower",
                                          [MEMBER_LEADER] = "leader",
                                          [MEMBER_UNREACHABLE] = "unreachable"};

static void write_rtt(uint64_t rtt_us, struct json_writer *writer) {
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64 ".%03u", rtt_us / 1000, (unsigned)(rtt_us % 1000));
    json_key(writer, "rtt_ms");
    json_put_raw(writer, slice_of_text(text));
}

static void write_member(const struct member_status *status, struct json_writer *writer) {
    json_open_object(writer);
    json_member_text(writer, "name", status->member.name);
    json_member_number(writer, "id", status->member.id);
    json_member_text(writer, "api_url", status->member.api_url);
    json_member_text(writer, "raft_address", status->member.raft_address);
    json_member_text(writer, "role", role_names[status->role]);
    json_member_text(writer, "state", state_names[status->state]);
    json_member_number(writer, "match_index", status->match_index);
    json_member_number(writer, "lag_entries", status->lag_entries);
    write_rtt(status->rtt_us, writer);
    json_member_text(writer, "version", status->version);
    json_close_object(writer);
}

static void write_cluster(const struct replica_status *status, const char *name, uint64_t revision,
                          struct json_writer *writer) {
    json_open_object(writer);
    json_member_text(writer, "id", status->cluster_id);
    json_member_text(writer, "name", name);
    json_member_text(writer, "leader", status->leader_id != 0 ? status->leader_name : NULL);
    json_member_number(writer, "term", status->term);
    json_member_number(writer, "revision", revision);
    json_member_number(writer, "commit_index", status->commit_index);
    json_member_number(writer, "applied_index", status->applied_index);
    json_key(writer, "quorum");
    json_open_object(writer);
    json_member_number(writer, "needed", status->needed);
    json_member_number(writer, "reachable", status->reachable);
    json_close_object(writer);
    json_key(writer, "members");
    json_open_list(writer);
    for (unsigned i = 0; i < status->member_count; i++) {
        write_member(&status->members[i], writer);
    }
    json_close_list(writer);
    json_close_object(writer);
}

void handle_cluster(struct request *request) {
    const struct api_options *options = &request->api->options;
    struct replica_status status;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    replica_status(options->replica, &status);
    write_cluster(&status, options->name, store_revision(options->store), &writer);
    request_reply(request, 200, JSON_TYPE, 0, buf_slice(&body));
    buf_deinit(&body);
}

/* The process lives and its loop turns. */
void handle_healthz(struct request *request) {
    request_reply(request, 200, TEXT_TYPE, 0, slice_of_text("ok\n"));
}

bool cluster_is_ready(const struct replica_status *status) {
    return !status->is_fetching && status->leader_id != 0 &&
           (!status->is_leader || status->is_ready) && status->reachable >= status->needed;
}

void handle_readyz(struct request *request) {
    struct replica_status status;
    struct buf body;
    replica_status(request->api->options.replica, &status);
    if (status.is_fetching) {
        request->problem.retry_after_s = 1;
        request_fail(request, ERR_NO_LEADER,
                     "%s does not follow the leader yet: it gets a snapshot first, being at entry "
                     "%" PRIu64,
                     request->api->options.name, status.applied_index);
        return;
    }
    if (!cluster_is_ready(&status)) {
        request_fail_leaderless(request);
        return;
    }
    buf_init(&body);
    if (request->params.verbose) {
        buf_appendf(&body, "[+]store ok: revision %" PRIu64 "\n",
                    store_revision(request->api->options.store));
        buf_appendf(&body, "[+]leader ok: %s, term %" PRIu64 "\n", status.leader_name, status.term);
        buf_appendf(&body, "[+]quorum ok: %u of %u voters reachable, %u needed\n", status.reachable,
                    status.voters, status.needed);
        buf_append_text(&body, "readyz check passed\n");
    } else {
        buf_append_text(&body, "ok\n");
    }
    request_reply(request, 200, TEXT_TYPE, 0, buf_slice(&body));
    buf_deinit(&body);
}
