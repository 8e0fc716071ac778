/* The server's deadlines, its greatest number of connections, and its end: with small limits. */
#include "tests/unit/serve/bench.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\nX-Request-Id: r\r\n\r\n"

/* Deadlines. The others are out of the way, so that only the one in question can act. */

#define SHORT_MS 100u
#define LONG_MS  60000u

static const struct server_limits head_is_short = {
    .head_timeout_ms = SHORT_MS, .body_timeout_ms = LONG_MS, .idle_timeout_ms = LONG_MS};
static const struct server_limits body_is_short = {
    .head_timeout_ms = LONG_MS, .body_timeout_ms = SHORT_MS, .idle_timeout_ms = LONG_MS};
static const struct server_limits idle_is_short = {
    .head_timeout_ms = LONG_MS, .body_timeout_ms = LONG_MS, .idle_timeout_ms = SHORT_MS};

/* Drips bytes, so that the connection is never silent; the deadline must end it all the same. */
static void drip_until_closed(struct client *client, const char *drop) {
    msec_t began_ms = clock_boot_ms(&clock_system);
    while (client->closed_count == 0) {
        client_send(client, drop);
        run_for(5);
        assert_true(clock_boot_ms(&clock_system) - began_ms < 30000);
    }
    assert_true(clock_boot_ms(&clock_system) - began_ms >= SHORT_MS / 2);
    assert_int_equal(client->received.size, 0);
    assert_int_equal(bench->requested_count, 0);
}

static void a_slow_head_is_closed(void **state) {
    struct client client;
    (void)state;
    bench_begin(&head_is_short);
    client_open(&client);
    client_send(&client, "GET / HTTP/1.1\r\nX: ");
    drip_until_closed(&client, "x");
    client_close(&client);
    bench_end();
}

static void a_slow_body_is_closed(void **state) {
    struct client client;
    (void)state;
    bench_begin(&body_is_short);
    client_open(&client);
    client_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    drip_until_closed(&client, "x");
    client_close(&client);
    bench_end();
}

static void a_silent_connection_is_closed(void **state) {
    struct client client;
    (void)state;
    bench_begin(&idle_is_short);
    client_open(&client);
    drip_until_closed(&client, "\r\n"); /* empty lines before a request are no request */
    client_close(&client);
    bench_end();
}

static void requests_keep_a_connection_from_idling(void **state) {
    struct client client;
    (void)state;
    bench_begin(&idle_is_short);
    client_open(&client);
    for (unsigned i = 0; i < 10; i++) {
        client_send(&client, GET("/echo"));
        client_expects(&client, OK_HEAD("r", "0"));
        run_for(SHORT_MS / 3);
    }
    run_until(&client.closed_count, 1);
    client_close(&client);
    bench_end();
}

static void a_slow_handler_is_not_cut_off(void **state) {
    struct client client;
    static const struct server_limits all_short = {
        .head_timeout_ms = 20, .body_timeout_ms = 20, .idle_timeout_ms = 20};
    (void)state;
    bench_begin(&all_short);
    client_open(&client);
    client_send(&client, GET("/later"));
    run_until(&bench->kept_count, 1);
    run_for(100);
    assert_int_equal(bench->gone_count, 0);
    exchange_reply(bench->kept[0], 200, "text/plain", slice_of_text("at last"));
    client_expects(&client, OK_HEAD("r", "7") "at last");
    client_close(&client);
    bench_end();
}

static void a_peer_that_takes_nothing_is_closed(void **state) {
    static const char *const targets[] = {GET("/big"), GET("/stream")};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        struct client client;
        bench_begin(&idle_is_short);
        bench->big_size = 32u * 1024 * 1024;
        client_open(&client);
        client_send(&client, targets[i]);
        client_expects_end(&client, i == 0 ? "b" : "\r\n\r\n");
        stream_pause(client.stream);
        unsigned open = server_connection_count(bench->server);
        assert_int_equal(open, 1);
        if (i == 1) {
            struct buf big;
            buf_init(&big);
            memset(buf_reserve(&big, bench->big_size), 'b', bench->big_size);
            exchange_send(bench->kept[0], slice_of(big.data, bench->big_size));
            buf_deinit(&big);
        }
        for (unsigned turns = 0; server_connection_count(bench->server) > 0; turns++) {
            run_for(10);
            assert_true(turns < 500);
        }
        assert_int_equal(bench->gone_count, i == 1);
        client_close(&client);
        bench_end();
    }
}

static void a_slow_reader_that_goes_on_taking_is_not_closed(void **state) {
    struct client client;
    (void)state;
    bench_begin(&idle_is_short);
    bench->big_size = 32u * 1024 * 1024;
    client_open(&client);
    client_send(&client, GET("/big"));
    size_t size = strlen(OK_HEAD("r", "33554432")) + bench->big_size;
    for (unsigned turns = 0; client.received.size < size && client.closed_count == 0; turns++) {
        size_t before = client.received.size;
        stream_resume(client.stream);
        while (client.received.size < MIN_OF(before + 2u * 1024 * 1024, size)) {
            assert_int_equal(client.closed_count, 0);
            (void)uv_run(&bench->loop, UV_RUN_ONCE);
        }
        stream_pause(client.stream);
        run_for(SHORT_MS / 5);
    }
    assert_int_equal(client.received.size, size);
    client_close(&client);
    bench_end();
}

/* Numbers. */

static void one_connection_too_many_is_refused(void **state) {
    static const struct server_limits two = {.connections_max = 2};
    struct client clients[4];
    (void)state;
    bench_begin(&two);
    for (unsigned i = 0; i < 2; i++) {
        client_open(&clients[i]);
        client_send(&clients[i], GET("/echo"));
        client_expects(&clients[i], OK_HEAD("r", "0"));
    }
    client_open(&clients[2]);
    client_send(&clients[2], GET("/echo"));
    run_until(&clients[2].closed_count, 1);
    assert_int_equal(client_count(&clients[2], "HTTP/1.1 429 Too Many Requests\r\n"), 1);
    assert_int_equal(client_count(&clients[2], "Retry-After: 1\r\n"), 1);
    assert_int_equal(client_count(&clients[2], "\"code\":\"overloaded\""), 1);
    assert_int_equal(bench->requested_count, 2);
    client_send(&clients[0], GET("/echo")); /* the others live on */
    client_expects(&clients[0], OK_HEAD("r", "0"));
    client_close(&clients[0]);
    run_for(50);
    client_open(&clients[3]); /* room again */
    client_send(&clients[3], GET("/echo"));
    client_expects(&clients[3], OK_HEAD("r", "0"));
    for (unsigned i = 1; i < ARRAY_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
    bench_end();
}

static void one_connection_takes_no_more_than_its_turn(void **state) {
    static const struct server_limits three = {.pipeline_max = 3};
    struct client client;
    (void)state;
    bench_begin(&three);
    client_open(&client);
    client_send(&client, GET("/echo"));
    client_expects(&client, OK_HEAD("r", "0"));
    client_send(&client, GET("/echo") GET("/echo") GET("/echo") GET("/echo") GET("/echo"));
    while (bench->requested_count == 1) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
    }
    assert_int_equal(bench->requested_count, 1 + 3);
    run_until(&bench->requested_count, 1 + 5);
    client_close(&client);
    bench_end();
}

/* The end. */

static const struct server_limits close_is_short = {.close_timeout_ms = 150};
static const struct server_limits close_is_long = {.close_timeout_ms = LONG_MS};

static void a_server_without_anything_closes(void **state) {
    (void)state;
    bench_begin(&close_is_short);
    bench_end();
}

static void closing_ends_idle_connections_and_streams_at_once(void **state) {
    struct client idle;
    struct client partial;
    struct client streaming;
    (void)state;
    bench_begin(&close_is_long);
    client_open(&idle);
    client_open(&partial);
    client_open(&streaming);
    client_send(&idle, GET("/echo"));
    client_expects(&idle, OK_HEAD("r", "0"));
    client_send(&partial, "GET /echo HT");
    client_send(&streaming, GET("/stream"));
    client_expects_end(&streaming, "\r\n\r\n");
    close_server();
    assert_int_equal(bench->gone_count, 0);    /* never inside the call */
    run_until(&bench->server_closed_count, 1); /* its patience is shorter than LONG_MS */
    assert_int_equal(bench->gone_count, 1);
    run_until(&idle.closed_count, 1);
    run_until(&partial.closed_count, 1);
    run_until(&streaming.closed_count, 1);
    client_close(&idle);
    client_close(&partial);
    client_close(&streaming);
    bench_end();
}

static void closing_lets_an_answer_in_progress_finish(void **state) {
    struct client client;
    struct client late;
    (void)state;
    bench_begin(&close_is_short);
    client_open(&client);
    client_send(&client, GET("/later") GET("/echo"));
    run_until(&bench->kept_count, 1);
    close_server();
    run_for(20);
    assert_int_equal(bench->server_closed_count, 0);
    client_open(&late);
    run_until(&late.closed_count, 1); /* nobody listens */
    exchange_reply(bench->kept[0], 200, "text/plain", slice_of_text("done"));
    run_until(&client.closed_count, 1);
    client_expects(&client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: r\r\n"
                            "Connection: close\r\nContent-Length: 4\r\n\r\ndone");
    run_until(&bench->server_closed_count, 1);
    assert_int_equal(bench->gone_count, 0);
    assert_int_equal(bench->requested_count, 1); /* the pipelined one was not begun */
    client_close(&client);
    client_close(&late);
    bench_end();
}

static void closing_does_not_wait_for_ever(void **state) {
    struct client client;
    (void)state;
    bench_begin(&close_is_short);
    client_open(&client);
    client_send(&client, GET("/later"));
    run_until(&bench->kept_count, 1);
    msec_t began_ms = clock_boot_ms(&clock_system);
    close_server();
    run_until(&bench->server_closed_count, 1);
    assert_true(clock_boot_ms(&clock_system) - began_ms >= 150);
    assert_int_equal(bench->gone_count, 1);
    client_close(&client);
    bench_end();
}

static void a_handler_may_close_the_server(void **state) {
    struct client client;
    (void)state;
    bench_begin(&close_is_short);
    client_open(&client);
    client_send(&client, GET("/close"));
    run_until(&client.closed_count, 1);
    client_expects_end(&client, "Connection: close\r\nContent-Length: 0\r\n\r\n");
    run_until(&bench->server_closed_count, 1);
    client_close(&client);
    bench_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_head_is_closed),
        cmocka_unit_test(a_slow_body_is_closed),
        cmocka_unit_test(a_silent_connection_is_closed),
        cmocka_unit_test(requests_keep_a_connection_from_idling),
        cmocka_unit_test(a_slow_handler_is_not_cut_off),
        cmocka_unit_test(a_peer_that_takes_nothing_is_closed),
        cmocka_unit_test(a_slow_reader_that_goes_on_taking_is_not_closed),
        cmocka_unit_test(one_connection_too_many_is_refused),
        cmocka_unit_test(one_connection_takes_no_more_than_its_turn),
        cmocka_unit_test(a_server_without_anything_closes),
        cmocka_unit_test(closing_ends_idle_connections_and_streams_at_once),
        cmocka_unit_test(closing_lets_an_answer_in_progress_finish),
        cmocka_unit_test(closing_does_not_wait_for_ever),
        cmocka_unit_test(a_handler_may_close_the_server),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) { /* as every main does */
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
