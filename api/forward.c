#include "api/forward.h"

#include "api/leader.h"
#include "api/request.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* Our own deadline decides; the call's is only a backstop. */
#define CALL_SLACK_MS 500u

void forwarder_init(struct forwarder *forwarder, struct uv_loop_s *loop) {
    *forwarder = (struct forwarder){.pool = call_pool_open(loop)};
}

void forwarder_close(struct forwarder *forwarder, void (*closed)(void *owner), void *owner) {
    for (unsigned i = 0; i < forwarder->target_count; i++) {
        free(forwarder->targets[i]);
    }
    forwarder->target_count = 0;
    call_pool_close(forwarder->pool, closed, owner);
}

/* The leader's address, parsed once. NULL: its URL cannot be used, or there were too many. */
static struct forward_target *find_target(struct forwarder *forwarder, const char *url,
                                          struct problem *problem) {
    for (unsigned i = 0; i < forwarder->target_count; i++) {
        if (strcmp(forwarder->targets[i]->url, url) == 0) {
            return forwarder->targets[i];
        }
    }
    if (forwarder->target_count == LIMIT_RAFT_MEMBERS_MAX) {
        problem_set(problem, ERR_INTERNAL, "too many leaders' addresses were seen");
        return NULL;
    }
    struct forward_target *target = must_alloc_zeroed(1, sizeof *target);
    snprintf(target->url, sizeof target->url, "%s", url);
    if (server_list_parse(url, &target->servers, problem) != ERR_OK) {
        free(target);
        return NULL;
    }
    forwarder->targets[forwarder->target_count++] = target;
    return target;
}

/* The leader did not take it, or its key makes another try safe. */
static bool is_for_another_try(const struct request *request, const struct problem *problem) {
    switch (problem->err) {
    case ERR_NO_LEADER:
    case ERR_NO_QUORUM:
    case ERR_COMMIT_TIMEOUT:
    case ERR_UNREACHABLE:
    case ERR_CLOSED:
    case ERR_TIMEOUT:
        return problem->outcome == WRITE_OUTCOME_NOT_APPLIED || request_is_repeatable(request);
    default:
        return false;
    }
}

/* What it says of itself is true, and an earlier try's outcome is still open. */
static bool is_too_sure(const struct request *request, const struct problem *problem) {
    return request->may_have_happened && problem->outcome == WRITE_OUTCOME_NOT_APPLIED &&
           err_retryable(problem->err);
}

static void call_done(struct call *call, void *owner, enum err err) {
    struct request *request = owner;
    const struct problem *problem = &call->problem;
    request_end_wait(request);
    if (err != ERR_OK && is_for_another_try(request, problem)) {
        request->may_have_happened |= problem->outcome != WRITE_OUTCOME_NOT_APPLIED;
        leader_await(request);
    } else if (err != ERR_OK && is_too_sure(request, problem)) {
        request_fail_unknown(request, problem->detail);
    } else if (call->answer.status != 0 && call->answer.message != NULL) {
        request_pass_on(request, &call->answer);
    } else if (problem->outcome == WRITE_OUTCOME_NOT_APPLIED) {
        request->problem.retry_after_s = 1;
        request_fail(request, ERR_OVERLOADED, "the leader could not be asked: %s", problem->detail);
    } else {
        request_fail_unknown(request, problem->detail);
    }
}

void forward_recall(struct api *api, struct list *out_requests) {
    const struct member *leader = replica_leader(api->options.replica);
    LIST_FOR_EACH(&api->requests, node) {
        struct request *request = CONTAINER_OF(node, struct request, node);
        if (request->wait != WAIT_FORWARD ||
            strcmp(request->forwarded_to->url, leader->api_url) == 0) {
            continue;
        }
        bool was_sent = request->call->state != CALL_STATE_WAITING;
        if (was_sent && !request_is_repeatable(request)) {
            continue;
        }
        request->may_have_happened |= was_sent;
        call_cancel(request->call);
        request_end_wait(request);
        list_append(out_requests, &request->leader_node);
    }
}

static void copy_header(struct request *request, struct client_request *forwarded,
                        const char *name) {
    const char *value = http_find_header(request->message, name);
    if (value != NULL) {
        client_request_add_header(forwarded, name, value);
    }
}

static void fill_request(struct request *request, struct client_request *forwarded) {
    const struct http_message *message = request->message;
    const char *content_type = http_find_header(message, "content-type");
    *forwarded = (struct client_request){
        .method = message->method,
        .target = message->target,
        .body = message->body,
        .content_type = content_type,
        .timeout_ms = request->params.timeout_ms + CALL_SLACK_MS,
        .tries_once = true,
    };
    if (content_type == NULL && request->route->body == BODY_RAW) {
        forwarded->content_type = "application/octet-stream"; /* not the call's default */
    }
    if (content_type != NULL && message->body.size == 0) {
        client_request_add_header(forwarded, "content-type", content_type);
    }
    copy_header(request, forwarded, "if-match");
    copy_header(request, forwarded, "if-none-match");
    copy_header(request, forwarded, "idempotency-key");
    client_request_add_header(forwarded, "x-request-id", exchange_request_id(request->exchange));
    client_request_add_header(forwarded, FORWARDED_HEADER, request->api->options.name);
}

void forward_request(struct request *request) {
    struct api *api = request->api;
    const struct member *leader = replica_leader(api->options.replica);
    if (request_is_forwarded(request) || leader == NULL ||
        strcmp(leader->name, api->options.name) == 0) {
        leader_await(request);
        return;
    }
    struct forward_target *target =
        find_target(&api->forwarder, leader->api_url, &request->problem);
    if (target == NULL) {
        request_fail(request, ERR_INTERNAL, "the leader's API URL %.200s cannot be used",
                     leader->api_url);
        return;
    }
    struct client_request forwarded;
    api->counters.forwards++;
    fill_request(request, &forwarded);
    request->forwarded_to = target;
    request->call = arena_alloc(request->arena, sizeof *request->call);
    request_start_wait(request, WAIT_FORWARD);
    call_start(request->call, api->forwarder.pool, &target->servers, &forwarded, call_done,
               request);
}
