/* An HTTP/1.1 server that knows no route: it reads requests, hands each to its owner as an
 * exchange, and writes the answer. The store's API and the agent's local socket both build on it.
 *
 * One loop owns everything. Requests of one connection are handled one at a time, in order; an
 * answer may come inside `requested` or any time later. An exchange lives from `requested` until
 * its answer is complete (exchange_reply, exchange_refuse, exchange_end_stream, exchange_abort
 * have returned) or its `gone` callback has returned; it must not be touched afterwards.
 *
 *   requested -> exchange_reply | exchange_refuse                      a whole answer, one write
 *             -> exchange_begin_stream, exchange_send..., exchange_end_stream   chunk by chunk
 *             -> gone          the client went away, or the server closes, before it was complete
 *
 * Faults of the protocol, bounds and deadlines never reach the owner: the server answers 400, 413
 * or 431 as application/problem+json and closes, or just closes when a peer is too slow. */
#ifndef WEFT_SERVE_SERVE_H
#define WEFT_SERVE_SERVE_H

#include "stream/stream.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/err.h"
#include "wire/http.h"
#include "wire/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct histogram;
struct uv_loop_s;
struct server;
struct exchange;

/* A request is complete. Answer it now, or set handlers with `gone` and answer it later. */
typedef void (*server_requested_cb)(struct exchange *exchange, void *owner);
typedef void (*server_closed_cb)(void *owner);

/* Bounds; 0 takes the value of util/limits.h. */
struct server_limits {
    unsigned connections_max; /* one more is answered 429 and closed; without long streams */
    unsigned pipeline_max;    /* requests of one connection that are handled in one turn */
    size_t body_size_max;
    size_t output_high_size; /* with more unsent, a connection's next request waits */
    size_t held_size_max;    /* with more waiting on all connections together, large bodies and
                                answers are refused with 429 */
    msec_t head_timeout_ms;  /* from the first byte of a request to the end of its headers */
    msec_t body_timeout_ms;
    msec_t idle_timeout_ms;  /* between requests, and for a peer that takes no bytes */
    msec_t rest_timeout_ms;  /* an idle connection's memory is kept so long */
    msec_t close_timeout_ms; /* for answers in progress when the server closes */
};

struct server_options {
    struct uv_loop_s *loop;
    const struct clock *clock;
    server_requested_cb requested;
    void *owner;
    struct server_limits limits;
};

/* Owns: server_close releases it. `options` is copied. */
MUST_USE struct server *server_new(const struct server_options *options);
/* Listens on one more address (at most SERVER_LISTENERS_MAX). `unix_mode`: of the socket file.
 * Errors: as stream_listen. */
#define SERVER_LISTENERS_MAX 8u
MUST_USE enum err server_listen(struct server *server, const struct socket_address *address,
                                unsigned unix_mode);
/* The port that the index-th server_listen bound (for port 0); 0 for a unix socket. */
uint16_t server_port(const struct server *server, unsigned index);
/* Connections without, and with, a long stream. */
unsigned server_connection_count(const struct server *server);
unsigned server_long_stream_count(const struct server *server);

#define SERVER_STATUS_CLASSES 6u
/* What a server counts, since it began. */
struct server_counters {
    uint64_t answers[METHOD_OTHER + 1][SERVER_STATUS_CLASSES]; /* begun, by status / 100 */
    uint64_t gone;                /* requests whose client went away before the answer was whole */
    uint64_t connections;         /* accepted */
    uint64_t connections_refused; /* past the bound */
    uint64_t connections_late;    /* ended, because the peer was too slow */
    uint64_t received_bytes;
    uint64_t sent_bytes;
};
const struct server_counters *server_counters(const struct server *server);
/* Stops to accept; idle connections and streams end at once (`gone` comes from the loop), answers
 * in progress have close_timeout_ms. Then releases the server and calls `closed`, from the loop.
 * End long-lived streams with a last word of their own before. */
void server_close(struct server *server, server_closed_cb closed, void *owner);

/* The request. Lifetime of the message, the id and everything in the arena: the exchange's. */
const struct http_message *exchange_message(const struct exchange *exchange);
struct arena *exchange_arena(struct exchange *exchange);
const struct stream_peer *exchange_peer(const struct exchange *exchange);
/* The client's X-Request-Id when it is 1 to 64 printable characters, else 16 hex digits of ours.
 * The answer carries it by itself. */
const char *exchange_request_id(const struct exchange *exchange);

struct exchange_handlers {
    /* The answer can no longer be completed: let go of the exchange. Comes at most once, from the
     * loop, never from inside a call of the owner, and never after the answer is complete. */
    void (*gone)(struct exchange *exchange, void *owner);
    /* Streams: all that was sent has left for the kernel. May be NULL. */
    void (*drained)(struct exchange *exchange, void *owner);
};
/* Needed before `requested` returns without a complete answer. `handlers` is borrowed. */
void exchange_set_handlers(struct exchange *exchange, const struct exchange_handlers *handlers,
                           void *owner);
/* The time from the request's end to the beginning of its answer goes into this histogram, which
 * outlives the exchange. Another call takes the place of the last one. */
void exchange_measure(struct exchange *exchange, struct histogram *histogram);
/* What exchange_set_handlers was given; NULL before. */
void *exchange_owner(const struct exchange *exchange);

/* Adds a header to the answer, before it begins. Content-Type, Content-Length, Transfer-Encoding,
 * Connection and X-Request-Id are the server's own. */
void exchange_header(struct exchange *exchange, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Answers. Shape: content_type may be NULL (no body, or none known); the body of an answer to HEAD
 * is counted and not sent. The body is copied. */
void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body);
/* Answers application/problem+json with the problem's status, Allow and Retry-After. */
void exchange_refuse(struct exchange *exchange, const struct problem *problem);

/* Begins an answer of unknown length: chunked, or until the connection's end for HTTP/1.0. What is
 * sent to a HEAD request counts for nothing. */
void exchange_begin_stream(struct exchange *exchange, int status, const char *content_type);
/* Adds a field behind the stream's last chunk (RFC 9110 6.5), between begin and end. Announce it
 * with a `Trailer` header. HTTP/1.0 and HEAD know no trailers: it is dropped there. */
void exchange_trailer(struct exchange *exchange, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same for an answer that goes on until somebody ends it. Its connection is no longer one of
 * connections_max, and ends with it: the owner bounds how many there are. The request is gone
 * afterwards (message, arena, headers). A client that goes on to send is closed. */
void exchange_begin_long_stream(struct exchange *exchange, int status, const char *content_type);
void exchange_send(struct exchange *exchange, struct slice bytes);
/* Bytes that were sent and that the kernel has not taken yet: the owner's measure for slow
 * readers. */
size_t exchange_queued_size(const struct exchange *exchange);
void exchange_end_stream(struct exchange *exchange);
/* Breaks a stream off, so that the client sees it as cut: the connection closes without the last
 * chunk. `gone` does not come. */
void exchange_abort(struct exchange *exchange);

#endif
