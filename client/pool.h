/* The connections behind call.h: per address at most LIMIT_CALL_CONNECTIONS_MAX, kept for
 * LIMIT_CALL_CONNECTION_IDLE_MS after their last answer. Only call.c and pool.c include this.
 *
 * A connection carries one call at a time. Its states: connecting (has a call) -> busy (has a call)
 * -> kept (none) -> busy ... -> closing. Whoever ends a call takes it off the connection first
 * (connection_detach), so a connection never calls back for a call that is over. */
#ifndef WEFT_CLIENT_POOL_H
#define WEFT_CLIENT_POOL_H

#include "client/call.h"

struct stream;

/* One address: its connections, and the calls that wait for a free one. */
struct call_target {
    struct list node;
    struct socket_address address;
    struct list kept;  /* struct call_connection, newest last */
    struct list queue; /* struct call */
    unsigned connection_count;
    unsigned queue_count;
};

struct call_connection {
    struct list node;     /* in target->kept, else alone */
    struct list all_node; /* in the pool */
    struct call_pool *pool;
    struct call_target *target;
    struct stream *stream;
    struct http_parser *parser;
    struct call *call;  /* NULL: kept, or closing */
    struct alarm alarm; /* kept too long */
    bool is_connected;
    bool was_kept;   /* the call did not open it: the server may have closed it meanwhile */
    bool has_answer; /* a byte of the answer came */
    bool is_closing;
};

struct call_pool {
    struct uv_loop_s *loop;
    struct alarm_clock *alarms;
    struct list targets;
    struct list connections;
    struct list active; /* struct call */
    struct rand rand;
    bool is_closing;
    call_pool_closed_cb closed;
    void *owner;
};

/* Finds or makes a connection for the call, or queues it: ERR_OVERLOADED when the queue is full. A
 * kept connection takes the request at once (state SENT). */
MUST_USE enum err pool_connect(struct call_pool *pool, struct call *call,
                               const struct socket_address *address);
/* Takes the call out of the queue, or off its connection, which is closed. */
void pool_abandon(struct call *call);
/* The pool is closing and its last connection may be gone: finishes. */
void pool_finish_close(struct call_pool *pool);

/* What pool.c tells call.c. */
/* The request was handed to the stream. */
void call_was_sent(struct call *call);
/* The answer is whole (message is borrowed for the call). The call is off its connection. */
void call_was_answered(struct call *call, const struct http_message *message);
/* The connection failed. The call is off its connection. */
void call_has_failed(struct call *call, bool was_sent, enum err err, const char *reason);
/* A kept connection turned out to be closed before a byte of the answer came. The call is off it.
 */
void call_met_stale_connection(struct call *call);
/* Body bytes of a streamed answer. The call may be over afterwards. */
void call_got_body(struct call *call, const struct http_message *message, struct slice bytes);
/* The pool is being closed: ends with ERR_CLOSED. */
void call_end_closed(struct call *call);

#endif
