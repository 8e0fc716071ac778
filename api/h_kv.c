/* Free keys: the body is the value, whatever its bytes, and its Content-Type is kept. */
#include "api/handlers.h"
#include "api/render.h"

#include <string.h>

static void reply_value(struct request *request, const struct object *object) {
    if (request->params.meta) {
        struct slice body = render_to_arena(object, request->arena);
        request_reply(request, 200, JSON_TYPE, object->revision, body);
        return;
    }
    const char *content_type = object->content_type != NULL && object->content_type[0] != 0
                                   ? object->content_type
                                   : VALUE_TYPE;
    request_reply(request, 200, content_type, object->revision, object->payload);
}

static void reply_get(struct request *request) {
    struct store_read read;
    struct object object;
    if (!request_view(request, &read)) {
        return;
    }
    if (store_get(&read, request->key.text, &object) == ERR_OK) {
        reply_value(request, &object);
    } else {
        request_fail(request, ERR_NOT_FOUND, "there is no %.300s", request->key.text);
    }
    store_read_end(&read);
}

void handle_kv_get(struct request *request) {
    if (request_parse_key(request, request_path_key(request))) {
        request_read(request, reply_get);
    }
}

static void reply_put(struct request *request) {
    struct outcome *outcome = request->outcome;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    render_written(&outcome->object, &writer);
    request_reply(request, outcome->is_created ? 201 : 200, JSON_TYPE, outcome->object.revision,
                  buf_slice(&body));
    buf_deinit(&body);
}

void handle_kv_put(struct request *request) {
    struct conditions conditions;
    const char *content_type = http_find_header(request->message, "content-type");
    struct slice value = request->message->body;
    if (!request_parse_key(request, request_path_key(request)) ||
        !request_read_conditions(request, &conditions)) {
        return;
    }
    if (value.size > LIMIT_VALUE_SIZE_MAX) {
        request_fail(request, ERR_TOO_LARGE, "the value has %zu bytes; %u is the most", value.size,
                     LIMIT_VALUE_SIZE_MAX);
        return;
    }
    struct command_put put = {.key = request->key.text,
                              .payload = value,
                              .content_type = content_type != NULL ? content_type : VALUE_TYPE,
                              .if_revision = conditions.if_revision,
                              .if_absent = conditions.if_absent,
                              .lease = request->params.lease};
    request_write(request, COMMAND_PUT, &put, reply_put);
}

static void delete_prefix(struct request *request, const char *prefix) {
    if ((request->params.given & PARAM_CONFIRM) == 0) {
        problem_set_hint(&request->problem, "List the prefix, count, and add &confirm=<count>.");
        request_fail(request, ERR_BAD_REQUEST,
                     "a recursive delete says with confirm how many keys it expects to go");
        return;
    }
    if (http_find_header(request->message, "if-match") != NULL) {
        request_fail(request, ERR_BAD_REQUEST, "a recursive delete takes no If-Match");
        return;
    }
    request->key.text = prefix;
    struct command_delete_prefix delete = {.prefix = prefix, .confirm = request->params.confirm};
    request_write(request, COMMAND_DELETE_PREFIX, &delete, request_reply_deleted);
}

void handle_kv_delete(struct request *request) {
    struct conditions conditions;
    if (!request_parse_key(request, request_path_key(request)) ||
        !request_read_conditions(request, &conditions)) {
        return;
    }
    if (request->params.recursive) {
        delete_prefix(request, request->key.text);
        return;
    }
    if ((request->params.given & PARAM_CONFIRM) != 0) {
        request_fail(request, ERR_BAD_REQUEST, "confirm belongs to recursive=true");
        return;
    }
    struct command_delete delete = {.key = request->key.text,
                                    .if_revision = conditions.if_revision};
    request_write(request, COMMAND_DELETE, &delete, request_reply_deleted);
}

void handle_kv_delete_all(struct request *request) {
    if (!request->params.recursive) {
        request_fail(request, ERR_BAD_REQUEST,
                     "to delete every key, say recursive=true and confirm=<count>");
        return;
    }
    delete_prefix(request, "kv/");
}
