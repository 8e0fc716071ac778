#include "client/roundtrip.h"

#include "util/log.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE (64u * 1024u)

void roundtrip_init(struct roundtrip *roundtrip) {
    memset(roundtrip, 0, sizeof *roundtrip);
    roundtrip->socket = -1;
}

static void close_socket(struct roundtrip *roundtrip) {
    if (roundtrip->socket >= 0) {
        close(
            roundtrip->socket); /* a socket: nothing is left to be written, so nothing to report */
        roundtrip->socket = -1;
    }
}

void roundtrip_deinit(struct roundtrip *roundtrip) {
    close_socket(roundtrip);
    http_parser_free(roundtrip->parser);
    roundtrip->parser = NULL;
}

const struct http_message *roundtrip_answer(const struct roundtrip *roundtrip) {
    return http_parser_message(roundtrip->parser);
}

static enum err fail(struct roundtrip *roundtrip, enum err err, const char *reason) {
    snprintf(roundtrip->reason, sizeof roundtrip->reason, "%s", reason);
    return err;
}

/* Waits until the socket is ready for `events`; false when the time is up. */
static bool wait_until(const struct roundtrip *roundtrip, short events, msec_t by_ms,
                       short *out_events) {
    struct pollfd entry = {.fd = roundtrip->socket, .events = events};
    for (;;) {
        msec_t now_ms = clock_boot_ms(&clock_system);
        msec_t left_ms = by_ms > now_ms ? by_ms - now_ms : 0;
        int ready = poll(&entry, 1, (int)MIN_OF(left_ms, (msec_t)60000));
        if (ready > 0) {
            *out_events = entry.revents;
            return true;
        }
        if (ready == 0 && left_ms <= 60000) {
            return false;
        }
        CHECK(ready == 0 || errno == EINTR);
    }
}

/* Connecting. */

static enum err connect_one(struct roundtrip *roundtrip, const struct sockaddr *address,
                            socklen_t size) {
    close_socket(roundtrip);
    roundtrip->socket = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (roundtrip->socket < 0) {
        return fail(roundtrip, ERR_UNREACHABLE, log_errno_text(errno));
    }
    if (connect(roundtrip->socket, address, size) == 0) {
        return ERR_OK;
    }
    if (errno != EINPROGRESS) {
        return fail(roundtrip, ERR_UNREACHABLE, log_errno_text(errno));
    }
    short events;
    if (!wait_until(roundtrip, POLLOUT, roundtrip->connect_by_ms, &events)) {
        return fail(roundtrip, ERR_UNREACHABLE, "the connection was not made in time");
    }
    int error = 0;
    socklen_t error_size = sizeof error;
    if (getsockopt(roundtrip->socket, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) {
        error = errno;
    }
    return error == 0 ? ERR_OK : fail(roundtrip, ERR_UNREACHABLE, log_errno_text(error));
}

static enum err connect_unix(struct roundtrip *roundtrip, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return connect_one(roundtrip, (const struct sockaddr *)&address, sizeof address);
}

/* A name may have several addresses: the first that answers. The resolver has its own timeouts
 * (resolv.conf), which the deadline cannot shorten; numeric addresses do not ask it. */
static enum err connect_tcp(struct roundtrip *roundtrip, const struct socket_address *address) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    int result = getaddrinfo(address->host, port, &hints, &found);
    if (result != 0) {
        return fail(roundtrip, ERR_UNREACHABLE, gai_strerror(result));
    }
    enum err err = fail(roundtrip, ERR_UNREACHABLE, "the name has no address");
    for (const struct addrinfo *at = found; at != NULL && err != ERR_OK; at = at->ai_next) {
        err = connect_one(roundtrip, at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
    return err;
}

/* Sending. A server that refuses a body answers before it has read it and may then reset the
 * connection, so an answer that is there stops the sending, and a failed send is left to the
 * reading. */

static enum err send_all(struct roundtrip *roundtrip, struct slice message) {
    while (message.size > 0) {
        short events;
        if (!wait_until(roundtrip, POLLOUT | POLLIN, roundtrip->answer_by_ms, &events)) {
            return fail(roundtrip, ERR_TIMEOUT, "the request could not be sent in time");
        }
        if ((events & POLLIN) != 0) {
            return ERR_OK;
        }
        ssize_t sent = send(roundtrip->socket, message.data, message.size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return ERR_OK;
        }
        if (sent > 0) {
            roundtrip->was_sent = true;
            message = slice_of(message.data + sent, message.size - (size_t)sent);
        }
    }
    return ERR_OK;
}

/* Receiving. */

static void body_came(void *owner, struct slice bytes) {
    struct roundtrip *roundtrip = owner;
    int status = roundtrip_answer(roundtrip)->status;
    roundtrip->is_body = status >= 200 && status < 300;
    if (!roundtrip->stops) {
        roundtrip->body(roundtrip->owner, bytes);
    }
}

static enum err wait_for_bytes(struct roundtrip *roundtrip) {
    msec_t by_ms = roundtrip->answer_by_ms;
    if (roundtrip->is_body) {
        by_ms = roundtrip->idle_ms > 0 ? clock_boot_ms(&clock_system) + roundtrip->idle_ms
                                       : (msec_t)INT64_MAX;
    }
    short events;
    if (wait_until(roundtrip, POLLIN, by_ms, &events)) {
        return ERR_OK;
    }
    return fail(roundtrip, ERR_TIMEOUT,
                roundtrip->is_body ? "nothing more came in time" : "no answer came in time");
}

/* Feeds what came; interim answers (RFC 9110 15.2) are passed over. */
static enum err feed(struct roundtrip *roundtrip, struct slice bytes, bool has_no_body) {
    while (bytes.size > 0 && !roundtrip->stops) {
        struct problem problem;
        size_t used = 0;
        problem_init(&problem);
        enum err err = http_parser_feed(roundtrip->parser, bytes, &used, &problem);
        if (err != ERR_OK) {
            return fail(roundtrip, err, problem.detail);
        }
        bytes = slice_of(bytes.data + used, bytes.size - used);
        if (http_parser_state(roundtrip->parser) == HTTP_STATE_DONE) {
            if (roundtrip_answer(roundtrip)->status >= 200) {
                return ERR_OK;
            }
            http_parser_next(roundtrip->parser, has_no_body);
        }
    }
    return ERR_OK;
}

static enum err peer_closed(struct roundtrip *roundtrip) {
    if (http_parser_finish(roundtrip->parser) == ERR_OK &&
        http_parser_state(roundtrip->parser) == HTTP_STATE_DONE) {
        return ERR_OK;
    }
    return fail(roundtrip, ERR_CLOSED, "the connection closed before the answer was whole");
}

static enum err receive_answer(struct roundtrip *roundtrip, bool has_no_body, uint8_t *memory) {
    while (http_parser_state(roundtrip->parser) != HTTP_STATE_DONE && !roundtrip->stops) {
        enum err err = wait_for_bytes(roundtrip);
        if (err != ERR_OK) {
            return err;
        }
        ssize_t size = recv(roundtrip->socket, memory, READ_SIZE, 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (size <= 0) {
            return peer_closed(roundtrip);
        }
        err = feed(roundtrip, slice_of(memory, (size_t)size), has_no_body);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err talk(struct roundtrip *roundtrip, const struct server_url *server,
                     const struct client_request *request) {
    bool has_no_body = request->method == METHOD_HEAD;
    http_parser_next(roundtrip->parser, has_no_body);
    http_parser_stream_body(roundtrip->parser, roundtrip->body != NULL ? body_came : NULL,
                            roundtrip);
    struct buf message;
    buf_init(&message);
    client_request_write(request, server->host, true, &message);
    enum err err = send_all(roundtrip, buf_slice(&message));
    buf_deinit(&message);
    if (err == ERR_OK) {
        uint8_t *memory = must_alloc(READ_SIZE);
        err = receive_answer(roundtrip, has_no_body, memory);
        free(memory);
    }
    return err;
}

enum err roundtrip_run(struct roundtrip *roundtrip, const struct server_url *server,
                       const struct client_request *request) {
    const struct socket_address *address = &server->address;
    http_parser_free(roundtrip->parser);
    roundtrip->parser = http_parser_new(HTTP_SIDE_CLIENT, LIMIT_CLIENT_ANSWER_SIZE_MAX);
    roundtrip->was_sent = false;
    roundtrip->is_body = false;
    roundtrip->stops = false;
    enum err err = address->path[0] != 0 ? connect_unix(roundtrip, address->path)
                                         : connect_tcp(roundtrip, address);
    if (err == ERR_OK) {
        err = talk(roundtrip, server, request);
    }
    close_socket(roundtrip);
    return err;
}
