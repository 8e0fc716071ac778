#include "client/request.h"

#include <stdlib.h>
#include <strings.h>

void client_request_add_header(struct client_request *request, const char *name,
                               const char *value) {
    CHECK(request->header_count < LIMIT_CLIENT_HEADERS_MAX);
    request->headers[request->header_count++] = (struct http_header){.name = name, .value = value};
}

const char *client_request_find_header(const struct client_request *request, const char *name) {
    for (unsigned i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

bool client_request_is_write(const struct client_request *request) {
    return request->method != METHOD_GET && request->method != METHOD_HEAD;
}

bool client_request_is_repeatable(const struct client_request *request) {
    return !client_request_is_write(request) ||
           client_request_find_header(request, "idempotency-key") != NULL;
}

void client_request_write(const struct client_request *request, const char *host, bool closes,
                          struct buf *out) {
    http_begin_request(out, request->method, request->target, host);
    if (closes) {
        http_add_header(out, "Connection", "close");
    }
    if (request->body.size > 0) {
        http_add_header(out, "Content-Type", "%s",
                        request->content_type != NULL ? request->content_type : "application/json");
    }
    for (unsigned i = 0; i < request->header_count; i++) {
        http_add_header(out, request->headers[i].name, "%s", request->headers[i].value);
    }
    if (client_request_is_write(request)) {
        http_end_with_body(out, request->body); /* a write's length is always said */
    } else {
        http_end_head(out);
    }
}

void client_answer_read(struct client_answer *out_answer, const struct http_message *message) {
    const char *revision = http_find_header(message, "x-revision");
    out_answer->status = message->status;
    out_answer->revision = revision != NULL ? strtoull(revision, NULL, 10) : 0;
    out_answer->message = message;
    out_answer->body = message->body;
}
