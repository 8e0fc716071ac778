/* Writers of HTTP/1.1 messages: they append to a buffer and keep no state. */
#include "wire/http.h"

#include <string.h>

#define DECIMAL_SIZE_MAX 20u

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

const char *http_reason(int status) {
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Other"; /* RFC 9112 4: nobody decides by the phrase */
}

const char *method_name(enum method method) {
    switch (method) {
    case METHOD_GET:
        return "GET";
    case METHOD_HEAD:
        return "HEAD";
    case METHOD_PUT:
        return "PUT";
    case METHOD_POST:
        return "POST";
    case METHOD_DELETE:
        return "DELETE";
    case METHOD_OTHER:
        break;
    }
    return "OTHER";
}

/* Without printf: each answer has two numbers. */
static void append_number(struct buf *out, uint64_t number, unsigned base) {
    static const char digits[] = "0123456789abcdef";
    char text[DECIMAL_SIZE_MAX];
    size_t at = sizeof text;
    do {
        text[--at] = digits[number % base];
        number /= base;
    } while (number > 0);
    buf_append(out, text + at, sizeof text - at);
}

void http_begin_request(struct buf *out, enum method method, const char *target, const char *host) {
    buf_append_text(out, method_name(method));
    buf_append_char(out, ' ');
    buf_append_text(out, target);
    buf_append_text(out, " HTTP/1.1\r\nHost: ");
    buf_append_text(out, host);
    buf_append_text(out, "\r\n");
}

void http_begin_response(struct buf *out, int status) {
    CHECK(status >= 100 && status <= 999);
    buf_append_text(out, "HTTP/1.1 ");
    append_number(out, (uint64_t)status, 10);
    buf_append_char(out, ' ');
    buf_append_text(out, http_reason(status));
    buf_append_text(out, "\r\n");
}

/* A value may quote what a client sent: no line may end inside it. */
static void disarm(uint8_t *value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f) {
            value[i] = '?';
        }
    }
}

void http_vadd_header(struct buf *out, const char *name, const char *format, va_list args) {
    buf_append_text(out, name);
    buf_append_text(out, ": ");
    size_t begin = out->size;
    buf_vappendf(out, format, args);
    disarm(out->data + begin, out->size - begin);
    buf_append_text(out, "\r\n");
}

void http_add_header(struct buf *out, const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    http_vadd_header(out, name, format, args);
    va_end(args);
}

void http_add_length(struct buf *out, size_t body_size) {
    buf_append_text(out, "Content-Length: ");
    append_number(out, body_size, 10);
    buf_append_text(out, "\r\n");
}

void http_end_head(struct buf *out) {
    buf_append_text(out, "\r\n");
}

void http_end_with_body(struct buf *out, struct slice body) {
    http_add_length(out, body.size);
    http_end_head(out);
    buf_append(out, body.data, body.size);
}

void http_end_with_chunks(struct buf *out) {
    buf_append_text(out, "Transfer-Encoding: chunked\r\n\r\n");
}

void http_add_chunk(struct buf *out, struct slice bytes) {
    if (bytes.size > 0) { /* an empty chunk would end the body */
        append_number(out, bytes.size, 16);
        buf_append_text(out, "\r\n");
        buf_append(out, bytes.data, bytes.size);
        buf_append_text(out, "\r\n");
    }
}

void http_end_chunks_with(struct buf *out, struct slice trailers) {
    buf_append_text(out, "0\r\n");
    buf_append(out, trailers.data, trailers.size);
    buf_append_text(out, "\r\n");
}

void http_end_chunks(struct buf *out) {
    http_end_chunks_with(out, slice_of(NULL, 0));
}
