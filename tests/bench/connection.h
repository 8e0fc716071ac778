/* Connections of the load tools: HTTP/1.1 kept alive on loopback, one request at a time on each, as
 * many connections as wanted on one epoll. Answers are parsed by wire/http.
 *
 * A load tool has no use for errors: what goes wrong ends the program with a message (fail), so
 * that no figure hides a refused request. Lifetime: loop_open .. loop_close, connection_open ..
 * connection_close; a connection must not move in memory in between. */
#ifndef WEFT_TESTS_BENCH_CONNECTION_H
#define WEFT_TESTS_BENCH_CONNECTION_H

#include "util/buf.h"
#include "util/check.h"
#include "wire/http.h"

#include <stdint.h>

struct loop {
    int epoll;
};

struct connection;
/* A whole answer has come; the next request may be sent from here. */
typedef void (*answer_cb)(struct connection *connection, const struct http_message *answer);
/* One line of a streamed answer, without its line feed. */
typedef void (*line_cb)(struct connection *connection, struct slice line);

struct connection {
    int fd;
    void *owner;
    answer_cb on_answer;
    line_cb on_line; /* NULL: answers are collected */
    struct http_parser *parser;
    struct buf line; /* the begin of a line whose end has not come */
};

/* Prints "PROGRAM: message" to stderr and ends the program. */
NO_RETURN void fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* Microseconds of the monotonic clock. */
uint64_t now_us(void);
/* A number from the command line, within bounds; fails otherwise. */
unsigned parse_number(const char *text, unsigned least, unsigned most);
/* Writes a whole request. The slice may be empty. */
void build_request(struct buf *out, enum method method, const char *target, struct slice body);

/* Raises the bound on open descriptors to what the system allows. */
void allow_descriptors(void);

void loop_open(struct loop *loop);
void loop_close(struct loop *loop);
/* Waits for answers and hands them over. Fails when nothing comes within ten seconds. */
void loop_turn(struct loop *loop);

/* Connects to 127.0.0.1. The callbacks get the connection, and through it the owner. */
void connection_open(struct connection *connection, struct loop *loop, uint16_t port, void *owner,
                     answer_cb on_answer);
void connection_close(struct connection *connection);
/* Sends a request that build_request wrote. */
void connection_send(struct connection *connection, struct slice request);
/* From here on the answer is a stream of lines. */
void connection_stream(struct connection *connection, line_cb on_line);

#endif
