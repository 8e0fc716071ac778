/* Inside stream/: what stream.c (queue, states, closing) and the transports (tcp.c, unix.c) know of
 * each other. Nobody outside this folder includes it.
 *
 * A transport opens, connects and tunes a libuv handle; everything else is common. A stream that
 * encrypts sits between: its bytes go down through stream_send_raw and come up through
 * stream_deliver, the only two places where bytes cross.
 *
 *   CONNECTING -> OPEN -> FLUSHING -> LINGERING -> CLOSING
 *   Every state may go straight to CLOSING. FLUSHING: what is queued leaves. LINGERING: our end was
 *   sent; what the peer still sends is thrown away until its end comes, so that our last bytes are
 *   not lost to a reset. CLOSING: the handles are closing; then `closed`. */
#ifndef WEFT_STREAM_TRANSPORT_H
#define WEFT_STREAM_TRANSPORT_H

#include "stream/stream.h"
#include "util/list.h"

#include <uv.h>

enum stream_state {
    STREAM_STATE_CONNECTING,
    STREAM_STATE_OPEN,
    STREAM_STATE_FLUSHING,
    STREAM_STATE_LINGERING,
    STREAM_STATE_CLOSING
};

union stream_handle {
    uv_handle_t any;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct stream_transport {
    /* Prepares the handle. Never fails: the descriptor is made later. */
    void (*open)(uv_loop_t *loop, union stream_handle *handle);
    /* Begins to connect; ends in stream_connect_done, now or later. */
    void (*connect)(struct stream *stream, const struct socket_address *address);
    /* Socket options of a connection that stands. */
    void (*tune)(union stream_handle *handle);
    void (*peer)(const union stream_handle *handle, struct stream_peer *out_peer);
    /* Binds, ready for uv_listen. Returns libuv's error. */
    int (*bind)(union stream_handle *handle, const struct socket_address *address,
                unsigned unix_mode);
    /* Lets go of what `connect` holds. May be NULL. */
    void (*release)(struct stream *stream);
    /* Wakes what `connect` waits for, so that it ends soon. May be NULL. */
    void (*cancel)(struct stream *stream);
};

extern const struct stream_transport transport_tcp;
extern const struct stream_transport transport_unix;

struct stream {
    union stream_handle handle;
    uv_timer_t timer; /* of the connect, the flush or the linger, whichever is going on */
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    const struct stream_transport *transport;
    void *transport_state;                  /* the transport's own, between connect and release */
    const struct stream_handlers *handlers; /* NULL: accepted and not adopted */
    void *owner;
    struct list waiting; /* struct piece: accepted */
    struct list sending; /* struct piece: in the one uv_write that is under way */
    size_t waiting_size;
    enum stream_state state;
    enum err reason;     /* for `closed` */
    unsigned references; /* handles and resolver requests; `closed` comes when the last is gone */
    bool is_paused;
    bool has_peer_ended;     /* while FLUSHING */
    bool flushes_at_connect; /* stream_close_after_writes came while it was connecting */
};

/* A stream with its handle opened and no owner yet. */
struct stream *stream_new(uv_loop_t *loop, const struct stream_transport *transport);
/* The connection stands: options, reading, what was queued. */
void stream_begin(struct stream *stream);
/* The transport's connect ended; `status` is libuv's. */
void stream_connect_done(struct stream *stream, int status);
/* Closes with a reason; the first one counts. */
void stream_fail(struct stream *stream, enum err reason);
/* A handle or request of the stream is gone. */
void stream_release(struct stream *stream);
/* The other end's bytes, going up. */
void stream_deliver(struct stream *stream, struct slice bytes);
/* Our bytes, going down. Returns how many the kernel took at once; the rest is the queue's. */
size_t stream_send_raw(struct stream *stream, struct slice bytes);

const struct stream_transport *transport_of(const struct socket_address *address);

#endif
