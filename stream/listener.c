/* Listeners: they accept connections and hand them to their owner.
 *
 * Owns: the listener, from stream_listen until its `closed` callback. A connection that the owner
 * neither adopts nor closes within the callback is closed here. */
#include "stream/stream.h"

#include "stream/transport.h"
#include "util/limits.h"
#include "util/log.h"

#include <stdlib.h>
#include <uv.h>

#define WARN_INTERVAL_MS 1000u

struct stream_listener {
    union stream_handle handle;
    const struct stream_transport *transport;
    stream_accepted_cb accepted;
    stream_listener_closed_cb closed; /* NULL: nobody is to be told */
    void *owner;
    uint64_t warned_at_ms; /* the loop's time; 0: never */
};

/* Without descriptors left libuv has shed the connection; once a second is enough to say so. */
static void warn_of_failure(struct stream_listener *listener, int status) {
    uint64_t now_ms = uv_now(listener->handle.any.loop);
    if (listener->warned_at_ms == 0 || now_ms - listener->warned_at_ms >= WARN_INTERVAL_MS) {
        listener->warned_at_ms = now_ms;
        LOG_WARN("a connection could not be accepted", LOG_ERRNO(-status));
    }
}

static void connection_came(uv_stream_t *handle, int status) {
    struct stream_listener *listener = handle->data;
    if (status != 0) {
        warn_of_failure(listener, status);
        return;
    }
    struct stream *stream = stream_new(handle->loop, listener->transport);
    status = uv_accept(handle, &stream->handle.stream);
    if (status != 0) {
        warn_of_failure(listener, status);
        stream_close(stream);
        return;
    }
    listener->accepted(listener, listener->owner, stream);
    if (stream->handlers == NULL) {
        stream_close(stream);
    }
}

static void listener_handle_closed(uv_handle_t *handle) {
    struct stream_listener *listener = handle->data;
    if (listener->closed != NULL) {
        listener->closed(listener->owner);
    }
    free(listener);
}

enum err stream_listen(struct uv_loop_s *loop, const struct socket_address *address,
                       unsigned unix_mode, stream_accepted_cb accepted, void *owner,
                       struct stream_listener **out_listener) {
    struct stream_listener *listener = must_alloc_zeroed(1, sizeof *listener);
    listener->transport = transport_of(address);
    listener->accepted = accepted;
    listener->owner = owner;
    listener->transport->open(loop, &listener->handle);
    listener->handle.any.data = listener;
    int status = listener->transport->bind(&listener->handle, address, unix_mode);
    if (status == 0) {
        status = uv_listen(&listener->handle.stream, LIMIT_STREAM_BACKLOG, connection_came);
    }
    if (status != 0) {
        struct buf text;
        buf_init(&text);
        socket_address_format(address, &text);
        LOG_ERROR("cannot listen", LOG_TEXT("address", buf_text(&text)), LOG_ERRNO(-status));
        buf_deinit(&text);
        stream_listener_close(listener, NULL);
        return status == UV_EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;
    }
    *out_listener = listener;
    return ERR_OK;
}

uint16_t stream_listener_port(const struct stream_listener *listener) {
    struct sockaddr_storage storage;
    int size = sizeof storage;
    if (listener->transport != &transport_tcp ||
        uv_tcp_getsockname(&listener->handle.tcp, (struct sockaddr *)&storage, &size) != 0) {
        return 0;
    }
    return storage.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&storage)->sin6_port)
                                         : ntohs(((const struct sockaddr_in *)&storage)->sin_port);
}

void stream_listener_close(struct stream_listener *listener, stream_listener_closed_cb closed) {
    CHECK(!uv_is_closing(&listener->handle.any));
    listener->closed = closed;
    uv_close(&listener->handle.any, listener_handle_closed);
}
