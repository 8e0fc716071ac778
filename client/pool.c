#include "client/pool.h"

#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static void serve_queue(struct call_target *target);

/* Targets. */

static struct call_target *find_target(struct call_pool *pool,
                                       const struct socket_address *address) {
    LIST_FOR_EACH(&pool->targets, node) {
        struct call_target *target = CONTAINER_OF(node, struct call_target, node);
        if (target->address.port == address->port &&
            strcmp(target->address.host, address->host) == 0 &&
            strcmp(target->address.path, address->path) == 0) {
            return target;
        }
    }
    struct call_target *target = must_alloc_zeroed(1, sizeof *target);
    target->address = *address;
    list_init(&target->kept);
    list_init(&target->queue);
    list_append(&pool->targets, &target->node);
    return target;
}

static void drop_target_if_unused(struct call_target *target) {
    if (target->connection_count == 0 && target->queue_count == 0) {
        list_remove(&target->node);
        free(target);
    }
}

/* Connections. */

static void close_connection(struct call_connection *connection) {
    if (!connection->is_closing) {
        connection->is_closing = true;
        list_remove(&connection->node);
        alarm_clear(&connection->alarm);
        stream_close(connection->stream);
    }
}

static struct call *detach(struct call_connection *connection) {
    struct call *call = connection->call;
    connection->call = NULL;
    if (call != NULL) {
        call->connection = NULL;
    }
    return call;
}

static void body_came(void *owner, struct slice bytes) {
    struct call_connection *connection = owner;
    if (connection->call != NULL) {
        call_got_body(connection->call, http_parser_message(connection->parser), bytes);
    }
}

static void send_request(struct call_connection *connection) {
    struct call *call = connection->call;
    connection->has_answer = false;
    http_parser_next(connection->parser, call->request.method == METHOD_HEAD);
    http_parser_stream_body(connection->parser, call->body != NULL ? body_came : NULL, connection);
    struct buf message;
    buf_init(&message);
    client_request_write(&call->request, call->servers->items[call->retry.server].host, false,
                         &message);
    stream_write_buf(connection->stream, &message);
    call_was_sent(call);
}

static void attach(struct call_connection *connection, struct call *call) {
    connection->call = call;
    call->connection = connection;
}

static void keep(struct call_connection *connection) {
    struct call_target *target = connection->target;
    connection->was_kept = true;
    alarm_set(&connection->alarm,
              alarm_clock_now(connection->pool->alarms) + LIMIT_CALL_CONNECTION_IDLE_MS);
    list_append(&target->kept, &connection->node);
    serve_queue(target);
}

static void kept_too_long(struct alarm *alarm) {
    close_connection(CONTAINER_OF(alarm, struct call_connection, alarm));
}

static void use_kept(struct call_connection *connection, struct call *call) {
    list_remove(&connection->node);
    alarm_clear(&connection->alarm);
    attach(connection, call);
    send_request(connection);
}

static void stream_connected(struct stream *stream, void *owner) {
    struct call_connection *connection = owner;
    (void)stream;
    connection->is_connected = true;
    if (connection->call == NULL) {
        close_connection(connection);
        return;
    }
    send_request(connection);
}

/* An interim answer (RFC 9110 15.2) is passed over; a final one ends the call. */
static void message_is_whole(struct call_connection *connection, bool has_more) {
    const struct http_message *message = http_parser_message(connection->parser);
    if (message->status < 200) {
        http_parser_next(connection->parser, connection->call->request.method == METHOD_HEAD);
        return;
    }
    bool may_be_kept = message->is_keep_alive && !has_more;
    call_was_answered(detach(connection), message);
    if (connection->is_closing) {
        return; /* the pool was closed meanwhile */
    }
    if (may_be_kept) {
        keep(connection);
    } else {
        close_connection(connection);
    }
}

static void stream_received(struct stream *stream, void *owner, struct slice bytes) {
    struct call_connection *connection = owner;
    (void)stream;
    while (bytes.size > 0 && connection->call != NULL) {
        struct problem problem;
        size_t used = 0;
        connection->has_answer = true;
        enum err err = http_parser_feed(connection->parser, bytes, &used, &problem);
        if (connection->call == NULL) {
            break; /* cancelled from inside the body callback */
        }
        if (err != ERR_OK) {
            close_connection(connection);
            call_has_failed(detach(connection), true, err, problem.detail);
            return;
        }
        bytes = slice_of(bytes.data + used, bytes.size - used);
        if (http_parser_state(connection->parser) == HTTP_STATE_DONE) {
            message_is_whole(connection, bytes.size > 0);
        }
    }
    if (bytes.size > 0) {
        close_connection(connection); /* bytes that nobody asked for */
    }
}

static const char *closed_reason(enum err reason, bool is_connected) {
    if (!is_connected) {
        return reason == ERR_TIMEOUT ? "the connection was not made in time"
                                     : "the connection could not be made";
    }
    return reason == ERR_TIMEOUT ? "the connection timed out"
                                 : "the connection closed before the answer was whole";
}

static void end_call_of_closed(struct call_connection *connection, enum err reason) {
    bool is_whole = connection->has_answer && http_parser_finish(connection->parser) == ERR_OK &&
                    http_parser_state(connection->parser) == HTTP_STATE_DONE;
    struct call *call = detach(connection);
    if (is_whole) {
        call_was_answered(call, http_parser_message(connection->parser));
    } else if (connection->was_kept && !connection->has_answer &&
               client_request_is_repeatable(&call->request)) {
        call_met_stale_connection(call);
    } else {
        call_has_failed(call, connection->is_connected,
                        connection->is_connected ? ERR_CLOSED : reason,
                        closed_reason(reason, connection->is_connected));
    }
}

static void stream_closed(struct stream *stream, void *owner, enum err reason) {
    struct call_connection *connection = owner;
    struct call_pool *pool = connection->pool;
    struct call_target *target = connection->target;
    (void)stream;
    connection->is_closing = true;
    list_remove(&connection->node);
    list_remove(&connection->all_node);
    alarm_clear(&connection->alarm);
    if (connection->call != NULL) {
        end_call_of_closed(connection, reason);
    }
    http_parser_free(connection->parser);
    free(connection);
    target->connection_count--;
    serve_queue(target);
    drop_target_if_unused(target);
    pool_finish_close(pool);
}

static const struct stream_handlers connection_handlers = {
    .connected = stream_connected,
    .received = stream_received,
    .closed = stream_closed,
};

static void open_connection(struct call_pool *pool, struct call_target *target, struct call *call) {
    struct call_connection *connection = must_alloc_zeroed(1, sizeof *connection);
    list_init(&connection->node);
    list_append(&pool->connections, &connection->all_node);
    connection->pool = pool;
    connection->target = target;
    connection->parser = http_parser_new(HTTP_SIDE_CLIENT, LIMIT_CLIENT_ANSWER_SIZE_MAX);
    alarm_init(&connection->alarm, pool->alarms, kept_too_long);
    attach(connection, call);
    target->connection_count++;
    msec_t now_ms = alarm_clock_now(pool->alarms);
    msec_t timeout_ms = call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 1;
    connection->stream =
        stream_connect(pool->loop, &target->address, timeout_ms, &connection_handlers, connection);
}

/* Gives the first waiting call a connection, if one is free now. */
static void serve_queue(struct call_target *target) {
    if (list_is_empty(&target->queue)) {
        return;
    }
    struct call *call = CONTAINER_OF(target->queue.next, struct call, node);
    if (!list_is_empty(&target->kept)) {
        list_remove(&call->node);
        target->queue_count--;
        use_kept(CONTAINER_OF(target->kept.previous, struct call_connection, node), call);
    } else if (target->connection_count < LIMIT_CALL_CONNECTIONS_MAX) {
        list_remove(&call->node);
        target->queue_count--;
        open_connection(call->pool, target, call);
    }
}

enum err pool_connect(struct call_pool *pool, struct call *call,
                      const struct socket_address *address) {
    struct call_target *target = find_target(pool, address);
    if (target->queue_count >= LIMIT_CALL_QUEUE_MAX) {
        return ERR_OVERLOADED;
    }
    call->target = target;
    target->queue_count++;
    list_append(&target->queue, &call->node);
    serve_queue(target);
    return ERR_OK;
}

void pool_abandon(struct call *call) {
    if (call->connection != NULL) {
        struct call_connection *connection = call->connection;
        detach(connection);
        close_connection(connection);
    } else if (!list_is_empty(&call->node)) {
        list_remove(&call->node);
        call->target->queue_count--;
        drop_target_if_unused(call->target);
    }
}

/* The pool. */

struct call_pool *call_pool_open(struct uv_loop_s *loop) {
    struct call_pool *pool = must_alloc_zeroed(1, sizeof *pool);
    pool->loop = loop;
    pool->alarms = alarm_clock_open(loop);
    list_init(&pool->targets);
    list_init(&pool->connections);
    list_init(&pool->active);
    rand_seed_os(&pool->rand);
    return pool;
}

struct alarm_clock *call_pool_alarms(struct call_pool *pool) {
    return pool->alarms;
}

static void alarms_closed(void *owner) {
    struct call_pool *pool = owner;
    call_pool_closed_cb closed = pool->closed;
    void *pool_owner = pool->owner;
    free(pool);
    if (closed != NULL) {
        closed(pool_owner);
    }
}

void pool_finish_close(struct call_pool *pool) {
    if (pool->is_closing && list_is_empty(&pool->connections)) {
        alarm_clock_close(pool->alarms, alarms_closed, pool);
    }
}

void call_pool_close(struct call_pool *pool, call_pool_closed_cb closed, void *owner) {
    pool->is_closing = true;
    pool->closed = closed;
    pool->owner = owner;
    while (!list_is_empty(&pool->active)) {
        struct call *call = CONTAINER_OF(pool->active.next, struct call, active_node);
        call_end_closed(call);
    }
    LIST_FOR_EACH(&pool->connections, node) {
        close_connection(CONTAINER_OF(node, struct call_connection, all_node));
    }
    pool_finish_close(pool);
}
