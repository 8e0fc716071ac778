#include "tests/unit/serve/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 8000u

struct bench *bench;

static void exchange_is_gone(struct exchange *exchange, void *owner) {
    assert_ptr_equal(owner, bench);
    assert_ptr_equal(exchange_owner(exchange), bench);
    assert_false(bench->is_inside_call);
    bench->gone_count++;
}

static void exchange_is_drained(struct exchange *exchange, void *owner) {
    assert_ptr_equal(owner, bench);
    assert_int_equal(exchange_queued_size(exchange), 0);
    assert_false(bench->is_inside_call);
    bench->drained_count++;
}

static const struct exchange_handlers handlers = {
    .gone = exchange_is_gone,
    .drained = exchange_is_drained,
};

static void server_is_closed(void *owner) {
    assert_ptr_equal(owner, bench);
    assert_false(bench->is_inside_call);
    bench->server_closed_count++;
}

static void keep(struct exchange *exchange) {
    assert_true(bench->kept_count < BENCH_KEPT_MAX);
    bench->kept[bench->kept_count++] = exchange;
    exchange_set_handlers(exchange, &handlers, bench);
}

static void answer_big(struct exchange *exchange) {
    uint8_t *bytes = arena_alloc(exchange_arena(exchange), bench->big_size);
    memset(bytes, 'b', bench->big_size);
    exchange_reply(exchange, 200, "text/plain", slice_of(bytes, bench->big_size));
}

static void refuse(struct exchange *exchange) {
    struct problem problem;
    problem_init(&problem);
    (void)problem_set(&problem, ERR_METHOD_NOT_ALLOWED, "no such method here");
    problem.allow = "GET, PUT";
    problem.retry_after_s = 7;
    exchange_refuse(exchange, &problem);
}

static void requested(struct exchange *exchange, void *owner) {
    const struct http_message *message = exchange_message(exchange);
    const char *target = message->target;
    assert_ptr_equal(owner, bench);
    bench->requested_count++;
    bench->peer = *exchange_peer(exchange);
    if (strcmp(target, "/none") == 0) {
        exchange_header(exchange, "X-Extra", "%d", 42);
        exchange_reply(exchange, 204, NULL, slice_of(NULL, 0));
    } else if (strcmp(target, "/later") == 0) {
        keep(exchange);
    } else if (strcmp(target, "/stream") == 0) {
        keep(exchange);
        exchange_begin_stream(exchange, 200, "text/plain");
    } else if (strcmp(target, "/long") == 0) {
        keep(exchange);
        exchange_begin_long_stream(exchange, 200, "text/plain");
    } else if (strcmp(target, "/big") == 0) {
        answer_big(exchange);
    } else if (strcmp(target, "/refuse") == 0) {
        refuse(exchange);
    } else {
        if (strcmp(target, "/close") == 0) {
            server_close(bench->server, server_is_closed, bench);
            bench->server = NULL;
        }
        exchange_reply(exchange, 200, "text/plain", message->body);
    }
}

static void patience_ended(uv_timer_t *timer) {
    (void)timer;
    bench->is_over = true;
}

/* It repeats: a turn that begins with the timer must not wait for something else afterwards. */
static void begin_patience(unsigned ms) {
    bench->is_over = false;
    assert_int_equal(uv_timer_start(&bench->patience, patience_ended, ms, ms), 0);
}

void bench_begin(const struct server_limits *limits) {
    bench = must_alloc_zeroed(1, sizeof *bench);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    assert_int_equal(uv_timer_init(&bench->loop, &bench->patience), 0);
    memcpy(bench->directory, "/tmp/weft-serve-XXXXXX", sizeof "/tmp/weft-serve-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    struct server_options options = {
        .loop = &bench->loop,
        .clock = &clock_system,
        .requested = requested,
        .owner = bench,
        .limits = *limits,
    };
    bench->server = server_new(&options);
    assert_int_equal(socket_address_parse("127.0.0.1:0", &bench->address), ERR_OK);
    assert_int_equal(server_listen(bench->server, &bench->address, 0), ERR_OK);
    bench->address.port = server_port(bench->server, 0);
}

void close_server(void) {
    bench->is_inside_call = true;
    server_close(bench->server, server_is_closed, bench);
    bench->is_inside_call = false;
    bench->server = NULL;
}

void bench_end(void) {
    if (bench->server != NULL) {
        close_server();
    }
    run_until(&bench->server_closed_count, 1);
    uv_close((uv_handle_t *)&bench->patience, NULL);
    assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    assert_int_equal(bench->server_closed_count, 1);
    assert_int_equal(rmdir(bench->directory), 0);
    free(bench);
}

void run_until(const unsigned *count, unsigned goal) {
    begin_patience(PATIENCE_MS);
    while (*count < goal && !bench->is_over) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE); /* returns whether handles are left */
    }
    assert_true(*count >= goal);
}

void run_for(unsigned ms) {
    begin_patience(ms);
    while (!bench->is_over) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

static void client_received(struct stream *stream, void *owner, struct slice bytes) {
    struct client *client = owner;
    (void)stream;
    buf_append(&client->received, bytes.data, bytes.size);
}

static void client_closed(struct stream *stream, void *owner, enum err reason) {
    struct client *client = owner;
    (void)stream;
    (void)reason;
    client->closed_count++;
}

static const struct stream_handlers client_handlers = {
    .received = client_received,
    .closed = client_closed,
};

void client_open_at(struct client *client, const struct socket_address *address) {
    *client = (struct client){0};
    buf_init(&client->received);
    client->stream = stream_connect(&bench->loop, address, PATIENCE_MS, &client_handlers, client);
}

void client_open(struct client *client) {
    client_open_at(client, &bench->address);
}

void client_send(struct client *client, const char *text) {
    stream_write(client->stream, slice_of_text(text));
}

void client_close(struct client *client) {
    if (client->closed_count == 0) {
        stream_close(client->stream);
        run_until(&client->closed_count, 1);
    }
    buf_deinit(&client->received);
}

void client_forget(struct client *client) {
    buf_clear(&client->received);
}

static bool ends_with(struct slice bytes, struct slice end) {
    return bytes.size >= end.size &&
           slice_equal(slice_of(bytes.data + bytes.size - end.size, end.size), end);
}

void client_expects_end(struct client *client, const char *text) {
    begin_patience(PATIENCE_MS);
    while (!ends_with(buf_slice(&client->received), slice_of_text(text)) && !bench->is_over) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
    }
    if (bench->is_over) {
        print_error("received: %s\n", buf_text(&client->received));
    }
    assert_false(bench->is_over);
}

void client_expects(struct client *client, const char *text) {
    client_expects_end(client, text);
    assert_string_equal(buf_text(&client->received), text);
    client_forget(client);
}

unsigned client_count(struct client *client, const char *text) {
    unsigned count = 0;
    const char *at = buf_text(&client->received);
    for (at = strstr(at, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}
