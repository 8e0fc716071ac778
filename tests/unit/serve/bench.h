/* A server and its clients on one loop, over real sockets: what the tests of serve/ share. */
#ifndef WEFT_TESTS_UNIT_SERVE_BENCH_H
#define WEFT_TESTS_UNIT_SERVE_BENCH_H

#include "serve/serve.h"

#include <uv.h>

#define BENCH_KEPT_MAX 64u

/* One raw connection to the server. */
struct client {
    struct stream *stream;
    struct buf received;
    unsigned closed_count;
};

/* The server's owner. It answers by the target:
 *   /echo    200, the request's body        /none    204
 *   /big     200, `big_size` bytes          /refuse  405 with Allow and Retry-After
 *   /later   kept in `kept`, answered by the test
 *   /stream  begun, kept                    /close   closes the server, then answers
 *   /long    begun as a long stream, kept */
struct bench {
    uv_loop_t loop;
    uv_timer_t patience;
    bool is_over;
    char directory[32];
    struct server *server;
    struct socket_address address; /* of the TCP listener */
    unsigned server_closed_count;
    unsigned requested_count;
    size_t big_size;
    struct exchange *kept[BENCH_KEPT_MAX];
    unsigned kept_count;
    unsigned gone_count;
    unsigned drained_count;
    struct stream_peer peer; /* of the last request */
    bool is_inside_call;     /* no callback may come */
};

extern struct bench *bench;

/* Begins a server on loopback, port 0. 0 in `limits` is the default. */
void bench_begin(const struct server_limits *limits);
/* Closes the server unless the test did, and checks that nothing is left. */
void bench_end(void);

void client_open(struct client *client);
void client_open_at(struct client *client, const struct socket_address *address);
void client_send(struct client *client, const char *text);
void client_close(struct client *client);
/* Turns the loop until the client has received exactly this, then forgets it. */
void client_expects(struct client *client, const char *text);
/* Turns the loop until the received bytes end with this. */
void client_expects_end(struct client *client, const char *text);
void client_forget(struct client *client);
/* How often `text` is in what was received. */
unsigned client_count(struct client *client, const char *text);

/* Turns the loop until *count is at least `goal`. */
void run_until(const unsigned *count, unsigned goal);
void run_for(unsigned ms);
/* Closes the server; its callback must not come inside. */
void close_server(void);

/* An answer of /echo as the server writes it. */
#define OK_HEAD(id, size)                                                                          \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: " id "\r\nContent-Length: " size \
    "\r\n\r\n"

#endif
