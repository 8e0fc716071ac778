/* The blocking client against scripted servers: what is tried again, where, and what is not. */
#include "client/client.h"
#include "script.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD_OF(status, size)                                                                      \
    "HTTP/1.1 " status "\r\nX-Revision: 7\r\nContent-Length: " size "\r\n\r\n"
#define OK_ANSWER HEAD_OF("200 OK", "2") "{}"
/* Without a length: the body ends where the connection does. */
#define PROBLEM(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body
#define NO_LEADER                                                                                  \
    PROBLEM("503 Service Unavailable",                                                             \
            "{\"code\":\"no_leader\",\"outcome\":\"not_applied\",\"retryable\":true}")
#define COMMIT_TIMEOUT                                                                             \
    PROBLEM("504 Gateway Timeout",                                                                 \
            "{\"code\":\"commit_timeout\",\"outcome\":\"unknown\",\"retryable\":true}")
#define STORE_FULL                                                                                 \
    PROBLEM("507 Insufficient Storage",                                                            \
            "{\"code\":\"store_full\",\"outcome\":\"not_applied\",\"retryable\":true}")
#define CONFLICT                                                                                   \
    PROBLEM("409 Conflict",                                                                        \
            "{\"code\":\"conflict\",\"detail\":\"taken\",\"outcome\":\"not_applied\"}")

/* One client, up to two scripted servers. */
struct bench {
    struct script scripts[2];
    unsigned script_count;
    struct server_list servers;
    struct client *client;
    struct client_request request;
    struct client_answer answer;
    struct problem problem;
    msec_t took_ms;
};

static void add_script(struct bench *bench, const struct script_step *steps, unsigned count) {
    struct script *script = &bench->scripts[bench->script_count++];
    script_start(script, steps, count);
    script_add_server(script, &bench->servers);
}

static enum err run_call(struct bench *bench, enum method method) {
    bench->request.method = method;
    bench->request.target = "/v1/kv/a";
    bench->client = client_open(&bench->servers, 0);
    msec_t begin_ms = clock_boot_ms(&clock_system);
    enum err err = client_call(bench->client, &bench->request, &bench->answer, &bench->problem);
    bench->took_ms = clock_boot_ms(&clock_system) - begin_ms;
    return err;
}

static unsigned requests_at(const struct bench *bench, unsigned server) {
    return bench->scripts[server].request_count;
}

static void stop_scripts(struct bench *bench) {
    for (unsigned i = 0; i < bench->script_count; i++) {
        script_stop(&bench->scripts[i]);
    }
}

static void end(struct bench *bench) {
    client_close(bench->client);
    for (unsigned i = 0; i < bench->script_count; i++) {
        script_free(&bench->scripts[i]);
    }
}

static void an_answer_comes_whole(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, "HTTP/1.1 100 Continue\r\n\r\n" OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    bench.request.body = slice_of_text("{\"a\":1}");
    client_request_add_header(&bench.request, "If-None-Match", "*");
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_OK);
    assert_int_equal(bench.answer.status, 200);
    assert_int_equal(bench.answer.revision, 7);
    assert_true(slice_equal(bench.answer.body, slice_of_text("{}")));
    stop_scripts(&bench);
    const char *request = buf_text(&bench.scripts[0].last);
    assert_int_equal(strncmp(request, "PUT /v1/kv/a HTTP/1.1\r\n", 23), 0);
    assert_non_null(strstr(request, "\r\nIf-None-Match: *\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"a\":1}"));
    end(&bench);
}

static void an_unreachable_server_is_passed_over_also_by_writes(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    script_add_dead_server(&bench.servers);
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_POST), ERR_OK);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    end(&bench);
}

static void no_server_at_all_names_each(void **state) {
    struct bench bench = {0};
    (void)state;
    script_add_dead_server(&bench.servers);
    script_add_dead_server(&bench.servers);
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_UNREACHABLE);
    assert_int_equal(bench.answer.status, 0);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_NOT_APPLIED);
    assert_string_equal(bench.problem.detail,
                        "no server could be reached: http://127.0.0.1:1: Connection refused; "
                        "http://127.0.0.1:1: Connection refused");
    assert_true(bench.took_ms < 1000);
    end(&bench);
}

static void a_write_with_unknown_outcome_is_not_repeated(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, NULL}, {SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_CLOSED);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    assert_non_null(strstr(bench.problem.detail, "may or may not have happened"));
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    assert_int_equal(requests_at(&bench, 1), 0);
    end(&bench);
}

static void an_answer_cut_short_is_no_answer(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, HEAD_OF("200 OK", "10") "{}"}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_DELETE), ERR_CLOSED);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    assert_int_equal(bench.answer.status, 0);
    stop_scripts(&bench);
    end(&bench);
}

static void an_idempotency_key_makes_a_write_repeatable(void **state) {
    static const struct script_step broken[] = {{SCRIPT_CLOSE, NULL}};
    static const struct script_step good[] = {{SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(broken));
    add_script(&bench, SCRIPT_STEPS(good));
    client_request_add_header(&bench.request, "Idempotency-Key", "k1");
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_OK);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    assert_int_equal(requests_at(&bench, 1), 1);
    end(&bench);
}

static void a_read_goes_to_the_next_server(void **state) {
    static const struct script_step broken[] = {{SCRIPT_CLOSE, "HTTP/1.1 200"}};
    static const struct script_step good[] = {{SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(broken));
    add_script(&bench, SCRIPT_STEPS(good));
    assert_int_equal(run_call(&bench, METHOD_GET), ERR_OK);
    stop_scripts(&bench);
    end(&bench);
}

static void a_read_leaves_a_server_that_hangs(void **state) {
    static const struct script_step hangs[] = {{SCRIPT_HANG, NULL}};
    static const struct script_step good[] = {{SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {.request.timeout_ms = 2400};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(hangs));
    add_script(&bench, SCRIPT_STEPS(good));
    assert_int_equal(run_call(&bench, METHOD_GET), ERR_OK);
    assert_in_range(bench.took_ms, 500, 2400);
    stop_scripts(&bench);
    end(&bench);
}

static void not_applied_and_retryable_is_repeated(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, NO_LEADER}, {SCRIPT_CLOSE, NO_LEADER}, {SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_OK);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 3);
    end(&bench);
}

static void commit_timeout_is_not_repeated_without_a_key(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, COMMIT_TIMEOUT},
                                               {SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_COMMIT_TIMEOUT);
    assert_int_equal(bench.answer.status, 504);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    end(&bench);
}

/* The later "not applied" is about the later try only. */
static void an_unknown_outcome_stays_unknown(void **state) {
    static const struct script_step broken[] = {{SCRIPT_CLOSE, NULL}};
    static const struct script_step refuses[] = {{SCRIPT_CLOSE, NO_LEADER}};
    struct bench bench = {.request.timeout_ms = 300};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(broken));
    add_script(&bench, SCRIPT_STEPS(refuses));
    client_request_add_header(&bench.request, "Idempotency-Key", "k1");
    assert_int_not_equal(run_call(&bench, METHOD_PUT), ERR_OK);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    stop_scripts(&bench);
    end(&bench);
}

static void a_full_store_is_not_asked_again_and_leaves_an_unknown_outcome_open(void **state) {
    static const struct script_step broken[] = {{SCRIPT_CLOSE, NULL}};
    static const struct script_step full[] = {{SCRIPT_CLOSE, STORE_FULL}};
    struct bench bench = {.request.timeout_ms = 2000};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(broken));
    add_script(&bench, SCRIPT_STEPS(full));
    client_request_add_header(&bench.request, "Idempotency-Key", "k1");
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_STORE_FULL);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 1), 1);
    end(&bench);
}

static void a_conflict_is_not_repeated(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, CONFLICT}, {SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_CONFLICT);
    assert_string_equal(bench.problem.detail, "taken");
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    end(&bench);
}

static void the_deadline_ends_a_hanging_write(void **state) {
    static const struct script_step hangs[] = {{SCRIPT_HANG, NULL}};
    struct bench bench = {.request.timeout_ms = 300};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(hangs));
    add_script(&bench, SCRIPT_STEPS(hangs));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_TIMEOUT);
    assert_in_range(bench.took_ms, 290, 4000);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_UNKNOWN);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 1), 0);
    end(&bench);
}

static void the_deadline_ends_the_retries(void **state) {
    struct script_step steps[64];
    struct bench bench = {.request.timeout_ms = 400};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        steps[i] = (struct script_step){SCRIPT_CLOSE, NO_LEADER};
    }
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_NO_LEADER);
    assert_int_equal(bench.problem.outcome, WRITE_OUTCOME_NOT_APPLIED);
    assert_true(bench.took_ms < 4000);
    stop_scripts(&bench);
    assert_in_range(requests_at(&bench, 0), 2, 12);
    end(&bench);
}

static void one_try_is_one_try(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, NO_LEADER},
                                               {SCRIPT_CLOSE, OK_ANSWER}};
    struct bench bench = {.request.tries_once = true};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_PUT), ERR_NO_LEADER);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    end(&bench);
}

static void the_server_that_answered_is_asked_first(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, OK_ANSWER},
                                               {SCRIPT_CLOSE, OK_ANSWER}};
    static const struct script_step broken[] = {{SCRIPT_CLOSE, NULL}, {SCRIPT_CLOSE, NULL}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(broken));
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_GET), ERR_OK);
    assert_int_equal(client_call(bench.client, &bench.request, &bench.answer, &bench.problem),
                     ERR_OK);
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 0), 1);
    assert_int_equal(requests_at(&bench, 1), 2);
    end(&bench);
}

static void what_is_not_http_is_told_apart(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, "SSH-2.0-OpenSSH_9\r\n"}};
    struct bench bench = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_call(&bench, METHOD_GET), ERR_BAD_REQUEST);
    assert_int_equal(bench.answer.status, 0);
    stop_scripts(&bench);
    end(&bench);
}

/* Streams. */

struct heard {
    struct buf text;
    unsigned stop_after;
    unsigned count;
};

static bool line_came(void *owner, struct slice line) {
    struct heard *heard = owner;
    buf_append(&heard->text, line.data, line.size);
    buf_append_char(&heard->text, '|');
    return ++heard->count != heard->stop_after;
}

static enum err run_stream(struct bench *bench, struct heard *heard) {
    buf_init(&heard->text);
    bench->request.method = METHOD_GET;
    bench->request.target = "/v1/kv?watch=true";
    bench->client = client_open(&bench->servers, 0);
    return client_stream(bench->client, &bench->request, line_came, heard, &bench->problem);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void lines_come_from_the_next_server(void **state) {
    static const struct script_step refuses[] = {{SCRIPT_CLOSE, NO_LEADER}};
    static const struct script_step good[] = {
        {SCRIPT_CLOSE, CHUNKED "5\r\none\nt\r\n3\r\nwo\n\r\n0\r\n\r\n"}};
    struct bench bench = {0};
    struct heard heard = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(refuses));
    add_script(&bench, SCRIPT_STEPS(good));
    assert_int_equal(run_stream(&bench, &heard), ERR_OK);
    assert_string_equal(buf_text(&heard.text), "one|two|");
    stop_scripts(&bench);
    end(&bench);
    buf_deinit(&heard.text);
}

static void the_callback_ends_a_stream(void **state) {
    static const struct script_step steps[] = {{SCRIPT_HANG, CHUNKED "6\r\na\nb\nc\n\r\n"}};
    struct bench bench = {0};
    struct heard heard = {.stop_after = 2};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_stream(&bench, &heard), ERR_OK);
    assert_string_equal(buf_text(&heard.text), "a|b|");
    stop_scripts(&bench);
    end(&bench);
    buf_deinit(&heard.text);
}

static void a_stream_that_has_begun_is_not_begun_again(void **state) {
    static const struct script_step cut[] = {{SCRIPT_CLOSE, CHUNKED "4\r\na\nb\n\r\n"}};
    static const struct script_step good[] = {{SCRIPT_CLOSE, CHUNKED "2\r\nc\n\r\n0\r\n\r\n"}};
    struct bench bench = {0};
    struct heard heard = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(cut));
    add_script(&bench, SCRIPT_STEPS(good));
    assert_int_equal(run_stream(&bench, &heard), ERR_CLOSED);
    assert_string_equal(buf_text(&heard.text), "a|b|");
    stop_scripts(&bench);
    assert_int_equal(requests_at(&bench, 1), 0);
    end(&bench);
    buf_deinit(&heard.text);
}

static void a_silent_stream_is_left(void **state) {
    static const struct script_step steps[] = {{SCRIPT_HANG, CHUNKED "2\r\na\n\r\n"}};
    struct bench bench = {.request.idle_ms = 200};
    struct heard heard = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_stream(&bench, &heard), ERR_TIMEOUT);
    assert_string_equal(buf_text(&heard.text), "a|");
    stop_scripts(&bench);
    end(&bench);
    buf_deinit(&heard.text);
}

static void a_refused_stream_tells_its_problem(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, PROBLEM("410 Gone", "{\"code\":\"compacted\",\"compact_revision\":1200}")}};
    struct bench bench = {0};
    struct heard heard = {0};
    (void)state;
    add_script(&bench, SCRIPT_STEPS(steps));
    assert_int_equal(run_stream(&bench, &heard), ERR_COMPACTED);
    assert_int_equal(bench.problem.compact_revision, 1200);
    assert_int_equal(heard.count, 0);
    stop_scripts(&bench);
    end(&bench);
    buf_deinit(&heard.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_whole),
        cmocka_unit_test(an_unreachable_server_is_passed_over_also_by_writes),
        cmocka_unit_test(no_server_at_all_names_each),
        cmocka_unit_test(a_write_with_unknown_outcome_is_not_repeated),
        cmocka_unit_test(an_answer_cut_short_is_no_answer),
        cmocka_unit_test(an_idempotency_key_makes_a_write_repeatable),
        cmocka_unit_test(a_read_goes_to_the_next_server),
        cmocka_unit_test(a_read_leaves_a_server_that_hangs),
        cmocka_unit_test(not_applied_and_retryable_is_repeated),
        cmocka_unit_test(commit_timeout_is_not_repeated_without_a_key),
        cmocka_unit_test(an_unknown_outcome_stays_unknown),
        cmocka_unit_test(a_full_store_is_not_asked_again_and_leaves_an_unknown_outcome_open),
        cmocka_unit_test(a_conflict_is_not_repeated),
        cmocka_unit_test(the_deadline_ends_a_hanging_write),
        cmocka_unit_test(the_deadline_ends_the_retries),
        cmocka_unit_test(one_try_is_one_try),
        cmocka_unit_test(the_server_that_answered_is_asked_first),
        cmocka_unit_test(what_is_not_http_is_told_apart),
        cmocka_unit_test(lines_come_from_the_next_server),
        cmocka_unit_test(the_callback_ends_a_stream),
        cmocka_unit_test(a_stream_that_has_begun_is_not_begun_again),
        cmocka_unit_test(a_silent_stream_is_left),
        cmocka_unit_test(a_refused_stream_tells_its_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
