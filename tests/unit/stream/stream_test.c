/* Streams over real sockets: loopback TCP on port 0 and unix sockets in a directory of their own.
 */
#include "stream/stream.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#define PATIENCE_MS 8000u

/* One end of a connection, and what happened to it. */
struct end {
    struct stream *stream;
    struct buf received;
    unsigned connected_count, drained_count, closed_count;
    enum err reason;
    bool echoes;
    bool closes_when_received;
};

struct bench {
    uv_loop_t loop;
    uv_timer_t patience;
    bool is_over;
    char directory[32];
    struct socket_address address;
    struct stream_listener *listener;
    struct end client, server;
    bool is_inside_call; /* a call of the owner is on the stack: no callback may come */
    bool refuses;        /* close what is accepted */
    bool ignores;        /* neither adopt nor close it */
    unsigned accepted_count;
    struct stream_peer peer;
};

static struct bench *bench; /* the test that runs */

static void end_connected(struct stream *stream, void *owner) {
    struct end *end = owner;
    assert_ptr_equal(stream, end->stream);
    assert_false(bench->is_inside_call);
    end->connected_count++;
}

static void end_received(struct stream *stream, void *owner, struct slice bytes) {
    struct end *end = owner;
    assert_false(bench->is_inside_call);
    assert_int_equal(end->closed_count, 0);
    buf_append(&end->received, bytes.data, bytes.size);
    if (end->echoes) {
        stream_write(stream, bytes);
    }
    if (end->closes_when_received) {
        stream_close(stream);
    }
}

static void end_drained(struct stream *stream, void *owner) {
    struct end *end = owner;
    (void)stream;
    assert_false(bench->is_inside_call);
    end->drained_count++;
}

static void end_closed(struct stream *stream, void *owner, enum err reason) {
    struct end *end = owner;
    (void)stream;
    assert_false(bench->is_inside_call);
    end->closed_count++;
    end->reason = reason;
}

static const struct stream_handlers end_handlers = {
    .connected = end_connected,
    .received = end_received,
    .drained = end_drained,
    .closed = end_closed,
};

static void accepted(struct stream_listener *listener, void *owner, struct stream *stream) {
    (void)listener;
    assert_ptr_equal(owner, bench);
    bench->accepted_count++;
    stream_peer(stream, &bench->peer);
    if (bench->refuses) {
        stream_close(stream);
    } else if (!bench->ignores) {
        bench->server.stream = stream;
        stream_adopt(stream, &end_handlers, &bench->server);
    }
}

static void patience_ended(uv_timer_t *timer) {
    (void)timer;
    bench->is_over = true;
}

static int set_up(void **state) {
    bench = must_alloc_zeroed(1, sizeof *bench);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    assert_int_equal(uv_timer_init(&bench->loop, &bench->patience), 0);
    memcpy(bench->directory, "/tmp/weft-stream-XXXXXX", sizeof "/tmp/weft-stream-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (bench->listener != NULL) {
        stream_listener_close(bench->listener, NULL);
    }
    uv_close((uv_handle_t *)&bench->patience, NULL);
    assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    buf_deinit(&bench->client.received);
    buf_deinit(&bench->server.received);
    assert_int_equal(rmdir(bench->directory), 0); /* and so the socket file is gone */
    free(bench);
    return 0;
}

/* It repeats: a turn that begins with the timer must not wait for something else afterwards. */
static void begin_patience(unsigned ms) {
    bench->is_over = false;
    assert_int_equal(uv_timer_start(&bench->patience, patience_ended, ms, ms), 0);
}

/* Turns the loop until *count reaches `goal`. */
static void run_until(const unsigned *count, unsigned goal) {
    begin_patience(PATIENCE_MS);
    while (*count < goal && !bench->is_over) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE); /* returns whether handles are left */
    }
    assert_int_equal(*count, goal);
}

static void run_until_received(const struct end *end, size_t size) {
    begin_patience(PATIENCE_MS);
    while (end->received.size < size && !bench->is_over) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
    }
    assert_int_equal(end->received.size, size);
}

static void run_for(unsigned ms) {
    begin_patience(ms);
    while (!bench->is_over) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

static void listen_at(const char *text) {
    assert_int_equal(socket_address_parse(text, &bench->address), ERR_OK);
    assert_int_equal(
        stream_listen(&bench->loop, &bench->address, 0600, accepted, bench, &bench->listener),
        ERR_OK);
    if (bench->address.path[0] == 0) {
        bench->address.port = stream_listener_port(bench->listener);
        assert_int_not_equal(bench->address.port, 0);
    }
}

static void listen_at_path(void) {
    char text[64];
    (void)snprintf(text, sizeof text, "unix:%s/s", bench->directory);
    listen_at(text);
}

static void begin_connect(msec_t timeout_ms) {
    bench->is_inside_call = true;
    bench->client.stream =
        stream_connect(&bench->loop, &bench->address, timeout_ms, &end_handlers, &bench->client);
    bench->is_inside_call = false;
}

static void connect_both(void) {
    begin_connect(5000);
    run_until(&bench->client.connected_count, 1);
    run_until(&bench->accepted_count, 1);
}

static void close_client(void) {
    bench->is_inside_call = true;
    stream_close(bench->client.stream);
    stream_close(bench->client.stream); /* twice is once */
    stream_write(bench->client.stream, slice_of_text("into the void"));
    bench->is_inside_call = false;
    run_until(&bench->client.closed_count, 1);
}

static void close_both(void) {
    close_client();
    run_until(&bench->server.closed_count, 1);
}

static void write_client(struct slice bytes) {
    bench->is_inside_call = true;
    stream_write(bench->client.stream, bytes);
    bench->is_inside_call = false;
}

static void echo_comes_back(void) {
    bench->server.echoes = true;
    connect_both();
    write_client(slice_of_text("hello, "));
    write_client(slice_of_text("world"));
    run_until_received(&bench->client, 12);
    assert_memory_equal(bench->client.received.data, "hello, world", 12);
    close_both();
    assert_int_equal(bench->client.reason, ERR_CLOSED);
    assert_int_equal(bench->server.reason, ERR_CLOSED);
    run_for(20);
    assert_int_equal(bench->client.closed_count, 1);
    assert_int_equal(bench->server.closed_count, 1);
}

static void tcp_echoes_and_closes_once(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    echo_comes_back();
    assert_false(bench->peer.is_local);
    assert_memory_equal(bench->peer.address, "127.0.0.1:", 10);
}

static void ipv6_echoes_and_closes_once(void **state) {
    (void)state;
    listen_at("[::1]:0");
    echo_comes_back();
    assert_memory_equal(bench->peer.address, "[::1]:", 6);
}

static void unix_echoes_and_knows_its_peer(void **state) {
    struct stat status;
    (void)state;
    listen_at_path();
    assert_int_equal(stat(bench->address.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stream_listener_port(bench->listener), 0);
    echo_comes_back();
    assert_true(bench->peer.is_local);
    assert_int_equal(bench->peer.pid, getpid());
    assert_int_equal(bench->peer.uid, getuid());
    assert_int_equal(bench->peer.gid, getgid());
}

static void a_name_is_resolved(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    memcpy(bench->address.host, "localhost", sizeof "localhost"); /* may try ::1 first */
    echo_comes_back();
}

static void an_unknown_name_is_unreachable(void **state) {
    (void)state;
    assert_int_equal(socket_address_parse("no-such-host.invalid:1", &bench->address), ERR_OK);
    begin_connect(5000);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.reason, ERR_UNREACHABLE);
}

static void closing_while_resolving_is_clean(void **state) {
    (void)state;
    assert_int_equal(socket_address_parse("no-such-host.invalid:1", &bench->address), ERR_OK);
    begin_connect(5000);
    close_client();
    assert_int_equal(bench->client.reason, ERR_CLOSED);
    assert_int_equal(bench->client.connected_count, 0);
}

static void closing_while_connecting_is_clean(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    begin_connect(5000);
    close_client();
    assert_int_equal(bench->client.connected_count, 0);
    run_for(20); /* the listener may meet a connection that is gone */
}

static void a_refused_connect_is_unreachable_once(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    stream_listener_close(bench->listener, NULL);
    bench->listener = NULL;
    run_for(1);
    begin_connect(5000);
    write_client(slice_of_text("lost"));
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.reason, ERR_UNREACHABLE);
    run_for(20);
    assert_int_equal(bench->client.closed_count, 1);
    assert_int_equal(bench->client.connected_count, 0);
}

static void a_missing_socket_file_is_unreachable(void **state) {
    (void)state;
    (void)snprintf(bench->address.path, sizeof bench->address.path, "%s/none", bench->directory);
    begin_connect(5000);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.reason, ERR_UNREACHABLE);
}

/* A listener whose queue is full drops the handshake, so that the connect hangs. */
static void a_connect_that_hangs_times_out(void **state) {
    int plugs[16];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t size = sizeof address;
    (void)state;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < ARRAY_COUNT(plugs); i++) {
        plugs[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(plugs[i], (struct sockaddr *)&address, sizeof address); /* in progress */
    }
    assert_int_equal(socket_address_parse("127.0.0.1:1", &bench->address), ERR_OK);
    bench->address.port = ntohs(address.sin_port);
    begin_connect(50);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.reason, ERR_TIMEOUT);
    for (size_t i = 0; i < ARRAY_COUNT(plugs); i++) {
        assert_int_equal(close(plugs[i]), 0);
    }
    assert_int_equal(close(listener), 0);
}

static void a_stale_socket_file_is_replaced(void **state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", bench->directory);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(dead), 0);
    assert_int_equal(access(address.sun_path, F_OK), 0);
    listen_at_path();
    echo_comes_back();
}

static void a_live_socket_is_not_replaced(void **state) {
    struct stream_listener *second = NULL;
    (void)state;
    listen_at_path();
    bench->ignores = true;
    assert_int_equal(stream_listen(&bench->loop, &bench->address, 0600, accepted, bench, &second),
                     ERR_EXISTS);
    assert_null(second);
    assert_int_equal(access(bench->address.path, F_OK), 0);
    run_until(&bench->accepted_count, 1); /* the probe */
    begin_connect(5000);
    run_until(&bench->accepted_count, 2);
    run_until(&bench->client.closed_count, 1);
}

static void a_file_that_is_no_socket_is_kept(void **state) {
    char path[64];
    struct stream_listener *listener = NULL;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/s", bench->directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    memcpy(bench->address.path, path, sizeof path);
    assert_int_equal(stream_listen(&bench->loop, &bench->address, 0600, accepted, bench, &listener),
                     ERR_EXISTS);
    assert_int_equal(unlink(path), 0);
}

static void a_port_in_use_is_refused(void **state) {
    struct stream_listener *second = NULL;
    (void)state;
    listen_at("127.0.0.1:0");
    assert_int_equal(stream_listen(&bench->loop, &bench->address, 0600, accepted, bench, &second),
                     ERR_EXISTS);
}

/* More than any socket buffer, so that the queue and its order are at work. */
#define BIG_SIZE (24u * 1024u * 1024u)

static void fill_pattern(struct buf *big, size_t size) {
    uint8_t *at = buf_reserve(big, size);
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(i * 31 + i / 251);
    }
    big->size = size;
}

static void big_writes_arrive_whole_and_in_order(void **state) {
    struct buf big;
    (void)state;
    buf_init(&big);
    fill_pattern(&big, BIG_SIZE);
    listen_at("127.0.0.1:0");
    connect_both();
    size_t third = BIG_SIZE / 3;
    struct buf taken;
    buf_init(&taken);
    buf_append(&taken, big.data, third);
    bench->is_inside_call = true;
    stream_write_buf(bench->client.stream, &taken);
    bench->is_inside_call = false;
    assert_int_equal(taken.size, 0);
    assert_true(stream_queued_size(bench->client.stream) > 0);
    for (size_t at = third; at < BIG_SIZE; at += 1000) {
        write_client(slice_of(big.data + at, MIN_OF(1000, BIG_SIZE - at)));
    }
    run_until_received(&bench->server, BIG_SIZE);
    assert_memory_equal(bench->server.received.data, big.data, BIG_SIZE);
    run_until(&bench->client.drained_count, 1);
    assert_int_equal(stream_queued_size(bench->client.stream), 0);
    close_both();
    buf_deinit(&big);
}

static void bytes_written_before_the_connection_stands_arrive(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    begin_connect(5000);
    write_client(slice_of_text("early"));
    assert_int_equal(stream_queued_size(bench->client.stream), 5);
    run_until_received(&bench->server, 5);
    close_both();
}

static void a_paused_stream_receives_nothing_until_resumed(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    connect_both();
    stream_pause(bench->server.stream);
    write_client(slice_of_text("held"));
    run_for(50);
    assert_int_equal(bench->server.received.size, 0);
    stream_resume(bench->server.stream);
    run_until_received(&bench->server, 4);
    close_both();
}

static void close_after_writes_sends_all(void **state) {
    struct buf big;
    (void)state;
    buf_init(&big);
    fill_pattern(&big, BIG_SIZE);
    listen_at("127.0.0.1:0");
    connect_both();
    bench->is_inside_call = true;
    stream_write_buf(bench->client.stream, &big);
    stream_close_after_writes(bench->client.stream);
    stream_write(bench->client.stream, slice_of_text("too late"));
    bench->is_inside_call = false;
    run_until(&bench->server.closed_count, 1);
    assert_int_equal(bench->server.received.size, BIG_SIZE);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.reason, ERR_CLOSED);
}

static void close_after_writes_while_connecting_sends_all(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    begin_connect(5000);
    write_client(slice_of_text("last words"));
    stream_close_after_writes(bench->client.stream);
    run_until(&bench->server.closed_count, 1);
    assert_int_equal(bench->server.received.size, 10);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.connected_count, 0);
}

/* Our last bytes must not be lost to a reset because the peer was still sending. */
static void close_after_writes_takes_what_the_peer_still_sends(void **state) {
    struct buf big;
    (void)state;
    buf_init(&big);
    fill_pattern(&big, BIG_SIZE);
    listen_at("127.0.0.1:0");
    connect_both();
    stream_pause(bench->server.stream);
    bench->is_inside_call = true;
    stream_write_buf(bench->client.stream, &big);
    stream_write(bench->server.stream, slice_of_text("enough"));
    stream_close_after_writes(bench->server.stream);
    bench->is_inside_call = false;
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.received.size, 6);
    assert_int_equal(bench->client.reason, ERR_CLOSED);
    run_until(&bench->server.closed_count, 1);
    assert_int_equal(bench->server.received.size, 0);
}

/* A peer that has nothing more to say may still read what was queued for it. */
static void close_after_writes_reaches_a_peer_that_ended_its_side(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct buf big;
    size_t received_size = 0;
    (void)state;
    buf_init(&big);
    fill_pattern(&big, BIG_SIZE);
    listen_at("127.0.0.1:0");
    address.sin_port = htons(bench->address.port);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&address, sizeof address), 0);
    run_until(&bench->accepted_count, 1);
    stream_pause(bench->server.stream);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    stream_write_buf(bench->server.stream, &big);
    stream_close_after_writes(bench->server.stream);
    run_for(50);
    assert_int_equal(bench->server.closed_count, 0);
    for (bool is_open = true; is_open;) {
        static char memory[256 * 1024];
        ssize_t size = recv(peer, memory, sizeof memory, MSG_DONTWAIT);
        is_open = size != 0;
        received_size += size > 0 ? (size_t)size : 0;
        assert_int_not_equal(bench->server.reason, ERR_TIMEOUT);
        (void)uv_run(&bench->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(received_size, BIG_SIZE);
    run_until(&bench->server.closed_count, 1);
    assert_int_equal(bench->server.reason, ERR_CLOSED);
    assert_int_equal(close(peer), 0);
}

static void a_stream_may_close_itself_while_it_receives(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    connect_both();
    bench->server.closes_when_received = true;
    write_client(slice_of_text("x"));
    run_until(&bench->server.closed_count, 1);
    run_until(&bench->client.closed_count, 1);
}

static void a_connection_that_nobody_adopts_is_closed(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    bench->ignores = true;
    begin_connect(5000);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->client.connected_count, 1);
}

static void a_connection_that_is_refused_is_closed(void **state) {
    (void)state;
    listen_at("127.0.0.1:0");
    bench->refuses = true;
    begin_connect(5000);
    run_until(&bench->client.closed_count, 1);
    assert_int_equal(bench->accepted_count, 1);
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STREAM_TEST(tcp_echoes_and_closes_once),
        STREAM_TEST(ipv6_echoes_and_closes_once),
        STREAM_TEST(unix_echoes_and_knows_its_peer),
        STREAM_TEST(a_name_is_resolved),
        STREAM_TEST(an_unknown_name_is_unreachable),
        STREAM_TEST(closing_while_resolving_is_clean),
        STREAM_TEST(closing_while_connecting_is_clean),
        STREAM_TEST(a_refused_connect_is_unreachable_once),
        STREAM_TEST(a_missing_socket_file_is_unreachable),
        STREAM_TEST(a_connect_that_hangs_times_out),
        STREAM_TEST(a_stale_socket_file_is_replaced),
        STREAM_TEST(a_live_socket_is_not_replaced),
        STREAM_TEST(a_file_that_is_no_socket_is_kept),
        STREAM_TEST(a_port_in_use_is_refused),
        STREAM_TEST(big_writes_arrive_whole_and_in_order),
        STREAM_TEST(bytes_written_before_the_connection_stands_arrive),
        STREAM_TEST(a_paused_stream_receives_nothing_until_resumed),
        STREAM_TEST(close_after_writes_sends_all),
        STREAM_TEST(close_after_writes_while_connecting_sends_all),
        STREAM_TEST(close_after_writes_takes_what_the_peer_still_sends),
        STREAM_TEST(close_after_writes_reaches_a_peer_that_ended_its_side),
        STREAM_TEST(a_stream_may_close_itself_while_it_receives),
        STREAM_TEST(a_connection_that_nobody_adopts_is_closed),
        STREAM_TEST(a_connection_that_is_refused_is_closed),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) { /* as every main does */
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
