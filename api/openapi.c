#include "api/openapi.h"

#include "api/handlers.h"
#include "api/openapi_components.h"
#include "api/openapi_entries.h"
#include "api/openapi_schema.h"
#include "api/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE_MAX    110u
#define DOCUMENT_VERSION "3.1.0"

/* --- Parameters. --- */

static void put_path_params(const struct entry *entry, struct json_writer *writer) {
    for (const char *at = strchr(entry->path, '{'); at != NULL; at = strchr(at, '{')) {
        char name[OPENAPI_PATH_SIZE_MAX];
        size_t size = strcspn(++at, "}");
        memcpy(name, at, size);
        name[size] = 0;
        json_open_object(writer);
        json_member_text(writer, "name", name);
        json_member_text(writer, "in", "path");
        json_member_bool(writer, "required", true);
        bool is_rest = strcmp(entry->route->pattern, "/v1/kv/**") == 0;
        json_member_text(writer, "description",
                         is_rest ? "may hold slashes" : "one segment of the path");
        json_key(writer, "schema");
        json_put_raw(writer, slice_of_text("{\"type\":\"string\",\"minLength\":1}"));
        json_close_object(writer);
    }
}

static void put_params(const struct entry *entry, struct json_writer *writer) {
    const struct route *route = entry->route;
    bool is_watch = (route->params & (PARAM_WATCH | PARAM_PREFIXES)) != 0;
    json_key(writer, "parameters");
    json_open_list(writer);
    put_path_params(entry, writer);
    for (unsigned i = 0; i < param_row_count; i++) {
        const struct param_row *row = &param_rows[i];
        bool is_list = row->param == PARAM_PREFIX && (route->params & PARAM_PREFIXES) != 0;
        if ((route->params & row->param) != 0) {
            openapi_put_ref("parameters", is_list ? "prefixes" : row->name, "", writer);
        }
    }
    if ((route->flags & ROUTE_CONDITIONS) != 0) {
        openapi_put_ref("parameters", "If-Match", "", writer);
    }
    if ((route->flags & ROUTE_CONDITIONS) != 0 && route->method == METHOD_PUT) {
        openapi_put_ref("parameters", "If-None-Match", "", writer);
    }
    if ((route->flags & ROUTE_WRITE) != 0) {
        openapi_put_ref("parameters", "Idempotency-Key", "", writer);
    }
    if (is_watch) {
        openapi_put_ref("parameters", "Last-Event-ID", "", writer);
    }
    json_close_list(writer);
}

/* --- Bodies. --- */

static void put_json_body(const struct entry *entry, const struct operation *operation,
                          struct json_writer *writer) {
    if (operation->body != NULL) {
        openapi_put_media(JSON_TYPE, operation->body->name, "", writer);
    } else if (entry->kind->read == NULL) {
        openapi_put_media(JSON_TYPE, entry->kind->shape->name, "", writer);
    } else {
        openapi_put_raw_media(JSON_TYPE,
                              "{\"description\":\"in one of several forms: see docs/api.md\","
                              "\"type\":\"object\"}",
                              writer);
    }
}

static void put_body(const struct entry *entry, const struct operation *operation,
                     struct json_writer *writer) {
    if (entry->route->body == BODY_NONE) {
        return;
    }
    json_key(writer, "requestBody");
    json_open_object(writer);
    json_member_bool(writer, "required", entry->route->body == BODY_JSON);
    json_key(writer, "content");
    json_open_object(writer);
    if (entry->route->body == BODY_RAW) {
        openapi_put_raw_media("*/*", "{}", writer);
    } else {
        put_json_body(entry, operation, writer);
    }
    json_close_object(writer);
    json_close_object(writer);
}

static void put_event_media(struct json_writer *writer) {
    openapi_put_media("application/x-ndjson", "event", "", writer);
    openapi_put_raw_media("text/event-stream", "{\"type\":\"string\"}", writer);
}

/* --- Answers. --- */

static const char *kind_of_answer(const struct entry *entry) {
    if (entry->kind != NULL) {
        return entry->kind->name;
    }
    return kind_of(KIND_SUBNET)->name; /* acquire, renew */
}

static void put_content(const struct entry *entry, const struct operation *operation,
                        struct json_writer *writer) {
    switch (operation->answer) {
    case ANSWER_SHAPE:
        openapi_put_media(JSON_TYPE, operation->answer_shape->name, "", writer);
        break;
    case ANSWER_OBJECT:
        openapi_put_media(JSON_TYPE, kind_of_answer(entry), OPENAPI_OBJECT, writer);
        break;
    case ANSWER_LIST:
        openapi_put_media(JSON_TYPE, kind_of_answer(entry), OPENAPI_LIST, writer);
        put_event_media(writer);
        break;
    case ANSWER_EVENTS:
        put_event_media(writer);
        break;
    case ANSWER_VALUE:
        openapi_put_raw_media("*/*", "{}", writer);
        openapi_put_media(JSON_TYPE, "kv_item", "", writer);
        break;
    case ANSWER_TEXT:
        openapi_put_raw_media("text/plain", "{\"type\":\"string\"}", writer);
        break;
    case ANSWER_JSON:
        openapi_put_raw_media(JSON_TYPE, "{}", writer);
        break;
    case ANSWER_BYTES:
        openapi_put_raw_media("application/octet-stream", "{}", writer);
        break;
    }
}

static void put_headers(const struct entry *entry, const struct operation *operation,
                        struct json_writer *writer) {
    static const char *const always[] = {"X-Revision", "X-Term", "X-Leader", "X-Served-By",
                                         "X-Request-Id"};
    json_key(writer, "headers");
    json_open_object(writer);
    for (unsigned i = 0; i < ARRAY_COUNT(always); i++) {
        json_key(writer, always[i]);
        openapi_put_ref("headers", always[i], "", writer);
    }
    if (operation->answer == ANSWER_OBJECT || operation->answer == ANSWER_VALUE) {
        json_key(writer, "ETag");
        openapi_put_ref("headers", "ETag", "", writer);
    }
    if ((entry->route->params & PARAM_CONSISTENCY) != 0) {
        json_key(writer, "X-Stale-Ms");
        openapi_put_ref("headers", "X-Stale-Ms", "", writer);
    }
    json_close_object(writer);
}

static void put_success(const char *status, const char *description, const struct entry *entry,
                        const struct operation *operation, struct json_writer *writer) {
    json_key(writer, status);
    json_open_object(writer);
    json_member_text(writer, "description", description);
    put_headers(entry, operation, writer);
    json_key(writer, "content");
    json_open_object(writer);
    put_content(entry, operation, writer);
    json_close_object(writer);
    json_close_object(writer);
}

/* Which problems a call may be answered with, by what its row says. */
static bool may_fail_with(const struct entry *entry, const struct operation *operation,
                          int status) {
    const struct route *route = entry->route;
    bool is_write = (route->flags & ROUTE_WRITE) != 0;
    bool has_name = strchr(entry->path, '{') != NULL;
    bool is_read = (route->params & PARAM_CONSISTENCY) != 0;
    switch (status) {
    case 400:
    case 429:
    case 500:
        return true;
    case 404:
        return has_name;
    case 406:
        return (route->flags & ROUTE_ANY_TYPE) == 0 || operation->answer == ANSWER_LIST ||
               operation->answer == ANSWER_EVENTS;
    case 409:
        return (operation->flags & OPERATION_CONFLICTS) != 0;
    case 410:
        return (operation->flags & OPERATION_GONE) != 0;
    case 412:
        return (route->flags & ROUTE_CONDITIONS) != 0;
    case 413:
        return is_write || has_name;
    case 415:
        return route->body == BODY_JSON;
    case 422:
        return is_write || has_name;
    case 503:
        return is_write || is_read || operation->answer == ANSWER_EVENTS ||
               strcmp(route->pattern, "/readyz") == 0;
    case 504:
        return is_write || is_read || operation->answer == ANSWER_EVENTS;
    case 507:
        return is_write;
    default:
        return false;
    }
}

static void put_responses(const struct entry *entry, const struct operation *operation,
                          struct json_writer *writer) {
    json_key(writer, "responses");
    json_open_object(writer);
    if ((operation->flags & OPERATION_IS_201) == 0) {
        put_success("200", "done", entry, operation, writer);
    }
    if ((operation->flags & (OPERATION_CREATES | OPERATION_IS_201)) != 0) {
        put_success("201", "created", entry, operation, writer);
    }
    for (int status = openapi_next_status(0); status != 0; status = openapi_next_status(status)) {
        char name[16];
        if (may_fail_with(entry, operation, status)) {
            (void)snprintf(name, sizeof name, "%d", status); /* fits */
            json_key(writer, name);
            openapi_put_ref("responses", "problem_", name, writer);
        }
    }
    json_close_object(writer);
}

/* --- Paths. --- */

static const char *method_key(enum method method) {
    switch (method) {
    case METHOD_PUT:
        return "put";
    case METHOD_POST:
        return "post";
    case METHOD_DELETE:
        return "delete";
    case METHOD_GET:
    case METHOD_HEAD:
    case METHOD_OTHER:
        break;
    }
    return "get";
}

/* "get_node", "list_subnet", "list_subnet_of_network". */
static void put_id(const struct entry *entry, const struct operation *operation,
                   struct json_writer *writer) {
    struct buf id;
    buf_init(&id);
    buf_append_text(&id, operation->id);
    if (operation->tag == NULL) {
        buf_appendf(&id, "_%s", entry->kind->name);
    }
    if (operation->answer == ANSWER_LIST && entry->names > 0) {
        buf_appendf(&id, "_of_%s", entry->kind->shape->fields[0].name);
    }
    json_member_text(writer, "operationId", buf_text(&id));
    buf_deinit(&id);
}

static void put_operation(const struct entry *entry, struct json_writer *writer) {
    const struct operation *operation = operation_find(entry->route->handle);
    json_key(writer, method_key(entry->route->method));
    json_open_object(writer);
    put_id(entry, operation, writer);
    json_member_text(writer, "summary", operation->summary);
    json_key(writer, "tags");
    json_open_list(writer);
    json_put_text(writer, operation->tag != NULL ? operation->tag : entry->kind->collection);
    json_close_list(writer);
    put_params(entry, writer);
    put_body(entry, operation, writer);
    put_responses(entry, operation, writer);
    json_close_object(writer);
}

static bool is_first_of_path(const struct entries *entries, unsigned index) {
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(entries->items[i].path, entries->items[index].path) == 0) {
            return false;
        }
    }
    return true;
}

static void put_paths(const struct entries *entries, struct json_writer *writer) {
    json_key(writer, "paths");
    json_open_object(writer);
    for (unsigned i = 0; i < entries->count; i++) {
        if (!is_first_of_path(entries, i)) {
            continue;
        }
        json_key(writer, entries->items[i].path);
        json_open_object(writer);
        for (unsigned j = i; j < entries->count; j++) {
            if (strcmp(entries->items[j].path, entries->items[i].path) == 0) {
                put_operation(&entries->items[j], writer);
            }
        }
        json_close_object(writer);
    }
    json_close_object(writer);
}

static void put_info(struct json_writer *writer) {
    json_key(writer, "info");
    json_open_object(writer);
    json_member_text(writer, "title", "weft");
    json_member_text(writer, "version", WEFT_VERSION);
    json_member_text(writer, "summary", "The replicated network state of a small cluster.");
    json_member_text(writer, "description",
                     "Generated from the tables that the server works by. What is the same for all "
                     "calls (revisions, consistency, conditions, honest outcomes, limits) is in "
                     "docs/api.md.");
    json_key(writer, "license");
    json_put_raw(writer, slice_of_text("{\"name\":\"Apache 2.0\",\"identifier\":\"Apache-2.0\"}"));
    json_close_object(writer);
}

void openapi_write(struct buf *out) {
    struct entries *entries = must_alloc_zeroed(1, sizeof *entries);
    struct buf compact;
    buf_init(&compact);
    struct json_writer writer = json_writer_to(&compact);
    openapi_collect_entries(entries);
    json_open_object(&writer);
    json_member_text(&writer, "openapi", DOCUMENT_VERSION);
    put_info(&writer);
    put_paths(entries, &writer);
    openapi_write_components(&writer);
    json_close_object(&writer);
    json_indent(buf_slice(&compact), LINE_SIZE_MAX, out);
    buf_deinit(&compact);
    free(entries);
}
