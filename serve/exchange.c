/* An exchange: what the owner sees of one request, and how it answers.
 *
 * Owns nothing of its own: it lives inside its connection. Everything here only appends to the
 * connection's output; connection.c decides when it leaves.
 * Invariants: NONE -> WAITING -> NONE, or WAITING -> STREAMING -> NONE; after NONE the owner is not
 * called any more. */
#include "serve/connection.h"
#include "util/histogram.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* More than this in a body, and the memory of the exchange is not kept for the next. */
#define KEPT_SIZE_MAX LIMIT_HTTP_READ_AHEAD_SIZE

/* Beginning. */

static bool is_request_id(const char *text) {
    size_t size = strnlen(text, LIMIT_HTTP_REQUEST_ID_SIZE_MAX + 1);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return size > 0 && size <= LIMIT_HTTP_REQUEST_ID_SIZE_MAX;
}

static void set_request_id(struct exchange *exchange, const char *wanted) {
    if (wanted != NULL && is_request_id(wanted)) {
        memcpy(exchange->request_id, wanted, strlen(wanted) + 1);
    } else {
        (void)snprintf(exchange->request_id, sizeof exchange->request_id, "%016" PRIx64,
                       rand_u64(&connection_of(exchange)->server->rand)); /* fits */
    }
}

void exchange_begin(struct exchange *exchange) {
    const struct connection *connection = connection_of(exchange);
    const struct server *server = connection->server;
    const struct http_message *message = exchange_message(exchange);
    exchange->state = EXCHANGE_WAITING;
    exchange->histogram = NULL;
    exchange->since_us = clock_boot_us(server->options.clock);
    exchange->method = message->method;
    exchange->is_head = message->method == METHOD_HEAD;
    exchange->is_http_1_0 = message->is_http_1_0;
    exchange->keeps_alive = message->is_keep_alive && !server->is_closing;
    exchange->is_big = message->body.size > KEPT_SIZE_MAX;
    set_request_id(exchange, http_find_header(message, "x-request-id"));
    server->options.requested(exchange, server->options.owner);
    CHECK(exchange->state == EXCHANGE_NONE || exchange->handlers != NULL);
}

void exchange_begin_refusal(struct exchange *exchange) {
    CHECK(exchange->state == EXCHANGE_NONE);
    exchange->state = EXCHANGE_WAITING;
    exchange->histogram = NULL;
    exchange->method = METHOD_OTHER;
    exchange->is_head = false;
    exchange->is_http_1_0 = false;
    exchange->keeps_alive = false;
    set_request_id(exchange, NULL);
}

void exchange_reset(struct exchange *exchange) {
    if (exchange->is_big) {
        arena_deinit(&exchange->arena);
        exchange->is_big = false;
    } else {
        arena_reset(&exchange->arena);
    }
    buf_clear(&exchange->headers);
}

/* The request. */

const struct http_message *exchange_message(const struct exchange *exchange) {
    CHECK(connection_of(exchange)->parser != NULL);
    return http_parser_message(connection_of(exchange)->parser);
}

struct arena *exchange_arena(struct exchange *exchange) {
    return &exchange->arena;
}

const struct stream_peer *exchange_peer(const struct exchange *exchange) {
    return &connection_of(exchange)->peer;
}

const char *exchange_request_id(const struct exchange *exchange) {
    return exchange->request_id;
}

void exchange_set_handlers(struct exchange *exchange, const struct exchange_handlers *handlers,
                           void *owner) {
    CHECK(exchange->state != EXCHANGE_NONE && handlers->gone != NULL);
    exchange->handlers = handlers;
    exchange->owner = owner;
}

void *exchange_owner(const struct exchange *exchange) {
    return exchange->owner;
}

/* The answer. */

void exchange_header(struct exchange *exchange, const char *name, const char *format, ...) {
    CHECK(exchange->state == EXCHANGE_WAITING);
    va_list args;
    va_start(args, format);
    http_vadd_header(&exchange->headers, name, format, args);
    va_end(args);
}

void exchange_measure(struct exchange *exchange, struct histogram *histogram) {
    exchange->histogram = histogram;
}

static void count_answer(const struct exchange *exchange, int status) {
    struct server *server = connection_of(exchange)->server;
    unsigned status_class = (unsigned)status / 100;
    CHECK(status_class < SERVER_STATUS_CLASSES);
    server->counters.answers[exchange->method][status_class]++;
    if (exchange->histogram != NULL) {
        uint64_t now_us = clock_boot_us(server->options.clock);
        histogram_add(exchange->histogram, now_us - exchange->since_us);
    }
}

static void write_head(struct exchange *exchange, int status, const char *content_type) {
    struct buf *output = &connection_of(exchange)->output;
    CHECK(exchange->state == EXCHANGE_WAITING);
    count_answer(exchange, status);
    http_begin_response(output, status);
    if (content_type != NULL) {
        http_add_header(output, "Content-Type", "%s", content_type);
    }
    http_add_header(output, "X-Request-Id", "%s", exchange->request_id);
    buf_append(output, exchange->headers.data, exchange->headers.size);
    if (!exchange->keeps_alive) {
        buf_append_text(output, "Connection: close\r\n");
    } else if (exchange->is_http_1_0) {
        buf_append_text(output, "Connection: keep-alive\r\n");
    }
}

static void finish(struct exchange *exchange) {
    exchange->state = EXCHANGE_NONE;
    exchange->handlers = NULL;
    exchange->owner = NULL;
    connection_finish(connection_of(exchange));
}

static bool has_no_length(int status) {
    return status == 204 || status == 304; /* RFC 9110 8.6 */
}

static void reply(struct exchange *exchange, int status, const char *content_type,
                  struct slice body) {
    struct buf *output = &connection_of(exchange)->output;
    exchange->is_big = exchange->is_big || body.size > KEPT_SIZE_MAX;
    write_head(exchange, status, content_type);
    if (has_no_length(status)) {
        http_end_head(output);
    } else if (exchange->is_head) {
        http_add_length(output, body.size);
        http_end_head(output);
    } else {
        http_end_with_body(output, body);
    }
    finish(exchange);
}

/* A large answer to a reader, while there is no memory to keep it in. */
static bool is_too_much(struct exchange *exchange, struct slice body) {
    return body.size > KEPT_SIZE_MAX && exchange_message(exchange)->method == METHOD_GET &&
           server_is_crowded(connection_of(exchange)->server);
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body) {
    CHECK(!has_no_length(status) || body.size == 0);
    if (is_too_much(exchange, body)) {
        struct problem problem;
        problem_init(&problem);
        problem.retry_after_s = 1;
        (void)problem_set(&problem, ERR_OVERLOADED,
                          "too many large answers wait for clients that do not read them");
        buf_clear(&exchange->headers); /* they were the other answer's */
        exchange_refuse(exchange, &problem);
        return;
    }
    reply(exchange, status, content_type, body);
}

void exchange_refuse(struct exchange *exchange, const struct problem *problem) {
    struct buf *body = &connection_of(exchange)->server->scratch;
    if (problem->allow != NULL) {
        exchange_header(exchange, "Allow", "%s", problem->allow);
    }
    if (problem->retry_after_s > 0) {
        exchange_header(exchange, "Retry-After", "%u", problem->retry_after_s);
    }
    buf_clear(body);
    problem_write(problem, exchange->request_id, body);
    reply(exchange, err_status(problem->err), "application/problem+json", buf_slice(body));
}

/* Streams. */

void exchange_begin_stream(struct exchange *exchange, int status, const char *content_type) {
    struct connection *connection = connection_of(exchange);
    exchange->is_chunked = !exchange->is_http_1_0;
    if (!exchange->is_chunked) {
        exchange->keeps_alive = false; /* its end is the connection's */
    }
    write_head(exchange, status, content_type);
    if (exchange->is_chunked) {
        http_end_with_chunks(&connection->output);
    } else {
        http_end_head(&connection->output);
    }
    exchange->state = EXCHANGE_STREAMING;
    buf_clear(&exchange->headers); /* from here on it holds the trailers */
    connection_schedule(connection);
}

void exchange_trailer(struct exchange *exchange, const char *name, const char *format, ...) {
    CHECK(exchange->state == EXCHANGE_STREAMING);
    va_list args;
    va_start(args, format);
    http_vadd_header(&exchange->headers, name, format, args);
    va_end(args);
}

void exchange_begin_long_stream(struct exchange *exchange, int status, const char *content_type) {
    exchange->keeps_alive = false;
    exchange_begin_stream(exchange, status, content_type);
    connection_settle(connection_of(exchange));
}

void exchange_send(struct exchange *exchange, struct slice bytes) {
    struct connection *connection = connection_of(exchange);
    CHECK(exchange->state == EXCHANGE_STREAMING);
    exchange->has_sent = true;
    connection_schedule(connection);
    if (exchange->is_head) {
        return;
    }
    if (exchange->is_chunked) {
        http_add_chunk(&connection->output, bytes);
    } else {
        buf_append(&connection->output, bytes.data, bytes.size);
    }
    if (connection->output.size > KEPT_SIZE_MAX) {
        connection_flush(connection); /* what many streams are sent at once is not held for all */
    }
}

size_t exchange_queued_size(const struct exchange *exchange) {
    const struct connection *connection = connection_of(exchange);
    return connection->output.size + stream_queued_size(connection->stream);
}

void exchange_end_stream(struct exchange *exchange) {
    CHECK(exchange->state == EXCHANGE_STREAMING);
    if (exchange->is_chunked && !exchange->is_head) {
        http_end_chunks_with(&connection_of(exchange)->output, buf_slice(&exchange->headers));
    }
    finish(exchange);
}

void exchange_abort(struct exchange *exchange) {
    struct connection *connection = connection_of(exchange);
    CHECK(exchange->state != EXCHANGE_NONE);
    exchange->state = EXCHANGE_NONE;
    connection_flush(connection);
    connection_drop(connection);
}
