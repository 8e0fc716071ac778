/* The walker that writes JSON: wire/field.h. */
#include "wire/field.h"

#include "util/clock.h"

static const void *member_of(const void *object, const struct field *field) {
    return (const char *)object + field->offset;
}

/* A list or map: with FIELD_EMPTY also one that is there and has nothing in it. */
static bool has_items(const struct field *field, const void *items, size_t count) {
    return count > 0 || ((field->flags & FIELD_EMPTY) != 0 && items != NULL);
}

static bool is_port_present(const struct port *port) {
    return port->number != 0 || port->name != NULL;
}

static bool is_present(const struct field *field, const void *object) {
    const void *member = member_of(object, field);
    switch (field->type) {
    case FIELD_TEXT:
        return *(const char *const *)member != NULL;
    case FIELD_BOOL:
        return *(const bool *)member;
    case FIELD_NUMBER:
        return *(const uint64_t *)member != 0;
    case FIELD_PORT:
        return is_port_present(member);
    case FIELD_ADDRESS:
        return ((const struct ip_address *)member)->family != IP_NONE;
    case FIELD_PREFIX:
        return ((const struct ip_prefix *)member)->address.family != IP_NONE;
    case FIELD_MAC:
        return !mac_is_zero(member);
    case FIELD_TIME:
        return *(const int64_t *)member != 0;
    case FIELD_TEXTS:
        return has_items(field, ((const struct text_list *)member)->items,
                         ((const struct text_list *)member)->count);
    case FIELD_MAP:
        return has_items(field, ((const struct text_map *)member)->items,
                         ((const struct text_map *)member)->count);
    case FIELD_OBJECT:
        return *(void *const *)member != NULL;
    case FIELD_OBJECTS:
        return has_items(field, ((const struct object_list *)member)->items,
                         ((const struct object_list *)member)->count);
    case FIELD_JSON:
    case FIELD_BYTES:
        return ((const struct slice *)member)->size > 0;
    }
    return false;
}

static void write_network_text(const struct field *field, const void *member,
                               struct json_writer *writer) {
    char text[IP_PREFIX_TEXT_SIZE] = "";
    if (field->type == FIELD_PREFIX) {
        ip_prefix_format(member, '/', text);
    } else if (field->type == FIELD_ADDRESS) {
        ip_address_format(member, text);
    } else {
        mac_format(member, text);
    }
    json_put_text(writer, text);
}

static void write_port(const struct port *port, struct json_writer *writer) {
    if (port->name != NULL) {
        json_put_text(writer, port->name);
    } else {
        json_put_number(writer, port->number);
    }
}

static void write_texts(const struct text_list *list, struct json_writer *writer) {
    json_open_list(writer);
    for (size_t i = 0; i < list->count; i++) {
        json_put_text(writer, list->items[i]);
    }
    json_close_list(writer);
}

static void write_map(const struct text_map *map, struct json_writer *writer) {
    json_open_object(writer);
    for (size_t i = 0; i < map->count; i++) {
        json_member_text(writer, map->items[i].name, map->items[i].value);
    }
    json_close_object(writer);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables nest */
static void write_objects(const struct field *field, const struct object_list *list,
                          struct json_writer *writer) {
    json_open_list(writer);
    for (size_t i = 0; i < list->count; i++) {
        json_open_object(writer);
        field_write(field->shape, (const char *)list->items + i * field->shape->size, writer);
        json_close_object(writer);
    }
    json_close_list(writer);
}

static void write_time(int64_t wall_ms, struct json_writer *writer) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(wall_ms, text);
    json_put_text(writer, text);
}

static void write_value(const struct field *field, const void *member, struct json_writer *writer) {
    switch (field->type) {
    case FIELD_TEXT: {
        const char *text = *(const char *const *)member;
        json_put_text(writer, text != NULL ? text : "");
        break;
    }
    case FIELD_BOOL:
        json_put_bool(writer, *(const bool *)member);
        break;
    case FIELD_NUMBER:
        json_put_number(writer, *(const uint64_t *)member);
        break;
    case FIELD_PORT:
        write_port(member, writer);
        break;
    case FIELD_ADDRESS:
    case FIELD_PREFIX:
    case FIELD_MAC:
        write_network_text(field, member, writer);
        break;
    case FIELD_TIME:
        write_time(*(const int64_t *)member, writer);
        break;
    case FIELD_TEXTS:
        write_texts(member, writer);
        break;
    case FIELD_MAP:
        write_map(member, writer);
        break;
    case FIELD_OBJECT:
        json_open_object(writer);
        if (*(void *const *)member != NULL) {
            field_write(field->shape, *(void *const *)member, writer);
        }
        json_close_object(writer);
        break;
    case FIELD_OBJECTS:
        write_objects(field, member, writer);
        break;
    case FIELD_JSON: {
        const struct slice *text = member;
        json_put_raw(writer, text->size > 0 ? *text : slice_of_text("{}"));
        break;
    }
    case FIELD_BYTES:
        CHECK(!"bytes have no JSON form");
    }
}

void field_write(const struct shape *shape, const void *object, struct json_writer *writer) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        bool is_shown = (field->flags & FIELD_ALWAYS) != 0 || is_present(field, object);
        if (is_shown && (field->flags & FIELD_HIDDEN) == 0) {
            json_key(writer, field->name);
            write_value(field, member_of(object, field), writer);
        }
    }
}
/* NOLINTEND(misc-no-recursion) */
