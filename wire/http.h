/* HTTP/1.1 messages (RFC 9110, 9112), without any I/O: a parser that both sides share, and writers.
 * The only file that includes llhttp.h is http.c (the parser); http_target.c takes targets apart,
 * http_write.c writes.
 *
 * A parser takes bytes as they come and stops behind each complete message, so that pipelined
 * requests are read one at a time. llhttp is strict; ours to add are the bounds (head 16 KiB, 64
 * headers, body), the Host rule of RFC 9112 3.2 for requests, and the refusal of a body whose
 * length is given twice. Lifetime: http_parser_new .. http_parser_free; the message and all it
 * points to live until http_parser_next. */
#ifndef WEFT_WIRE_HTTP_H
#define WEFT_WIRE_HTTP_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/limits.h"
#include "wire/problem.h"

#include <stdbool.h>
#include <stdint.h>

enum method { METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_POST, METHOD_DELETE, METHOD_OTHER };
const char *method_name(enum method method);

struct http_header {
    const char *name;  /* lower case */
    const char *value; /* without surrounding white space */
};

struct http_message {
    enum method method; /* requests */
    const char *target; /* requests: as sent, "/v1/kv/a%20b?x=1" */
    int status;         /* responses */
    struct http_header headers[LIMIT_HTTP_HEADER_COUNT_MAX];
    unsigned header_count;
    struct slice body;     /* whole, unless the body is streamed */
    bool is_keep_alive;    /* the connection may carry another message */
    bool expects_continue; /* requests: Expect: 100-continue */
    bool is_http_1_0;      /* knows no chunks, and closes unless it says keep-alive */
};

enum http_side { HTTP_SIDE_SERVER, HTTP_SIDE_CLIENT };
enum http_state {
    HTTP_STATE_IDLE, /* between messages: no byte of the next has come */
    HTTP_STATE_HEAD, /* within the request line and headers */
    HTTP_STATE_BODY,
    HTTP_STATE_DONE /* message is complete: use it, then http_parser_next. An interim answer (1xx)
                     * is a message too */
};

struct http_parser;
/* Gets body bytes as they come (client side, streamed answers). */
typedef void (*http_body_cb)(void *owner, struct slice bytes);

/* Owns: the caller, http_parser_free. `body_size_max`: more is ERR_TOO_LARGE. */
MUST_USE struct http_parser *http_parser_new(enum http_side side, size_t body_size_max);
void http_parser_free(struct http_parser *parser);
/* From the next body byte on, hand bodies over instead of collecting them; NULL collects again.
 * body_size_max does not bound what is handed over. The callback must not touch the parser but for
 * http_parser_message. */
void http_parser_stream_body(struct http_parser *parser, http_body_cb callback, void *owner);
/* Takes bytes up to the end of one message. `*out_used` says how many; the rest belongs to the
 * next. Errors (the connection is beyond repair; answer the problem and close): ERR_BAD_REQUEST,
 * ERR_HEADERS_TOO_LARGE, ERR_TOO_LARGE. */
MUST_USE enum err http_parser_feed(struct http_parser *parser, struct slice bytes, size_t *out_used,
                                   struct problem *problem);
/* The peer closed: completes an answer whose end is the end of the connection. Errors: ERR_CLOSED
 * when a message was cut off. */
MUST_USE enum err http_parser_finish(struct http_parser *parser);
enum http_state http_parser_state(const struct http_parser *parser);
/* Valid from HTTP_STATE_BODY on (headers, status) and whole at HTTP_STATE_DONE. */
const struct http_message *http_parser_message(const struct http_parser *parser);
/* Of the body, as far as it came. */
size_t http_parser_body_size(const struct http_parser *parser);
/* Forgets the message and begins the next. A request to HEAD has an answer without a body: say so.
 */
void http_parser_next(struct http_parser *parser, bool answer_has_no_body);

/* The value of a header (lower-case name); NULL when absent. */
const char *http_find_header(const struct http_message *message, const char *name);
/* How many headers have a name (lower-case). */
unsigned http_count_headers(const struct http_message *message, const char *name);
/* How much the client wants a media type, by its Accept headers: 0 (not at all) to 1000. Without
 * one, everything is wanted. Source: RFC 9110 12.5.1. */
unsigned http_accepts(const struct http_message *message, const char *type);

/* A target, taken apart and percent-decoded. Lifetime: the arena's. */
struct http_query {
    const char *name;
    const char *value; /* "" for a bare name */
};
struct http_target {
    const char *path; /* decoded; "/v1/kv/a b" */
    struct slice raw_path;
    struct http_query query[32];
    unsigned query_count;
};
/* A plus sign stays one, %2F becomes a slash; empty parameters are skipped; a name may come several
 * times. Errors: ERR_BAD_REQUEST (bad escape, NUL, invalid UTF-8, a fragment, no leading slash, too
 * many parameters); the problem is filled. */
MUST_USE enum err http_parse_target(const char *target, struct arena *arena,
                                    struct http_target *out_target, struct problem *problem);
const char *http_find_query(const struct http_target *target,
                            const char *name); /* NULL when absent */
/* Appends text so that it survives as one path segment run; '/' is kept when `keeps_slash`. */
void http_escape(const char *text, bool keeps_slash, struct buf *out);

/* Writing. A message is: start line, headers, and one of the http_end functions. */
void http_begin_request(struct buf *out, enum method method, const char *target, const char *host);
void http_begin_response(struct buf *out, int status);
/* Control characters in the value become question marks. */
void http_add_header(struct buf *out, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void http_vadd_header(struct buf *out, const char *name, const char *format, va_list args);
/* Content-Length of a body that does not follow (answers to HEAD); then http_end_head. */
void http_add_length(struct buf *out, size_t body_size);
/* The blank line and nothing more: for answers without a body, which carry no length (204). */
void http_end_head(struct buf *out);
/* Content-Length, the blank line, the body. */
void http_end_with_body(struct buf *out, struct slice body);
/* Transfer-Encoding: chunked and the blank line; then chunks, then http_end_chunks. */
void http_end_with_chunks(struct buf *out);
void http_add_chunk(struct buf *out, struct slice bytes); /* nothing for an empty slice */
void http_end_chunks(struct buf *out);
/* The last chunk with trailer fields behind it: "Name: value\r\n" each (RFC 9112 7.1.2). */
void http_end_chunks_with(struct buf *out, struct slice trailers);
/* "Not Found". */
const char *http_reason(int status);

#endif
