#include "api/api.h"

#include "api/body_stream.h"
#include "api/leader.h"
#include "api/request.h"

#include <stdlib.h>
#include <uv.h>

#define CLOSE_TIMEOUT_MS 2000u /* for answers in progress when we stop */

/* One turn of what wants to go on: streams and watchers that catch up. */
static void turn(uv_idle_t *idle) {
    struct api *api = idle->data;
    bool streams_go_on = body_streams_turn(api);
    bool watchers_go_on = watch_hub_turn(&api->hub);
    if (!streams_go_on && !watchers_go_on) {
        int result = uv_idle_stop(idle);
        CHECK(result == 0);
    }
}

void api_wake(struct api *api) {
    if (list_is_empty(&api->streams) && list_is_empty(&api->hub.behind)) {
        return;
    }
    int result = uv_idle_start(api->idle, turn);
    CHECK(result == 0);
}

/* A watcher of a server that is cut off hears nothing and does not know it: it is told. */
static void end_if_cut_off(struct api *api) {
    struct problem problem;
    msec_t stale_ms = replica_stale_ms(api->options.replica);
    if (stale_ms < LIMIT_WATCH_STALE_MS) {
        return;
    }
    problem_init(&problem);
    problem.retry_after_s = 1;
    problem_set(&problem, ERR_NO_QUORUM, "%s has heard of no leader for %llu ms", api->options.name,
                (unsigned long long)stale_ms);
    problem_set_hint(&problem, "Watch again, from the last revision, on another server.");
    watch_hub_end_all(&api->hub, &problem);
}

static void bookmark(uv_timer_t *timer) {
    struct api *api = timer->data;
    end_if_cut_off(api);
    watch_hub_bookmark(&api->hub);
}

struct api *api_open(const struct api_options *options) {
    struct api *api = must_alloc_zeroed(1, sizeof *api);
    api->options = *options;
    watch_hub_init(&api->hub, options->store);
    if (options->watchers_max > 0) {
        api->hub.count_max = options->watchers_max;
    }
    forwarder_init(&api->forwarder, options->loop);
    api->alarms = alarm_clock_open(options->loop);
    list_init(&api->requests);
    list_init(&api->revision_waits);
    leader_waits_init(api);
    list_init(&api->streams);
    api->idle = must_alloc(sizeof *api->idle);
    api->bookmark = must_alloc(sizeof *api->bookmark);
    api->idle->data = api;
    api->bookmark->data = api;
    int result = uv_idle_init(options->loop, api->idle);
    CHECK(result == 0);
    result = uv_timer_init(options->loop, api->bookmark);
    CHECK(result == 0);
    /* Half the promised time: a late turn of the loop breaks no promise. */
    result = uv_timer_start(api->bookmark, bookmark, LIMIT_WATCH_BOOKMARK_MS / 2,
                            LIMIT_WATCH_BOOKMARK_MS / 2);
    CHECK(result == 0);
    struct server_options server_options = {
        .loop = options->loop,
        .clock = options->clock,
        .requested = request_begin,
        .owner = api,
        .limits = {.close_timeout_ms = CLOSE_TIMEOUT_MS,
                   .connections_max = options->connections_max}};
    api->server = server_new(&server_options);
    return api;
}

enum err api_listen(struct api *api, const struct socket_address *address, unsigned unix_mode) {
    return server_listen(api->server, address, unix_mode);
}

/* Requests whose revision has come are collected first and answered after. */
static void resume_reached(struct api *api) {
    struct list due;
    uint64_t revision = store_revision(api->options.store);
    list_init(&due);
    LIST_FOR_EACH(&api->revision_waits, node) {
        struct request *request = CONTAINER_OF(node, struct request, revision_node);
        if (request->params.min_revision <= revision) {
            list_remove(node);
            list_append(&due, node);
        }
    }
    struct list *node;
    while ((node = list_take_first(&due)) != NULL) {
        request_revision_reached(CONTAINER_OF(node, struct request, revision_node));
    }
}

static void deliver_changes(struct api *api) {
    const struct clock *clock = api->options.clock;
    if (list_is_empty(&api->hub.live)) {
        watch_hub_applied(&api->hub);
        return;
    }
    uint64_t since_us = clock_boot_us(clock);
    watch_hub_applied(&api->hub);
    histogram_add(&api->counters.delivery, clock_boot_us(clock) - since_us);
}

void api_applied(struct api *api) {
    resume_reached(api);
    deliver_changes(api);
    api_wake(api);
}

void api_changed(struct api *api) {
    leader_changed(api);
}

/* --- Closing: the server, then the calls, then the handles. --- */

static void part_closed(void *owner) {
    struct api *api = owner;
    CHECK(api->open_handles > 0);
    if (--api->open_handles > 0) {
        return;
    }
    void (*closed)(void *) = api->closed;
    void *closed_owner = api->owner;
    free(api);
    closed(closed_owner);
}

static void handle_closed(uv_handle_t *handle) {
    void *api = handle->data;
    free(handle);
    part_closed(api);
}

static void server_gone(void *owner) {
    struct api *api = owner;
    CHECK(list_is_empty(&api->requests));
    alarm_clear(&api->leader_look);
    api->open_handles = 4;
    forwarder_close(&api->forwarder, part_closed, api);
    alarm_clock_close(api->alarms, part_closed, api);
    uv_close((uv_handle_t *)api->idle, handle_closed);
    uv_close((uv_handle_t *)api->bookmark, handle_closed);
}

void api_close(struct api *api, void (*closed)(void *owner), void *owner) {
    struct problem problem;
    api->closed = closed;
    api->owner = owner;
    problem_init(&problem);
    problem.retry_after_s = 1;
    problem_set(&problem, ERR_NO_LEADER, "%s is shutting down", api->options.name);
    problem_set_hint(&problem, "Watch again, from the last revision, on another server.");
    watch_hub_end_all(&api->hub, &problem);
    server_close(api->server, server_gone, api);
}
