/* The happy path: request_begin reads and dispatches; the handler checks, then waits for a read, a
 * decision (write.c) or the leader (forward.c, leader.c); the wait ends, `resume` builds the
 * answer; finish takes all back. Then each way to fail: refused while reading, refused by the
 * handler, the wait failed, the deadline passed (late), the client gone. */
#include "api/request.h"

#include "api/body_stream.h"
#include "api/leader.h"
#include "api/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BIT(state) (1u << (state))

static const unsigned successors[] = {
    [REQUEST_READING] = BIT(REQUEST_CHECKING) | BIT(REQUEST_REPLYING) | BIT(REQUEST_DONE),
    [REQUEST_CHECKING] = BIT(REQUEST_WAITING) | BIT(REQUEST_REPLYING) | BIT(REQUEST_DONE),
    [REQUEST_WAITING] = BIT(REQUEST_WAITING) | BIT(REQUEST_REPLYING) | BIT(REQUEST_DONE),
    [REQUEST_REPLYING] = BIT(REQUEST_DONE),
    [REQUEST_DONE] = 0,
};

bool request_may_move(enum request_state from, enum request_state to) {
    return (successors[from] & BIT(to)) != 0;
}

/* What holds in each state. */
static bool is_consistent(const struct request *request) {
    bool has_wait = request->wait != WAIT_NONE;
    bool has_deadline = !list_is_empty(&request->deadline.node);
    switch (request->state) {
    case REQUEST_READING:
        return !has_wait;
    case REQUEST_CHECKING:
        return !has_wait && request->route != NULL;
    case REQUEST_WAITING:
        return has_wait && has_deadline;
    case REQUEST_REPLYING:
    case REQUEST_DONE:
        return !has_wait && !has_deadline;
    }
    return false;
}

static void move(struct request *request, enum request_state to) {
    CHECK(request_may_move(request->state, to));
    request->state = to;
    CHECK(is_consistent(request));
}

bool request_is_write(const struct request *request) {
    return request->route != NULL && (request->route->flags & ROUTE_WRITE) != 0;
}

bool request_is_repeatable(const struct request *request) {
    return !request_is_write(request) ||
           http_find_header(request->message, "idempotency-key") != NULL;
}

bool request_is_forwarded(const struct request *request) {
    return http_find_header(request->message, FORWARDED_HEADER) != NULL;
}

/* --- Reading. --- */

static void request_gone(struct exchange *exchange, void *owner);
static void request_drained(struct exchange *exchange, void *owner);
static void deadline_passed(struct alarm *alarm);
static void read_step(struct request *request);

static const struct exchange_handlers exchange_callbacks = {.gone = request_gone,
                                                            .drained = request_drained};

static enum err read_request(struct request *request) {
    const struct http_message *message = request->message;
    struct problem *problem = &request->problem;
    enum err err = http_parse_target(message->target, request->arena, &request->target, problem);
    if (err != ERR_OK && message->method != METHOD_GET && message->method != METHOD_HEAD) {
        problem->outcome = WRITE_OUTCOME_NOT_APPLIED; /* a write to who knows what */
    }
    if (err == ERR_OK) {
        err = dispatch_find(message->method, request->target.path, request->arena, &request->route,
                            problem);
    }
    if (err == ERR_OK) {
        err = params_read(&request->target, request->route->params, &request->params, problem);
    }
    return err == ERR_OK ? dispatch_check_message(request->route, message, problem) : err;
}

void request_begin(struct exchange *exchange, void *owner) {
    struct api *api = owner;
    struct arena *arena = exchange_arena(exchange);
    struct request *request = arena_alloc(arena, sizeof *request);
    request->api = api;
    request->exchange = exchange;
    request->arena = arena;
    request->message = exchange_message(exchange);
    request->state = REQUEST_READING;
    problem_init(&request->problem);
    buf_init(&request->command);
    list_init(&request->revision_node);
    list_init(&request->leader_node);
    alarm_init(&request->deadline, api->alarms, deadline_passed);
    list_append(&api->requests, &request->node);
    exchange_set_handlers(exchange, &exchange_callbacks, request);
    if (read_request(request) != ERR_OK) {
        request_refuse(request);
        return;
    }
    move(request, REQUEST_CHECKING);
    exchange_measure(exchange, &api->counters.durations[metrics_class_of(request->route)]);
    request->route->handle(request);
}

void request_run_again(struct request *request) {
    problem_init(&request->problem);
    request->is_confirmed = false;
    if (request_is_write(request)) {
        request->route->handle(request);
    } else {
        read_step(request);
    }
}

struct json *request_json(struct request *request) {
    struct json *json = NULL;
    struct json_fault fault;
    if (json_parse(request->message->body, &json, &fault) == ERR_OK) {
        return json;
    }
    request->problem.has_offset = true;
    request->problem.offset = fault.offset;
    request_fail(request, ERR_BAD_JSON, "the body is not JSON: %s at byte %zu", fault.message,
                 fault.offset);
    return NULL;
}

/* --- Waiting. --- */

void request_start_wait(struct request *request, enum request_wait wait) {
    if (request->until_ms == 0) {
        request->until_ms = alarm_clock_now(request->api->alarms) + request->params.timeout_ms;
    }
    alarm_set(&request->deadline, request->until_ms);
    request->wait = wait;
    move(request, REQUEST_WAITING);
}

void request_end_wait(struct request *request) {
    alarm_clear(&request->deadline);
    request->wait = WAIT_NONE;
}

/* Takes back what is pending, in any state. */
static void cancel_wait(struct request *request) {
    struct api *api = request->api;
    switch (request->wait) {
    case WAIT_NONE:
        break;
    case WAIT_READ:
        replica_cancel_read(api->options.replica, &request->read);
        break;
    case WAIT_REVISION:
        list_remove(&request->revision_node);
        break;
    case WAIT_LEADER:
        list_remove(&request->leader_node);
        break;
    case WAIT_PROPOSAL:
        replica_abandon(api->options.replica, &request->proposal);
        break;
    case WAIT_FORWARD:
        call_cancel(request->call);
        break;
    case WAIT_CHANGE:
        watch_stop(&api->hub, &request->watcher);
        break;
    }
    request_end_wait(request);
}

static void read_ready(struct read_request *read, enum err err) {
    struct request *request = CONTAINER_OF(read, struct request, read);
    request_end_wait(request);
    if (err == ERR_OK) {
        request->is_confirmed = true;
        read_step(request);
    } else if (err == ERR_OVERLOADED) {
        request->problem.retry_after_s = 1;
        request_fail(request, err, "too many reads wait for their turn");
    } else {
        leader_await(request);
    }
}

/* Confirms, then waits for min_revision, each only where it is asked for. */
static void read_step(struct request *request) {
    struct api *api = request->api;
    const struct params *params = &request->params;
    bool is_plain = params->consistency == NULL;
    bool needs_confirmation =
        is_plain ? params->min_revision == 0 : strcmp(params->consistency, "linearizable") == 0;
    if (needs_confirmation && !request->is_confirmed) {
        request->read.ready = read_ready;
        request_start_wait(request, WAIT_READ);
        replica_read(api->options.replica, &request->read);
        return;
    }
    if (store_revision(api->options.store) < params->min_revision) {
        list_append(&api->revision_waits, &request->revision_node);
        request_start_wait(request, WAIT_REVISION);
        return;
    }
    request->is_stale = !needs_confirmation;
    request->resume(request);
}

void request_read(struct request *request, request_resume_cb resume_) {
    request->resume = resume_;
    read_step(request);
}

void request_revision_reached(struct request *request) {
    request_end_wait(request);
    read_step(request);
}

bool request_view(struct request *request, struct store_read *out_read) {
    enum err err = store_read_begin(request->api->options.store, out_read);
    if (err != ERR_OK) {
        request_fail(request, ERR_INTERNAL, "the store cannot be read: %s", err_title(err));
        return false;
    }
    request->revision = out_read->revision;
    return true;
}

/* Called by the hub, which is in the midst of things: the wait ends in the loop, as if its time
 * were up. */
static void end_change_wait(struct request *request) {
    alarm_set(&request->deadline, alarm_clock_now(request->api->alarms));
}

static void change_seen(struct watcher *watcher, struct slice lines, bool has_changes) {
    (void)lines;
    struct request *request = CONTAINER_OF(watcher, struct request, watcher);
    if (has_changes) {
        watch_stop(&request->api->hub, watcher);
        end_change_wait(request);
    }
}

static size_t change_queued_size(const struct watcher *watcher) {
    (void)watcher;
    return 0;
}

/* Too much happened to tell, or the server stops: the list answers anyway. */
static void change_ended(struct watcher *watcher, const struct problem *problem) {
    (void)problem;
    end_change_wait(CONTAINER_OF(watcher, struct request, watcher));
}

static const struct watcher_handlers change_handlers = {
    .write = change_seen, .queued_size = change_queued_size, .ended = change_ended};

void request_wait_change(struct request *request, msec_t wait_ms, request_resume_cb resume_) {
    struct api *api = request->api;
    struct problem problem;
    problem_init(&problem);
    request->resume = resume_;
    enum err err = watch_check(&api->hub, request->watcher.revision, &problem);
    if (err == ERR_COMPACTED) {
        resume_(request); /* it changed long ago */
        return;
    }
    if (err != ERR_OK) {
        request->problem = problem;
        request_refuse(request);
        return;
    }
    request->watcher.handlers = &change_handlers;
    watch_start(&api->hub, &request->watcher);
    request->until_ms = alarm_clock_now(api->alarms) + wait_ms;
    request_start_wait(request, WAIT_CHANGE);
    api_wake(api);
}

/* --- Late, and gone. --- */

static void fail_late_read(struct request *request) {
    struct replica_status status;
    replica_status(request->api->options.replica, &status);
    if (status.reachable < status.needed || status.leader_id == 0) {
        request_fail_leaderless(request);
    } else {
        request_fail(request, ERR_READ_TIMEOUT, "the read was not confirmed within %" PRIu64 " ms",
                     request->params.timeout_ms);
    }
}

/* A queued proposal was taken out of the queue, a call that waits for its connection was not sent;
 * what is in flight may happen yet. */
static void fail_late_write(struct request *request, bool is_unsent) {
    if (is_unsent && !request->may_have_happened) {
        write_fail_unsent(request);
    } else {
        request_fail_unknown(request, "no decision came in time");
    }
}

static void fail_late_revision(struct request *request) {
    request_fail(request, ERR_READ_TIMEOUT,
                 "revision %" PRIu64 " was not reached within %" PRIu64 " ms; this server is at "
                 "%" PRIu64,
                 request->params.min_revision, request->params.timeout_ms,
                 store_revision(request->api->options.store));
}

static void deadline_passed(struct alarm *alarm) {
    struct request *request = CONTAINER_OF(alarm, struct request, deadline);
    enum request_wait wait = request->wait;
    bool is_unsent = (wait == WAIT_PROPOSAL && request->proposal.state == PROPOSAL_QUEUED) ||
                     (wait == WAIT_FORWARD && request->call->state == CALL_STATE_WAITING);
    cancel_wait(request);
    switch (wait) {
    case WAIT_NONE:
        CHECK(!"a deadline belongs to a wait");
        break;
    case WAIT_READ:
        fail_late_read(request);
        break;
    case WAIT_REVISION:
        fail_late_revision(request);
        break;
    case WAIT_LEADER:
        if (request_is_write(request)) {
            request_fail_leaderless(request);
        } else {
            fail_late_read(request);
        }
        break;
    case WAIT_PROPOSAL:
    case WAIT_FORWARD:
        fail_late_write(request, is_unsent);
        break;
    case WAIT_CHANGE:
        request->until_ms = 0; /* the list that follows has its own time */
        request->resume(request);
        break;
    }
}

/* Nothing of the request is pending or held afterwards. Its memory is the exchange's. */
static void finish(struct request *request) {
    cancel_wait(request);
    watch_stop(&request->api->hub, &request->watcher);
    body_stream_release(request);
    buf_deinit(&request->command);
    list_remove(&request->node);
    move(request, REQUEST_DONE);
}

static void request_gone(struct exchange *exchange, void *owner) {
    (void)exchange;
    finish(owner);
}

static void request_drained(struct exchange *exchange, void *owner) {
    (void)exchange;
    struct request *request = owner;
    api_wake(request->api);
}

/* --- Answering. --- */

static void add_headers(struct request *request) {
    struct api *api = request->api;
    struct replica *replica = api->options.replica;
    const struct member *leader = replica_leader(replica);
    uint64_t revision = request->revision;
    if (revision == 0) {
        revision = store_revision(api->options.store);
    }
    exchange_header(request->exchange, "X-Revision", "%" PRIu64, revision);
    exchange_header(request->exchange, "X-Term", "%" PRIu64, replica_term(replica));
    if (leader != NULL) {
        exchange_header(request->exchange, "X-Leader", "%s", leader->name);
    }
    exchange_header(request->exchange, "X-Served-By", "%s", api->options.name);
    if (request->params.dry_run) {
        exchange_header(request->exchange, "X-Dry-Run", "true");
    }
    if (request->is_stale) {
        exchange_header(request->exchange, "X-Stale-Ms", "%" PRIu64, replica_stale_ms(replica));
    }
}

void request_reply(struct request *request, int status, const char *content_type,
                   uint64_t etag_revision, struct slice body) {
    struct exchange *exchange = request->exchange;
    move(request, REQUEST_REPLYING);
    add_headers(request);
    if (etag_revision != 0) {
        exchange_header(exchange, "ETag", "\"%" PRIu64 "\"", etag_revision);
    }
    finish(request);
    exchange_reply(exchange, status, content_type, body);
}

void request_pass_on(struct request *request, const struct client_answer *answer) {
    static const char *const kept[] = {"etag", "retry-after"};
    struct exchange *exchange = request->exchange;
    move(request, REQUEST_REPLYING);
    request->revision = answer->revision;
    add_headers(request);
    for (unsigned i = 0; i < ARRAY_COUNT(kept); i++) {
        const char *value = http_find_header(answer->message, kept[i]);
        if (value != NULL) {
            exchange_header(exchange, i == 0 ? "ETag" : "Retry-After", "%s", value);
        }
    }
    finish(request);
    exchange_reply(exchange, answer->status, http_find_header(answer->message, "content-type"),
                   answer->body);
}

void request_refuse(struct request *request) {
    struct exchange *exchange = request->exchange;
    struct problem *problem = &request->problem;
    if (request_is_write(request) && problem->outcome == WRITE_OUTCOME_NONE) {
        problem->outcome = WRITE_OUTCOME_NOT_APPLIED;
    }
    move(request, REQUEST_REPLYING);
    add_headers(request);
    finish(request);
    exchange_refuse(exchange, problem); /* the problem lives in the arena until then */
}

void request_fail(struct request *request, enum err err, const char *format, ...) {
    char detail[sizeof request->problem.detail];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problem_set(&request->problem, err, "%s", detail);
    request_refuse(request);
}

void request_fail_unknown(struct request *request, const char *why) {
    request->problem.outcome = WRITE_OUTCOME_UNKNOWN;
    request_fail(request, ERR_COMMIT_TIMEOUT, "%s", why);
}

void request_fail_leaderless(struct request *request) {
    struct replica_status status;
    if (request->may_have_happened) {
        request_fail_unknown(request, "no leader answered in time, and an earlier try may have "
                                      "been applied");
        return;
    }
    replica_status(request->api->options.replica, &status);
    bool has_quorum = status.reachable >= status.needed;
    request->problem.retry_after_s = 1;
    request_fail(request, has_quorum ? ERR_NO_LEADER : ERR_NO_QUORUM,
                 "%s: %u of %u voters are reachable from %s, %u are needed",
                 has_quorum ? "no leader takes requests" : "a majority is out of reach",
                 status.reachable, status.voters, request->api->options.name, status.needed);
}

void request_stream(struct request *request, const char *content_type) {
    move(request, REQUEST_REPLYING);
    add_headers(request);
    exchange_begin_stream(request->exchange, 200, content_type);
}

struct exchange *request_hand_over(struct request *request) {
    struct exchange *exchange = request->exchange;
    move(request, REQUEST_REPLYING);
    add_headers(request);
    finish(request);
    return exchange;
}

void request_end_stream(struct request *request) {
    struct exchange *exchange = request->exchange;
    finish(request);
    exchange_end_stream(exchange);
}

void request_abort_stream(struct request *request) {
    struct exchange *exchange = request->exchange;
    finish(request);
    exchange_abort(exchange);
}
