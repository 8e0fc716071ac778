/* The HTTP/JSON API of a server: every request from the exchange that serve/ hands over to the
 * answer. It owns the HTTP server, the watch hub, the pool of calls to the leader and the deadlines
 * of requests; the store and the replica are borrowed. Flow: serve -> api.c -> request.c ->
 * dispatch -> a handler (h_*.c) -> the replica or the store -> the answer. One loop, one thread. */
#ifndef WEFT_API_API_H
#define WEFT_API_API_H

#include "api/forward.h"
#include "api/metrics.h"
#include "api/watch.h"
#include "client/alarm.h"
#include "raft/replica.h"
#include "serve/serve.h"

struct uv_loop_s;
struct uv_idle_s;
struct uv_timer_s;

struct api_options {
    struct uv_loop_s *loop;
    const struct clock *clock;
    struct store *store;      /* borrowed; open */
    struct replica *replica;  /* borrowed; open */
    const char *name;         /* this server's; borrowed */
    uint64_t quota_size;      /* bytes that the store may have (store_size); 0: no bound */
    unsigned connections_max; /* 0: the bounds of util/limits.h */
    unsigned watchers_max;
};

/* Read by request.c and the handlers; api.c keeps it. */
struct api {
    struct api_options options;
    struct server *server;
    struct watch_hub hub;
    struct api_counters counters;
    struct forwarder forwarder;
    struct alarm_clock *alarms;
    struct list requests;        /* all that are not done */
    struct list revision_waits;  /* of requests: min_revision is not reached */
    struct list leader_waits;    /* of requests: nobody takes them (leader.c) */
    struct alarm leader_look;    /* set while some of these are there */
    struct list streams;         /* answers that are being written (body_stream.c) */
    unsigned list_count;         /* of them, lists */
    unsigned snapshot_count;     /* of them, snapshots */
    struct uv_idle_s *idle;      /* runs while a stream or a watcher has more to take */
    struct uv_timer_s *bookmark; /* BOOKMARKs for all watchers */
    unsigned open_handles;
    void (*closed)(void *owner);
    void *owner;
};

/* Owns: the caller, api_close. */
MUST_USE struct api *api_open(const struct api_options *options);
/* Serves on one more address. Errors: as server_listen. */
MUST_USE enum err api_listen(struct api *api, const struct socket_address *address,
                             unsigned unix_mode);
/* Ends watches with a last line, lets answers in progress finish (bounded), then frees the API and
 * calls back from the loop. */
void api_close(struct api *api, void (*closed)(void *owner), void *owner);
/* The store has applied more: call it after each commit. */
void api_applied(struct api *api);
/* This server's role, or the leader that it knows, has changed. */
void api_changed(struct api *api);
/* Somebody has room again: catch up in the turns that follow. */
void api_wake(struct api *api);

#endif
