/* One object of a kind that has fields: get, put, delete. The kind's field table does the checking
 * and the rendering, so a new kind needs nothing here. */
#include "api/handlers.h"
#include "api/render.h"

#include <string.h>

const char *request_path_key(const struct request *request) {
    return request->target.path + strlen("/v1/");
}

const char *request_path_before_verb(struct request *request) {
    const char *key = request_path_key(request);
    return arena_strndup(request->arena, key, (size_t)(strrchr(key, '/') - key));
}

bool request_read_body(struct request *request, const struct shape *shape, void *out_body) {
    struct json *json = request_json(request);
    if (json == NULL) {
        return false;
    }
    enum err err = field_read(shape, json, "", request->arena, out_body, &request->problem);
    json_free(json);
    if (err != ERR_OK) {
        request_refuse(request);
        return false;
    }
    return true;
}

bool request_parse_key(struct request *request, const char *key) {
    if (kind_parse_key(key, request->arena, &request->key, &request->problem) == ERR_OK) {
        return true;
    }
    request_refuse(request);
    return false;
}

/* "\"12\"" or 12: the quotes are the standard's (RFC 9110 8.8.3), people forget them. */
static bool parse_entity_tag(const char *text, uint64_t *out_revision) {
    size_t size = strlen(text);
    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text++;
        size -= 2;
    }
    uint64_t revision = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || revision > LIMIT_REVISION_MAX / 10) {
            return false;
        }
        revision = revision * 10 + (uint64_t)(text[i] - '0');
    }
    *out_revision = revision;
    return revision > 0 && revision <= LIMIT_REVISION_MAX;
}

bool request_read_conditions(struct request *request, struct conditions *out_conditions) {
    const char *match = http_find_header(request->message, "if-match");
    const char *none_match = http_find_header(request->message, "if-none-match");
    *out_conditions = (struct conditions){.if_absent = none_match != NULL};
    if (none_match != NULL && strcmp(none_match, "*") != 0) {
        request_fail(request, ERR_BAD_REQUEST, "If-None-Match takes only *, not '%.60s'",
                     none_match);
        return false;
    }
    if (match != NULL && none_match != NULL) {
        request_fail(request, ERR_BAD_REQUEST, "If-Match and If-None-Match contradict each other");
        return false;
    }
    if (match != NULL && !parse_entity_tag(match, &out_conditions->if_revision)) {
        request_fail(request, ERR_BAD_REQUEST,
                     "If-Match takes one revision in quotes, such as \"12\", not '%.60s'", match);
        return false;
    }
    return true;
}

void request_reply_object(struct request *request) {
    struct outcome *outcome = request->outcome;
    CHECK(outcome->has_object);
    struct slice body = render_to_arena(&outcome->object, request->arena);
    request_reply(request, outcome->is_created ? 201 : 200, JSON_TYPE, outcome->object.revision,
                  body);
}

void request_reply_deleted(struct request *request) {
    struct outcome *outcome = request->outcome;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    render_deleted(request->key.text, outcome->seen_revision, outcome->deleted, &writer);
    request_reply(request, 200, JSON_TYPE, outcome->revision, buf_slice(&body));
    buf_deinit(&body);
}

static void reply_get(struct request *request) {
    struct store_read read;
    struct object object;
    if (!request_view(request, &read)) {
        return;
    }
    if (store_get(&read, request->key.text, &object) == ERR_OK) {
        struct slice body = render_to_arena(&object, request->arena);
        request_reply(request, 200, JSON_TYPE, object.revision, body);
    } else {
        request_fail(request, ERR_NOT_FOUND, "there is no %s", request->key.text);
    }
    store_read_end(&read);
}

void handle_object_get(struct request *request) {
    if (request_parse_key(request, request_path_key(request))) {
        request_read(request, reply_get);
    }
}

/* What every object carries beside its kind's fields. A body may bring them along, so that what was
 * read can be edited and sent back; the store alone sets them. */
static bool is_envelope(const char *name) {
    static const char *const names[] = {"key", "revision", "created_revision", "version", "lease"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

struct json *json_without_envelope(const struct json *json) {
    if (json_find(json, "revision") == NULL) {
        return NULL;
    }
    struct buf text;
    struct json_fault fault;
    buf_init(&text);
    struct json_writer writer = json_writer_to(&text);
    json_open_object(&writer);
    for (const struct json *member = json_first(json); member != NULL; member = json_next(member)) {
        if (!is_envelope(json_name(member))) {
            json_key(&writer, json_name(member));
            json_put_value(&writer, member);
        }
    }
    json_close_object(&writer);
    struct json *bare = NULL;
    if (json_parse(buf_slice(&text), &bare, &fault) != ERR_OK) {
        bare = NULL; /* a number that cannot be written again: the field's check refuses it */
    }
    buf_deinit(&text);
    return bare;
}

void handle_object_put(struct request *request) {
    struct conditions conditions;
    if (!request_parse_key(request, request_path_key(request)) ||
        !request_read_conditions(request, &conditions)) {
        return;
    }
    struct json *json = request_json(request);
    if (json == NULL) {
        return;
    }
    struct json *bare = json_without_envelope(json);
    void *object;
    enum err err = kind_read(&request->key, bare != NULL ? bare : json, request->arena, &object,
                             &request->problem);
    json_free(bare);
    json_free(json);
    if (err != ERR_OK) {
        request_refuse(request);
        return;
    }
    struct buf payload;
    buf_init(&payload);
    field_encode(request->key.kind->shape, object, &payload);
    struct command_put put = {.key = request->key.text,
                              .payload = buf_slice(&payload),
                              .if_revision = conditions.if_revision,
                              .if_absent = conditions.if_absent,
                              .lease = request->params.lease};
    request_write(request, COMMAND_PUT, &put, request_reply_object);
    buf_deinit(&payload);
}

void handle_object_delete(struct request *request) {
    struct conditions conditions;
    if (!request_parse_key(request, request_path_key(request)) ||
        !request_read_conditions(request, &conditions)) {
        return;
    }
    struct command_delete delete = {.key = request->key.text,
                                    .if_revision = conditions.if_revision,
                                    .is_forced = request->params.force};
    request_write(request, COMMAND_DELETE, &delete, request_reply_deleted);
}
