/* GET /metrics: the numbers of one moment, gathered from who counts them. Answered locally, also
 * without a quorum. */
#include "api/handlers.h"
#include "api/metrics.h"

#include <string.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum route_class metrics_class_of(const struct route *route) {
    if ((route->flags & ROUTE_WRITE) != 0) {
        return ROUTE_CLASS_WRITE;
    }
    if ((route->params & PARAM_LIMIT) != 0) {
        return ROUTE_CLASS_LIST;
    }
    if ((route->params & PARAM_PREFIXES) != 0) {
        return ROUTE_CLASS_WATCH;
    }
    return (route->params & PARAM_MIN_REVISION) != 0 ? ROUTE_CLASS_READ : ROUTE_CLASS_LOCAL;
}

static uint64_t count_nodes(const struct list *list) {
    uint64_t count = 0;
    LIST_FOR_EACH(list, node) {
        count++;
    }
    return count;
}

static void read_store(struct store *store, struct scrape *scrape) {
    struct store_read read;
    if (store_read_begin(store, &read) == ERR_OK) {
        store_count(&read, &scrape->counts);
        store_read_end(&read);
    }
    scrape->revision = store_revision(store);
    scrape->compact_revision = store_compact_revision(store);
    scrape->event_count = store_event_count(store);
    scrape->store_size = store_size(store);
    scrape->log_time_ms = store_log_time_ms(store);
}

static void read_replica(struct api *api, struct scrape *scrape) {
    struct replica *replica = api->options.replica;
    replica_status(replica, &scrape->status);
    replica_counters(replica, &scrape->replica);
    scrape->is_ready = cluster_is_ready(&scrape->status);
    scrape->is_leader = scrape->status.is_leader;
    scrape->has_leader = scrape->status.leader_id != 0;
    scrape->is_fetching = scrape->status.is_fetching;
    scrape->leader_silence_ms = replica_stale_ms(replica);
    scrape->voters = scrape->status.voters;
    scrape->voters_reachable = scrape->status.reachable;
}

static void read_process(const struct clock *clock, struct scrape *scrape) {
    process_usage_read(&scrape->process);
    uint64_t age_ms = clock_boot_ms(clock) - scrape->process.started_ms;
    scrape->process_started_ms = (uint64_t)clock_wall_ms(clock) - age_ms;
}

void scrape_read(struct api *api, struct scrape *out_scrape) {
    struct scrape *scrape = out_scrape;
    *scrape = (struct scrape){.api = api,
                              .http = *server_counters(api->server),
                              .counters = api->counters,
                              .connections = server_connection_count(api->server) +
                                             server_long_stream_count(api->server),
                              .watchers = api->hub.count,
                              .watchers_behind = count_nodes(&api->hub.behind),
                              .watch_events = api->hub.events,
                              .watch_bookmarks = api->hub.bookmarks,
                              .list_streams = api->list_count,
                              .snapshot_streams = api->snapshot_count,
                              .requests = count_nodes(&api->requests)};
    read_process(api->options.clock, scrape);
    read_replica(api, scrape);
    read_store(api->options.store, scrape);
    scrape->quota_size = api->options.quota_size;
}

void handle_metrics(struct request *request) {
    struct scrape *scrape = arena_alloc(request->arena, sizeof *scrape);
    struct buf body;
    scrape_read(request->api, scrape);
    buf_init(&body);
    metrics_write(scrape, &body);
    request_reply(request, 200, METRICS_TYPE, 0, buf_slice(&body));
    buf_deinit(&body);
}
