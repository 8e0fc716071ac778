/* The server: its listeners, its connections, its end.
 *
 * Owns: struct server, from server_new until the callback of server_close. One tick serves all
 * deadlines: it runs while there are connections, a few times within the shortest deadline. One
 * turn serves all connections that have something to go on with: an idle handle that runs while
 * their list is not empty, so that nobody is called from inside a call. */
#include "serve/serve.h"

#include "serve/connection.h"
#include "util/log.h"

#include <malloc.h>
#include <stdlib.h>

/* Streams by the thousand may have something to send at once: a request that comes then waits for a
 * millisecond of it, not for all. */
#define TURN_CONNECTIONS_MAX 128u
#define TICKS_PER_DEADLINE   4u
#define TICK_MIN_MS          5u
#define TICK_MAX_MS          1000u
/* After a burst of connections the system gets its memory back, which the allocator would keep. */
#define RELEASED_COUNT_MANY 256u

static void end_if_empty(struct server *server);

static uint64_t value_or(uint64_t value, uint64_t fallback) {
    return value > 0 ? value : fallback;
}

static void fill_limits(struct server_limits *limits) {
    limits->connections_max =
        (unsigned)value_or(limits->connections_max, LIMIT_HTTP_CONNECTIONS_MAX);
    limits->pipeline_max = (unsigned)value_or(limits->pipeline_max, LIMIT_HTTP_PIPELINE_MAX);
    limits->body_size_max = value_or(limits->body_size_max, LIMIT_HTTP_BODY_SIZE_MAX);
    limits->output_high_size = value_or(limits->output_high_size, LIMIT_HTTP_OUTPUT_HIGH_SIZE);
    limits->held_size_max = value_or(limits->held_size_max, LIMIT_HTTP_HELD_SIZE_MAX);
    limits->head_timeout_ms = value_or(limits->head_timeout_ms, LIMIT_HTTP_HEAD_TIMEOUT_MS);
    limits->body_timeout_ms = value_or(limits->body_timeout_ms, LIMIT_HTTP_BODY_TIMEOUT_MS);
    limits->idle_timeout_ms = value_or(limits->idle_timeout_ms, LIMIT_HTTP_IDLE_TIMEOUT_MS);
    limits->rest_timeout_ms = value_or(limits->rest_timeout_ms, LIMIT_HTTP_REST_TIMEOUT_MS);
    limits->close_timeout_ms = value_or(limits->close_timeout_ms, LIMIT_HTTP_CLOSE_TIMEOUT_MS);
}

static void turn(uv_idle_t *handle) {
    struct server *server = handle->data;
    struct list due;
    struct list *node;
    list_init(&due);
    for (unsigned i = 0; i < TURN_CONNECTIONS_MAX && !list_is_empty(&server->ready); i++) {
        list_append(&due, list_take_first(&server->ready));
    }
    while ((node = list_take_first(&due)) != NULL) {
        connection_turn(CONTAINER_OF(node, struct connection, ready_node));
    }
    if (list_is_empty(&server->ready)) {
        CHECK(uv_idle_stop(handle) == 0);
    }
    end_if_empty(server);
}

void connection_schedule(struct connection *connection) {
    struct server *server = connection->server;
    if (list_is_empty(&connection->ready_node)) { /* in no list */
        list_append(&server->ready, &connection->ready_node);
        CHECK(uv_idle_start(&server->turn, turn) == 0);
    }
}

struct server *server_new(const struct server_options *options) {
    CHECK(options->loop != NULL && options->clock != NULL && options->requested != NULL);
    struct server *server = must_alloc_zeroed(1, sizeof *server);
    server->options = *options;
    fill_limits(&server->options.limits);
    list_init(&server->connections);
    list_init(&server->ready);
    rand_seed_os(&server->rand);
    buf_init(&server->scratch);
    CHECK(uv_timer_init(options->loop, &server->tick) == 0);
    CHECK(uv_idle_init(options->loop, &server->turn) == 0);
    server->tick.data = server;
    server->turn.data = server;
    return server;
}

/* The end: connections and listeners first, then the two handles, then the memory. */

static void handle_closed(uv_handle_t *handle) {
    struct server *server = handle->data;
    if (--server->handles_open == 0) {
        server_closed_cb closed = server->closed;
        void *owner = server->closed_owner;
        buf_deinit(&server->scratch);
        free(server);
        if (closed != NULL) {
            closed(owner);
        }
    }
}

static void end_if_empty(struct server *server) {
    if (server->is_closing && server->listeners_open == 0 && list_is_empty(&server->connections) &&
        server->handles_open == 0) {
        server->handles_open = 2;
        uv_close((uv_handle_t *)&server->tick, handle_closed);
        uv_close((uv_handle_t *)&server->turn, handle_closed);
    }
}

static void listener_closed(void *owner) {
    struct server *server = owner;
    server->listeners_open--;
    end_if_empty(server);
}

static void one_less(struct server *server) {
    CHECK(server->connection_count > 0);
    server->connection_count--;
    server->is_full = server->connection_count >= server->options.limits.connections_max;
}

void server_settled_connection(struct server *server) {
    one_less(server);
    server->long_stream_count++;
}

void server_lost_connection(struct server *server, bool was_long) {
    if (was_long) {
        server->long_stream_count--;
    } else {
        one_less(server);
    }
    if (list_is_empty(&server->connections)) {
        CHECK(uv_timer_stop(&server->tick) == 0);
    }
    end_if_empty(server);
}

bool server_is_crowded(const struct server *server) {
    return server->held_size > server->options.limits.held_size_max;
}

void server_close(struct server *server, server_closed_cb closed, void *owner) {
    CHECK(!server->is_closing);
    server->is_closing = true;
    server->closed = closed;
    server->closed_owner = owner;
    server->close_deadline_ms =
        clock_boot_ms(server->options.clock) + server->options.limits.close_timeout_ms;
    for (unsigned i = 0; i < server->listener_count; i++) {
        stream_listener_close(server->listeners[i], listener_closed);
    }
    LIST_FOR_EACH(&server->connections, node) {
        connection_wind_down(CONTAINER_OF(node, struct connection, node));
    }
    CHECK(uv_idle_start(&server->turn, turn) == 0); /* when nothing is open, nothing else calls */
}

/* Deadlines. */

static void tick(uv_timer_t *timer) {
    struct server *server = timer->data;
    msec_t now_ms = clock_boot_ms(server->options.clock);
    bool is_over = server->is_closing && now_ms >= server->close_deadline_ms;
    LIST_FOR_EACH(&server->connections, node) {
        struct connection *connection = CONTAINER_OF(node, struct connection, node);
        if (is_over) {
            connection_drop(connection);
        } else {
            connection_check_deadline(connection, now_ms);
        }
    }
    if (server->released_count >= RELEASED_COUNT_MANY) {
        server->released_count = 0;
        (void)malloc_trim(0);
    }
}

static void start_tick(struct server *server) {
    const struct server_limits *limits = &server->options.limits;
    msec_t shortest_ms = MIN_OF(limits->head_timeout_ms, limits->body_timeout_ms);
    shortest_ms = MIN_OF(shortest_ms, limits->idle_timeout_ms);
    shortest_ms = MIN_OF(shortest_ms, limits->close_timeout_ms);
    msec_t tick_ms = MAX_OF(shortest_ms / TICKS_PER_DEADLINE, TICK_MIN_MS);
    tick_ms = MIN_OF(tick_ms, TICK_MAX_MS);
    CHECK(uv_timer_start(&server->tick, tick, tick_ms, tick_ms) == 0);
}

/* Connections. */

static void accepted(struct stream_listener *listener, void *owner, struct stream *stream) {
    struct server *server = owner;
    unsigned connections_max = server->options.limits.connections_max;
    (void)listener;
    server->counters.connections++;
    server->counters.connections_refused += server->connection_count >= connections_max;
    if (server->is_closing ||
        server->connection_count >= connections_max + connections_max / 8 + 1) {
        return; /* the listener closes it: past the bound an answer is a courtesy, bounded too */
    }
    if (server->connection_count >= connections_max && !server->is_full) {
        server->is_full = true;
        LOG_WARN("HTTP connections are refused", LOG_U64("connections_max", connections_max));
    }
    if (list_is_empty(&server->connections)) {
        start_tick(server);
    }
    server->connection_count++;
    connection_open(server, stream);
}

enum err server_listen(struct server *server, const struct socket_address *address,
                       unsigned unix_mode) {
    CHECK(server->listener_count < SERVER_LISTENERS_MAX && !server->is_closing);
    struct stream_listener *listener = NULL;
    enum err err =
        stream_listen(server->options.loop, address, unix_mode, accepted, server, &listener);
    if (err == ERR_OK) {
        server->listeners[server->listener_count++] = listener;
        server->listeners_open++;
    }
    return err;
}

uint16_t server_port(const struct server *server, unsigned index) {
    CHECK(index < server->listener_count);
    return stream_listener_port(server->listeners[index]);
}

const struct server_counters *server_counters(const struct server *server) {
    return &server->counters;
}

unsigned server_connection_count(const struct server *server) {
    return server->connection_count;
}

unsigned server_long_stream_count(const struct server *server) {
    return server->long_stream_count;
}
