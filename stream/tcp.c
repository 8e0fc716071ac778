/* TCP: resolves a name, tries its addresses one after the other, sets the socket's options.
 *
 * Owns: a struct tcp_connect per outgoing stream, from connect to release. A numeric address is one
 * candidate without a resolver. A candidate that fails costs its socket: the handle is closed and
 * opened again for the next. The deadline of stream_connect covers all candidates together. */
#include "stream/transport.h"
#include "util/limits.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tcp_connect {
    uv_getaddrinfo_t resolve;
    struct stream *stream;
    struct addrinfo *candidates; /* the resolver's answer */
    struct addrinfo *next;
    struct sockaddr_storage numeric; /* used when there are no candidates */
};

static void tcp_open(uv_loop_t *loop, union stream_handle *handle) {
    CHECK(uv_tcp_init(loop, &handle->tcp) == 0); /* makes no socket yet */
}

static int set_tcp_option(int descriptor, int option, unsigned value) {
    return setsockopt(descriptor, IPPROTO_TCP, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* A dead peer is noticed by what stays unacknowledged, an idle one by keepalive. What the peer has
 * no window for stays in our queue, where it is counted, and not in megabytes of the kernel's. */
static void tcp_tune(union stream_handle *handle) {
    int descriptor = -1;
    int status = uv_tcp_nodelay(&handle->tcp, 1);
    if (status == 0) {
        status = uv_tcp_keepalive(&handle->tcp, 1, LIMIT_STREAM_KEEPALIVE_S);
    }
    if (status == 0) {
        status = uv_fileno(&handle->any, &descriptor);
    }
    if (status == 0) {
        status = set_tcp_option(descriptor, TCP_USER_TIMEOUT, LIMIT_STREAM_USER_TIMEOUT_MS);
    }
    if (status == 0) {
        status = set_tcp_option(descriptor, TCP_NOTSENT_LOWAT, LIMIT_STREAM_UNSENT_SIZE);
    }
    if (status != 0) { /* a connection that was reset meanwhile says EINVAL: reading will tell */
        LOG_DEBUG("socket options were not set", LOG_ERRNO(-status));
    }
}

static bool parse_numeric(const char *host, uint16_t port, struct sockaddr_storage *out_address) {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    *out_address = (struct sockaddr_storage){0};
    if (uv_ip4_addr(host, port, &v4) == 0) {
        memcpy(out_address, &v4, sizeof v4);
        return true;
    }
    if (uv_ip6_addr(host, port, &v6) == 0) {
        memcpy(out_address, &v6, sizeof v6);
        return true;
    }
    return false;
}

static void try_candidate(struct stream *stream);

static void candidate_closed(uv_handle_t *handle) {
    struct stream *stream = handle->data;
    if (stream->state == STREAM_STATE_CLOSING) {
        stream_release(stream);
        return;
    }
    tcp_open(handle->loop, &stream->handle);
    try_candidate(stream);
}

static void candidate_done(uv_connect_t *request, int status) {
    struct stream *stream = request->data;
    struct tcp_connect *connect = stream->transport_state;
    if (stream->state == STREAM_STATE_CLOSING) {
        return;
    }
    if (status != 0 && connect->next != NULL) {
        uv_close(&stream->handle.any, candidate_closed);
        return;
    }
    stream_connect_done(stream, status);
}

static void try_candidate(struct stream *stream) {
    struct tcp_connect *connect = stream->transport_state;
    const struct sockaddr *address = (const struct sockaddr *)&connect->numeric;
    if (connect->next != NULL) {
        address = connect->next->ai_addr;
        connect->next = connect->next->ai_next;
    }
    stream->connect.data = stream;
    int status = uv_tcp_connect(&stream->connect, &stream->handle.tcp, address, candidate_done);
    if (status != 0) {
        candidate_done(&stream->connect, status);
    }
}

static void resolve_done(uv_getaddrinfo_t *request, int status, struct addrinfo *candidates) {
    struct tcp_connect *connect = request->data;
    struct stream *stream = connect->stream;
    connect->candidates = candidates;
    connect->next = candidates;
    if (stream->state == STREAM_STATE_CLOSING) {
        /* its reference kept the stream until now */
    } else if (status != 0 || candidates == NULL) {
        stream_connect_done(stream, status != 0 ? status : UV_EAI_NONAME);
    } else {
        try_candidate(stream);
    }
    connect->stream = NULL;
    if (stream->state == STREAM_STATE_CLOSING) {
        stream_release(stream);
    } else {
        stream->references--;
    }
}

static int resolve_begin(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb done,
                         const struct socket_address *address) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)address->port); /* five digits at most */
    return uv_getaddrinfo(loop, request, done, address->host, port, &hints);
}

static void tcp_connect(struct stream *stream, const struct socket_address *address) {
    struct tcp_connect *connect = must_alloc_zeroed(1, sizeof *connect);
    stream->transport_state = connect;
    if (parse_numeric(address->host, address->port, &connect->numeric)) {
        try_candidate(stream);
        return;
    }
    connect->resolve.data = connect;
    int status = resolve_begin(stream->handle.any.loop, &connect->resolve, resolve_done, address);
    if (status != 0) {
        stream_connect_done(stream, status);
        return;
    }
    connect->stream = stream;
    stream->references++;
}

/* A resolver that already runs on its thread cannot be stopped; its reference keeps the stream. */
static void tcp_cancel(struct stream *stream) {
    struct tcp_connect *connect = stream->transport_state;
    if (connect != NULL && connect->stream != NULL) {
        (void)uv_cancel((uv_req_t *)&connect->resolve);
    }
}

static void tcp_release(struct stream *stream) {
    struct tcp_connect *connect = stream->transport_state;
    if (connect != NULL) {
        uv_freeaddrinfo(connect->candidates);
        free(connect);
    }
}

static void tcp_peer(const union stream_handle *handle, struct stream_peer *out_peer) {
    struct sockaddr_storage storage;
    int size = sizeof storage;
    char host[INET6_ADDRSTRLEN] = "";
    if (uv_tcp_getpeername(&handle->tcp, (struct sockaddr *)&storage, &size) != 0) {
        return;
    }
    if (storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&storage;
        (void)uv_ip6_name(v6, host, sizeof host); /* fits: INET6_ADDRSTRLEN */
        (void)snprintf(out_peer->address, sizeof out_peer->address, "[%s]:%u", host,
                       (unsigned)ntohs(v6->sin6_port));
        return;
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&storage;
    (void)uv_ip4_name(v4, host, sizeof host);
    (void)snprintf(out_peer->address, sizeof out_peer->address, "%s:%u", host,
                   (unsigned)ntohs(v4->sin_port));
}

/* Binds a name's first address: done at the start of a program, so it may wait for the resolver. */
static int tcp_bind(union stream_handle *handle, const struct socket_address *address,
                    unsigned unix_mode) {
    struct sockaddr_storage numeric;
    (void)unix_mode;
    if (parse_numeric(address->host, address->port, &numeric)) {
        return uv_tcp_bind(&handle->tcp, (const struct sockaddr *)&numeric, 0);
    }
    uv_getaddrinfo_t resolve;
    int status = resolve_begin(handle->any.loop, &resolve, NULL, address);
    if (status == 0) {
        status = uv_tcp_bind(&handle->tcp, resolve.addrinfo->ai_addr, 0);
        uv_freeaddrinfo(resolve.addrinfo);
    }
    return status;
}

const struct stream_transport transport_tcp = {
    .open = tcp_open,
    .connect = tcp_connect,
    .tune = tcp_tune,
    .peer = tcp_peer,
    .bind = tcp_bind,
    .release = tcp_release,
    .cancel = tcp_cancel,
};
