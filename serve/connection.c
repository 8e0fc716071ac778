/* A connection: bytes in, exchanges one at a time, bytes out.
 *
 * Owns: the stream's adopted end, the parser, the buffers, the exchange and its arena, from
 * connection_open until the stream's `closed`. All of it is used again by the next request; one
 * that rests for a while, or carries a long stream, lets go of it. Flow: received ->
 * connection_process -> (parser) -> exchange_begin -> the owner answers, at once or later ->
 * connection_finish -> next request. Answers given within connection_process leave together at its
 * end; later ones at once; what a stream sends leaves with the next turn. Invariants: the parser is
 * fed only while no exchange is busy; input waits otherwise, and reading stops at
 * LIMIT_HTTP_READ_AHEAD_SIZE. Each phase has its deadline, counted from its beginning. */
#include "serve/connection.h"

#include "util/log.h"

#include <stdlib.h>

/* Buffers that grew beyond this are given back. */
#define KEPT_SIZE_MAX LIMIT_HTTP_READ_AHEAD_SIZE

static bool is_busy(const struct connection *connection) {
    return connection->exchange.state != EXCHANGE_NONE;
}

static size_t queued_size(const struct connection *connection) {
    return connection->output.size + stream_queued_size(connection->stream);
}

static bool takes_requests(const struct connection *connection) {
    return !connection->is_ending && !is_busy(connection) &&
           queued_size(connection) < connection->server->options.limits.output_high_size;
}

static void forget(struct buf *buf) {
    if (buf->capacity > KEPT_SIZE_MAX) {
        buf_deinit(buf);
    }
    buf_clear(buf);
}

void connection_count_held(struct connection *connection) {
    struct server *server = connection->server;
    size_t held = 0;
    if (!connection->is_long) { /* else its owner's to bound */
        held = queued_size(connection) + connection->input.size;
        held += connection->parser != NULL ? http_parser_body_size(connection->parser) : 0;
    }
    server->held_size = server->held_size - connection->held_size + held;
    connection->held_size = held;
}

void connection_flush(struct connection *connection) {
    struct buf *output = &connection->output;
    if (output->size == 0) {
        return;
    }
    connection->written += output->size;
    connection->server->counters.sent_bytes += output->size;
    if (output->size > KEPT_SIZE_MAX) {
        stream_write_buf(connection->stream, output);
    } else {
        stream_write(connection->stream, buf_slice(output));
        buf_clear(output);
    }
}

/* Deadlines. */

static enum connection_phase phase_of(const struct connection *connection) {
    if (is_busy(connection)) {
        return PHASE_BUSY;
    }
    if (connection->parser == NULL) {
        return PHASE_IDLE;
    }
    switch (http_parser_state(connection->parser)) {
    case HTTP_STATE_HEAD:
        return PHASE_HEAD;
    case HTTP_STATE_BODY:
        return PHASE_BODY;
    case HTTP_STATE_IDLE:
    case HTTP_STATE_DONE:
        break;
    }
    return PHASE_IDLE;
}

static msec_t phase_timeout_ms(const struct connection *connection) {
    const struct server_limits *limits = &connection->server->options.limits;
    switch (connection->phase) {
    case PHASE_HEAD:
        return limits->head_timeout_ms;
    case PHASE_BODY:
        return limits->body_timeout_ms;
    case PHASE_IDLE:
    case PHASE_BUSY:
        break;
    }
    return limits->idle_timeout_ms;
}

static uint64_t taken_by_kernel(const struct connection *connection) {
    return connection->written - stream_queued_size(connection->stream);
}

static void set_deadline(struct connection *connection, msec_t now_ms) {
    connection->deadline_ms = now_ms + phase_timeout_ms(connection);
    connection->taken = taken_by_kernel(connection);
}

static void update_phase(struct connection *connection) {
    enum connection_phase phase = phase_of(connection);
    if (phase != connection->phase || connection->requests != connection->phase_requests) {
        connection->phase = phase;
        connection->phase_requests = connection->requests;
        set_deadline(connection, clock_boot_ms(connection->server->options.clock));
    }
}

/* Between requests and during an answer only a peer that takes nothing is late, or one that has
 * nothing to say. The handler's own time is the handler's. */
static bool may_go_on(const struct connection *connection) {
    if (connection->phase == PHASE_HEAD || connection->phase == PHASE_BODY) {
        return false;
    }
    bool has_queued = stream_queued_size(connection->stream) > 0;
    return has_queued ? taken_by_kernel(connection) != connection->taken
                      : connection->phase == PHASE_BUSY;
}

/* What the next request makes anew. */
static void release_memory(struct connection *connection) {
    connection->server->released_count += connection->parser != NULL;
    http_parser_free(connection->parser);
    connection->parser = NULL;
    arena_deinit(&connection->exchange.arena);
    buf_deinit(&connection->exchange.headers);
}

static void rest(struct connection *connection, msec_t now_ms) {
    msec_t rested_at_ms = connection->deadline_ms - phase_timeout_ms(connection);
    if (connection->phase == PHASE_IDLE && connection->parser != NULL && !is_busy(connection) &&
        !connection->needs_reset &&
        now_ms - rested_at_ms >= connection->server->options.limits.rest_timeout_ms) {
        release_memory(connection);
    }
    if (connection->output.size == 0) {
        buf_deinit(&connection->output);
    }
    if (connection->input.size == 0) {
        buf_deinit(&connection->input);
    }
}

void connection_settle(struct connection *connection) {
    connection->is_long = true;
    release_memory(connection);
    server_settled_connection(connection->server);
    connection_count_held(connection);
}

void connection_check_deadline(struct connection *connection, msec_t now_ms) {
    connection_count_held(connection);
    rest(connection, now_ms);
    if (connection->is_ending || now_ms < connection->deadline_ms) {
        return; /* the stream bounds its own end */
    }
    if (may_go_on(connection)) {
        set_deadline(connection, now_ms);
        return;
    }
    connection->server->counters.connections_late++;
    LOG_DEBUG("an HTTP connection was too slow", LOG_TEXT("peer", connection->peer.address));
    connection_drop(connection);
}

/* Requests. */

static void reset_if_needed(struct connection *connection) {
    if (connection->needs_reset && !is_busy(connection)) {
        connection->needs_reset = false;
        connection->sent_continue = false;
        exchange_reset(&connection->exchange);
        if (connection->parser != NULL) {
            http_parser_next(connection->parser, false);
        }
    }
}

static void refuse(struct connection *connection, const struct problem *problem) {
    LOG_DEBUG("an HTTP request was refused", LOG_TEXT("peer", connection->peer.address),
              LOG_ERR(problem->err), LOG_TEXT("detail", problem->detail));
    exchange_begin_refusal(&connection->exchange);
    exchange_refuse(&connection->exchange, problem);
}

/* RFC 9110 10.1.1: the client waits for it with its body. */
static void encourage(struct connection *connection) {
    if (!connection->sent_continue && http_parser_state(connection->parser) == HTTP_STATE_BODY &&
        http_parser_message(connection->parser)->expects_continue) {
        connection->sent_continue = true;
        http_begin_response(&connection->output, 100);
        http_end_head(&connection->output);
    }
}

/* A large body for which there is no memory. */
static enum err check_crowd(struct connection *connection, struct problem *problem) {
    if (http_parser_state(connection->parser) != HTTP_STATE_BODY ||
        http_parser_body_size(connection->parser) <= KEPT_SIZE_MAX ||
        !server_is_crowded(connection->server)) {
        return ERR_OK;
    }
    problem_init(problem);
    problem->retry_after_s = 1;
    return problem_set(problem, ERR_OVERLOADED, "too many large bodies are on their way");
}

static enum err read_request(struct connection *connection, struct slice bytes, size_t *out_used,
                             struct problem *problem) {
    if (connection->parser == NULL) {
        connection->parser =
            http_parser_new(HTTP_SIDE_SERVER, connection->server->options.limits.body_size_max);
    }
    enum err err = http_parser_feed(connection->parser, bytes, out_used, problem);
    return err == ERR_OK ? check_crowd(connection, problem) : err;
}

/* Goes as far as requests are whole and answered at once. Returns how much of `bytes` it used. */
static size_t connection_process(struct connection *connection, struct slice bytes) {
    size_t used = 0;
    unsigned handled = 0;
    connection->is_processing = true;
    reset_if_needed(connection);
    while (used < bytes.size && takes_requests(connection)) {
        struct problem problem;
        size_t more = 0;
        if (handled == connection->server->options.limits.pipeline_max) {
            break; /* others have their turn first */
        }
        enum err err = read_request(connection, slice_of(bytes.data + used, bytes.size - used),
                                    &more, &problem);
        used += more;
        if (err != ERR_OK) {
            refuse(connection, &problem);
        } else if (http_parser_state(connection->parser) == HTTP_STATE_DONE) {
            handled++;
            connection->requests++;
            exchange_begin(&connection->exchange);
            reset_if_needed(connection);
        } else {
            encourage(connection);
        }
    }
    connection->is_processing = false;
    connection_flush(connection);
    connection_count_held(connection);
    update_phase(connection);
    if (used < bytes.size && takes_requests(connection)) {
        connection_schedule(connection);
    }
    return used;
}

static void keep_input(struct connection *connection, struct slice bytes) {
    if (connection->is_long && connection->input.size + bytes.size > LIMIT_HTTP_STREAM_INPUT_SIZE) {
        LOG_DEBUG("a client sent too much while a stream went to it",
                  LOG_TEXT("peer", connection->peer.address));
        connection_drop(connection);
        return;
    }
    buf_append(&connection->input, bytes.data, bytes.size);
    if (connection->input.size >= LIMIT_HTTP_READ_AHEAD_SIZE && !connection->is_paused) {
        connection->is_paused = true;
        stream_pause(connection->stream);
    }
}

static void received(struct stream *stream, void *owner, struct slice bytes) {
    struct connection *connection = owner;
    (void)stream;
    size_t used = 0;
    connection->server->counters.received_bytes += bytes.size;
    if (connection->input.size == 0) { /* else it comes after what waits */
        used = connection_process(connection, bytes);
    }
    if (used < bytes.size && !connection->is_ending) {
        keep_input(connection, slice_of(bytes.data + used, bytes.size - used));
    }
}

static void process_input(struct connection *connection) {
    struct buf *input = &connection->input;
    buf_consume(input, connection_process(connection, buf_slice(input)));
    if (input->size == 0) {
        forget(input);
    }
    if (connection->is_paused && input->size < LIMIT_HTTP_READ_AHEAD_SIZE) {
        connection->is_paused = false;
        stream_resume(connection->stream);
    }
}

static void tell_drained(struct connection *connection) {
    struct exchange *exchange = &connection->exchange;
    if (exchange->state == EXCHANGE_STREAMING && exchange->handlers != NULL &&
        exchange->handlers->drained != NULL && queued_size(connection) == 0) {
        exchange->handlers->drained(exchange, exchange->owner);
    }
}

void connection_turn(struct connection *connection) {
    bool has_sent = connection->exchange.has_sent;
    connection->exchange.has_sent = false;
    connection_flush(connection);
    if (has_sent) {
        tell_drained(connection);
    }
    if (!connection->is_ending) {
        process_input(connection);
    }
}

static void drained(struct stream *stream, void *owner) {
    struct connection *connection = owner;
    (void)stream;
    connection_count_held(connection);
    tell_drained(connection);
    if (connection->input.size > 0 && takes_requests(connection)) {
        connection_schedule(connection); /* it waited for the output to leave */
    }
}

void connection_finish(struct connection *connection) {
    connection->needs_reset = true;
    if (!connection->exchange.keeps_alive) {
        connection->is_ending = true;
        connection_flush(connection);
        stream_close_after_writes(connection->stream);
    } else if (!connection->is_processing) {
        connection_flush(connection);
        connection_schedule(connection);
    }
}

/* Beginning and end. */

void connection_drop(struct connection *connection) {
    connection->is_ending = true;
    stream_close(connection->stream);
}

static void closed(struct stream *stream, void *owner, enum err reason) {
    struct connection *connection = owner;
    struct server *server = connection->server;
    struct exchange *exchange = &connection->exchange;
    (void)stream;
    (void)reason; /* whoever ended it, the exchange is gone */
    list_remove(&connection->node);
    list_remove(&connection->ready_node);
    if (is_busy(connection)) {
        exchange->state = EXCHANGE_NONE; /* too late for an answer */
        server->counters.gone++;
        exchange->handlers->gone(exchange, exchange->owner);
    }
    server->held_size -= connection->held_size;
    bool was_long = connection->is_long;
    release_memory(connection);
    buf_deinit(&connection->input);
    buf_deinit(&connection->output);
    free(connection);
    server_lost_connection(server, was_long);
}

static const struct stream_handlers stream_handlers = {
    .received = received,
    .drained = drained,
    .closed = closed,
};

void connection_open(struct server *server, struct stream *stream) {
    struct connection *connection = must_alloc_zeroed(1, sizeof *connection);
    const struct server_limits *limits = &server->options.limits;
    connection->server = server;
    connection->stream = stream;
    arena_init(&connection->exchange.arena);
    list_init(&connection->ready_node);
    list_append(&server->connections, &connection->node);
    stream_peer(stream, &connection->peer);
    set_deadline(connection, clock_boot_ms(server->options.clock));
    stream_adopt(stream, &stream_handlers, connection);
    if (server->connection_count > limits->connections_max) {
        struct problem problem;
        problem_init(&problem);
        (void)problem_set(&problem, ERR_OVERLOADED, "this server has %u connections, its maximum",
                          limits->connections_max);
        problem.retry_after_s = 1;
        refuse(connection, &problem);
    }
}

void connection_wind_down(struct connection *connection) {
    connection->exchange.keeps_alive = false;
    if (connection->is_ending || connection->exchange.state == EXCHANGE_WAITING) {
        return;
    }
    connection_flush(connection);
    if (!is_busy(connection) && stream_queued_size(connection->stream) > 0) {
        connection->is_ending = true;
        stream_close_after_writes(connection->stream);
    } else {
        connection_drop(connection);
    }
}
