/* A call's way, the good one first: call_start -> begin_try -> (pool.c connects) call_was_sent ->
 * call_was_answered -> end_call -> done. When a try fails, the retry rules decide in
 * follow_verdict: the next try now, the next try after a pause, or the end. */
#include "client/call.h"

#include "client/pool.h"

#include <stdio.h>
#include <string.h>

static void begin_try(struct call *call);

static msec_t remaining_ms(const struct call *call) {
    msec_t now_ms = alarm_clock_now(call->pool->alarms);
    return call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 0;
}

static void set_try_alarm(struct call *call, bool is_sent) {
    msec_t try_ms =
        retry_try_ms(&call->retry, call->servers, &call->request, is_sent, remaining_ms(call));
    alarm_set(&call->alarm, alarm_clock_now(call->pool->alarms) + try_ms);
}

/* Releases what the call holds; its memory is the owner's again. */
static void release(struct call *call) {
    call->state = CALL_STATE_IDLE;
    alarm_clear(&call->alarm);
    list_remove(&call->active_node);
    arena_deinit(&call->arena);
}

/* The callback may start the call again or free it: the refused body is moved aside until then. */
static void end_call(struct call *call) {
    enum err err = call->problem.err;
    struct buf refusal = call->refusal;
    buf_init(&call->refusal);
    release(call);
    call->done(call, call->owner, err);
    buf_deinit(&refusal);
}

static void forget_answer(struct call *call) {
    memset(&call->answer, 0, sizeof call->answer);
    buf_clear(&call->refusal);
}

static void follow_verdict(struct call *call, enum retry_verdict verdict) {
    switch (verdict) {
    case RETRY_END:
        end_call(call);
        break;
    case RETRY_NOW:
        forget_answer(call);
        begin_try(call);
        break;
    case RETRY_AFTER_PAUSE:
        forget_answer(call);
        call->state = CALL_STATE_PAUSING;
        alarm_set(&call->alarm, alarm_clock_now(call->pool->alarms) + call->retry.pause_ms);
        break;
    }
}

/* Ends from the loop, not from inside the owner's call_start. */
static void end_overloaded(struct call *call) {
    problem_init(&call->problem);
    problem_set(&call->problem, ERR_OVERLOADED, "%u calls wait for a connection to %s already",
                LIMIT_CALL_QUEUE_MAX, call->servers->items[call->retry.server].text);
    call->problem.outcome = retry_outcome(&call->retry, &call->request);
    call->state = CALL_STATE_ENDING;
    alarm_set(&call->alarm, alarm_clock_now(call->pool->alarms));
}

static void begin_try(struct call *call) {
    call->state = CALL_STATE_WAITING;
    set_try_alarm(call, false);
    const struct server_url *server = &call->servers->items[call->retry.server];
    if (pool_connect(call->pool, call, &server->address) != ERR_OK) {
        end_overloaded(call);
    }
}

static void try_timed_out(struct call *call) {
    char reason[64];
    bool was_sent = call->state == CALL_STATE_SENT;
    bool is_streaming = was_sent && call->answer.status != 0;
    snprintf(reason, sizeof reason, "%s in time",
             is_streaming ? "nothing more came"
             : was_sent   ? "no answer came"
                          : "no connection was made");
    pool_abandon(call);
    call_has_failed(call, was_sent, ERR_TIMEOUT, reason);
}

static void alarm_rang(struct alarm *alarm) {
    struct call *call = CONTAINER_OF(alarm, struct call, alarm);
    switch (call->state) {
    case CALL_STATE_WAITING:
    case CALL_STATE_SENT:
        try_timed_out(call);
        break;
    case CALL_STATE_PAUSING:
        begin_try(call);
        break;
    case CALL_STATE_ENDING:
        end_call(call);
        break;
    case CALL_STATE_IDLE:
        CHECK(!"an idle call has no alarm");
    }
}

void call_was_sent(struct call *call) {
    call->state = CALL_STATE_SENT;
    set_try_alarm(call, true);
}

void call_was_answered(struct call *call, const struct http_message *message) {
    client_answer_read(&call->answer, message);
    if (call->body != NULL) {
        call->answer.body = buf_slice(&call->refusal);
    }
    call->servers->first = call->retry.server;
    follow_verdict(call, retry_answered(&call->retry, call->servers, &call->request, &call->answer,
                                        remaining_ms(call), &call->problem));
}

/* A streamed answer that has begun is never tried again: its bytes are with the owner already. */
void call_has_failed(struct call *call, bool was_sent, enum err err, const char *reason) {
    bool has_begun = call->answer.status != 0;
    struct client_request once = call->request;
    once.tries_once |= has_begun;
    call->answer.message = NULL;
    follow_verdict(call, retry_no_answer(&call->retry, call->servers, &once, was_sent, err, reason,
                                         remaining_ms(call), &call->problem));
}

void call_met_stale_connection(struct call *call) {
    begin_try(call);
}

/* The first bytes of a 2xx body: the deadline has been met; from now on only silence counts. */
static void stream_begins(struct call *call, const struct http_message *message) {
    call->answer.status = message->status;
    call->servers->first = call->retry.server;
    alarm_clear(&call->alarm);
}

void call_got_body(struct call *call, const struct http_message *message, struct slice bytes) {
    if (message->status < 200 || message->status >= 300) {
        buf_append(&call->refusal, bytes.data, bytes.size);
        return;
    }
    if (call->answer.status == 0) {
        stream_begins(call, message);
    }
    if (call->request.idle_ms > 0) {
        alarm_set(&call->alarm, alarm_clock_now(call->pool->alarms) + call->request.idle_ms);
    }
    call->body(call, call->owner, bytes);
}

static void copy_request(struct call *call, const struct client_request *request) {
    struct arena *arena = &call->arena;
    arena_init(arena);
    call->request = *request;
    call->request.target = arena_strdup(arena, request->target);
    call->request.body = arena_copy(arena, request->body);
    if (request->content_type != NULL) {
        call->request.content_type = arena_strdup(arena, request->content_type);
    }
    for (unsigned i = 0; i < request->header_count; i++) {
        call->request.headers[i].name = arena_strdup(arena, request->headers[i].name);
        call->request.headers[i].value = arena_strdup(arena, request->headers[i].value);
    }
}

void call_start(struct call *call, struct call_pool *pool, struct server_list *servers,
                const struct client_request *request, call_done_cb done, void *owner) {
    call_start_stream(call, pool, servers, request, NULL, done, owner);
}

void call_start_stream(struct call *call, struct call_pool *pool, struct server_list *servers,
                       const struct client_request *request, call_body_cb body, call_done_cb done,
                       void *owner) {
    CHECK(!pool->is_closing && servers->count > 0);
    memset(&call->answer, 0, sizeof call->answer);
    problem_init(&call->problem);
    call->pool = pool;
    call->servers = servers;
    copy_request(call, request);
    retry_init(&call->retry, servers, rand_u64(&pool->rand));
    call->done = done;
    call->body = body;
    call->owner = owner;
    msec_t timeout_ms =
        request->timeout_ms > 0 ? request->timeout_ms : LIMIT_CALL_TIMEOUT_DEFAULT_MS;
    call->deadline_ms = alarm_clock_now(pool->alarms) + timeout_ms;
    alarm_init(&call->alarm, pool->alarms, alarm_rang);
    list_init(&call->node);
    list_append(&pool->active, &call->active_node);
    call->connection = NULL;
    buf_init(&call->refusal);
    begin_try(call);
}

void call_cancel(struct call *call) {
    if (call->state == CALL_STATE_IDLE) {
        return;
    }
    pool_abandon(call);
    buf_deinit(&call->refusal);
    release(call);
}

void call_end_closed(struct call *call) {
    bool was_sent = call->state == CALL_STATE_SENT;
    pool_abandon(call);
    call->retry.may_have_happened |= was_sent && client_request_is_write(&call->request);
    problem_init(&call->problem);
    problem_set(&call->problem, ERR_CLOSED, "this program is shutting down");
    call->problem.outcome = retry_outcome(&call->retry, &call->request);
    forget_answer(call);
    end_call(call);
}
