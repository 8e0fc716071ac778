/* Calls on the loop: against scripted servers, and against one in the same loop that can hold many
 * connections at once. */
#include "client/call.h"
#include "script.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define OK_ANSWER "HTTP/1.1 200 OK\r\nX-Revision: 7\r\nContent-Length: 2\r\n\r\n{}"
#define NO_LEADER                                                                                  \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 55\r\n\r\n"                               \
    "{\"code\":\"no_leader\",\"outcome\":\"not_applied\"}           "

struct bench {
    uv_loop_t loop;
    struct call_pool *pool;
    struct server_list servers;
    struct call call;
    struct client_request request;
    bool is_done;
    bool is_pool_closed;
    enum err err;
    int status;
    struct problem problem;
    struct buf body;
};

static void bench_open(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    bench->pool = call_pool_open(&bench->loop);
    bench->request.target = "/v1/kv/a";
    buf_init(&bench->body);
}

static void pool_closed(void *owner) {
    struct bench *bench = owner;
    bench->is_pool_closed = true;
}

static void bench_close(struct bench *bench) {
    call_pool_close(bench->pool, pool_closed, bench);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_true(bench->is_pool_closed);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    buf_deinit(&bench->body);
}

static void call_done(struct call *call, void *owner, enum err err) {
    struct bench *bench = owner;
    assert_false(bench->is_done);
    bench->is_done = true;
    bench->err = err;
    bench->status = call->answer.status;
    bench->problem = call->problem;
    if (call->answer.body.size > 0) {
        buf_append(&bench->body, call->answer.body.data, call->answer.body.size);
    }
}

static void run_until_done(struct bench *bench) {
    while (!bench->is_done) {
        assert_true(uv_run(&bench->loop, UV_RUN_ONCE) != 0 || bench->is_done);
    }
}

static enum err run_call(struct bench *bench, enum method method) {
    bench->request.method = method;
    bench->is_done = false;
    call_start(&bench->call, bench->pool, &bench->servers, &bench->request, call_done, bench);
    assert_false(bench->is_done);
    run_until_done(bench);
    return bench->err;
}

static void an_answer_comes_from_the_loop(void **state) {
    static const struct script_step steps[] = {{SCRIPT_ANSWER, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    bench.request.body = slice_of_text("{}");
    client_request_add_header(&bench.request, "X-Weft-Forwarded", "s1");
    assert_int_equal(run_call(&bench, METHOD_POST), ERR_OK);
    assert_int_equal(bench.status, 200);
    assert_string_equal(buf_text(&bench.body), "{}");
    bench_close(&bench);
    script_stop(&script);
    assert_non_null(strstr(buf_text(&script.last), "\r\nX-Weft-Forwarded: s1\r\n"));
    script_free(&script);
}

/* The script serves one connection at a time, so a second one would wait for ever. */
static void connections_are_kept(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_ANSWER, OK_ANSWER}, {SCRIPT_ANSWER, OK_ANSWER}, {SCRIPT_ANSWER, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        assert_int_equal(run_call(&bench, METHOD_PUT), ERR_OK);
    }
    bench_close(&bench);
    script_stop(&script);
    assert_int_equal(script.request_count, 3);
    script_free(&script);
}

static void an_unreachable_server_is_passed_over(void **state) {
    static const struct script_step steps[] = {{SCRIPT_ANSWER, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_dead_server(&bench.servers);
    script_add_server(&script, &bench.servers);
    assert_int_equal(run_call(&bench, METHOD_POST), ERR_OK);
    assert_int_equal(bench.servers.first, 1);
    bench_close(&bench);
    script_stop(&script);
    script_free(&script);
}

static void no_server_at_all_is_unreachable(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench);
    script_add_dead_server(&bench.servers);
    script_add_dead_server(&bench.servers);
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_UNREACHABLE);
    assert_int_equal(bench.status, 0);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_NOT_APPLIED);
    bench_close(&bench);
}

static void a_write_with_unknown_outcome_is_not_repeated(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, NULL}, {SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    script_add_server(&script, &bench.servers);
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_CLOSED);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    bench_close(&bench);
    script_stop(&script);
    assert_int_equal(script.request_count, 1);
    script_free(&script);
}

static void not_applied_and_retryable_is_repeated(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_ANSWER, NO_LEADER}, {SCRIPT_ANSWER, NO_LEADER}, {SCRIPT_ANSWER, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_OK);
    assert_string_equal(buf_text(&bench.body), "{}");
    bench_close(&bench);
    script_stop(&script);
    assert_int_equal(script.request_count, 3);
    script_free(&script);
}

/* Forwarding passes the leader's answer on, whatever it says. */
static void one_try_gives_the_answer_as_it_came(void **state) {
    static const struct script_step steps[] = {{SCRIPT_ANSWER, NO_LEADER},
                                               {SCRIPT_ANSWER, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    bench.request.tries_once = true;
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_NO_LEADER);
    assert_int_equal(bench.status, 503);
    assert_int_equal(bench.body.size, 55);
    bench_close(&bench);
    script_stop(&script);
    assert_int_equal(script.request_count, 1);
    script_free(&script);
}

static void the_deadline_ends_a_hanging_call(void **state) {
    static const struct script_step steps[] = {{SCRIPT_HANG, NULL}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    bench.request.timeout_ms = 200;
    msec_t begin_ms = clock_boot_ms(&clock_system);
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_TIMEOUT);
    assert_in_range(clock_boot_ms(&clock_system) - begin_ms, 190, 4000);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    bench_close(&bench);
    script_stop(&script);
    script_free(&script);
}

/* The server closed the kept connection meanwhile: a read just goes over a new one. */
static void a_read_survives_a_stale_connection(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_ANSWER, OK_ANSWER}, {SCRIPT_CLOSE, NULL}, {SCRIPT_ANSWER, OK_ANSWER}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    assert_int_equal(run_call(&bench, METHOD_GET), ERR_OK);
    assert_int_equal(run_call(&bench, METHOD_GET), ERR_OK);
    bench_close(&bench);
    script_stop(&script);
    assert_int_equal(script.request_count, 3);
    script_free(&script);
}

static void a_cancelled_call_does_not_call_back(void **state) {
    static const struct script_step steps[] = {{SCRIPT_HANG, NULL}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    call_start(&bench.call, bench.pool, &bench.servers, &bench.request, call_done, &bench);
    assert_true(call_is_active(&bench.call));
    call_cancel(&bench.call); /* while it connects */
    assert_false(call_is_active(&bench.call));
    call_cancel(&bench.call);
    call_start(&bench.call, bench.pool, &bench.servers, &bench.request, call_done, &bench);
    while (bench.call.state != CALL_STATE_SENT) {
        uv_run(&bench.loop, UV_RUN_ONCE);
    }
    call_cancel(&bench.call); /* while it waits for the answer */
    bench_close(&bench);
    assert_false(bench.is_done);
    script_stop(&script);
    script_free(&script);
}

static void closing_the_pool_ends_its_calls(void **state) {
    static const struct script_step steps[] = {{SCRIPT_HANG, NULL}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    bench.request.method = METHOD_PUT;
    call_start(&bench.call, bench.pool, &bench.servers, &bench.request, call_done, &bench);
    while (bench.call.state != CALL_STATE_SENT) {
        uv_run(&bench.loop, UV_RUN_ONCE);
    }
    bench_close(&bench);
    assert_true(bench.is_done);
    assert_int_equal(bench.err, ERR_CLOSED);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    script_stop(&script);
    script_free(&script);
}

/* Streams. */

static void body_came(struct call *call, void *owner, struct slice bytes) {
    struct bench *bench = owner;
    (void)call;
    buf_append(&bench->body, bytes.data, bytes.size);
}

static void a_silent_stream_is_left(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_HANG, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n"}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    script_add_server(&script, &bench.servers);
    bench.request.idle_ms = 100;
    call_start_stream(&bench.call, bench.pool, &bench.servers, &bench.request, body_came, call_done,
                      &bench);
    run_until_done(&bench);
    assert_int_equal(bench.err, ERR_TIMEOUT);
    assert_string_equal(buf_text(&bench.body), "a\n");
    bench_close(&bench);
    script_stop(&script);
    assert_int_equal(script.request_count, 1);
    script_free(&script);
}

static void a_refused_stream_tells_its_problem(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_ANSWER, "HTTP/1.1 410 Gone\r\nContent-Length: 44\r\n\r\n"
                        "{\"code\":\"compacted\",\"compact_revision\":1200}"}};
    struct bench bench;
    struct script script;
    (void)state;
    bench_open(&bench);
    script_start(&script, SCRIPT_STEPS(steps));
    script_add_server(&script, &bench.servers);
    call_start_stream(&bench.call, bench.pool, &bench.servers, &bench.request, body_came, call_done,
                      &bench);
    run_until_done(&bench);
    assert_int_equal(bench.err, ERR_COMPACTED);
    assert_int_equal(bench.problem.compact_revision, 1200);
    bench_close(&bench);
    script_stop(&script);
    script_free(&script);
}

/* Many calls at once, against a server in the same loop that answers nobody until as many have
 * asked as may at once, and then everybody. */

#define CALLS (LIMIT_CALL_CONNECTIONS_MAX + 44u)

struct crowd {
    struct bench bench;
    struct stream_listener *listener;
    struct call calls[CALLS];
    struct stream *streams[CALLS];
    unsigned connection_count; /* ever */
    unsigned request_count;
    unsigned done_count;
};

static void answer(struct stream *stream) {
    static const char text[] = OK_ANSWER;
    stream_write(stream, slice_of(text, strlen(text)));
}

static void request_came(struct stream *stream, void *owner, struct slice bytes) {
    struct crowd *crowd = owner;
    (void)bytes; /* small: a request comes whole */
    crowd->request_count++;
    if (crowd->request_count > LIMIT_CALL_CONNECTIONS_MAX) {
        answer(stream);
    } else if (crowd->request_count == LIMIT_CALL_CONNECTIONS_MAX) {
        for (unsigned i = 0; i < crowd->connection_count; i++) {
            answer(crowd->streams[i]);
        }
    }
}

static void connection_closed(struct stream *stream, void *owner, enum err reason) {
    (void)stream;
    (void)owner;
    (void)reason;
}

static const struct stream_handlers crowd_handlers = {.received = request_came,
                                                      .closed = connection_closed};

static void connection_came(struct stream_listener *listener, void *owner, struct stream *stream) {
    struct crowd *crowd = owner;
    (void)listener;
    assert_true(crowd->connection_count < CALLS);
    crowd->streams[crowd->connection_count++] = stream;
    stream_adopt(stream, &crowd_handlers, crowd);
}

static void listener_closed(void *owner) {
    struct crowd *crowd = owner;
    crowd->listener = NULL;
}

static void crowd_call_done(struct call *call, void *owner, enum err err) {
    struct crowd *crowd = owner;
    (void)call;
    assert_int_equal(err, ERR_OK);
    crowd->done_count++;
}

static void calls_beyond_the_connections_wait_their_turn(void **state) {
    struct crowd *crowd = must_alloc_zeroed(1, sizeof *crowd);
    struct bench *bench = &crowd->bench;
    struct socket_address address;
    struct problem problem;
    char url[64];
    (void)state;
    bench_open(bench);
    assert_int_equal(socket_address_parse("127.0.0.1:0", &address), ERR_OK);
    assert_int_equal(
        stream_listen(&bench->loop, &address, 0, connection_came, crowd, &crowd->listener), ERR_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%u",
             (unsigned)stream_listener_port(crowd->listener));
    assert_int_equal(server_list_parse(url, &bench->servers, &problem), ERR_OK);
    bench->request.method = METHOD_PUT;
    for (unsigned i = 0; i < CALLS; i++) {
        call_start(&crowd->calls[i], bench->pool, &bench->servers, &bench->request, crowd_call_done,
                   crowd);
    }
    while (crowd->done_count < CALLS) {
        assert_int_not_equal(uv_run(&bench->loop, UV_RUN_ONCE), 0);
    }
    assert_int_equal(crowd->connection_count, LIMIT_CALL_CONNECTIONS_MAX);
    stream_listener_close(crowd->listener, listener_closed);
    bench_close(bench);
    assert_null(crowd->listener);
    free(crowd);
}

/* Calls that are queued, and one more. */

#define QUEUED_CALLS (LIMIT_CALL_CONNECTIONS_MAX + LIMIT_CALL_QUEUE_MAX)

struct outcomes {
    unsigned overloaded_count;
};

static void count_outcome(struct call *call, void *owner, enum err err) {
    struct outcomes *outcomes = owner;
    assert_int_equal(call->problem.outcome, WRITE_OUTCOME_NOT_APPLIED);
    outcomes->overloaded_count += err == ERR_OVERLOADED ? 1 : 0;
}

static void the_queue_ends_at_its_bound(void **state) {
    struct call *calls = must_alloc_zeroed(QUEUED_CALLS + 1, sizeof *calls);
    struct outcomes outcomes = {0};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    script_add_dead_server(&bench.servers); /* nothing is tried before the loop runs */
    bench.request.method = METHOD_PUT;
    for (unsigned i = 0; i < QUEUED_CALLS; i++) {
        call_start(&calls[i], bench.pool, &bench.servers, &bench.request, count_outcome, &outcomes);
        assert_int_equal(calls[i].state, CALL_STATE_WAITING);
    }
    struct call *one_more = &calls[QUEUED_CALLS];
    call_start(one_more, bench.pool, &bench.servers, &bench.request, count_outcome, &outcomes);
    assert_int_equal(one_more->state, CALL_STATE_ENDING);
    while (outcomes.overloaded_count == 0) {
        assert_int_not_equal(uv_run(&bench.loop, UV_RUN_ONCE), 0);
    }
    assert_int_equal(outcomes.overloaded_count, 1);
    bench_close(&bench);
    free(calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_from_the_loop),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(an_unreachable_server_is_passed_over),
        cmocka_unit_test(no_server_at_all_is_unreachable),
        cmocka_unit_test(a_write_with_unknown_outcome_is_not_repeated),
        cmocka_unit_test(not_applied_and_retryable_is_repeated),
        cmocka_unit_test(one_try_gives_the_answer_as_it_came),
        cmocka_unit_test(the_deadline_ends_a_hanging_call),
        cmocka_unit_test(a_read_survives_a_stale_connection),
        cmocka_unit_test(a_cancelled_call_does_not_call_back),
        cmocka_unit_test(closing_the_pool_ends_its_calls),
        cmocka_unit_test(a_silent_stream_is_left),
        cmocka_unit_test(a_refused_stream_tells_its_problem),
        cmocka_unit_test(calls_beyond_the_connections_wait_their_turn),
        cmocka_unit_test(the_queue_ends_at_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
