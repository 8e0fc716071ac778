/* Calls to the API on a libuv loop, for the agent and for the API's forwarding to the leader: a
 * deadline, the next server, the retry rules of retry.h, and kept connections.
 *
 * A `struct call` is embedded in its owner and lives from call_start until its `done` callback is
 * entered or call_cancel has returned; it may be used again from inside `done`. `done` comes
 * exactly once, always from the loop, never from inside call_start. The pool holds the connections,
 * at most LIMIT_CALL_CONNECTIONS_MAX an address (calls beyond wait in order), and the one timer.
 *
 * Flow: waiting for a connection -> sent -> answered -> done, or again with the next server. */
#ifndef WEFT_CLIENT_CALL_H
#define WEFT_CLIENT_CALL_H

#include "client/alarm.h"
#include "client/request.h"
#include "client/retry.h"
#include "client/url.h"
#include "util/arena.h"
#include "util/list.h"

struct uv_loop_s;
struct call;
struct call_pool;
struct call_connection;
struct call_target;

/* The call is over. `err` is ERR_OK for a 2xx answer, else call->problem tells (as client_call).
 * call->answer is borrowed until the callback returns; its status is 0 when none came. */
typedef void (*call_done_cb)(struct call *call, void *owner, enum err err);
/* Body bytes of a 2xx answer as they come. The callback may call_cancel. */
typedef void (*call_body_cb)(struct call *call, void *owner, struct slice bytes);

enum call_state {
    CALL_STATE_IDLE,    /* not started, or over */
    CALL_STATE_WAITING, /* for a connection: in the address's queue, or connecting */
    CALL_STATE_SENT,    /* handed to a connection; the answer is awaited */
    CALL_STATE_PAUSING, /* between two tries */
    CALL_STATE_ENDING   /* decided inside call_start; `done` comes from the loop */
};

/* Read only for the owner: answer, problem. The rest is call.c's. */
struct call {
    struct client_answer answer;
    struct problem problem;
    enum call_state state;
    struct call_pool *pool;
    struct server_list *servers;
    struct client_request request; /* a copy, in the arena */
    struct arena arena;
    struct retry retry;
    call_done_cb done;
    call_body_cb body; /* NULL: the body is collected */
    void *owner;
    msec_t deadline_ms;
    struct alarm alarm;
    struct list node;           /* in the address's queue while it waits for a free connection */
    struct list active_node;    /* in the pool */
    struct call_target *target; /* of the current try */
    struct call_connection *connection;
    struct buf refusal; /* streams: the body of an answer that is not 2xx */
};

/* Owns: the caller, call_pool_close. */
MUST_USE struct call_pool *call_pool_open(struct uv_loop_s *loop);
typedef void (*call_pool_closed_cb)(void *owner);
/* Ends the calls in flight with ERR_CLOSED, closes all connections, then calls back (may be NULL)
 * and frees the pool. Start no call afterwards. */
void call_pool_close(struct call_pool *pool, call_pool_closed_cb closed, void *owner);
struct alarm_clock *call_pool_alarms(struct call_pool *pool);

/* Starts a call. The request with its texts and body is copied; `servers` is borrowed until the
 * call is over, and its `first` is moved to the server that answered. */
void call_start(struct call *call, struct call_pool *pool, struct server_list *servers,
                const struct client_request *request, call_done_cb done, void *owner);
/* The same, with the body of a 2xx answer handed over piece by piece. */
void call_start_stream(struct call *call, struct call_pool *pool, struct server_list *servers,
                       const struct client_request *request, call_body_cb body, call_done_cb done,
                       void *owner);
/* Ends a call without its callback; its connection is closed. A call that is not active is left
 * alone. */
void call_cancel(struct call *call);
static inline bool call_is_active(const struct call *call) {
    return call->state != CALL_STATE_IDLE;
}

#endif
