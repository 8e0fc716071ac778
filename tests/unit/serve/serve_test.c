/* The server over real sockets: what a client sees, byte for byte, and what the owner is told. */
#include "tests/unit/serve/bench.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GET(target, more)  "GET " target " HTTP/1.1\r\nHost: a\r\n" more "\r\n"
#define POST(target, more) "POST " target " HTTP/1.1\r\nHost: a\r\nX-Request-Id: r\r\n" more
#define ID(id)             "X-Request-Id: " id "\r\n"

static int set_up(void **state) {
    static const struct server_limits defaults;
    (void)state;
    bench_begin(&defaults);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_end();
    return 0;
}

/* Answers. */

static void a_connection_is_used_again(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, POST("/echo", "Content-Length: 5\r\n\r\nhello"));
    client_expects(&client, OK_HEAD("r", "5") "hello");
    client_send(&client, GET("/echo", ID("s")));
    client_expects(&client, OK_HEAD("s", "0"));
    client_send(&client, GET("/none", ID("t")));
    client_expects(&client, "HTTP/1.1 204 No Content\r\nX-Request-Id: t\r\nX-Extra: 42\r\n\r\n");
    client_send(&client, POST("/echo", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"));
    client_expects(&client, OK_HEAD("r", "2") "hi");
    assert_int_equal(server_connection_count(bench->server), 1);
    assert_false(bench->peer.is_local);
    client_close(&client);
    run_for(20);
    assert_int_equal(server_connection_count(bench->server), 0);
    assert_int_equal(bench->gone_count, 0);
}

static void a_request_may_come_byte_by_byte(void **state) {
    static const char text[] = POST("/echo", "Content-Length: 2\r\n\r\nhi");
    struct client client;
    (void)state;
    client_open(&client);
    for (size_t i = 0; text[i] != 0; i++) {
        stream_write(client.stream, slice_of(&text[i], 1));
        run_for(1);
    }
    client_expects(&client, OK_HEAD("r", "2") "hi");
    client_close(&client);
}

static void a_unix_socket_serves_beside_tcp(void **state) {
    struct client client;
    struct socket_address address = {0};
    (void)state;
    (void)snprintf(address.path, sizeof address.path, "%s/s", bench->directory);
    assert_int_equal(server_listen(bench->server, &address, 0600), ERR_OK);
    assert_int_equal(server_port(bench->server, 1), 0);
    client_open_at(&client, &address);
    client_send(&client, GET("/echo", ID("u")));
    client_expects(&client, OK_HEAD("u", "0"));
    assert_true(bench->peer.is_local);
    assert_int_equal(bench->peer.uid, getuid());
    client_close(&client);
}

static void a_request_without_an_id_gets_sixteen_hex_digits(void **state) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: ";
    struct client client;
    char ids[2][17];
    (void)state;
    client_open(&client);
    for (unsigned i = 0; i < 2; i++) {
        client_send(&client, GET("/echo", ""));
        client_expects_end(&client, "\r\nContent-Length: 0\r\n\r\n");
        assert_memory_equal(client.received.data, head, strlen(head));
        memcpy(ids[i], client.received.data + strlen(head), 16);
        ids[i][16] = 0;
        assert_int_equal(strspn(ids[i], "0123456789abcdef"), 16);
        assert_memory_equal(client.received.data + strlen(head) + 16, "\r\n", 2);
        client_forget(&client);
    }
    assert_string_not_equal(ids[0], ids[1]);
    client_close(&client);
}

static void a_request_id_of_64_is_kept_and_a_longer_one_replaced(void **state) {
    char id[66];
    struct buf text;
    struct client client;
    (void)state;
    buf_init(&text);
    memset(id, 'i', sizeof id);
    client_open(&client);
    for (size_t size = 64; size <= 65; size++) {
        buf_clear(&text);
        buf_appendf(&text, "GET /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: %.*s\r\n\r\n", (int)size,
                    id);
        client_send(&client, buf_text(&text));
        client_expects_end(&client, "\r\nContent-Length: 0\r\n\r\n");
        id[64] = 0;
        assert_int_equal(client_count(&client, id), size == 64);
        id[64] = 'i';
        client_forget(&client);
    }
    client_send(&client, GET("/echo", "X-Request-Id: \xc3\xa4\r\n"));
    client_expects_end(&client, "\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(client_count(&client, "\xc3\xa4"), 0);
    buf_deinit(&text);
    client_close(&client);
}

static void head_is_answered_without_a_body(void **state) {
    struct client client;
    (void)state;
    bench->big_size = 1234;
    client_open(&client);
    client_send(&client, "HEAD /big HTTP/1.1\r\nHost: a\r\nX-Request-Id: h\r\n\r\n");
    client_expects(&client, OK_HEAD("h", "1234"));
    client_send(&client, "HEAD /stream HTTP/1.1\r\nHost: a\r\nX-Request-Id: h\r\n\r\n");
    client_expects_end(&client, "Transfer-Encoding: chunked\r\n\r\n");
    client_forget(&client);
    exchange_send(bench->kept[0], slice_of_text("unseen"));
    assert_int_equal(exchange_queued_size(bench->kept[0]), 0);
    run_until(&bench->drained_count, 1);
    exchange_end_stream(bench->kept[0]);
    client_send(&client, GET("/echo", ID("next")));
    client_expects(&client, OK_HEAD("next", "0"));
    client_close(&client);
}

static void trailers_follow_the_last_chunk(void **state) {
    static const char *const requests[] = {
        GET("/stream", ID("t")),
        "HEAD /stream HTTP/1.1\r\nHost: a\r\nX-Request-Id: t\r\n\r\n",
        GET("/stream", ID("t")),
        "GET /stream HTTP/1.0\r\nX-Request-Id: t\r\n\r\n",
    };
    static const char *const endings[] = {
        "\r\n\r\n2\r\nhi\r\n0\r\nX-Digest: a=:b\r\nX-Count: 1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "\r\n\r\n2\r\nhi\r\n0\r\n\r\n", /* those of the one before do not stay */
        "\r\n\r\nhi",
    };
    struct client client;
    (void)state;
    client_open(&client);
    for (unsigned i = 0; i < ARRAY_COUNT(requests); i++) {
        client_send(&client, requests[i]);
        run_until(&bench->kept_count, i + 1);
        exchange_send(bench->kept[i], slice_of_text("hi"));
        if (i != 2) {
            exchange_trailer(bench->kept[i], "X-Digest", "a=%s", ":b");
            exchange_trailer(bench->kept[i], "X-Count", "%d", 1);
        }
        exchange_end_stream(bench->kept[i]);
        client_expects_end(&client, endings[i]);
        client_forget(&client);
    }
    client_close(&client);
}

static void a_problem_is_answered_with_its_headers(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, GET("/refuse", ID("p")));
    client_expects_end(&client, "}");
    assert_int_equal(client_count(&client, "HTTP/1.1 405 Method Not Allowed\r\n"), 1);
    assert_int_equal(client_count(&client, "Content-Type: application/problem+json\r\n"), 1);
    assert_int_equal(client_count(&client, "Allow: GET, PUT\r\n"), 1);
    assert_int_equal(client_count(&client, "Retry-After: 7\r\n"), 1);
    assert_int_equal(client_count(&client, "\"code\":\"method_not_allowed\""), 1);
    assert_int_equal(client_count(&client, "\"request_id\":\"p\""), 1);
    client_forget(&client);
    client_send(&client, GET("/echo", ID("next"))); /* the headers do not stay */
    client_expects(&client, OK_HEAD("next", "0"));
    client_close(&client);
}

static void the_last_answer_says_close(void **state) {
    static const char *const requests[] = {
        GET("/echo", ID("c") "Connection: close\r\n"),
        "GET /echo HTTP/1.0\r\nX-Request-Id: c\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        struct client client;
        client_open(&client);
        client_send(&client, requests[i]);
        client_send(&client, GET("/echo", "")); /* beyond the end: not answered */
        run_until(&client.closed_count, 1);
        client_expects(&client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: c\r\n"
                                "Connection: close\r\nContent-Length: 0\r\n\r\n");
        client_close(&client);
    }
    assert_int_equal(bench->requested_count, 2);
}

static void http_1_0_may_keep_its_connection(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    for (unsigned i = 0; i < 2; i++) {
        client_send(&client, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n" ID("k") "\r\n");
        client_expects(&client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: k\r\n"
                                "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    }
    client_close(&client);
}

static void a_client_that_waits_for_100_continue_gets_it(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    for (unsigned i = 0; i < 2; i++) {
        client_send(&client, POST("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
        client_expects(&client, "HTTP/1.1 100 Continue\r\n\r\n");
        client_send(&client, "h");
        run_for(5);
        client_send(&client, "i");
        client_expects(&client, OK_HEAD("r", "2") "hi");
    }
    client_send(&client, POST("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"));
    client_expects(&client, OK_HEAD("r", "2") "hi"); /* it did not wait */
    client_close(&client);
}

/* Pipelines. */

static void pipelined_requests_are_answered_in_order(void **state) {
    struct buf requests;
    struct buf answers;
    struct client client;
    (void)state;
    buf_init(&requests);
    buf_init(&answers);
    for (unsigned i = 0; i < 5 * LIMIT_HTTP_PIPELINE_MAX; i++) {
        buf_appendf(&requests,
                    "POST /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: %u\r\nContent-Length: "
                    "2\r\n\r\n%02u",
                    i, i);
        buf_appendf(&answers,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: "
                    "%u\r\nContent-Length: 2\r\n\r\n%02u",
                    i, i);
    }
    client_open(&client);
    client_send(&client, buf_text(&requests));
    client_expects(&client, buf_text(&answers));
    buf_deinit(&requests);
    buf_deinit(&answers);
    client_close(&client);
}

static void a_pipelined_request_waits_for_the_answer_before_it(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, GET("/later", ID("1")) GET("/later", ID("2")) GET("/echo", ID("3")));
    run_until(&bench->kept_count, 1);
    run_for(10);
    assert_int_equal(bench->requested_count, 1);
    assert_string_equal(exchange_request_id(bench->kept[0]), "1");
    bench->is_inside_call = true;
    exchange_reply(bench->kept[0], 200, "text/plain", slice_of_text("one"));
    bench->is_inside_call = false;
    assert_int_equal(bench->requested_count, 1); /* not from inside the call */
    client_expects(&client, OK_HEAD("1", "3") "one");
    run_until(&bench->kept_count, 2);
    exchange_reply(bench->kept[1], 200, "text/plain", slice_of_text("two"));
    client_expects(&client, OK_HEAD("2", "3") "two" OK_HEAD("3", "0"));
    client_close(&client);
    assert_int_equal(bench->gone_count, 0);
}

#define FLOOD_SIZE (16u * 1024u * 1024u)

/* Bytes of a connection whose request waits are not read for ever. */
static void a_flood_behind_a_waiting_request_is_not_read(void **state) {
    struct buf flood;
    struct client client;
    (void)state;
    buf_init(&flood);
    buf_append_text(&flood, GET("/later", ID("1")));
    while (flood.size < FLOOD_SIZE) {
        buf_append_text(&flood, GET("/none", ID("n")));
    }
    client_open(&client);
    stream_write_buf(client.stream, &flood);
    run_until(&bench->kept_count, 1);
    run_for(50);
    assert_true(stream_queued_size(client.stream) > FLOOD_SIZE / 4);
    exchange_reply(bench->kept[0], 200, "text/plain", slice_of(NULL, 0));
    unsigned goal = FLOOD_SIZE / (sizeof GET("/none", ID("n")) - 1);
    run_until(&bench->requested_count, goal);
    client_close(&client);
}

/* A client that asks and does not read gets no more answers made than fit. */
static void answers_that_nobody_reads_hold_requests_up(void **state) {
    struct client client;
    (void)state;
    bench->big_size = LIMIT_HTTP_OUTPUT_HIGH_SIZE;
    client_open(&client);
    client_send(&client, GET("/none", ID("n")));
    client_expects_end(&client, "\r\n\r\n");
    stream_pause(client.stream);
    for (unsigned i = 0; i < 40; i++) {
        client_send(&client, GET("/big", ID("b")));
    }
    run_for(100);
    assert_true(bench->requested_count < 30);
    stream_resume(client.stream);
    run_until(&bench->requested_count, 41);
    client_close(&client);
}

/* Refusals. */

static void expect_refusal(const char *request, const char *status, const char *code) {
    struct client client;
    client_open(&client);
    client_send(&client, request);
    run_until(&client.closed_count, 1);
    assert_int_equal(client_count(&client, status), 1);
    assert_int_equal(client_count(&client, "HTTP/1.1 "), 1);
    assert_int_equal(client_count(&client, code), 1);
    assert_int_equal(client_count(&client, "Content-Type: application/problem+json\r\n"), 1);
    assert_int_equal(client_count(&client, "Connection: close\r\n"), 1);
    assert_int_equal(client_count(&client, "\"request_id\":\""), 1);
    assert_int_equal(bench->requested_count, 0);
    client_close(&client);
}

static void what_is_not_http_is_400(void **state) {
    (void)state;
    expect_refusal("\x16\x03\x01 hello?\r\n\r\n", "400 Bad Request\r\n", "\"bad_request\"");
    expect_refusal("GET / HTTP/1.1\r\n\r\n", "400 Bad Request\r\n", "\"bad_request\"");
    expect_refusal(POST("/echo", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
                   "400 Bad Request\r\n", "\"bad_request\"");
}

static void too_many_headers_are_431(void **state) {
    struct buf text;
    (void)state;
    buf_init(&text);
    buf_append_text(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 0; i < LIMIT_HTTP_HEADER_COUNT_MAX; i++) {
        buf_append_text(&text, "X: y\r\n");
    }
    buf_append_text(&text, "\r\n");
    expect_refusal(buf_text(&text), "431 Request", "\"headers_too_large\"");
    buf_clear(&text);
    buf_append_text(&text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    while (text.size < 1024 * 1024) { /* much of it is on its way when the answer comes */
        buf_append_char(&text, 'x');
    }
    expect_refusal(buf_text(&text), "431 Request", "\"headers_too_large\"");
    buf_deinit(&text);
}

static void too_large_bodies_are_413(void **state) {
    struct buf text;
    (void)state;
    expect_refusal(POST("/echo", "Content-Length: 1048577\r\n\r\n"), "413 Content Too Large\r\n",
                   "\"too_large\"");
    expect_refusal(POST("/echo", "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"),
                   "413 Content Too Large\r\n", "\"too_large\"");
    buf_init(&text);
    buf_append_text(&text, POST("/echo", "Transfer-Encoding: chunked\r\n\r\n"));
    for (unsigned i = 0; i < 3 * 1024; i++) {
        char kilobyte[1024];
        memset(kilobyte, 'k', sizeof kilobyte);
        http_add_chunk(&text, slice_of(kilobyte, sizeof kilobyte));
    }
    expect_refusal(buf_text(&text), "413 Content Too Large\r\n", "\"too_large\"");
    buf_deinit(&text);
}

static void a_body_of_the_greatest_size_is_served(void **state) {
    struct buf text;
    struct client client;
    (void)state;
    buf_init(&text);
    buf_append_text(&text, POST("/echo", "Content-Length: 1048576\r\n\r\n"));
    memset(buf_reserve(&text, LIMIT_HTTP_BODY_SIZE_MAX), 'g', LIMIT_HTTP_BODY_SIZE_MAX);
    text.size += LIMIT_HTTP_BODY_SIZE_MAX;
    client_open(&client);
    stream_write_buf(client.stream, &text);
    run_until(&bench->requested_count, 1);
    client_send(&client, GET("/echo", ID("end")));
    client_expects_end(&client, "g" OK_HEAD("end", "0"));
    assert_int_equal(client.received.size, strlen(OK_HEAD("r", "1048576")) +
                                               LIMIT_HTTP_BODY_SIZE_MAX +
                                               strlen(OK_HEAD("end", "0")));
    client_close(&client);
}

static void requests_before_a_bad_one_are_answered(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, GET("/echo", ID("good")) "nonsense\r\n\r\n");
    run_until(&client.closed_count, 1);
    assert_memory_equal(client.received.data, OK_HEAD("good", "0"), strlen(OK_HEAD("good", "0")));
    assert_int_equal(client_count(&client, "HTTP/1.1 400 Bad Request\r\n"), 1);
    client_close(&client);
}

/* Streams. */

#define STREAM_HEAD(id)                                                                            \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: " id                             \
    "\r\nTransfer-Encoding: chunked\r\n\r\n"

static void a_stream_is_sent_in_chunks(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, GET("/stream", ID("s")) GET("/echo", ID("next")));
    client_expects(&client, STREAM_HEAD("s"));
    bench->is_inside_call = true;
    exchange_send(bench->kept[0], slice_of_text("hello\n"));
    exchange_send(bench->kept[0], slice_of_text(""));
    exchange_send(bench->kept[0], slice_of_text("0123456789abcdef"));
    bench->is_inside_call = false;
    assert_int_equal(exchange_queued_size(bench->kept[0]), 3 + 6 + 2 + 4 + 16 + 2);
    client_expects(&client, "6\r\nhello\n\r\n10\r\n0123456789abcdef\r\n");
    run_until(&bench->drained_count, 1);
    exchange_send(bench->kept[0], slice_of_text("!"));
    exchange_end_stream(bench->kept[0]);
    client_expects(&client, "1\r\n!\r\n0\r\n\r\n" OK_HEAD("next", "0"));
    client_close(&client);
    assert_int_equal(bench->gone_count, 0);
}

static void http_1_0_gets_a_stream_without_chunks(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n" ID("s") "\r\n");
    run_until(&bench->kept_count, 1);
    exchange_send(bench->kept[0], slice_of_text("hello"));
    exchange_end_stream(bench->kept[0]);
    run_until(&client.closed_count, 1);
    client_expects(&client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: s\r\n"
                            "Connection: close\r\n\r\nhello");
    client_close(&client);
}

static void a_client_that_goes_away_is_told_once(void **state) {
    struct client streaming;
    struct client waiting;
    (void)state;
    client_open(&streaming);
    client_open(&waiting);
    client_send(&streaming, GET("/stream", ID("s")));
    client_send(&waiting, GET("/later", ID("l")));
    run_until(&bench->kept_count, 2);
    client_close(&streaming);
    run_until(&bench->gone_count, 1);
    client_close(&waiting);
    run_until(&bench->gone_count, 2);
    run_for(20);
    assert_int_equal(bench->gone_count, 2);
    assert_int_equal(server_connection_count(bench->server), 0);
}

static void an_aborted_stream_is_cut(void **state) {
    struct client client;
    (void)state;
    client_open(&client);
    client_send(&client, GET("/stream", ID("s")));
    run_until(&bench->kept_count, 1);
    exchange_send(bench->kept[0], slice_of_text("half"));
    bench->is_inside_call = true;
    exchange_abort(bench->kept[0]);
    bench->is_inside_call = false;
    run_until(&client.closed_count, 1);
    client_expects(&client, STREAM_HEAD("s") "4\r\nhalf\r\n");
    client_close(&client);
    assert_int_equal(bench->gone_count, 0);
}

static void what_a_slow_reader_has_not_taken_is_counted(void **state) {
    char block[64 * 1024];
    struct client client;
    (void)state;
    memset(block, 'b', sizeof block);
    client_open(&client);
    client_send(&client, GET("/stream", ID("s")));
    client_expects(&client, STREAM_HEAD("s"));
    stream_pause(client.stream);
    size_t sent = 0;
    for (; sent < 64u * 1024 * 1024; sent += sizeof block) {
        exchange_send(bench->kept[0], slice_of(block, sizeof block));
        run_for(1);
        if (exchange_queued_size(bench->kept[0]) > LIMIT_WATCH_QUEUE_SIZE_MAX) {
            break;
        }
    }
    assert_true(exchange_queued_size(bench->kept[0]) > LIMIT_WATCH_QUEUE_SIZE_MAX);
    unsigned drained_before = bench->drained_count;
    stream_resume(client.stream);
    run_until(&bench->drained_count, drained_before + 1);
    exchange_end_stream(bench->kept[0]);
    client_expects_end(&client, "0\r\n\r\n");
    client_close(&client);
}

#define SERVE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVE_TEST(a_connection_is_used_again),
        SERVE_TEST(a_request_may_come_byte_by_byte),
        SERVE_TEST(a_unix_socket_serves_beside_tcp),
        SERVE_TEST(a_request_without_an_id_gets_sixteen_hex_digits),
        SERVE_TEST(a_request_id_of_64_is_kept_and_a_longer_one_replaced),
        SERVE_TEST(head_is_answered_without_a_body),
        SERVE_TEST(trailers_follow_the_last_chunk),
        SERVE_TEST(a_problem_is_answered_with_its_headers),
        SERVE_TEST(the_last_answer_says_close),
        SERVE_TEST(http_1_0_may_keep_its_connection),
        SERVE_TEST(a_client_that_waits_for_100_continue_gets_it),
        SERVE_TEST(pipelined_requests_are_answered_in_order),
        SERVE_TEST(a_pipelined_request_waits_for_the_answer_before_it),
        SERVE_TEST(a_flood_behind_a_waiting_request_is_not_read),
        SERVE_TEST(answers_that_nobody_reads_hold_requests_up),
        SERVE_TEST(what_is_not_http_is_400),
        SERVE_TEST(too_many_headers_are_431),
        SERVE_TEST(too_large_bodies_are_413),
        SERVE_TEST(a_body_of_the_greatest_size_is_served),
        SERVE_TEST(requests_before_a_bad_one_are_answered),
        SERVE_TEST(a_stream_is_sent_in_chunks),
        SERVE_TEST(http_1_0_gets_a_stream_without_chunks),
        SERVE_TEST(a_client_that_goes_away_is_told_once),
        SERVE_TEST(an_aborted_stream_is_cut),
        SERVE_TEST(what_a_slow_reader_has_not_taken_is_counted),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) { /* as every main does */
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
