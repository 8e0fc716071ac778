#include "api/once.h"

#include "api/handlers.h"
#include "util/sha256.h"

#include <string.h>

#define KEY_HEADER "idempotency-key"
#define NO_CLIENT  ""

enum err once_check(const struct http_message *message, struct problem *problem) {
    const char *key = http_find_header(message, KEY_HEADER);
    if (key == NULL) {
        return ERR_OK;
    }
    size_t size = strlen(key);
    bool is_printable = size > 0;
    for (size_t i = 0; i < size; i++) {
        is_printable = is_printable && key[i] >= ' ' && key[i] <= '~';
    }
    if (!is_printable || size > LIMIT_ONCE_KEY_SIZE_MAX) {
        return problem_set(problem, ERR_BAD_REQUEST,
                           "an Idempotency-Key has 1 to %u printable ASCII characters",
                           LIMIT_ONCE_KEY_SIZE_MAX);
    }
    return ERR_OK;
}

/* Each part with its size, so that no two rows of parts look alike. */
static void add(struct sha256 *sha256, struct slice part) {
    struct buf size;
    buf_init(&size);
    buf_put_u64(&size, part.size);
    sha256_add(sha256, buf_slice(&size));
    sha256_add(sha256, part);
    buf_deinit(&size);
}

static void add_text(struct sha256 *sha256, const char *text) {
    add(sha256, slice_of_text(text != NULL ? text : ""));
}

static bool is_passed_over(const char *name) {
    return strcmp(name, "timeout") == 0 || strcmp(name, "dry_run") == 0;
}

static void add_query(struct sha256 *sha256, const struct http_target *target) {
    for (unsigned i = 0; i < target->query_count; i++) {
        if (!is_passed_over(target->query[i].name)) {
            add_text(sha256, target->query[i].name);
            add_text(sha256, target->query[i].value);
        }
    }
}

static void add_content_type(struct sha256 *sha256, const struct request *request) {
    const char *content_type = http_find_header(request->message, "content-type");
    bool counts = request->route->body == BODY_RAW;
    /* A server that forwards says what was left out. */
    add_text(sha256, counts && content_type == NULL ? VALUE_TYPE : counts ? content_type : NULL);
}

static void make_fingerprint(const struct request *request, uint8_t *out_digest) {
    const struct http_message *message = request->message;
    struct sha256 sha256;
    sha256_init(&sha256);
    add_text(&sha256, method_name(message->method));
    add_text(&sha256, request->target.path);
    add_text(&sha256, http_find_header(message, "if-match"));
    add_text(&sha256, http_find_header(message, "if-none-match"));
    add_content_type(&sha256, request);
    add(&sha256, message->body);
    add_query(&sha256, &request->target); /* last: it may have any number of parts */
    sha256_finish(&sha256, out_digest);
}

void once_wrap(struct request *request, struct buf *command) {
    uint8_t digest[SHA256_SIZE];
    struct buf wrapped;
    const char *key = http_find_header(request->message, KEY_HEADER);
    if (key == NULL) {
        return;
    }
    make_fingerprint(request, digest);
    struct command_once once = {.client = NO_CLIENT,
                                .key = key,
                                .fingerprint = slice_of(digest, sizeof digest),
                                .command = buf_slice(command)};
    buf_init(&wrapped);
    command_encode(COMMAND_ONCE, &once, &wrapped);
    buf_deinit(command);
    *command = wrapped;
}
