#include "api/openapi_schema.h"

#include "api/dispatch.h"
#include "api/answers.h"
#include "api/operations.h"
#include "wire/kind.h"

#include <string.h>

#define SHAPES_MAX 64u

void openapi_put_ref(const char *group, const char *name, const char *suffix,
                     struct json_writer *writer) {
    struct buf path;
    buf_init(&path);
    buf_appendf(&path, "#/components/%s/%s%s", group, name, suffix);
    json_open_object(writer);
    json_member_text(writer, "$ref", buf_text(&path));
    json_close_object(writer);
    buf_deinit(&path);
}

/* --- Fields. --- */

static void put_type(const char *type, struct json_writer *writer) {
    json_member_text(writer, "type", type);
}

static void put_choices(const char *const *choices, struct json_writer *writer) {
    json_key(writer, "enum");
    json_open_list(writer);
    for (; *choices != NULL; choices++) {
        json_put_text(writer, *choices);
    }
    json_close_list(writer);
}

static void put_text(const struct field *field, struct json_writer *writer) {
    put_type("string", writer);
    if (field->choices != NULL) {
        put_choices(field->choices, writer);
        return;
    }
    if (field->min > 0) {
        json_member_number(writer, "minLength", field->min);
    }
    json_member_number(writer, "maxLength", field->max > 0 ? field->max : LIMIT_NAME_SIZE_MAX);
}

static void put_number(const struct field *field, struct json_writer *writer) {
    put_type("integer", writer);
    json_member_number(writer, "minimum", field->min);
    if (field->max <= LIMIT_REVISION_MAX) { /* else no bound that JSON could say */
        json_member_number(writer, "maximum", field->max > 0 ? field->max : LIMIT_REVISION_MAX);
    }
}

/* A number or a name. */
static void put_port(struct json_writer *writer) {
    json_key(writer, "type");
    json_put_raw(writer, slice_of_text("[\"integer\",\"string\"]"));
    json_member_number(writer, "minimum", 1);
    json_member_number(writer, "maximum", LIMIT_PORT_MAX);
}

/* Either family. */
static void put_address(struct json_writer *writer) {
    static const char *const formats[] = {"ipv4", "ipv6"};
    put_type("string", writer);
    json_key(writer, "anyOf");
    json_open_list(writer);
    for (unsigned i = 0; i < ARRAY_COUNT(formats); i++) {
        json_open_object(writer);
        json_member_text(writer, "format", formats[i]);
        json_close_object(writer);
    }
    json_close_list(writer);
}

static void put_pattern(const char *pattern, struct json_writer *writer) {
    put_type("string", writer);
    json_member_text(writer, "pattern", pattern);
}

static void put_count_max(const char *name, const struct field *field, struct json_writer *writer) {
    json_member_number(writer, name, field->max > 0 ? field->max : LIMIT_LABEL_COUNT_MAX);
}

static void put_items(const struct field *field, struct json_writer *writer) {
    put_type("array", writer);
    put_count_max("maxItems", field, writer);
    json_key(writer, "items");
    if (field->type == FIELD_OBJECTS) {
        openapi_put_ref("schemas", field->shape->name, "", writer);
    } else {
        json_open_object(writer);
        put_type("string", writer);
        json_close_object(writer);
    }
}

static void put_map(const struct field *field, struct json_writer *writer) {
    put_type("object", writer);
    put_count_max("maxProperties", field, writer);
    json_key(writer, "additionalProperties");
    json_open_object(writer);
    put_type("string", writer);
    json_close_object(writer);
}

static void put_field_type(const struct field *field, struct json_writer *writer) {
    switch (field->type) {
    case FIELD_TEXT:
        put_text(field, writer);
        break;
    case FIELD_BOOL:
        put_type("boolean", writer);
        json_member_bool(writer, "default", (field->flags & FIELD_TRUE) != 0);
        break;
    case FIELD_NUMBER:
        put_number(field, writer);
        break;
    case FIELD_PORT:
        put_port(writer);
        break;
    case FIELD_ADDRESS:
        put_address(writer);
        break;
    case FIELD_PREFIX:
        put_pattern("^[0-9a-fA-F.:]+/[0-9]{1,3}$", writer);
        break;
    case FIELD_MAC:
        put_pattern("^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", writer);
        break;
    case FIELD_TIME:
        put_type("string", writer);
        json_member_text(writer, "format", "date-time");
        break;
    case FIELD_TEXTS:
    case FIELD_OBJECTS:
        put_items(field, writer);
        break;
    case FIELD_MAP:
        put_map(field, writer);
        break;
    case FIELD_BYTES:
        put_type("string", writer);
        json_member_text(writer, "contentEncoding", "base64");
        break;
    case FIELD_OBJECT: /* a reference */
    case FIELD_JSON:   /* anything */
        break;
    }
}

static void put_help(const struct field *field, struct json_writer *writer) {
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, field->help);
    if (field->format != NULL) {
        buf_appendf(&text, "; %s", field->format->expects);
    }
    json_member_text(writer, "description", buf_text(&text));
    buf_deinit(&text);
}

static void put_field(const struct field *field, struct json_writer *writer) {
    CHECK(field->help != NULL);
    json_open_object(writer);
    put_help(field, writer);
    if (field->type == FIELD_OBJECT) {
        struct buf path;
        buf_init(&path);
        buf_appendf(&path, "#/components/schemas/%s", field->shape->name);
        json_member_text(writer, "$ref", buf_text(&path));
        buf_deinit(&path);
    }
    put_field_type(field, writer);
    if ((field->flags & FIELD_READONLY) != 0) {
        json_member_bool(writer, "readOnly", true);
    }
    json_close_object(writer);
}

/* --- Shapes. --- */

static bool is_shown(const struct field *field) {
    return (field->flags & FIELD_HIDDEN) == 0;
}

static void put_properties(const struct shape *shape, struct json_writer *writer) {
    json_key(writer, "properties");
    json_open_object(writer);
    for (size_t i = 0; i < shape->field_count; i++) {
        if (is_shown(&shape->fields[i])) {
            json_key(writer, shape->fields[i].name);
            put_field(&shape->fields[i], writer);
        }
    }
    if (shape == &answer_problem) { /* its code is the table of errors */
        const char *codes[ERR_INTERNAL + 1] = {NULL};
        for (unsigned i = 0; i < ERR_INTERNAL; i++) {
            codes[i] = err_code((enum err)(i + 1));
        }
        json_key(writer, "code");
        json_open_object(writer);
        json_member_text(writer, "description", "what went wrong, for programs");
        put_type("string", writer);
        put_choices(codes, writer);
        json_close_object(writer);
    }
    json_close_object(writer);
}

static void put_required(const struct shape *shape, struct json_writer *writer) {
    bool is_open = false;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        if (!is_shown(field) || (field->flags & FIELD_REQUIRED) == 0) {
            continue;
        }
        if (!is_open) {
            json_key(writer, "required");
            json_open_list(writer);
            is_open = true;
        }
        json_put_text(writer, field->name);
    }
    if (is_open) {
        if (shape == &answer_problem) {
            json_put_text(writer, "code");
        }
        json_close_list(writer);
    }
}

static void put_shape(const struct shape *shape, struct json_writer *writer) {
    json_key(writer, shape->name);
    json_open_object(writer);
    put_type("object", writer);
    put_properties(shape, writer);
    put_required(shape, writer);
    json_close_object(writer);
}

/* --- Which shapes there are. --- */

struct shapes {
    const struct shape *items[SHAPES_MAX];
    unsigned count;
};

/* Adds it once. What it refers to follows when its turn comes. */
static void add_shape(struct shapes *shapes, const struct shape *shape) {
    for (unsigned i = 0; i < shapes->count; i++) {
        if (shapes->items[i] == shape) {
            return;
        }
    }
    CHECK(shapes->count < SHAPES_MAX);
    shapes->items[shapes->count++] = shape;
}

static void collect_shapes(struct shapes *shapes) {
    add_shape(shapes, &answer_problem);
    add_shape(shapes, &answer_event);
    add_shape(shapes, &answer_envelope);
    add_shape(shapes, &answer_kv_item);
    for (unsigned i = 0; i < kind_count; i++) {
        if (kinds[i]->shape != NULL) {
            add_shape(shapes, kinds[i]->shape);
        }
    }
    for (unsigned i = 0; i < route_count; i++) {
        const struct operation *operation = operation_find(routes[i].handle);
        CHECK(operation != NULL);
        if (operation->body != NULL) {
            add_shape(shapes, operation->body);
        }
        if (operation->answer_shape != NULL) {
            add_shape(shapes, operation->answer_shape);
        }
    }
    for (unsigned i = 0; i < shapes->count; i++) { /* grows as it goes */
        const struct shape *shape = shapes->items[i];
        for (size_t j = 0; j < shape->field_count; j++) {
            if (shape->fields[j].shape != NULL) {
                add_shape(shapes, shape->fields[j].shape);
            }
        }
    }
}

/* An object as it is answered: the kind's fields and what every object carries. */
static void put_object_schema(const struct kind *kind, struct json_writer *writer) {
    json_open_object(writer);
    json_key(writer, "allOf");
    json_open_list(writer);
    openapi_put_ref("schemas", kind->shape->name, "", writer);
    openapi_put_ref("schemas", answer_envelope.name, "", writer);
    json_close_list(writer);
    json_close_object(writer);
}

static void put_list_schema(const struct kind *kind, struct json_writer *writer) {
    json_open_object(writer);
    put_type("object", writer);
    json_key(writer, "properties");
    json_open_object(writer);
    json_key(writer, "revision");
    json_put_raw(writer, slice_of_text("{\"description\":\"a watch from here sees every later "
                                       "change\",\"type\":\"integer\",\"minimum\":0}"));
    json_key(writer, "items");
    json_open_object(writer);
    put_type("array", writer);
    json_key(writer, "items");
    if (kind->shape == NULL) {
        openapi_put_ref("schemas", answer_kv_item.name, "", writer);
    } else {
        openapi_put_ref("schemas", kind->name, OPENAPI_OBJECT, writer);
    }
    json_close_object(writer);
    json_key(writer, "continue");
    json_put_raw(writer, slice_of_text("{\"description\":\"the next page's ?continue=; absent on "
                                       "the last one\",\"type\":\"string\"}"));
    json_close_object(writer);
    json_key(writer, "required");
    json_put_raw(writer, slice_of_text("[\"revision\",\"items\"]"));
    json_close_object(writer);
}

static void put_kind_key(const struct kind *kind, const char *suffix, struct json_writer *writer) {
    struct buf name;
    buf_init(&name);
    buf_appendf(&name, "%s%s", kind->name, suffix);
    json_key(writer, buf_text(&name));
    buf_deinit(&name);
}

void openapi_write_schemas(struct json_writer *writer) {
    struct shapes shapes = {.count = 0};
    collect_shapes(&shapes);
    for (unsigned i = 0; i < shapes.count; i++) {
        put_shape(shapes.items[i], writer);
    }
    for (unsigned i = 0; i < kind_count; i++) {
        if (kinds[i]->shape != NULL) {
            put_kind_key(kinds[i], OPENAPI_OBJECT, writer);
            put_object_schema(kinds[i], writer);
        }
        put_kind_key(kinds[i], OPENAPI_LIST, writer);
        put_list_schema(kinds[i], writer);
    }
}

/* --- Query parameters. --- */

static void put_param_text(const struct param_row *row, struct json_writer *writer) {
    static const char *const consistencies[] = {"linearizable", "stale", NULL};
    if (row->param == PARAM_LIMIT) {
        json_key(writer, "anyOf");
        json_open_list(writer);
        json_open_object(writer);
        put_type("integer", writer);
        json_member_number(writer, "minimum", 1);
        json_member_number(writer, "maximum", LIMIT_LIST_MAX);
        json_close_object(writer);
        json_open_object(writer);
        json_member_text(writer, "const", "all");
        json_close_object(writer);
        json_close_list(writer);
        json_member_number(writer, "default", LIMIT_LIST_DEFAULT);
        return;
    }
    put_type("string", writer);
    if (row->param == PARAM_CONSISTENCY) {
        put_choices(consistencies, writer);
    }
}

void openapi_write_param_schema(const struct param_row *row, struct json_writer *writer) {
    json_open_object(writer);
    switch (row->type) {
    case PARAM_TYPE_FLAG:
        put_type("boolean", writer);
        json_member_bool(writer, "default", false);
        break;
    case PARAM_TYPE_NUMBER:
        put_type("integer", writer);
        json_member_number(writer, "minimum", 0);
        json_member_number(writer, "maximum", row->max);
        break;
    case PARAM_TYPE_DURATION:
        put_pattern("^[0-9]+(\\.[0-9]{1,3})?(ms|s|m)?$", writer);
        break;
    case PARAM_TYPE_TEXT:
        put_param_text(row, writer);
        break;
    }
    json_close_object(writer);
}
