/* Metrics: what this server counts, in Prometheus' text format 0.0.4. One table of rows
 * (metrics.c) names every series; a scrape copies all numbers at one moment and walks the table.
 * Whoever does the work counts it in plain integers where it happens (serve/, raft/, the watch
 * hub), and nothing decides by them. */
#ifndef WEFT_API_METRICS_H
#define WEFT_API_METRICS_H

#include "raft/replica.h"
#include "serve/serve.h"
#include "store/store.h"
#include "util/histogram.h"
#include "util/process.h"

struct api;
struct request;
struct route;

/* Requests that take alike. */
enum route_class {
    ROUTE_CLASS_READ,
    ROUTE_CLASS_WRITE,
    ROUTE_CLASS_LIST,
    ROUTE_CLASS_WATCH, /* long polls too: their time is the client's wish */
    ROUTE_CLASS_LOCAL, /* health, metrics and the like: answered without the replica */
    ROUTE_CLASS_COUNT
};
enum route_class metrics_class_of(const struct route *route);

/* What the API counts itself. */
struct api_counters {
    struct histogram durations[ROUTE_CLASS_COUNT]; /* until the answer begins */
    struct histogram delivery; /* of one commit's changes to all live watchers */
    uint64_t forwards;
};

/* All numbers of one moment. */
struct scrape {
    const struct api *api;
    struct process_usage process;
    struct replica_status status;
    struct replica_counters replica;
    struct server_counters http;
    struct api_counters counters;
    uint64_t process_started_ms; /* wall clock */
    uint64_t one;
    uint64_t connections;
    uint64_t is_ready;
    uint64_t is_leader;
    uint64_t has_leader;
    uint64_t leader_silence_ms;
    uint64_t is_fetching;
    uint64_t watchers;
    uint64_t watchers_behind;
    uint64_t watch_events;
    uint64_t watch_bookmarks;
    uint64_t list_streams;
    uint64_t snapshot_streams;
    uint64_t requests;
    uint64_t voters;
    uint64_t voters_reachable;
    uint64_t revision;
    uint64_t compact_revision;
    uint64_t event_count;
    uint64_t store_size;
    uint64_t quota_size;
    struct store_counts counts;
    uint64_t log_time_ms;
};

void metrics_write(const struct scrape *scrape, struct buf *out);
void scrape_read(struct api *api, struct scrape *out_scrape);

#endif
