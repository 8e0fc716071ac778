/* One try of the blocking client: connect, send, receive, close; each step under its deadline.
 *
 * Owns the socket and the parser, from roundtrip_init to roundtrip_deinit; the answer lives that
 * long or until the next roundtrip_run. The only file of the blocking client that makes system
 * calls on sockets. Only client.c includes this. */
#ifndef WEFT_CLIENT_ROUNDTRIP_H
#define WEFT_CLIENT_ROUNDTRIP_H

#include "client/request.h"
#include "client/url.h"

struct roundtrip {
    int socket; /* -1: none */
    struct http_parser *parser;
    http_body_cb body; /* takes the body of an answer piece by piece; NULL: it is collected */
    void *owner;
    msec_t connect_by_ms; /* deadlines, boot time */
    msec_t answer_by_ms;
    msec_t idle_ms;   /* streamed bodies: silence that ends it; 0: none */
    bool was_sent;    /* bytes of the request may have reached the server */
    bool is_body;     /* a streamed body has begun: only silence counts */
    bool stops;       /* set by the body callback: enough */
    char reason[128]; /* why it failed, for people */
};

void roundtrip_init(struct roundtrip *roundtrip);
void roundtrip_deinit(struct roundtrip *roundtrip);
/* Sends the request to the server and reads the answer. ERR_OK: roundtrip_answer is whole, or the
 * body callback stopped. Errors: ERR_UNREACHABLE (not sent), ERR_TIMEOUT, ERR_CLOSED, and what
 * http_parser_feed says of an answer that is not HTTP; `reason` tells. */
MUST_USE enum err roundtrip_run(struct roundtrip *roundtrip, const struct server_url *server,
                                const struct client_request *request);
const struct http_message *roundtrip_answer(const struct roundtrip *roundtrip);

#endif
