/* Unix sockets: the peer's identity is known (SO_PEERCRED), and a socket file that a dead process
 * left behind is replaced. libuv removes the file when the listener closes. */
#include "stream/transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void unix_open(uv_loop_t *loop, union stream_handle *handle) {
    CHECK(uv_pipe_init(loop, &handle->pipe, 0) == 0); /* makes no socket yet */
}

static void unix_tune(union stream_handle *handle) {
    (void)handle; /* the kernel's defaults are right */
}

static void connect_done(uv_connect_t *request, int status) {
    stream_connect_done(request->data, status);
}

static void unix_connect(struct stream *stream, const struct socket_address *address) {
    stream->connect.data = stream;
    uv_pipe_connect(&stream->connect, &stream->handle.pipe, address->path, connect_done);
}

static void unix_peer(const union stream_handle *handle, struct stream_peer *out_peer) {
    struct ucred credentials = {0};
    socklen_t size = sizeof credentials;
    int descriptor = -1;
    out_peer->is_local = true;
    out_peer->pid = -1;
    out_peer->uid = UINT32_MAX;
    out_peer->gid = UINT32_MAX;
    if (uv_fileno(&handle->any, &descriptor) == 0 &&
        getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        out_peer->pid = credentials.pid;
        out_peer->uid = credentials.uid;
        out_peer->gid = credentials.gid;
    }
    (void)snprintf(out_peer->address, sizeof out_peer->address, "unix:pid=%d,uid=%u", out_peer->pid,
                   out_peer->uid); /* fits */
}

/* 0 when the path is free, after removing a socket that nobody listens on. */
static int remove_stale(const char *path) {
    struct stat status;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return UV_EADDRINUSE;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return -errno;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int refused =
        connect(probe, (const struct sockaddr *)&address, sizeof address) != 0 ? errno : 0;
    (void)close(probe); /* nothing was written */
    if (refused != ECONNREFUSED) {
        return refused == ENOENT ? 0 : UV_EADDRINUSE;
    }
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* The mode is set before the socket listens: until then nobody can connect. */
static int unix_bind(union stream_handle *handle, const struct socket_address *address,
                     unsigned unix_mode) {
    int status = remove_stale(address->path);
    if (status == 0) {
        status = uv_pipe_bind(&handle->pipe, address->path);
    }
    if (status == 0 && chmod(address->path, (mode_t)unix_mode) != 0) {
        status = -errno;
    }
    return status;
}

const struct stream_transport transport_unix = {
    .open = unix_open,
    .connect = unix_connect,
    .tune = unix_tune,
    .peer = unix_peer,
    .bind = unix_bind,
};
