#include "tests/bench/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SILENCE_MAX_MS  10000
#define EVENT_COUNT_MAX 256
#define ANSWER_SIZE_MAX (16u << 20)
#define READ_SIZE       65536u

void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

unsigned parse_number(const char *text, unsigned least, unsigned most) {
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most) {
        fail("'%s' is no number from %u to %u", text, least, most);
    }
    return (unsigned)value;
}

void build_request(struct buf *out, enum method method, const char *target, struct slice body) {
    http_begin_request(out, method, target, "127.0.0.1");
    if (body.size > 0 || method == METHOD_POST || method == METHOD_PUT) {
        http_end_with_body(out, body);
    } else {
        http_end_head(out);
    }
}

void allow_descriptors(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

void loop_open(struct loop *loop) {
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(loop->epoll >= 0);
}

void loop_close(struct loop *loop) {
    close(loop->epoll);
}

void connection_open(struct connection *connection, struct loop *loop, uint16_t port, void *owner,
                     answer_cb on_answer) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    *connection = (struct connection){.owner = owner, .on_answer = on_answer};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
        fail("cannot connect to port %u: %s", port, strerror(errno));
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    CHECK(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0);
    connection->parser = http_parser_new(HTTP_SIDE_CLIENT, ANSWER_SIZE_MAX);
    buf_init(&connection->line);
}

void connection_close(struct connection *connection) {
    close(connection->fd);
    http_parser_free(connection->parser);
    buf_deinit(&connection->line);
}

/* Requests are small and the socket's buffer is empty when one is sent: nothing blocks here. */
void connection_send(struct connection *connection, struct slice request) {
    ssize_t sent = send(connection->fd, request.data, request.size, MSG_NOSIGNAL);
    if (sent < 0 || (size_t)sent != request.size) {
        fail("cannot send: %s", sent < 0 ? strerror(errno) : "the socket is full");
    }
}

/* Hands over each line that is complete; the rest waits in connection->line. */
static void take_body(void *owner, struct slice bytes) {
    struct connection *connection = owner;
    while (bytes.size > 0) {
        const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
        size_t size = end != NULL ? (size_t)(end - bytes.data) : bytes.size;
        buf_append(&connection->line, bytes.data, size);
        if (end == NULL) {
            return;
        }
        connection->on_line(connection, buf_slice(&connection->line));
        buf_clear(&connection->line);
        bytes = slice_of(end + 1, bytes.size - size - 1);
    }
}

void connection_stream(struct connection *connection, line_cb on_line) {
    connection->on_line = on_line;
    http_parser_stream_body(connection->parser, take_body, connection);
}

static void take_bytes(struct connection *connection, struct slice bytes) {
    while (bytes.size > 0) {
        struct problem problem = {0};
        size_t used = 0;
        if (http_parser_feed(connection->parser, bytes, &used, &problem) != ERR_OK) {
            fail("an answer is not HTTP: %s", problem.detail);
        }
        bytes = slice_of(bytes.data + used, bytes.size - used);
        if (http_parser_state(connection->parser) == HTTP_STATE_DONE) {
            const struct http_message *answer = http_parser_message(connection->parser);
            if (connection->on_line != NULL) {
                fail("a stream ended with status %d", answer->status);
            }
            connection->on_answer(connection, answer);
            http_parser_next(connection->parser, false);
        }
    }
}

static void receive(struct connection *connection) {
    static uint8_t bytes[READ_SIZE];
    ssize_t size = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size > 0) {
        take_bytes(connection, slice_of(bytes, (size_t)size));
    } else if (size == 0) {
        fail("the server closed a connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        fail("cannot receive: %s", strerror(errno));
    }
}

void loop_turn(struct loop *loop) {
    struct epoll_event events[EVENT_COUNT_MAX];
    int count = epoll_wait(loop->epoll, events, EVENT_COUNT_MAX, SILENCE_MAX_MS);
    if (count == 0) {
        fail("no answer within %d ms", SILENCE_MAX_MS);
    }
    if (count < 0 && errno != EINTR) {
        fail("epoll_wait: %s", strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        receive(events[i].data.ptr);
    }
}
