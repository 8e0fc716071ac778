/* follow against scripted servers. What it tells its owner is written down as a text, and the text
 * is the expectation. */
#include "client/follow.h"
#include "script.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define LIST(body)    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body
#define STREAM(lines) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" lines
#define GONE          "HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\n{\"code\":\"compacted\",\"status\":410}"
#define LIST_10                                                                                    \
    LIST("{\"revision\":10,\"items\":[{\"key\":\"kv/a\",\"revision\":3},"                          \
         "{\"key\":\"kv/b\",\"revision\":10}]}")
#define BOOKMARK(revision) "{\"type\":\"BOOKMARK\",\"revision\":" revision "}\n"
#define PUT(revision, key)                                                                         \
    "{\"type\":\"PUT\",\"revision\":" revision ",\"kind\":\"kv\",\"key\":\"" key                   \
    "\",\"object\":{\"key\":\"" key "\",\"revision\":" revision "}}\n"
#define DELETE(revision, key)                                                                      \
    "{\"type\":\"DELETE\",\"revision\":" revision ",\"kind\":\"kv\",\"key\":\"" key "\"}\n"

struct bench {
    uv_loop_t loop;
    struct call_pool *pool;
    struct server_list servers;
    struct script scripts[2];
    unsigned script_count;
    struct follow *follow;
    struct buf told;
    const char *stop_at; /* stops when this has been told */
};

static void check_end(struct bench *bench) {
    if (bench->follow != NULL && strstr(buf_text(&bench->told), bench->stop_at) != NULL) {
        follow_stop(bench->follow);
        bench->follow = NULL;
    }
}

static void reset(void *owner, const struct follow_item *items, size_t count, uint64_t revision) {
    struct bench *bench = owner;
    buf_appendf(&bench->told, "reset %" PRIu64 ":", revision);
    for (size_t i = 0; i < count; i++) {
        buf_appendf(&bench->told, " %s@%" PRIu64, items[i].key, items[i].revision);
        assert_string_equal(json_find_text(items[i].object, "key", ""), items[i].key);
    }
    buf_append_text(&bench->told, "\n");
    check_end(bench);
}

static void put(void *owner, const struct follow_item *item) {
    struct bench *bench = owner;
    assert_int_equal(json_find_number(item->object, "revision", 0), item->revision);
    buf_appendf(&bench->told, "put %s@%" PRIu64 "\n", item->key, item->revision);
    check_end(bench);
}

static void removed(void *owner, const char *key, uint64_t revision) {
    struct bench *bench = owner;
    buf_appendf(&bench->told, "removed %s@%" PRIu64 "\n", key, revision);
    check_end(bench);
}

static void reached(void *owner, uint64_t revision) {
    struct bench *bench = owner;
    buf_appendf(&bench->told, "reached %" PRIu64 "\n", revision);
    check_end(bench);
}

static void told_state(void *owner, bool is_connected, const struct problem *problem) {
    struct bench *bench = owner;
    assert_true(is_connected == (problem == NULL));
    buf_appendf(&bench->told, "%s\n", is_connected ? "connected" : "disconnected");
    check_end(bench);
}

static const struct follow_handlers handlers = {
    .reset = reset, .put = put, .removed = removed, .reached = reached, .state = told_state};

static void bench_open(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    bench->pool = call_pool_open(&bench->loop);
    buf_init(&bench->told);
}

static void add_script(struct bench *bench, const struct script_step *steps, unsigned count) {
    struct script *script = &bench->scripts[bench->script_count++];
    script_start(script, steps, count);
    script_add_server(script, &bench->servers);
}

/* Follows until `stop_at` was told; checks all that was told, and what the servers were asked. */
static void run(struct bench *bench, const char *path, const char *stop_at, const char *told) {
    bench->stop_at = stop_at;
    bench->follow = follow_start(bench->pool, &bench->servers, path, &handlers, bench);
    while (bench->follow != NULL) {
        int is_alive = uv_run(&bench->loop, UV_RUN_ONCE);
        assert_true(is_alive != 0 || bench->follow == NULL);
    }
    assert_string_equal(buf_text(&bench->told), told);
    call_pool_close(bench->pool, NULL, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    for (unsigned i = 0; i < bench->script_count; i++) {
        script_stop(&bench->scripts[i]);
    }
}

static void expect_asked(struct bench *bench, unsigned server, const char *requests) {
    assert_string_equal(buf_text(&bench->scripts[server].requests), requests);
}

static void bench_close(struct bench *bench) {
    for (unsigned i = 0; i < bench->script_count; i++) {
        script_free(&bench->scripts[i]);
    }
    buf_deinit(&bench->told);
}

static void a_list_comes_first_then_its_changes(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, LIST_10},
        {SCRIPT_HANG, STREAM(BOOKMARK("10") PUT("11", "kv/c") DELETE(
                          "12", "kv/a") "\n" //
                                        "{\"type\":\"NEWS\",\"revision\":13}\n" BOOKMARK("14"))}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv", "reached 14",
        "reset 10: kv/a@3 kv/b@10\nconnected\nreached 10\nput kv/c@11\nremoved kv/a@12\n"
        "reached 14\n");
    expect_asked(&bench, 0,
                 "GET /v1/kv?limit=all HTTP/1.1\nGET /v1/kv?watch=true&from=10 HTTP/1.1\n");
    bench_close(&bench);
}

/* Broken within revision 12, of which the owner knows one event of two. */
static void a_broken_watch_resumes_without_gap_or_repetition(void **state) {
    static const struct script_step first[] = {
        {SCRIPT_CLOSE, LIST_10},
        {SCRIPT_CLOSE,
         STREAM(BOOKMARK("10") PUT("11", "kv/c") PUT("12", "kv/d") "{\"type\":\"PUT\",\"revi")}};
    static const struct script_step second[] = {
        {SCRIPT_HANG,
         STREAM(BOOKMARK("11") PUT("12", "kv/d") PUT("12", "kv/e") PUT("13", "kv/f"))}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(first));
    add_script(&bench, SCRIPT_STEPS(second));
    run(&bench, "/v1/kv", "put kv/f@13",
        "reset 10: kv/a@3 kv/b@10\nconnected\nreached 10\nput kv/c@11\nput kv/d@12\ndisconnected\n"
        "connected\nreached 11\nput kv/e@12\nput kv/f@13\n");
    expect_asked(&bench, 1, "GET /v1/kv?watch=true&from=11 HTTP/1.1\n");
    bench_close(&bench);
}

static void a_resume_begins_at_the_last_bookmark(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, LIST_10},
        {SCRIPT_CLOSE, STREAM(BOOKMARK("10") BOOKMARK("500"))},
        {SCRIPT_HANG, STREAM(BOOKMARK("500") PUT("501", "kv/c"))}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv", "put kv/c@501",
        "reset 10: kv/a@3 kv/b@10\nconnected\nreached 10\nreached 500\ndisconnected\nconnected\n"
        "reached 500\nput kv/c@501\n");
    expect_asked(&bench, 0,
                 "GET /v1/kv?limit=all HTTP/1.1\nGET /v1/kv?watch=true&from=10 HTTP/1.1\n"
                 "GET /v1/kv?watch=true&from=500 HTTP/1.1\n");
    bench_close(&bench);
}

static void a_compacted_history_is_listed_again(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, LIST_10},
        {SCRIPT_CLOSE, GONE},
        {SCRIPT_CLOSE, LIST("{\"revision\":900,\"items\":[]}")},
        {SCRIPT_CLOSE, STREAM(BOOKMARK("900") "{\"type\":\"ERROR\",\"error\":{\"code\":"
                                              "\"compacted\",\"status\":410}}\n")},
        {SCRIPT_CLOSE, LIST("{\"revision\":950,\"items\":[]}")}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv?selector=a%3Db", "reset 950",
        "reset 10: kv/a@3 kv/b@10\nreset 900:\nconnected\nreached 900\ndisconnected\nreset 950:\n");
    expect_asked(&bench, 0,
                 "GET /v1/kv?selector=a%3Db&limit=all HTTP/1.1\n"
                 "GET /v1/kv?selector=a%3Db&watch=true&from=10 HTTP/1.1\n"
                 "GET /v1/kv?selector=a%3Db&limit=all HTTP/1.1\n"
                 "GET /v1/kv?selector=a%3Db&watch=true&from=900 HTTP/1.1\n"
                 "GET /v1/kv?selector=a%3Db&limit=all HTTP/1.1\n");
    bench_close(&bench);
}

static void other_errors_at_the_end_only_resume(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, LIST_10},
        {SCRIPT_CLOSE, STREAM(BOOKMARK("10") PUT("11", "kv/c") BOOKMARK(
                           "11") "{\"type\":\"ERROR\",\"error\":{\"code\":\"no_quorum\",\"status\":"
                                 "503}}\n")},
        {SCRIPT_HANG, STREAM(BOOKMARK("11") DELETE("12", "kv/c"))}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv", "removed kv/c@12",
        "reset 10: kv/a@3 kv/b@10\nconnected\nreached 10\nput kv/c@11\nreached 11\ndisconnected\n"
        "connected\nreached 11\nremoved kv/c@12\n");
    bench_close(&bench);
}

/* What is not a whole list must never look like objects that are gone. */
static void a_broken_list_is_not_delivered(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE,
         "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"revision\":10,\"items\":["},
        {SCRIPT_CLOSE, LIST("{\"revision\":10,\"items\":[{\"key\":\"kv/a\"}")},
        {SCRIPT_CLOSE, LIST("{\"revision\":10,\"items\":[{\"key\":01}]}")},
        {SCRIPT_CLOSE, LIST("{\"revision\":10,\"items\":[],\"continue\":\"kv/a\"}")},
        {SCRIPT_CLOSE, LIST_10}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv", "reset", "reset 10: kv/a@3 kv/b@10\n");
    bench_close(&bench);
}

static void a_line_that_is_no_event_breaks_the_watch(void **state) {
    static const struct script_step steps[] = {
        {SCRIPT_CLOSE, LIST_10},
        {SCRIPT_HANG, STREAM(BOOKMARK("10") "{\"type\":\n" PUT("11", "kv/x"))},
        {SCRIPT_HANG, STREAM(BOOKMARK("10") PUT("11", "kv/c"))}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv", "put",
        "reset 10: kv/a@3 kv/b@10\nconnected\nreached 10\ndisconnected\nconnected\nreached 10\n"
        "put kv/c@11\n");
    bench_close(&bench);
}

static void no_server_is_tried_for_ever(void **state) {
    static const struct script_step steps[] = {{SCRIPT_CLOSE, LIST_10}};
    struct bench bench;
    (void)state;
    bench_open(&bench);
    script_add_dead_server(&bench.servers);
    bench.stop_at = "never";
    bench.follow = follow_start(bench.pool, &bench.servers, "/v1/kv", &handlers, &bench);
    uint64_t end_ms = uv_now(&bench.loop) + 400; /* tries at 0, 100 and 300 ms */
    while (uv_now(&bench.loop) < end_ms) {
        assert_int_not_equal(uv_run(&bench.loop, UV_RUN_ONCE), 0);
    }
    assert_int_equal(bench.told.size, 0);
    assert_int_equal(follow_revision(bench.follow), 0);
    follow_stop(bench.follow);
    bench.servers.count = 0;
    add_script(&bench, SCRIPT_STEPS(steps));
    run(&bench, "/v1/kv", "reset", "reset 10: kv/a@3 kv/b@10\n");
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_comes_first_then_its_changes),
        cmocka_unit_test(a_broken_watch_resumes_without_gap_or_repetition),
        cmocka_unit_test(a_resume_begins_at_the_last_bookmark),
        cmocka_unit_test(a_compacted_history_is_listed_again),
        cmocka_unit_test(other_errors_at_the_end_only_resume),
        cmocka_unit_test(a_broken_list_is_not_delivered),
        cmocka_unit_test(a_line_that_is_no_event_breaks_the_watch),
        cmocka_unit_test(no_server_is_tried_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
