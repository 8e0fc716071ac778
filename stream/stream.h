/* Byte streams on a libuv loop: TCP and unix sockets today, TLS beside them later, one interface.
 *
 * A stream lives from stream_connect or an accept until its `closed` callback has returned; that
 * callback comes exactly once, always from the loop and never from inside a call of the owner.
 * After stream_close no other callback comes. Bytes handed to `received` are borrowed for the call.
 * Writes are copied or taken over, sent in order, and bounded by the owner: stream_queued_size
 * tells. */
#ifndef WEFT_STREAM_STREAM_H
#define WEFT_STREAM_STREAM_H

#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

struct uv_loop_s;
struct stream;
struct stream_listener;

/* Where to connect or listen. */
struct socket_address {
    char host[256]; /* a numeric address, or a name that the resolver knows; empty for a unix socket
                     */
    uint16_t port;
    char path[108]; /* unix socket; empty for TCP */
};
/* "127.0.0.1:7480", "[::1]:7480", "unix:/run/weft/api.sock". Errors: ERR_INVALID. */
MUST_USE enum err socket_address_parse(const char *text, struct socket_address *out_address);
void socket_address_format(const struct socket_address *address, struct buf *out);
/* A numeric loopback address, or a unix socket. */
bool socket_address_is_local(const struct socket_address *address);

struct stream_handlers {
    void (*connected)(struct stream *stream, void *owner); /* outgoing streams only; may be NULL */
    void (*received)(struct stream *stream, void *owner, struct slice bytes);
    void (*drained)(struct stream *stream,
                    void *owner); /* the write queue became empty; may be NULL */
    void (*closed)(struct stream *stream, void *owner,
                   enum err reason); /* ERR_CLOSED: the peer or us */
};

/* Who is at the other end of a unix socket (SO_PEERCRED). */
struct stream_peer {
    bool is_local; /* unix socket: pid, uid and gid are known */
    int pid;
    unsigned uid, gid;
    char address[64]; /* for logs */
};

/* Begins to connect. Failure is reported through `closed` (ERR_UNREACHABLE, ERR_TIMEOUT); never
 * returns NULL. TCP_NODELAY, keepalive and TCP_USER_TIMEOUT are set. */
MUST_USE struct stream *stream_connect(struct uv_loop_s *loop, const struct socket_address *address,
                                       msec_t timeout_ms, const struct stream_handlers *handlers,
                                       void *owner);
/* Sends a copy. After stream_close it does nothing. */
void stream_write(struct stream *stream, struct slice bytes);
/* Sends the buffer's content and takes its memory over (`bytes` is empty afterwards). */
void stream_write_buf(struct stream *stream, struct buf *bytes);
/* Bytes accepted and not yet given to the kernel. */
size_t stream_queued_size(const struct stream *stream);
/* Stops and resumes reading: back pressure. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
/* Closes after what is queued has been sent (bounded by 5 s), or at once. */
void stream_close_after_writes(struct stream *stream);
void stream_close(struct stream *stream);
void stream_peer(const struct stream *stream, struct stream_peer *out_peer);

/* A new connection: answer its handlers and owner with stream_accept, or close it. */
typedef void (*stream_accepted_cb)(struct stream_listener *listener, void *owner,
                                   struct stream *stream);
typedef void (*stream_listener_closed_cb)(void *owner);

/* Listens; a stale unix socket file is replaced, `unix_mode` is its mode. Errors: ERR_EXISTS (in
 * use), ERR_SYSTEM; the log says which call. */
MUST_USE enum err stream_listen(struct uv_loop_s *loop, const struct socket_address *address,
                                unsigned unix_mode, stream_accepted_cb accepted, void *owner,
                                struct stream_listener **out_listener);
/* Gives an accepted stream its owner; reading begins. Call it inside the accepted callback. */
void stream_adopt(struct stream *stream, const struct stream_handlers *handlers, void *owner);
/* The port that was bound (for port 0). */
uint16_t stream_listener_port(const struct stream_listener *listener);
void stream_listener_close(struct stream_listener *listener, stream_listener_closed_cb closed);

#endif
