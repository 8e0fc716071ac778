#include "api/leader.h"

#include "api/request.h"

static void look(struct alarm *alarm);

void leader_waits_init(struct api *api) {
    list_init(&api->leader_waits);
    alarm_init(&api->leader_look, api->alarms, look);
}

static void look_later(struct api *api) {
    if (list_is_empty(&api->leader_waits)) {
        alarm_clear(&api->leader_look);
    } else {
        alarm_set(&api->leader_look, alarm_clock_now(api->alarms) + LIMIT_LEADER_LOOK_MS);
    }
}

void leader_await(struct request *request) {
    struct api *api = request->api;
    if (request_is_forwarded(request) || replica_has_lost_quorum(api->options.replica)) {
        request_fail_leaderless(request);
        return;
    }
    list_append(&api->leader_waits, &request->leader_node);
    request_start_wait(request, WAIT_LEADER);
    if (list_is_empty(&api->leader_look.node)) {
        look_later(api);
    }
}

/* Takes all out first: who waits again is not met twice. */
static void try_again(struct api *api, struct list *due) {
    struct list *node;
    list_move_all(&api->leader_waits, due);
    while ((node = list_take_first(due)) != NULL) {
        struct request *request = CONTAINER_OF(node, struct request, leader_node);
        request_end_wait(request);
        request_run_again(request);
    }
    look_later(api);
}

static void look(struct alarm *alarm) {
    struct api *api = CONTAINER_OF(alarm, struct api, leader_look);
    const struct replica *replica = api->options.replica;
    struct list due;
    list_init(&due);
    if (replica_leader(replica) != NULL || replica_has_lost_quorum(replica)) {
        try_again(api, &due);
    } else {
        look_later(api);
    }
}

void leader_changed(struct api *api) {
    struct list due;
    list_init(&due);
    if (replica_leader(api->options.replica) == NULL) {
        return;
    }
    forward_recall(api, &due);
    try_again(api, &due);
}
