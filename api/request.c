/* The happy path: request_begin reads and dispatches; the handler checks, then waits for a read, a
 * decision or the leader; the wait ends, `resume` builds the answer; finish takes all back. Then
 * each way to fail: refused while reading, refused by the handler, the wait failed, the deadline
 * passed (late), the client gone. */
#include "api/request.h"

#include "api/h_list.h"
#include "api/render.h"

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

static bool is_write(const struct request *request) {
    return request->route != NULL && (request->route->flags & ROUTE_WRITE) != 0;
}

/* --- Reading. --- */

static void request_gone(struct exchange *exchange, void *owner);
static void request_drained(struct exchange *exchange, void *owner);
static void deadline_passed(struct alarm *alarm);

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
    alarm_init(&request->deadline, api->alarms, deadline_passed);
    list_append(&api->requests, &request->node);
    exchange_set_handlers(exchange, &exchange_callbacks, request);
    if (read_request(request) != ERR_OK) {
        request_refuse(request);
        return;
    }
    move(request, REQUEST_CHECKING);
    request->route->handle(request);
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

msec_t request_remaining_ms(const struct request *request) {
    msec_t now_ms = alarm_clock_now(request->api->alarms);
    return request->deadline.at_ms > now_ms ? request->deadline.at_ms - now_ms : 0;
}

void request_start_wait(struct request *request, enum request_wait wait, msec_t timeout_ms) {
    alarm_set(&request->deadline, alarm_clock_now(request->api->alarms) + timeout_ms);
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

static void read_step(struct request *request);

static void read_ready(struct read_request *read, enum err err) {
    struct request *request = CONTAINER_OF(read, struct request, read);
    request_end_wait(request);
    if (err == ERR_OK) {
        request->is_confirmed = true;
        read_step(request);
    } else if (err == ERR_NO_LEADER || err == ERR_NO_QUORUM) {
        request_fail_leaderless(request, WRITE_OUTCOME_NONE);
    } else {
        request_fail(request, err, "the read could not be confirmed");
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
        request_start_wait(request, WAIT_READ, params->timeout_ms);
        replica_read(api->options.replica, &request->read);
        return;
    }
    if (store_revision(api->options.store) < params->min_revision) {
        list_append(&api->revision_waits, &request->revision_node);
        request_start_wait(request, WAIT_REVISION, params->timeout_ms);
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
    request_start_wait(request, WAIT_CHANGE, wait_ms);
    api_wake(api);
}

static void fill_undecided(struct request *request, enum err err) {
    struct problem *problem = &request->problem;
    problem->outcome =
        err == ERR_COMMIT_TIMEOUT ? WRITE_OUTCOME_UNKNOWN : WRITE_OUTCOME_NOT_APPLIED;
    if (err == ERR_COMMIT_TIMEOUT) {
        problem_set(problem, err, "leadership was lost before the write was decided");
    } else if (err == ERR_OVERLOADED) {
        problem->retry_after_s = 1;
        problem_set(problem, err, "too many writes wait for their turn");
    } else {
        problem_set(problem, err, "%s", err_title(err));
    }
}

/* The state machine has decided against it. */
static void refuse_decided(struct request *request) {
    struct outcome *outcome = request->outcome;
    request->problem = outcome->problem;
    request->problem.outcome = WRITE_OUTCOME_NOT_APPLIED;
    if (outcome->has_current) {
        request->problem.current = render_to_arena(&outcome->current, request->arena);
    }
    request_refuse(request);
}

static void proposal_decided(struct proposal *proposal, enum err err) {
    struct request *request = CONTAINER_OF(proposal, struct request, proposal);
    request_end_wait(request);
    if (err == ERR_NO_LEADER || err == ERR_NO_QUORUM) {
        request_fail_leaderless(request, WRITE_OUTCOME_NOT_APPLIED);
    } else if (err != ERR_OK) {
        fill_undecided(request, err);
        request_refuse(request);
    } else if (request->outcome->problem.err != ERR_OK) {
        refuse_decided(request);
    } else {
        request->resume(request);
    }
}

void request_write(struct request *request, enum command_id command, const void *arguments,
                   request_resume_cb resume_) {
    struct replica *replica = request->api->options.replica;
    if (!replica_is_leader(replica)) {
        forward_request(request);
        return;
    }
    request->resume = resume_;
    command_encode(command, arguments, &request->command);
    request->outcome = arena_alloc(request->arena, sizeof *request->outcome);
    request->outcome->arena = request->arena;
    problem_init(&request->outcome->problem);
    request->proposal = (struct proposal){.command = buf_slice(&request->command),
                                          .outcome = request->outcome,
                                          .decided = proposal_decided};
    request_start_wait(request, WAIT_PROPOSAL, request->params.timeout_ms);
    replica_propose(replica, &request->proposal);
}

/* --- Late, and gone. --- */

static void fail_late(struct request *request, enum write_outcome outcome) {
    request->problem.outcome = outcome;
    request_fail(request, ERR_COMMIT_TIMEOUT, "no decision came within %" PRIu64 " ms",
                 request->params.timeout_ms);
}

static void fail_late_read(struct request *request) {
    struct replica_status status;
    replica_status(request->api->options.replica, &status);
    if (status.reachable < status.needed) {
        request_fail_leaderless(request, WRITE_OUTCOME_NONE);
    } else {
        request_fail(request, ERR_READ_TIMEOUT, "the read was not confirmed within %" PRIu64 " ms",
                     request->params.timeout_ms);
    }
}

static void deadline_passed(struct alarm *alarm) {
    struct request *request = CONTAINER_OF(alarm, struct request, deadline);
    enum request_wait wait = request->wait;
    /* A queued proposal is taken out of the queue; one in flight may happen yet. */
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
        request_fail(request, ERR_READ_TIMEOUT,
                     "revision %" PRIu64 " was not reached within %" PRIu64 " ms; this server is "
                     "at %" PRIu64,
                     request->params.min_revision, request->params.timeout_ms,
                     store_revision(request->api->options.store));
        break;
    case WAIT_PROPOSAL:
    case WAIT_FORWARD:
        fail_late(request, is_unsent ? WRITE_OUTCOME_NOT_APPLIED : WRITE_OUTCOME_UNKNOWN);
        break;
    case WAIT_CHANGE:
        request->resume(request);
        break;
    }
}

/* Nothing of the request is pending or held afterwards. Its memory is the exchange's. */
static void finish(struct request *request) {
    cancel_wait(request);
    watch_stop(&request->api->hub, &request->watcher);
    list_stream_release(request);
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
    if (is_write(request) && problem->outcome == WRITE_OUTCOME_NONE) {
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

void request_fail_leaderless(struct request *request, enum write_outcome outcome) {
    struct replica_status status;
    replica_status(request->api->options.replica, &status);
    bool has_quorum = status.reachable >= status.needed;
    request->problem.outcome = outcome;
    request->problem.retry_after_s = 1;
    request_fail(request, has_quorum ? ERR_NO_LEADER : ERR_NO_QUORUM,
                 "%s: %u of %u voters are reachable from %s, %u are needed",
                 has_quorum ? "no leader is known" : "a majority is out of reach", status.reachable,
                 status.voters, request->api->options.name, status.needed);
}

void request_stream(struct request *request, const char *content_type) {
    move(request, REQUEST_REPLYING);
    add_headers(request);
    exchange_begin_stream(request->exchange, 200, content_type);
}

void request_end_stream(struct request *request) {
    struct exchange *exchange = request->exchange;
    finish(request);
    exchange_end_stream(exchange);
}
