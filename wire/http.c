/* The parser of HTTP/1.1 messages: llhttp, and what it leaves to us.
 *
 * Owns: the text of the head (target, names and values, each NUL-terminated, in one buffer that the
 * next message reuses) and the collected body. llhttp is stopped at the end of the head and of the
 * body, so that nothing is read beyond one message; it is reset for each, and never sees the end of
 * a head that has no body behind it.
 * Ours: the bounds; one Host (RFC 9112 3.2); no folded lines (5.2) and no bare CR or LF (2.2) in a
 * head; a body framed in exactly one way (6.1, 6.3), which is what request smuggling lives on.
 * Invariant: what was refused once stays refused. */
#include "wire/http.h"

#include <ctype.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Memory that a message grew beyond this is given back with the message. */
#define KEPT_SIZE_MAX (64u * 1024u)
/* Chunk sizes, extensions and trailers may be this much more than the bytes that they frame. */
#define FRAMING_RATIO_MAX 8u

struct http_parser {
    llhttp_t llhttp;
    enum http_side side;
    enum http_state state;
    struct http_message message;
    struct buf text;
    struct {
        size_t name;
        size_t value;
    } offsets[LIMIT_HTTP_HEADER_COUNT_MAX];
    bool is_in_name; /* between the first and the last byte of a header's name */
    struct buf body;
    size_t body_size_max;
    http_body_cb body_callback; /* NULL: collect */
    void *body_owner;
    size_t head_size;
    uint64_t body_size;
    uint64_t framing_size; /* bytes behind the head that are no body */
    uint8_t previous;      /* byte of the head */
    bool answer_has_no_body;
    bool ends_at_close;
    enum err err;      /* sticky */
    const char *fault; /* static; NULL: llhttp's reason */
};

static int refuse(struct http_parser *parser, enum err err, const char *fault) {
    parser->err = err;
    parser->fault = fault;
    return -1;
}

/* llhttp's callbacks: they gather, and refuse what is too much. */

static int message_began(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    parser->state = HTTP_STATE_HEAD;
    return 0;
}

static int target_came(llhttp_t *llhttp, const char *data, size_t size) {
    struct http_parser *parser = llhttp->data;
    buf_append(&parser->text, data, size);
    return 0;
}

static int target_ended(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    buf_append_char(&parser->text, 0);
    return 0;
}

static int name_came(llhttp_t *llhttp, const char *data, size_t size) {
    struct http_parser *parser = llhttp->data;
    struct http_message *message = &parser->message;
    if (parser->state != HTTP_STATE_HEAD) {
        return 0; /* a trailer: nobody here relies on one */
    }
    if (!parser->is_in_name) {
        if (message->header_count == LIMIT_HTTP_HEADER_COUNT_MAX) {
            return refuse(parser, ERR_HEADERS_TOO_LARGE, "more than 64 headers");
        }
        parser->is_in_name = true;
        parser->offsets[message->header_count].name = parser->text.size;
    }
    uint8_t *at = buf_reserve(&parser->text, size);
    for (size_t i = 0; i < size; i++) {
        at[i] = data[i] >= 'A' && data[i] <= 'Z' ? (uint8_t)(data[i] | 0x20) : (uint8_t)data[i];
    }
    parser->text.size += size;
    return 0;
}

static int name_ended(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    if (parser->state == HTTP_STATE_HEAD) {
        size_t begin = parser->offsets[parser->message.header_count].name;
        if (!parser->is_in_name || parser->text.size == begin) {
            return refuse(parser, ERR_BAD_REQUEST, "a header has no name");
        }
        parser->is_in_name = false;
        buf_append_char(&parser->text, 0);
        parser->offsets[parser->message.header_count].value = parser->text.size;
    }
    return 0;
}

static int value_came(llhttp_t *llhttp, const char *data, size_t size) {
    struct http_parser *parser = llhttp->data;
    if (parser->state == HTTP_STATE_HEAD) {
        buf_append(&parser->text, data, size);
    }
    return 0;
}

static int value_ended(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    struct buf *text = &parser->text;
    if (parser->state == HTTP_STATE_HEAD) {
        size_t begin = parser->offsets[parser->message.header_count].value;
        while (text->size > begin &&
               (text->data[text->size - 1] == ' ' || text->data[text->size - 1] == '\t')) {
            text->size--;
        }
        buf_append_char(text, 0);
        parser->message.header_count++;
    }
    return 0;
}

static int head_ended(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    parser->state = HTTP_STATE_BODY;
    return HPE_PAUSED;
}

static int body_came(llhttp_t *llhttp, const char *data, size_t size) {
    struct http_parser *parser = llhttp->data;
    parser->body_size += size;
    if (parser->body_callback != NULL) {
        parser->body_callback(parser->body_owner, slice_of(data, size));
        return 0;
    }
    if (size > parser->body_size_max - parser->body.size) {
        return refuse(parser, ERR_TOO_LARGE, "the body is too large");
    }
    buf_append(&parser->body, data, size);
    return 0;
}

/* A chunk that cannot fit is refused when it is announced. */
static int chunk_began(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    if (parser->body_callback == NULL &&
        llhttp->content_length > parser->body_size_max - parser->body.size) {
        return refuse(parser, ERR_TOO_LARGE, "the body is too large");
    }
    return 0;
}

static int body_ended(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    parser->state = HTTP_STATE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_message_begin = message_began,
    .on_url = target_came,
    .on_url_complete = target_ended,
    .on_header_field = name_came,
    .on_header_field_complete = name_ended,
    .on_header_value = value_came,
    .on_header_value_complete = value_ended,
    .on_headers_complete = head_ended,
    .on_body = body_came,
    .on_chunk_header = chunk_began,
    .on_message_complete = body_ended,
};

/* Life. */

struct http_parser *http_parser_new(enum http_side side, size_t body_size_max) {
    struct http_parser *parser = must_alloc_zeroed(1, sizeof *parser);
    parser->side = side;
    parser->body_size_max = body_size_max;
    llhttp_init(&parser->llhttp, side == HTTP_SIDE_SERVER ? HTTP_REQUEST : HTTP_RESPONSE,
                &callbacks);
    parser->llhttp.data = parser;
    return parser;
}

void http_parser_free(struct http_parser *parser) {
    if (parser != NULL) {
        buf_deinit(&parser->text);
        buf_deinit(&parser->body);
        free(parser);
    }
}

void http_parser_stream_body(struct http_parser *parser, http_body_cb callback, void *owner) {
    parser->body_callback = callback;
    parser->body_owner = owner;
}

static void forget(struct buf *buf) {
    if (buf->capacity > KEPT_SIZE_MAX) {
        buf_deinit(buf);
    }
    buf_clear(buf);
}

void http_parser_next(struct http_parser *parser, bool answer_has_no_body) {
    llhttp_reset(&parser->llhttp);
    parser->state = HTTP_STATE_IDLE;
    parser->message.header_count = 0;
    parser->message.body = slice_of(NULL, 0);
    forget(&parser->text);
    forget(&parser->body);
    parser->is_in_name = false;
    parser->head_size = 0;
    parser->body_size = 0;
    parser->framing_size = 0;
    parser->previous = 0;
    parser->answer_has_no_body = answer_has_no_body;
    parser->ends_at_close = false;
}

enum http_state http_parser_state(const struct http_parser *parser) {
    return parser->state;
}

size_t http_parser_body_size(const struct http_parser *parser) {
    return parser->body.size;
}

const struct http_message *http_parser_message(const struct http_parser *parser) {
    return &parser->message;
}

const char *http_find_header(const struct http_message *message, const char *name) {
    for (unsigned i = 0; i < message->header_count; i++) {
        if (strcmp(message->headers[i].name, name) == 0) {
            return message->headers[i].value;
        }
    }
    return NULL;
}

unsigned http_count_headers(const struct http_message *message, const char *name) {
    unsigned count = 0;
    for (unsigned i = 0; i < message->header_count; i++) {
        count += strcmp(message->headers[i].name, name) == 0;
    }
    return count;
}

/* The head, once it is whole. */

static enum method method_of(uint8_t number) {
    switch (number) {
    case HTTP_GET:
        return METHOD_GET;
    case HTTP_HEAD:
        return METHOD_HEAD;
    case HTTP_PUT:
        return METHOD_PUT;
    case HTTP_POST:
        return METHOD_POST;
    case HTTP_DELETE:
        return METHOD_DELETE;
    default:
        return METHOD_OTHER;
    }
}

/* The text does not move any more: offsets become pointers. */
static void fill_message(struct http_parser *parser) {
    struct http_message *message = &parser->message;
    const llhttp_t *llhttp = &parser->llhttp;
    const char *text = buf_text(&parser->text);
    bool is_server = parser->side == HTTP_SIDE_SERVER;
    message->method = is_server ? method_of(llhttp->method) : METHOD_OTHER;
    message->target = is_server ? text : NULL;
    message->status = is_server ? 0 : llhttp->status_code;
    message->is_http_1_0 = llhttp->http_minor == 0;
    for (unsigned i = 0; i < message->header_count; i++) {
        message->headers[i].name = text + parser->offsets[i].name;
        message->headers[i].value = text + parser->offsets[i].value;
    }
}

/* host [ ":" port ] of RFC 3986 3.2.2, by its characters; may be empty (RFC 9110 7.2). */
static bool is_host(const char *value) {
    for (const char *at = value; *at != 0; at++) {
        if (!isascii(*at) ||
            (!isalnum((unsigned char)*at) && strchr("-._~!$&'()*+,;=:[]%", *at) == NULL)) {
            return false;
        }
    }
    return true;
}

static int check_request(struct http_parser *parser) {
    const struct http_message *message = &parser->message;
    unsigned host_count = http_count_headers(message, "host");
    if (host_count > 1 || (host_count == 0 && parser->llhttp.http_minor == 1)) {
        return refuse(parser, ERR_BAD_REQUEST, "exactly one Host header is needed");
    }
    if (host_count == 1 && !is_host(http_find_header(message, "host"))) {
        return refuse(parser, ERR_BAD_REQUEST, "the Host header is malformed");
    }
    if (parser->llhttp.method == HTTP_CONNECT) {
        return refuse(parser, ERR_BAD_REQUEST, "CONNECT is for proxies");
    }
    return 0;
}

static int check_framing(struct http_parser *parser) {
    const struct http_message *message = &parser->message;
    unsigned coding_count = http_count_headers(message, "transfer-encoding");
    unsigned length_count = http_count_headers(message, "content-length");
    if (parser->llhttp.http_major != 1 || parser->llhttp.http_minor > 1) {
        return refuse(parser, ERR_BAD_REQUEST, "the HTTP version must be 1.1 or 1.0");
    }
    if (parser->side == HTTP_SIDE_CLIENT && message->status < 100) {
        return refuse(parser, ERR_BAD_REQUEST, "the status has less than three digits");
    }
    if (coding_count + length_count > 1) {
        return refuse(parser, ERR_BAD_REQUEST, "the body's length is given more than once");
    }
    if (coding_count == 1 &&
        (parser->llhttp.http_minor == 0 ||
         strcasecmp(http_find_header(message, "transfer-encoding"), "chunked") != 0)) {
        return refuse(parser, ERR_BAD_REQUEST, "the only transfer coding is chunked, in HTTP/1.1");
    }
    return 0;
}

static bool has_body(const struct http_parser *parser) {
    const struct http_message *message = &parser->message;
    if (parser->side == HTTP_SIDE_CLIENT &&
        (parser->answer_has_no_body || message->status / 100 == 1 || message->status == 204 ||
         message->status == 304)) { /* RFC 9112 6.3 */
        return false;
    }
    return parser->ends_at_close || (parser->llhttp.flags & F_CHUNKED) != 0 ||
           parser->llhttp.content_length > 0;
}

/* What the body will be, and whether the connection outlives it. */
static int decide_body(struct http_parser *parser) {
    struct http_message *message = &parser->message;
    const llhttp_t *llhttp = &parser->llhttp;
    bool is_framed = (llhttp->flags & (F_CHUNKED | F_CONTENT_LENGTH)) != 0;
    parser->ends_at_close = parser->side == HTTP_SIDE_CLIENT && !is_framed;
    bool has = has_body(parser);
    parser->ends_at_close = parser->ends_at_close && has;
    message->is_keep_alive =
        !parser->ends_at_close &&
        (llhttp->http_minor == 1 ? (llhttp->flags & F_CONNECTION_CLOSE) == 0
                                 : (llhttp->flags & F_CONNECTION_KEEP_ALIVE) != 0);
    const char *expect = http_find_header(message, "expect");
    message->expects_continue = parser->side == HTTP_SIDE_SERVER && has && expect != NULL &&
                                llhttp->http_minor == 1 && strcasecmp(expect, "100-continue") == 0;
    if (!has) {
        parser->state = HTTP_STATE_DONE;
    } else if (parser->body_callback == NULL && (llhttp->flags & F_CHUNKED) == 0 &&
               llhttp->content_length > parser->body_size_max) {
        return refuse(parser, ERR_TOO_LARGE, "the body is too large");
    }
    return 0;
}

static void take_head(struct http_parser *parser) {
    fill_message(parser);
    if (check_framing(parser) != 0 ||
        (parser->side == HTTP_SIDE_SERVER && check_request(parser) != 0) ||
        decide_body(parser) != 0) {
        return; /* parser->err says why */
    }
    if (parser->state == HTTP_STATE_BODY) {
        llhttp_resume(&parser->llhttp);
    }
}

/* Feeding. */

/* llhttp joins folded lines and is lenient about line ends in some of its versions. */
static void check_lines(struct http_parser *parser, struct slice head) {
    uint8_t previous = parser->previous;
    for (size_t i = 0; i < head.size; i++) {
        uint8_t byte = head.data[i];
        if ((byte == '\n') != (previous == '\r')) {
            (void)refuse(parser, ERR_BAD_REQUEST, "a line does not end with CR LF");
        }
        if (previous == '\n' && (byte == ' ' || byte == '\t')) {
            (void)refuse(parser, ERR_BAD_REQUEST, "a header is folded over lines");
        }
        previous = byte;
    }
    parser->previous = previous;
}

static void took_head_bytes(struct http_parser *parser, struct slice bytes) {
    parser->head_size += bytes.size;
    if (parser->head_size > LIMIT_HTTP_HEAD_SIZE_MAX) {
        (void)refuse(parser, ERR_HEADERS_TOO_LARGE, "request line and headers exceed 16 KiB");
        return;
    }
    check_lines(parser, bytes);
}

static void took_body_bytes(struct http_parser *parser, size_t size, uint64_t body_size_before) {
    parser->framing_size += size - (parser->body_size - body_size_before);
    if (parser->framing_size > LIMIT_HTTP_HEAD_SIZE_MAX + parser->body_size * FRAMING_RATIO_MAX) {
        (void)refuse(parser, ERR_TOO_LARGE, "too many bytes frame too small a body");
    }
}

/* One run of llhttp: up to the end of the head, of the body, or of the bytes. */
static size_t run(struct http_parser *parser, struct slice bytes) {
    bool was_in_head = parser->state != HTTP_STATE_BODY;
    uint64_t body_size_before = parser->body_size;
    size_t used = bytes.size;
    llhttp_errno_t status = llhttp_execute(&parser->llhttp, (const char *)bytes.data, bytes.size);
    if (status == HPE_PAUSED) {
        const char *at = llhttp_get_error_pos(&parser->llhttp);
        used = (size_t)((const uint8_t *)at - bytes.data);
    } else if (status != HPE_OK && parser->err == ERR_OK) {
        (void)refuse(parser, ERR_BAD_REQUEST, NULL);
    }
    if (parser->err != ERR_OK) {
        return used;
    }
    if (was_in_head) {
        took_head_bytes(parser, slice_of(bytes.data, used));
        if (parser->err == ERR_OK && parser->state == HTTP_STATE_BODY) {
            take_head(parser);
        }
    } else {
        took_body_bytes(parser, used, body_size_before);
    }
    return used;
}

/* The request line was read, and says so. */
static bool is_known_write(const struct http_parser *parser) {
    bool is_method_known = parser->state == HTTP_STATE_BODY || parser->message.header_count > 0;
    if (parser->llhttp.type != HTTP_REQUEST || !is_method_known) {
        return false;
    }
    enum method method = method_of(parser->llhttp.method);
    return method == METHOD_PUT || method == METHOD_POST || method == METHOD_DELETE;
}

static enum err report(const struct http_parser *parser, struct problem *problem) {
    const char *fault = parser->fault;
    problem_init(problem);
    if (is_known_write(parser)) {
        problem->outcome = WRITE_OUTCOME_NOT_APPLIED;
    }
    if (fault == NULL) {
        fault = llhttp_get_error_reason(&parser->llhttp);
    }
    return problem_set(problem, parser->err, "not acceptable as HTTP: %s",
                       fault != NULL ? fault : "malformed");
}

enum err http_parser_feed(struct http_parser *parser, struct slice bytes, size_t *out_used,
                          struct problem *problem) {
    size_t used = 0;
    while (parser->err == ERR_OK && used < bytes.size && parser->state != HTTP_STATE_DONE) {
        used += run(parser, slice_of(bytes.data + used, bytes.size - used));
    }
    *out_used = used;
    if (parser->err != ERR_OK) {
        return report(parser, problem);
    }
    if (parser->state == HTTP_STATE_DONE) {
        parser->message.body = buf_slice(&parser->body);
    }
    return ERR_OK;
}

enum err http_parser_finish(struct http_parser *parser) {
    if (parser->err == ERR_OK && parser->state == HTTP_STATE_BODY && parser->ends_at_close) {
        parser->message.body = buf_slice(&parser->body);
        parser->state = HTTP_STATE_DONE;
    }
    bool is_whole = parser->state == HTTP_STATE_DONE || parser->state == HTTP_STATE_IDLE;
    return parser->err == ERR_OK && is_whole ? ERR_OK : ERR_CLOSED;
}
