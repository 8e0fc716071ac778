#include "api/openapi_components.h"

#include "api/openapi_schema.h"
#include "api/answers.h"
#include "api/operations.h"

#include <stdio.h>

#define PROBLEM_TYPE "application/problem+json"

static void begin_media(const char *type, struct json_writer *writer) {
    json_key(writer, type);
    json_open_object(writer);
    json_key(writer, "schema");
}

void openapi_put_media(const char *type, const char *schema, const char *suffix,
                       struct json_writer *writer) {
    begin_media(type, writer);
    openapi_put_ref("schemas", schema, suffix, writer);
    json_close_object(writer);
}

void openapi_put_raw_media(const char *type, const char *schema, struct json_writer *writer) {
    begin_media(type, writer);
    json_put_raw(writer, slice_of_text(schema));
    json_close_object(writer);
}

int openapi_next_status(int after) {
    int next = 0;
    for (unsigned i = ERR_OK + 1; i <= ERR_INTERNAL; i++) {
        int status = err_status((enum err)i);
        if (status > after && (next == 0 || status < next)) {
            next = status;
        }
    }
    return next;
}

static void put_query_param(const struct param_row *row, bool is_list, struct json_writer *writer) {
    json_key(writer, is_list ? "prefixes" : row->name);
    json_open_object(writer);
    json_member_text(writer, "name", row->name);
    json_member_text(writer, "in", "query");
    json_member_text(writer, "description", row->help);
    json_key(writer, "schema");
    if (is_list) {
        json_open_object(writer);
        json_member_text(writer, "type", "array");
        json_member_number(writer, "maxItems", LIMIT_WATCH_PREFIXES_MAX);
        json_key(writer, "items");
    }
    openapi_write_param_schema(row, writer);
    if (is_list) {
        json_close_object(writer);
    }
    json_close_object(writer);
}

struct header_row {
    const char *name;
    const char *help;
    const char *schema;
};

static void put_header_params(struct json_writer *writer) {
    static const struct header_row rows[] = {
        {"If-Match", "only when the object is at this revision: the ETag of an answer",
         "{\"type\":\"string\",\"pattern\":\"^\\\"?[0-9]+\\\"?$\"}"},
        {"If-None-Match", "only when there is no such object", "{\"const\":\"*\"}"},
        {"Idempotency-Key", "makes a retry safe: the same key is applied once",
         "{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}"},
        {"Last-Event-ID", "follow from this revision; wins over from",
         "{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"}"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        json_key(writer, rows[i].name);
        json_open_object(writer);
        json_member_text(writer, "name", rows[i].name);
        json_member_text(writer, "in", "header");
        json_member_text(writer, "description", rows[i].help);
        json_key(writer, "schema");
        json_put_raw(writer, slice_of_text(rows[i].schema));
        json_close_object(writer);
    }
}

static void put_header_components(struct json_writer *writer) {
    static const struct header_row rows[] = {
        {"X-Revision", "the state that the answer reflects", "{\"type\":\"integer\"}"},
        {"X-Term", "the Raft term", "{\"type\":\"integer\"}"},
        {"X-Leader", "the leader's name; absent while none is known", "{\"type\":\"string\"}"},
        {"X-Served-By", "the server that answered", "{\"type\":\"string\"}"},
        {"X-Request-Id", "yours, or one of ours", "{\"type\":\"string\"}"},
        {"X-Stale-Ms", "of a stale read: how long ago the leader was heard",
         "{\"type\":\"integer\"}"},
        {"ETag", "the object's revision, in quotes", "{\"type\":\"string\"}"},
    };
    json_key(writer, "headers");
    json_open_object(writer);
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        json_key(writer, rows[i].name);
        json_open_object(writer);
        json_member_text(writer, "description", rows[i].help);
        json_key(writer, "schema");
        json_put_raw(writer, slice_of_text(rows[i].schema));
        json_close_object(writer);
    }
    json_close_object(writer);
}

/* "conflict, pool_exhausted: 409". */
static void put_problem_response(int status, struct json_writer *writer) {
    char name[32];
    struct buf codes;
    buf_init(&codes);
    for (unsigned i = ERR_OK + 1; i <= ERR_INTERNAL; i++) {
        if (err_status((enum err)i) == status) {
            buf_appendf(&codes, "%s%s", codes.size > 0 ? ", " : "", err_code((enum err)i));
        }
    }
    (void)snprintf(name, sizeof name, "problem_%d", status); /* fits */
    json_key(writer, name);
    json_open_object(writer);
    json_member_text(writer, "description", buf_text(&codes));
    json_key(writer, "content");
    json_open_object(writer);
    openapi_put_media(PROBLEM_TYPE, answer_problem.name, "", writer);
    json_close_object(writer);
    json_close_object(writer);
    buf_deinit(&codes);
}

void openapi_write_components(struct json_writer *writer) {
    json_key(writer, "components");
    json_open_object(writer);
    json_key(writer, "schemas");
    json_open_object(writer);
    openapi_write_schemas(writer);
    json_close_object(writer);
    json_key(writer, "parameters");
    json_open_object(writer);
    for (unsigned i = 0; i < param_row_count; i++) {
        put_query_param(&param_rows[i], false, writer);
        if (param_rows[i].param == PARAM_PREFIX) {
            put_query_param(&param_rows[i], true, writer);
        }
    }
    put_header_params(writer);
    json_close_object(writer);
    put_header_components(writer);
    json_key(writer, "responses");
    json_open_object(writer);
    for (int status = openapi_next_status(0); status != 0; status = openapi_next_status(status)) {
        put_problem_response(status, writer);
    }
    json_close_object(writer);
    json_close_object(writer);
}
