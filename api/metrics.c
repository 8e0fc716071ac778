#include "api/metrics.h"

#include "api/handlers.h"
#include "api/metrics_text.h"

#include <stdio.h>
#include <string.h>

/* A row a series, or a family of series whose labels are known only when they are written. Rows of
 * one name stand together. */
struct metric_row {
    const char *name;
    enum metric_type type;
    enum metric_unit unit;
    const char *labels;
    size_t offset; /* in struct scrape: of a number, or of a histogram */
    void (*write)(const struct metric_row *row, const struct scrape *scrape, struct buf *out);
    const char *help;
};

static void write_build(const struct metric_row *row, const struct scrape *scrape, struct buf *out);
static void write_answers(const struct metric_row *row, const struct scrape *scrape,
                          struct buf *out);
static void write_ended(const struct metric_row *row, const struct scrape *scrape, struct buf *out);
static void write_peers(const struct metric_row *row, const struct scrape *scrape, struct buf *out);

#define AT(member)   offsetof(struct scrape, member)
#define PEER(member) offsetof(struct member_status, member) /* of rows that write_peers writes */
#define C            METRIC_COUNTER
#define G            METRIC_GAUGE
#define H            METRIC_HISTOGRAM
#define N            METRIC_PLAIN
#define US           METRIC_US
#define MS           METRIC_MS

/* clang-format off: a row a series */
static const struct metric_row rows[] = {
    {"process_cpu_seconds_total", C, US, "", AT(process.cpu_us), NULL, "User and system CPU time."},
    {"process_resident_memory_bytes", G, N, "", AT(process.resident_size), NULL,
     "Resident memory."},
    {"process_virtual_memory_bytes", G, N, "", AT(process.virtual_size), NULL,
     "Virtual memory, the store's map included."},
    {"process_open_fds", G, N, "", AT(process.open_files), NULL, "Open file descriptors."},
    {"process_max_fds", G, N, "", AT(process.open_files_max), NULL,
     "File descriptors that may be open."},
    {"process_threads", G, N, "", AT(process.threads), NULL, "Threads of the process."},
    {"process_start_time_seconds", G, MS, "", AT(process_started_ms), NULL,
     "When the process began, by the wall clock."},
    {"weft_build_info", G, N, "", 0, write_build, "1; its labels say which program this is."},
    {"weft_ready", G, N, "", AT(is_ready), NULL,
     "1 while linearizable requests can be answered (/readyz)."},

    {"weft_http_requests_total", C, N, "", 0, write_answers,
     "Answers begun, by method and class of status."},
    {"weft_http_requests_abandoned_total", C, N, "", AT(http.gone), NULL,
     "Requests whose client left before the answer was whole."},
    {"weft_http_requests_in_progress", G, N, "", AT(requests), NULL,
     "Requests whose answer is not complete, watches included."},
    {"weft_http_request_duration_seconds", H, US, "route=\"read\"",
     AT(counters.durations[ROUTE_CLASS_READ]), NULL,
     "From a request's last byte to the first of its answer."},
    {"weft_http_request_duration_seconds", H, US, "route=\"write\"",
     AT(counters.durations[ROUTE_CLASS_WRITE]), NULL, ""},
    {"weft_http_request_duration_seconds", H, US, "route=\"list\"",
     AT(counters.durations[ROUTE_CLASS_LIST]), NULL, ""},
    {"weft_http_request_duration_seconds", H, US, "route=\"watch\"",
     AT(counters.durations[ROUTE_CLASS_WATCH]), NULL, ""},
    {"weft_http_request_duration_seconds", H, US, "route=\"local\"",
     AT(counters.durations[ROUTE_CLASS_LOCAL]), NULL, ""},
    {"weft_http_connections", G, N, "", AT(connections), NULL, "Open connections."},
    {"weft_http_connections_total", C, N, "", AT(http.connections), NULL,
     "Connections that were accepted."},
    {"weft_http_connections_refused_total", C, N, "", AT(http.connections_refused), NULL,
     "Connections past the bound."},
    {"weft_http_connections_late_total", C, N, "", AT(http.connections_late), NULL,
     "Connections ended because the client was too slow or idle."},
    {"weft_http_received_bytes_total", C, N, "", AT(http.received_bytes), NULL,
     "Bytes of requests."},
    {"weft_http_sent_bytes_total", C, N, "", AT(http.sent_bytes), NULL, "Bytes of answers."},
    {"weft_http_forwards_total", C, N, "", AT(counters.forwards), NULL,
     "Writes that were forwarded to the leader."},
    {"weft_http_list_streams", G, N, "", AT(list_streams), NULL, "Lists that are being streamed."},
    {"weft_http_snapshot_streams", G, N, "", AT(snapshot_streams), NULL,
     "Snapshots that are being downloaded."},

    {"weft_watchers", G, N, "", AT(watchers), NULL, "Watches and long polls."},
    {"weft_watchers_behind", G, N, "", AT(watchers_behind), NULL,
     "Watches that catch up from the history."},
    {"weft_watch_events_total", C, N, "", AT(watch_events), NULL,
     "Changes that were sent, to all watchers together."},
    {"weft_watch_bookmarks_total", C, N, "", AT(watch_bookmarks), NULL,
     "Bookmarks that were sent."},
    {"weft_watches_ended_total", C, N, "", 0, write_ended,
     "Watches that this server ended, by the problem's code."},
    {"weft_watch_delivery_duration_seconds", H, US, "", AT(counters.delivery), NULL,
     "Handing the changes of one commit to all live watchers."},

    {"weft_raft_term", G, N, "", AT(status.term), NULL, "The current term."},
    {"weft_raft_is_leader", G, N, "", AT(is_leader), NULL, "1 on the leader."},
    {"weft_raft_has_leader", G, N, "", AT(has_leader), NULL, "1 while a leader is known."},
    {"weft_raft_leader_silence_seconds", G, MS, "", AT(leader_silence_ms), NULL,
     "Time since the leader was heard; 0 on the leader."},
    {"weft_raft_leader_changes_total", C, N, "", AT(replica.leader_changes), NULL,
     "Times that another leader than the last one became known."},
    {"weft_raft_elections_total", C, N, "", AT(replica.elections), NULL,
     "Times that this server stood for election."},
    {"weft_raft_voters", G, N, "", AT(voters), NULL, "Members that vote."},
    {"weft_raft_voters_reachable", G, N, "", AT(voters_reachable), NULL,
     "Voters that were heard lately, this server included."},
    {"weft_raft_first_index", G, N, "", AT(status.first_index), NULL,
     "Oldest log entry that is kept."},
    {"weft_raft_commit_index", G, N, "", AT(status.commit_index), NULL,
     "Newest log entry that is known to be committed."},
    {"weft_raft_applied_index", G, N, "", AT(status.applied_index), NULL,
     "Newest log entry that is applied to the store."},
    {"weft_raft_last_index", G, N, "", AT(status.last_index), NULL, "Newest log entry."},
    {"weft_raft_log_entries_total", C, N, "", AT(replica.log_entries), NULL,
     "Entries that were appended to the log."},
    {"weft_raft_log_bytes_total", C, N, "", AT(replica.log_bytes), NULL, "Bytes of these entries."},
    {"weft_raft_log_syncs_total", C, N, "", AT(replica.log_writes), NULL,
     "Writes to the log, each with one sync."},
    {"weft_raft_log_write_duration_seconds", H, US, "", AT(replica.log_write), NULL,
     "Writing and syncing the log once."},
    {"weft_raft_proposals_total", C, N, "", AT(replica.commands), NULL,
     "Commands that were proposed here and applied."},
    {"weft_raft_proposal_batches_total", C, N, "", AT(replica.batches), NULL,
     "Log entries that these commands came in."},
    {"weft_raft_proposals_pending", G, N, "", AT(replica.queued), NULL,
     "Commands that wait or are in flight."},
    {"weft_raft_proposal_duration_seconds", H, US, "", AT(replica.proposal), NULL,
     "From a command's arrival until it is applied here."},
    {"weft_raft_applied_entries_total", C, N, "", AT(replica.applied_entries), NULL,
     "Entries that were applied to the store."},
    {"weft_raft_apply_duration_seconds", H, US, "", AT(replica.apply), NULL,
     "Applying the entries of one store transaction."},
    {"weft_raft_reads_total", C, N, "", AT(replica.reads), NULL,
     "Linearizable reads that were confirmed."},
    {"weft_raft_reads_pending", G, N, "", AT(replica.reads_waiting), NULL,
     "Linearizable reads that wait to be confirmed."},
    {"weft_raft_read_duration_seconds", H, US, "", AT(replica.read), NULL,
     "From a read's arrival until it is confirmed and the store has caught up."},
    {"weft_raft_turn_duration_seconds", H, US, "", AT(replica.turn), NULL,
     "The replica's part of one turn of the loop."},
    {"weft_raft_snapshot_index", G, N, "", AT(status.snapshot_index), NULL,
     "Log entry that the newest snapshot ends with; 0: there is none."},
    {"weft_raft_snapshot_size_bytes", G, N, "", AT(status.snapshot_size), NULL,
     "Size of the newest snapshot."},
    {"weft_raft_snapshots_taken_total", C, N, "", AT(status.snapshots_taken), NULL,
     "Snapshots that this server took."},
    {"weft_raft_snapshots_installed_total", C, N, "", AT(status.snapshots_fetched), NULL,
     "Snapshots that this server got from another member."},
    {"weft_raft_snapshot_chunks_sent_total", C, N, "", AT(status.chunks_shipped), NULL,
     "Chunks of snapshots that were sent to other members."},
    {"weft_raft_snapshot_fetching", G, N, "", AT(is_fetching), NULL,
     "1 while a snapshot is on its way here."},
    {"weft_raft_peer_reachable", G, N, "", 0, write_peers,
     "1 while the member was heard within an election timeout."},
    {"weft_raft_peer_lag_entries", G, N, "", PEER(lag_entries), write_peers,
     "On the leader: entries that the member does not have."},
    {"weft_raft_peer_round_trip_seconds", G, US, "", PEER(rtt_us), write_peers,
     "Mean round trip to the member; 0 until it is measured."},
    {"weft_raft_peer_sent_messages_total", C, N, "", PEER(traffic.sent_messages), write_peers,
     "Messages to the member."},
    {"weft_raft_peer_sent_bytes_total", C, N, "", PEER(traffic.sent_bytes), write_peers,
     "Bytes to the member."},
    {"weft_raft_peer_received_messages_total", C, N, "", PEER(traffic.received_messages),
     write_peers, "Messages from the member."},
    {"weft_raft_peer_received_bytes_total", C, N, "", PEER(traffic.received_bytes), write_peers,
     "Bytes from the member."},
    {"weft_raft_peer_dropped_messages_total", C, N, "", PEER(traffic.dropped_messages), write_peers,
     "Messages that found no connection, or no room in its queue."},

    {"weft_store_revision", G, N, "", AT(revision), NULL, "Revision of the newest change."},
    {"weft_store_compact_revision", G, N, "", AT(compact_revision), NULL,
     "Changes up to this revision are no longer kept."},
    {"weft_store_history_events", G, N, "", AT(event_count), NULL,
     "Changes that are kept for watches."},
    {"weft_store_size_bytes", G, N, "", AT(store_size), NULL,
     "All records, history and indexes included: what the quota bounds."},
    {"weft_store_quota_bytes", G, N, "", AT(quota_size), NULL,
     "What the store may grow to; 0: no bound."},
    {"weft_store_keys", G, N, "", AT(counts.objects), NULL, "Keys of all kinds."},
    {"weft_store_subnets_held", G, N, "", AT(counts.subnets), NULL,
     "Subnets that are leased or reserved, of all networks."},
    {"weft_store_subnets_freed", G, N, "", AT(counts.freed_subnets), NULL,
     "Subnets that were leased before, and are free or resting."},
    {"weft_store_leases", G, N, "", AT(counts.leases), NULL, "TTL leases."},
    {"weft_store_lease_keys", G, N, "", AT(counts.lease_keys), NULL,
     "Keys that are attached to TTL leases."},
    {"weft_store_idempotency_keys", G, N, "", AT(counts.once), NULL,
     "Idempotency keys that are remembered."},
    {"weft_store_log_time_seconds", G, MS, "", AT(log_time_ms), NULL,
     "Log time of the newest entry: the cluster's clock for leases."},
};
/* clang-format on */

static const void *at(const void *base, size_t offset) {
    return (const char *)base + offset;
}

static void write_build(const struct metric_row *row, const struct scrape *scrape,
                        struct buf *out) {
    struct buf labels;
    buf_init(&labels);
    metrics_text_label("version", WEFT_VERSION, &labels);
    metrics_text_label("server", scrape->api->options.name, &labels);
    metrics_text_label("cluster", scrape->status.cluster_id, &labels);
    metrics_text_value(row->name, buf_text(&labels), 1, row->unit, out);
    buf_deinit(&labels);
}

/* 1xx are none: 100 Continue is not the answer. */
static void write_answers(const struct metric_row *row, const struct scrape *scrape,
                          struct buf *out) {
    for (unsigned method = 0; method <= METHOD_OTHER; method++) {
        for (unsigned class = 2; class < SERVER_STATUS_CLASSES; class ++) {
            char labels[64];
            (void)snprintf(labels, sizeof labels, "method=\"%s\",status=\"%uxx\"",
                           method_name((enum method)method), class); /* fits */
            metrics_text_value(row->name, labels, scrape->http.answers[method][class], row->unit,
                               out);
        }
    }
}

static void write_ended(const struct metric_row *row, const struct scrape *scrape,
                        struct buf *out) {
    static const enum err reasons[] = {ERR_COMPACTED, ERR_NO_LEADER, ERR_NO_QUORUM, ERR_OVERLOADED};
    for (unsigned i = 0; i < ARRAY_COUNT(reasons); i++) {
        char labels[64];
        (void)snprintf(labels, sizeof labels, "reason=\"%s\"", err_code(reasons[i])); /* fits */
        metrics_text_value(row->name, labels, scrape->api->hub.ended[reasons[i]], row->unit, out);
    }
}

/* Of each other member; a row without a place says whether it is reachable. */
static void write_peers(const struct metric_row *row, const struct scrape *scrape,
                        struct buf *out) {
    for (unsigned i = 0; i < scrape->status.member_count; i++) {
        const struct member_status *member = &scrape->status.members[i];
        struct buf labels;
        if (member->member.id == scrape->status.id) {
            continue;
        }
        buf_init(&labels);
        metrics_text_label("peer", member->member.name, &labels);
        uint64_t value = row->offset == 0 ? member->state != MEMBER_UNREACHABLE
                                          : *(const uint64_t *)at(member, row->offset);
        metrics_text_value(row->name, buf_text(&labels), value, row->unit, out);
        buf_deinit(&labels);
    }
}

void metrics_write(const struct scrape *scrape, struct buf *out) {
    const char *last = "";
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct metric_row *row = &rows[i];
        if (strcmp(row->name, last) != 0) {
            metrics_text_head(row->name, row->type, row->help, out);
            last = row->name;
        }
        if (row->write != NULL) {
            row->write(row, scrape, out);
        } else if (row->type == METRIC_HISTOGRAM) {
            metrics_text_histogram(row->name, row->labels, at(scrape, row->offset), out);
        } else {
            metrics_text_value(row->name, row->labels, *(const uint64_t *)at(scrape, row->offset),
                               row->unit, out);
        }
    }
}
