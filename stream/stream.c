/* The common part of every stream: its states, its write queue, its end.
 *
 * Owns: the stream (one heap struct with all its handles and requests inside) and the queued bytes.
 * Flow: a transport connects or a listener accepts, stream_begin starts to read, stream_deliver
 * hands bytes up, stream_send_raw takes them down. Writing tries the kernel first; what it does not
 * take waits, and small pieces that wait are joined, so that one system call sends them all.
 * Invariants: `closed` is called once, from libuv's close callback; after stream_close no other
 * callback comes. Limits: LIMIT_STREAM_*; the size of the queue is the owner's to watch. */
#include "stream/stream.h"

#include "stream/transport.h"
#include "util/limits.h"

#include <stdlib.h>
#include <uv.h>

/* Bytes on their way, taken over from the owner or copied. */
struct piece {
    struct list node;
    struct buf bytes;
};

static void flush(struct stream *stream);

const struct stream_transport *transport_of(const struct socket_address *address) {
    return address->path[0] != 0 ? &transport_unix : &transport_tcp;
}

struct stream *stream_new(uv_loop_t *loop, const struct stream_transport *transport) {
    struct stream *stream = must_alloc_zeroed(1, sizeof *stream);
    stream->transport = transport;
    list_init(&stream->waiting);
    list_init(&stream->sending);
    transport->open(loop, &stream->handle);
    stream->handle.any.data = stream;
    CHECK(uv_timer_init(loop, &stream->timer) == 0);
    stream->timer.data = stream;
    stream->references = 2;
    stream->reason = ERR_CLOSED;
    return stream;
}

static void free_pieces(struct list *list) {
    LIST_FOR_EACH(list, node) {
        struct piece *piece = CONTAINER_OF(node, struct piece, node);
        buf_deinit(&piece->bytes);
        free(piece);
    }
    list_init(list);
}

void stream_release(struct stream *stream) {
    CHECK(stream->references > 0 && stream->state == STREAM_STATE_CLOSING);
    if (--stream->references > 0) {
        return;
    }
    if (stream->handlers != NULL) {
        stream->handlers->closed(stream, stream->owner, stream->reason);
    }
    if (stream->transport->release != NULL) {
        stream->transport->release(stream);
    }
    free_pieces(&stream->waiting);
    free_pieces(&stream->sending);
    free(stream);
}

static void handle_closed(uv_handle_t *handle) {
    stream_release(handle->data);
}

void stream_fail(struct stream *stream, enum err reason) {
    if (stream->state == STREAM_STATE_CLOSING) {
        return;
    }
    stream->state = STREAM_STATE_CLOSING;
    stream->reason = reason;
    if (stream->transport->cancel != NULL) {
        stream->transport->cancel(stream);
    }
    uv_close((uv_handle_t *)&stream->timer, handle_closed);
    if (!uv_is_closing(&stream->handle.any)) { /* else between two candidates: tcp.c releases */
        uv_close(&stream->handle.any, handle_closed);
    }
}

void stream_close(struct stream *stream) {
    stream_fail(stream, ERR_CLOSED);
}

static enum err err_of_connection(int status) {
    return status == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_CLOSED;
}

static void timed_out(uv_timer_t *timer) {
    struct stream *stream = timer->data;
    stream_fail(stream, stream->state == STREAM_STATE_LINGERING ? ERR_CLOSED : ERR_TIMEOUT);
}

static void start_timer(struct stream *stream, msec_t timeout_ms) {
    CHECK(uv_timer_start(&stream->timer, timed_out, timeout_ms, 0) == 0);
}

/* Reading. All streams of a thread share the memory of a read, which is borrowed for the read. */

static _Thread_local char read_memory[LIMIT_STREAM_READ_SIZE];

static void memory_needed(uv_handle_t *handle, size_t suggested_size, uv_buf_t *out_memory) {
    (void)handle;
    (void)suggested_size;
    *out_memory = uv_buf_init(read_memory, sizeof read_memory);
}

static void read_done(uv_stream_t *handle, ssize_t size, const uv_buf_t *memory) {
    struct stream *stream = handle->data;
    if (size > 0) {
        stream_deliver(stream, slice_of(memory->base, (size_t)size));
    }
    if (size == UV_EOF && stream->state == STREAM_STATE_FLUSHING) {
        stream->has_peer_ended = true; /* it may still read what is queued */
    } else if (size < 0) {
        stream_fail(stream, err_of_connection((int)size));
    }
}

static void start_reading(struct stream *stream) {
    int status = uv_read_start(&stream->handle.stream, memory_needed, read_done);
    if (status != 0) {
        stream_fail(stream, err_of_connection(status));
    }
}

void stream_deliver(struct stream *stream, struct slice bytes) {
    if (stream->state == STREAM_STATE_OPEN) {
        stream->handlers->received(stream, stream->owner, bytes);
    }
}

void stream_pause(struct stream *stream) {
    stream->is_paused = true;
    if (stream->state == STREAM_STATE_OPEN) {
        (void)uv_read_stop(&stream->handle.stream); /* documented to succeed always */
    }
}

void stream_resume(struct stream *stream) {
    if (!stream->is_paused) {
        return;
    }
    stream->is_paused = false;
    if (stream->state == STREAM_STATE_OPEN) {
        start_reading(stream);
    }
}

/* Connecting. */

struct stream *stream_connect(struct uv_loop_s *loop, const struct socket_address *address,
                              msec_t timeout_ms, const struct stream_handlers *handlers,
                              void *owner) {
    CHECK(timeout_ms > 0 && handlers->received != NULL && handlers->closed != NULL);
    struct stream *stream = stream_new(loop, transport_of(address));
    stream->handlers = handlers;
    stream->owner = owner;
    start_timer(stream, timeout_ms);
    stream->transport->connect(stream, address);
    return stream;
}

void stream_connect_done(struct stream *stream, int status) {
    if (stream->state == STREAM_STATE_CLOSING) {
        return;
    }
    if (status != 0) {
        stream_fail(stream, status == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE);
        return;
    }
    CHECK(uv_timer_stop(&stream->timer) == 0);
    stream_begin(stream);
    if (stream->flushes_at_connect) {
        stream_close_after_writes(stream);
    } else if (stream->state == STREAM_STATE_OPEN && stream->handlers->connected != NULL) {
        stream->handlers->connected(stream, stream->owner);
    }
}

void stream_begin(struct stream *stream) {
    stream->state = STREAM_STATE_OPEN;
    stream->transport->tune(&stream->handle);
    if (!stream->is_paused) {
        start_reading(stream);
    }
    flush(stream);
}

void stream_adopt(struct stream *stream, const struct stream_handlers *handlers, void *owner) {
    CHECK(stream->handlers == NULL && handlers->received != NULL && handlers->closed != NULL);
    if (stream->state != STREAM_STATE_CLOSING) {
        stream->handlers = handlers;
        stream->owner = owner;
        stream_begin(stream);
    }
}

/* Writing. */

size_t stream_send_raw(struct stream *stream, struct slice bytes) {
    if (stream->state != STREAM_STATE_OPEN || !list_is_empty(&stream->waiting) ||
        !list_is_empty(&stream->sending) || bytes.size == 0) {
        return 0;
    }
    uv_buf_t memory =
        uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)MIN_OF(bytes.size, INT32_MAX));
    int sent = uv_try_write(&stream->handle.stream, &memory, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        stream_fail(stream, err_of_connection(sent));
    }
    return sent > 0 ? (size_t)sent : 0;
}

static struct piece *add_piece(struct stream *stream) {
    struct piece *piece = must_alloc_zeroed(1, sizeof *piece);
    list_append(&stream->waiting, &piece->node);
    return piece;
}

/* The piece that copies go into, so that many small ones make one. */
static struct piece *piece_with_room(struct stream *stream) {
    if (!list_is_empty(&stream->waiting)) {
        struct piece *last = CONTAINER_OF(stream->waiting.previous, struct piece, node);
        if (last->bytes.size < LIMIT_STREAM_PIECE_SIZE) {
            return last;
        }
    }
    return add_piece(stream);
}

/* Fills pieces to the brim: what waits takes little more memory than it has bytes. */
static void queue_copy(struct stream *stream, struct slice bytes) {
    size_t copied = 0;
    while (copied < bytes.size) {
        struct piece *piece = piece_with_room(stream);
        size_t room = LIMIT_STREAM_PIECE_SIZE - piece->bytes.size;
        size_t size = MIN_OF(room, bytes.size - copied);
        buf_append(&piece->bytes, bytes.data + copied, size);
        copied += size;
    }
    stream->waiting_size += bytes.size;
    flush(stream);
}

static bool takes_writes(const struct stream *stream) {
    return (stream->state == STREAM_STATE_CONNECTING && !stream->flushes_at_connect) ||
           stream->state == STREAM_STATE_OPEN;
}

void stream_write(struct stream *stream, struct slice bytes) {
    if (!takes_writes(stream)) {
        return;
    }
    size_t sent = stream_send_raw(stream, bytes);
    if (sent < bytes.size && takes_writes(stream)) {
        queue_copy(stream, slice_of(bytes.data + sent, bytes.size - sent));
    }
}

void stream_write_buf(struct stream *stream, struct buf *bytes) {
    size_t sent = takes_writes(stream) ? stream_send_raw(stream, buf_slice(bytes)) : bytes->size;
    bool has_rest = sent < bytes->size && takes_writes(stream);
    if (has_rest && sent > 0) { /* the part that went is not kept with it */
        queue_copy(stream, slice_of(bytes->data + sent, bytes->size - sent));
    } else if (has_rest) {
        struct piece *piece = add_piece(stream);
        piece->bytes = *bytes;
        buf_init(bytes);
        stream->waiting_size += piece->bytes.size;
        flush(stream);
    }
    buf_deinit(bytes);
}

size_t stream_queued_size(const struct stream *stream) {
    return stream->waiting_size + uv_stream_get_write_queue_size(&stream->handle.stream);
}

static void shutdown_done(uv_shutdown_t *request, int status) {
    struct stream *stream = request->data;
    if (stream->state == STREAM_STATE_CLOSING) {
        return;
    }
    if (status != 0 || stream->has_peer_ended) {
        stream_fail(stream, status != 0 ? err_of_connection(status) : ERR_CLOSED);
        return;
    }
    stream->state = STREAM_STATE_LINGERING;
    start_timer(stream, LIMIT_STREAM_LINGER_TIMEOUT_MS);
}

/* Nothing is queued any more: our end, then the peer's. */
static void begin_linger(struct stream *stream) {
    stream->shutdown.data = stream;
    int status = uv_shutdown(&stream->shutdown, &stream->handle.stream, shutdown_done);
    if (status != 0) {
        stream_fail(stream, err_of_connection(status));
    }
}

static void write_done(uv_write_t *request, int status) {
    struct stream *stream = request->data;
    free_pieces(&stream->sending);
    if (stream->state == STREAM_STATE_CLOSING) {
        return;
    }
    if (status != 0) {
        stream_fail(stream, err_of_connection(status));
        return;
    }
    flush(stream);
    if (!list_is_empty(&stream->sending)) {
        return;
    }
    if (stream->state == STREAM_STATE_FLUSHING) {
        begin_linger(stream);
    } else if (stream->state == STREAM_STATE_OPEN && stream->handlers->drained != NULL) {
        stream->handlers->drained(stream, stream->owner);
    }
}

/* Gives what waits to libuv, unless a write is under way: then write_done comes back here. */
static void flush(struct stream *stream) {
    uv_buf_t memory[LIMIT_STREAM_WRITE_PIECES];
    unsigned count = 0;
    bool may_send = stream->state == STREAM_STATE_OPEN || stream->state == STREAM_STATE_FLUSHING;
    if (!may_send || !list_is_empty(&stream->sending)) {
        return;
    }
    while (count < LIMIT_STREAM_WRITE_PIECES && !list_is_empty(&stream->waiting)) {
        struct list *node = list_take_first(&stream->waiting);
        struct piece *piece = CONTAINER_OF(node, struct piece, node);
        size_t size = piece->bytes.size;
        list_append(&stream->sending, node);
        CHECK(size <= UINT32_MAX);
        memory[count++] = uv_buf_init((char *)piece->bytes.data, (unsigned)size);
        stream->waiting_size -= size;
    }
    if (count == 0) {
        return;
    }
    stream->write.data = stream;
    int status = uv_write(&stream->write, &stream->handle.stream, memory, count, write_done);
    if (status != 0) {
        stream_fail(stream, err_of_connection(status));
    }
}

void stream_close_after_writes(struct stream *stream) {
    if (stream->state == STREAM_STATE_CONNECTING) {
        stream->flushes_at_connect = true;
        return;
    }
    if (stream->state != STREAM_STATE_OPEN) {
        return;
    }
    stream_resume(stream); /* to meet the peer's end */
    if (stream->state != STREAM_STATE_OPEN) {
        return;
    }
    stream->state = STREAM_STATE_FLUSHING;
    start_timer(stream, LIMIT_STREAM_FLUSH_TIMEOUT_MS);
    flush(stream);
    if (stream->state == STREAM_STATE_FLUSHING && list_is_empty(&stream->sending)) {
        begin_linger(stream);
    }
}

void stream_peer(const struct stream *stream, struct stream_peer *out_peer) {
    *out_peer = (struct stream_peer){0};
    stream->transport->peer(&stream->handle, out_peer);
}
