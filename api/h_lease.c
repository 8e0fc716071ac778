/* TTL leases: granted, renewed, revoked by commands; shown with the time that is left and the keys
 * that are attached. A page's token is "<revision>-<last id>": all pages carry the first page's
 * revision. */
#include "api/handlers.h"
#include "api/lease_id.h"
#include "util/rand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECONDS_A_SECOND 1000u

struct lease_body {
    uint64_t ttl_s;
};

static const struct field lease_fields[] = {
    {.name = "ttl_s",
     .number = 1,
     .type = FIELD_NUMBER,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct lease_body, ttl_s),
     .min = LIMIT_LEASE_TTL_MIN_S,
     .max = LIMIT_LEASE_TTL_MAX_S,
     .help = "seconds that it lasts after each renewal"},
};
SHAPE(shape_lease_body, lease_body, lease_fields);

/* --- One as JSON. --- */

/* Whole seconds, rounded up: a lease that is there has some time left, or ends right now. */
static uint64_t remaining_s(const struct lease *lease, uint64_t log_time_ms) {
    uint64_t left_ms =
        lease->expires_log_ms > log_time_ms ? lease->expires_log_ms - log_time_ms : 0;
    return (left_ms + MILLISECONDS_A_SECOND - 1) / MILLISECONDS_A_SECOND;
}

/* Opens the object; the caller closes it. */
static void write_times(const struct lease *lease, uint64_t left_s, struct json_writer *writer) {
    char id[LEASE_ID_SIZE];
    char expires_at[CLOCK_RFC3339_SIZE];
    lease_id_format(lease->id, id);
    clock_format_rfc3339(lease->expires_at, expires_at);
    json_open_object(writer);
    json_member_text(writer, "id", id);
    json_member_number(writer, "ttl_s", lease->ttl_s);
    json_member_number(writer, "remaining_s", left_s);
    json_member_text(writer, "expires_at", expires_at);
}

static bool write_key(void *owner, const char *key) {
    json_put_text(owner, key);
    return true;
}

static void write_lease(struct request *request, struct store_read *read, const struct lease *lease,
                        struct json_writer *writer) {
    uint64_t log_time_ms = replica_log_time_ms(request->api->options.replica);
    write_times(lease, remaining_s(lease, log_time_ms), writer);
    json_key(writer, "keys");
    json_open_list(writer);
    store_lease_keys(read, lease->id, write_key, writer);
    json_close_list(writer);
    json_close_object(writer);
}

/* The id in the path. False: the request is answered. */
static bool parse_id(struct request *request, const char *path, uint64_t *out_id) {
    const char *text = strrchr(path, '/') + 1;
    if (lease_id_parse(text, out_id)) {
        return true;
    }
    request_fail(request, ERR_NOT_FOUND, "there is no lease '%.60s': an id has 16 hex digits",
                 text);
    return false;
}

/* --- Writing. --- */

/* A grant and a renewal begin the whole time anew; so it is said, also to who asks again with an
 * Idempotency-Key later. A new lease has no keys yet. */
static void reply_lease(struct request *request) {
    const struct outcome *outcome = request->outcome;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    CHECK(outcome->has_lease);
    write_times(&outcome->lease, outcome->lease.ttl_s, &writer);
    if (outcome->is_created) {
        json_key(&writer, "keys");
        json_open_list(&writer);
        json_close_list(&writer);
    }
    json_close_object(&writer);
    request_reply(request, outcome->is_created ? 201 : 200, JSON_TYPE, 0, buf_slice(&body));
    buf_deinit(&body);
}

static void reply_revoked(struct request *request) {
    const struct outcome *outcome = request->outcome;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    json_member_text(&writer, "id", strrchr(request_path_key(request), '/') + 1);
    json_member_number(&writer, "revision", outcome->seen_revision);
    json_member_number(&writer, "deleted", outcome->deleted);
    json_close_object(&writer);
    request_reply(request, 200, JSON_TYPE, outcome->revision, buf_slice(&body));
    buf_deinit(&body);
}

void handle_lease_grant(struct request *request) {
    struct lease_body body;
    struct command_lease_grant grant;
    if (!request_read_body(request, &shape_lease_body, &body)) {
        return;
    }
    grant.ttl_s = body.ttl_s;
    do {
        rand_os(&grant.id, sizeof grant.id);
    } while (grant.id == 0);
    request_write(request, COMMAND_LEASE_GRANT, &grant, reply_lease);
}

void handle_lease_renew(struct request *request) {
    struct command_lease renew;
    if (parse_id(request, request_path_before_verb(request), &renew.id)) {
        request_write(request, COMMAND_LEASE_RENEW, &renew, reply_lease);
    }
}

void handle_lease_revoke(struct request *request) {
    struct command_lease revoke;
    if (parse_id(request, request_path_key(request), &revoke.id)) {
        request_write(request, COMMAND_LEASE_REVOKE, &revoke, reply_revoked);
    }
}

/* --- Reading. --- */

static void reply_get(struct request *request) {
    struct store_read read;
    struct lease lease;
    uint64_t id;
    struct buf body;
    if (!parse_id(request, request_path_key(request), &id) || !request_view(request, &read)) {
        return;
    }
    if (store_lease_get(&read, id, &lease) == ERR_OK) {
        buf_init(&body);
        struct json_writer writer = json_writer_to(&body);
        write_lease(request, &read, &lease, &writer);
        request_reply(request, 200, JSON_TYPE, 0, buf_slice(&body));
        buf_deinit(&body);
    } else {
        request_fail(request, ERR_NOT_FOUND, "there is no lease %016" PRIx64, id);
    }
    store_read_end(&read);
}

void handle_lease_get(struct request *request) {
    request_read(request, reply_get);
}

struct listing {
    struct request *request;
    struct store_read *read;
    struct json_writer *writer;
    uint64_t revision, last_id, count;
    bool has_more;
};

static bool add_item(void *owner, const struct lease *lease) {
    struct listing *listing = owner;
    const struct params *params = &listing->request->params;
    bool is_large = listing->writer->out->size >= LIMIT_LIST_BODY_SIZE_MAX;
    if (!params->is_unlimited && (listing->count == params->limit_count || is_large)) {
        listing->has_more = true;
        return false;
    }
    write_lease(listing->request, listing->read, lease, listing->writer);
    listing->last_id = lease->id;
    listing->count++;
    return true;
}

/* False: the request is answered. */
static bool parse_token(struct request *request, uint64_t *out_revision, uint64_t *out_id) {
    const char *token = request->params.continue_token;
    char *rest;
    if (token == NULL) {
        return true;
    }
    *out_revision = strtoull(token, &rest, 10);
    if (rest == token || *rest != '-' || *out_revision > LIMIT_REVISION_MAX ||
        !lease_id_parse(rest + 1, out_id)) {
        request_fail(request, ERR_BAD_REQUEST, "continue is not from a page of this list");
        return false;
    }
    return true;
}

static void write_page(struct listing *listing, uint64_t after) {
    struct json_writer *writer = listing->writer;
    json_open_object(writer);
    json_member_number(writer, "revision", listing->revision);
    json_key(writer, "items");
    json_open_list(writer);
    store_lease_walk(listing->read, after, add_item, listing);
    json_close_list(writer);
    if (listing->has_more) {
        json_key(writer, "continue");
        buf_appendf(writer->out, "\"%" PRIu64 "-%016" PRIx64 "\"", listing->revision,
                    listing->last_id);
    }
    json_close_object(writer);
}

static void reply_list(struct request *request) {
    struct store_read read;
    struct buf body;
    uint64_t after = 0;
    uint64_t revision = 0;
    if (!parse_token(request, &revision, &after) || !request_view(request, &read)) {
        return;
    }
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    struct listing listing = {.request = request,
                              .read = &read,
                              .writer = &writer,
                              .revision = revision != 0 ? revision : read.revision};
    write_page(&listing, after);
    store_read_end(&read);
    request_reply(request, 200, JSON_TYPE, 0, buf_slice(&body));
    buf_deinit(&body);
}

void handle_lease_list(struct request *request) {
    request_read(request, reply_list);
}
