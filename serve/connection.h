/* Inside serve/: what server.c, connection.c and exchange.c know of each other. Nobody outside this
 * folder includes it.
 *
 *   server      listeners, the list of connections, the tick that ends late ones, the turn
 *   connection  a stream, a parser, bytes that wait on both sides, one exchange at a time
 *   exchange    a request and its answer, embedded in the connection and used again and again */
#ifndef WEFT_SERVE_CONNECTION_H
#define WEFT_SERVE_CONNECTION_H

#include "serve/serve.h"
#include "util/limits.h"
#include "util/list.h"
#include "util/rand.h"

#include <uv.h>

struct server {
    struct server_options options; /* limits filled */
    uv_timer_t tick;
    uv_idle_t turn; /* runs while `ready` is not empty */
    struct stream_listener *listeners[SERVER_LISTENERS_MAX];
    unsigned listener_count;
    unsigned listeners_open;
    unsigned handles_open;
    struct list connections;   /* struct connection.node */
    struct list ready;         /* struct connection.ready_node */
    unsigned connection_count; /* of them, without those of long streams */
    unsigned long_stream_count;
    size_t held_size;        /* connection.held_size of all */
    unsigned released_count; /* connections that let go of memory since it was given back */
    bool is_full;            /* connections_max was reached, and that was logged */
    struct rand rand;
    struct server_counters counters;
    struct buf scratch; /* for one problem at a time */
    bool is_closing;
    msec_t close_deadline_ms;
    server_closed_cb closed;
    void *closed_owner;
};

enum exchange_state {
    EXCHANGE_NONE,     /* no request, or its answer is complete */
    EXCHANGE_WAITING,  /* the owner has it; no byte of the answer exists */
    EXCHANGE_STREAMING /* the answer has begun */
};

struct exchange {
    enum exchange_state state;
    const struct exchange_handlers *handlers; /* NULL: none yet */
    void *owner;
    struct histogram *histogram; /* for the time that the answer took; may be NULL */
    uint64_t since_us;
    enum method method;
    struct arena arena;
    struct buf headers; /* of the answer, as text; once a stream has begun, its trailers */
    char request_id[LIMIT_HTTP_REQUEST_ID_SIZE_MAX + 1];
    bool is_head;
    bool is_http_1_0;
    bool is_chunked;
    bool keeps_alive; /* the connection outlives the answer */
    bool has_sent;    /* streams: since the last turn */
    bool is_big;      /* its memory is not worth keeping */
};

/* What a connection is waiting for; each has its deadline. */
enum connection_phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_BUSY };

struct connection {
    struct list node;
    struct list ready_node;
    struct server *server;
    struct stream *stream;
    struct stream_peer peer;
    struct http_parser *parser; /* NULL: nothing is being read, and an idle one needs no memory */
    struct exchange exchange;
    struct buf input;  /* came while the exchange was busy */
    struct buf output; /* not yet given to the stream */
    uint64_t written;  /* bytes given to the stream, ever */
    uint64_t taken;    /* of them by the kernel, when the deadline was set */
    uint64_t requests; /* begun, ever */
    size_t held_size;  /* bytes that wait on both sides, when they were last counted */
    enum connection_phase phase;
    uint64_t phase_requests; /* `requests` when the phase began */
    msec_t deadline_ms;
    bool is_processing; /* within connection_process: answers are flushed at its end */
    bool is_paused;     /* the stream is */
    bool is_ending;     /* the last answer was written: no more requests */
    bool is_long;       /* its exchange is a long stream */
    bool needs_reset;   /* the exchange's memory waits for the next turn */
    bool sent_continue; /* 100 Continue, for this request */
};

/* Takes over a stream that was accepted. */
void connection_open(struct server *server, struct stream *stream);
/* The answer is complete: next request, or the end. */
void connection_finish(struct connection *connection);
/* Gives the output to the stream. */
void connection_flush(struct connection *connection);
/* The exchange has become a long stream: what the request needed is released. */
void connection_settle(struct connection *connection);
/* Counts what waits for the peer and for the rest of a request. */
void connection_count_held(struct connection *connection);
/* Asks for connection_turn, from the loop, soon. */
void connection_schedule(struct connection *connection);
/* Flushes what a stream sent, and goes on with the input that waits. */
void connection_turn(struct connection *connection);
/* Ends the connection when it is late. */
void connection_check_deadline(struct connection *connection, msec_t now_ms);
/* Closes at once; an exchange that is busy will be gone. */
void connection_drop(struct connection *connection);
/* The server closes: what is idle or streams ends now, an answer in progress is the last one. */
void connection_wind_down(struct connection *connection);

static inline struct connection *connection_of(const struct exchange *exchange) {
    return CONTAINER_OF(exchange, struct connection, exchange);
}

/* A complete request becomes an exchange; the owner gets it. */
void exchange_begin(struct exchange *exchange);
/* An exchange for what is no request, so that it can be refused. */
void exchange_begin_refusal(struct exchange *exchange);
void exchange_reset(struct exchange *exchange);

/* A connection carries a long stream from now on, or: one connection less; the last one may end the
 * server. */
void server_settled_connection(struct server *server);
void server_lost_connection(struct server *server, bool was_long);
/* So much waits that nothing large is taken on. */
bool server_is_crowded(const struct server *server);

#endif
