/* A request to the API and its answer, as the blocking client (client.h) and the calls on the loop
 * (call.h) share them. Plain data, borrowed; no I/O. */
#ifndef WEFT_CLIENT_REQUEST_H
#define WEFT_CLIENT_REQUEST_H

#include "util/clock.h"
#include "util/limits.h"
#include "wire/http.h"
#include "wire/problem.h"

#include <stdbool.h>
#include <stdint.h>

struct client_request {
    enum method method;
    const char *target;       /* escaped: "/v1/kv/a%20b?meta=true" */
    struct slice body;        /* empty: none; GET and HEAD have none */
    const char *content_type; /* NULL: application/json when there is a body */
    struct http_header headers[LIMIT_CLIENT_HEADERS_MAX]; /* further ones, "if-match" */
    unsigned header_count;
    msec_t timeout_ms; /* for all tries together; 0: LIMIT_CALL_TIMEOUT_DEFAULT_MS. Of a stream:
                          until the answer's head */
    msec_t idle_ms;    /* streams: silence that ends it; 0: none */
    bool tries_once;   /* one server, one try, whatever comes back (forwarding) */
};

/* What came back. Lifetime: see client_call and call_done_cb. */
struct client_answer {
    int status;                         /* 0: no answer came */
    uint64_t revision;                  /* X-Revision; 0 without */
    const struct http_message *message; /* status and headers; NULL when none came */
    struct slice body;                  /* empty when the body was streamed */
};

/* Adds a header; more than LIMIT_CLIENT_HEADERS_MAX is a programmer's error. Both texts are
 * borrowed. */
void client_request_add_header(struct client_request *request, const char *name, const char *value);
/* The value of a header of the request (any case); NULL when absent. */
const char *client_request_find_header(const struct client_request *request, const char *name);
/* Neither GET nor HEAD. */
bool client_request_is_write(const struct client_request *request);
/* Whether repeating the request after an unknown outcome does no harm: GET and HEAD, and writes
 * with an Idempotency-Key. */
bool client_request_is_repeatable(const struct client_request *request);
/* The whole message, ready to send. `closes` asks the server to close the connection after it. */
void client_request_write(const struct client_request *request, const char *host, bool closes,
                          struct buf *out);
/* Fills `out_answer` from a complete message: status, revision, body. */
void client_answer_read(struct client_answer *out_answer, const struct http_message *message);

#endif
