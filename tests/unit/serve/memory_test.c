/* What connections may hold: long streams beside the connections, bodies and answers that wait, and
 * connections that rest. */
#include "tests/unit/serve/bench.h"

#include "util/limits.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\nX-Request-Id: r\r\n\r\n"
#define LONG_HEAD                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: r\r\nConnection: close\r\n"      \
    "Transfer-Encoding: chunked\r\n\r\n"
#define LARGE_SIZE (256u * 1024u)

static const struct server_limits defaults = {0};

static void open_and_ask(struct client *client, const char *request, const char *expected) {
    client_open(client);
    client_send(client, request);
    client_expects(client, expected);
}

static void expect_overloaded(struct client *client) {
    run_until(&client->closed_count, 1);
    assert_int_equal(client_count(client, "HTTP/1.1 429 Too Many Requests\r\n"), 1);
    assert_int_equal(client_count(client, "Retry-After: 1\r\n"), 1);
}

static void long_streams_are_not_among_the_connections(void **state) {
    static const struct server_limits two = {.connections_max = 2};
    struct client streams[4];
    struct client clients[3];
    (void)state;
    bench_begin(&two);
    for (unsigned i = 0; i < ARRAY_COUNT(streams); i++) {
        open_and_ask(&streams[i], GET("/long"), LONG_HEAD);
    }
    assert_int_equal(server_long_stream_count(bench->server), 4);
    assert_int_equal(server_connection_count(bench->server), 0);
    for (unsigned i = 0; i < 2; i++) {
        open_and_ask(&clients[i], GET("/echo"), OK_HEAD("r", "0"));
    }
    client_open(&clients[2]);
    expect_overloaded(&clients[2]);
    for (unsigned i = 0; i < ARRAY_COUNT(streams); i++) {
        client_close(&streams[i]);
    }
    run_until(&bench->gone_count, 4);
    assert_int_equal(server_long_stream_count(bench->server), 0);
    assert_int_equal(server_connection_count(bench->server), 2);
    for (unsigned i = 0; i < ARRAY_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
    bench_end();
}

static void a_connection_ends_with_its_long_stream(void **state) {
    struct client client;
    (void)state;
    bench_begin(&defaults);
    open_and_ask(&client, GET("/long"), LONG_HEAD);
    exchange_send(bench->kept[0], slice_of_text("one\n"));
    client_expects(&client, "4\r\none\n\r\n");
    exchange_end_stream(bench->kept[0]);
    run_until(&client.closed_count, 1);
    client_expects(&client, "0\r\n\r\n");
    client_close(&client);
    bench_end();
}

static void send_zeros(struct client *client, size_t size) {
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '0', size);
    text[size] = 0;
    client_send(client, text);
    free(text);
}

static void a_client_may_send_little_while_it_is_streamed_to(void **state) {
    struct client client;
    (void)state;
    bench_begin(&defaults);
    open_and_ask(&client, GET("/long"), LONG_HEAD);
    send_zeros(&client, LIMIT_HTTP_STREAM_INPUT_SIZE);
    run_for(50);
    exchange_send(bench->kept[0], slice_of_text("one\n"));
    client_expects(&client, "4\r\none\n\r\n");
    send_zeros(&client, 1);
    run_until(&client.closed_count, 1);
    assert_int_equal(bench->gone_count, 1);
    client_close(&client);
    bench_end();
}

static void a_connection_that_rested_is_served(void **state) {
    static const struct server_limits short_rest = {.rest_timeout_ms = 1, .head_timeout_ms = 40};
    struct client client;
    (void)state;
    bench_begin(&short_rest);
    client_open(&client);
    for (unsigned i = 0; i < 5; i++) {
        client_send(&client, GET("/echo"));
        client_expects(&client, OK_HEAD("r", "0"));
        run_for(30); /* several ticks */
    }
    client_close(&client);
    bench_end();
}

static void large_answers_are_refused_while_too_much_waits(void **state) {
    static const struct server_limits small = {.held_size_max = 1};
    struct client mute;
    struct client client;
    (void)state;
    bench_begin(&small);
    bench->big_size = 32u * 1024 * 1024;
    client_open(&mute);
    client_send(&mute, GET("/big"));
    client_expects_end(&mute, "b");
    stream_pause(mute.stream); /* most of it waits in the server now */
    bench->big_size = LARGE_SIZE;
    open_and_ask(&client, GET("/echo"), OK_HEAD("r", "0"));
    client_send(&client, GET("/big"));
    client_expects_end(&client, "}");
    assert_int_equal(client_count(&client, "HTTP/1.1 429 Too Many Requests\r\n"), 1);
    assert_int_equal(client_count(&client, "\"code\":\"overloaded\""), 1);
    client_forget(&client);
    client_close(&mute);
    run_for(50);
    client_send(&client, GET("/big"));
    client_expects_end(&client, "b");
    assert_int_equal(client_count(&client, "HTTP/1.1 200 OK\r\n"), 1);
    client_close(&client);
    bench_end();
}

static void large_bodies_are_refused_while_too_much_waits(void **state) {
    static const struct server_limits small = {.held_size_max = 1};
    static const char post[] = "POST /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: r\r\n"
                               "Content-Length: 262144\r\n\r\n";
    struct client slow;
    struct client clients[2];
    (void)state;
    bench_begin(&small);
    client_open(&slow);
    client_send(&slow, post);
    send_zeros(&slow, 1024);
    run_for(50);
    client_open(&clients[0]);
    client_send(&clients[0], post);
    send_zeros(&clients[0], LARGE_SIZE - 1);
    expect_overloaded(&clients[0]);
    open_and_ask(&clients[1], GET("/echo"), OK_HEAD("r", "0"));
    client_close(&slow);
    for (unsigned i = 0; i < ARRAY_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
    bench_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_streams_are_not_among_the_connections),
        cmocka_unit_test(a_connection_ends_with_its_long_stream),
        cmocka_unit_test(a_client_may_send_little_while_it_is_streamed_to),
        cmocka_unit_test(a_connection_that_rested_is_served),
        cmocka_unit_test(large_answers_are_refused_while_too_much_waits),
        cmocka_unit_test(large_bodies_are_refused_while_too_much_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
