/* Texts' formats, and the walker that reads JSON: wire/field.h. */
#include "wire/field.h"

#include "util/limits.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_SIZE 160u

static bool is_lower_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A label of `size` bytes (RFC 1123 section 2.1, lower case as in Kubernetes). */
static bool is_label(const char *text, size_t size) {
    if (size == 0 || size > 63 || !is_lower_alnum(text[0]) || !is_lower_alnum(text[size - 1])) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_lower_alnum(text[i]) && text[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_dns_label(const char *text) {
    return is_label(text, strlen(text));
}

static bool is_dns_subdomain(const char *text) {
    if (strlen(text) > LIMIT_NAME_SIZE_MAX) {
        return false;
    }
    for (;;) {
        size_t size = strcspn(text, ".");
        if (!is_label(text, size)) {
            return false;
        }
        if (text[size] == 0) {
            return true;
        }
        text += size + 1;
    }
}

static bool is_token(const char *text) {
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t size = strlen(text);
    return size > 0 && size <= LIMIT_NAME_SIZE_MAX && strspn(text, legal) == size;
}

/* RFC 6335 section 5.1, lower case as in Kubernetes: a letter is in it, no two hyphens stand
 * together. */
static bool is_port_name(const char *text) {
    bool has_letter = false;
    for (const char *c = text; *c != 0; c++) {
        has_letter = has_letter || (*c >= 'a' && *c <= 'z');
    }
    return has_letter && strlen(text) <= 15 && is_dns_label(text) && strstr(text, "--") == NULL;
}

const struct field_format field_format_dns_label = {
    "a DNS label: a-z, 0-9 and -, 63 characters at most", is_dns_label};
const struct field_format field_format_dns_subdomain = {
    "a DNS name: labels of a-z, 0-9 and - joined by dots, 253 characters at most",
    is_dns_subdomain};
const struct field_format field_format_token = {
    "letters, digits, _ . and -, 253 characters at most", is_token};
const struct field_format field_format_port_name = {
    "a port's name: a-z, 0-9 and single hyphens, a letter in it, 15 characters at most",
    is_port_name};

static void *member_at(void *object, const struct field *field) {
    return (char *)object + field->offset;
}

static size_t bound_of(const struct field *field, size_t fallback) {
    return field->max > 0 ? (size_t)field->max : fallback;
}

struct read_context {
    struct arena *arena;
    struct problem *problem;
    bool is_answer; /* from a server: lenient, and its own fields count */
};

/* Appends "/name" to a pointer, escaped (RFC 6901 section 3). */
static void pointer_to(const char *parent, const char *name, char out[POINTER_SIZE]) {
    size_t at = (size_t)snprintf(out, POINTER_SIZE, "%s/", parent);
    for (const char *c = name; *c != 0 && at + 3 < POINTER_SIZE; c++) {
        if (*c == '~' || *c == '/') {
            out[at++] = '~';
            out[at++] = *c == '~' ? '0' : '1';
        } else {
            out[at++] = *c;
        }
    }
    if (at < POINTER_SIZE) {
        out[at] = 0;
    }
}

static void expect(struct read_context *context, const char *pointer, const struct json *json,
                   const char *expected) {
    problem_add(context->problem, pointer, "must be %s, not %s", expected,
                json_type_name(json_type_of(json)));
}

static bool is_choice(const struct field *field, const char *text) {
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, text) == 0) {
            return true;
        }
    }
    return false;
}

static void complain_choice(struct read_context *context, const char *pointer,
                            const struct field *field, const char *text) {
    char choices[120] = "";
    size_t used = 0;
    for (const char *const *choice = field->choices; *choice != NULL && used < sizeof choices;
         choice++) {
        used += (size_t)snprintf(choices + used, sizeof choices - used, "%s%s",
                                 used > 0 ? ", " : "", *choice);
    }
    problem_add(context->problem, pointer, "'%.40s' is not one of: %s", text, choices);
}

/* Reads one text with the field's bounds; NULL after a complaint. */
static const char *read_text(struct read_context *context, const struct field *field,
                             const struct json *json, const char *pointer) {
    const char *text = json_text(json);
    size_t size_max =
        field->type == FIELD_TEXT ? bound_of(field, LIMIT_NAME_SIZE_MAX) : LIMIT_NAME_SIZE_MAX;
    if (text == NULL) {
        expect(context, pointer, json, "a string");
    } else if (strlen(text) > size_max) {
        problem_add(context->problem, pointer, "is %zu bytes long; %zu is the most", strlen(text),
                    size_max);
    } else if (field->format != NULL && !field->format->is_valid(text)) {
        problem_add(context->problem, pointer, "'%.60s' is not %s", text, field->format->expects);
    } else if (field->choices != NULL && !is_choice(field, text)) {
        complain_choice(context, pointer, field, text);
    } else {
        return arena_strdup(context->arena, text);
    }
    return NULL;
}

static void read_number(struct read_context *context, const struct field *field,
                        const struct json *json, const char *pointer, uint64_t *out_number) {
    uint64_t max = field->max > 0 ? field->max : LIMIT_REVISION_MAX;
    uint64_t number;
    if (json_type_of(json) != JSON_NUMBER) {
        expect(context, pointer, json, "a whole number");
    } else if (!json_number(json, &number) || number < field->min || number > max) {
        problem_add(context->problem, pointer, "must be a whole number from %llu to %llu",
                    (unsigned long long)field->min, (unsigned long long)max);
    } else {
        *out_number = number;
    }
}

static void read_port(struct read_context *context, const struct json *json, const char *pointer,
                      struct port *out_port) {
    const char *name = json_text(json);
    uint64_t number;
    if (name != NULL && field_format_port_name.is_valid(name)) {
        out_port->name = arena_strdup(context->arena, name);
    } else if (name != NULL) {
        problem_add(context->problem, pointer, "'%.60s' is not %s", name,
                    field_format_port_name.expects);
    } else if (json_type_of(json) != JSON_NUMBER) {
        expect(context, pointer, json, "a port's number or name");
    } else if (!json_number(json, &number) || number == 0 || number > LIMIT_PORT_MAX) {
        problem_add(context->problem, pointer, "must be a whole number from 1 to %u, or a name",
                    LIMIT_PORT_MAX);
    } else {
        out_port->number = number;
    }
}

/* Addresses, prefixes and MACs: a text with a parser. */
static void read_network_text(struct read_context *context, const struct field *field,
                              const struct json *json, const char *pointer, void *member) {
    const char *text = json_text(json);
    enum err err = ERR_INVALID;
    const char *expected = "a prefix such as \"10.244.0.0/16\", without host bits";
    if (text != NULL && field->type == FIELD_PREFIX) {
        err = ip_prefix_parse(text, '/', member);
    } else if (field->type == FIELD_ADDRESS) {
        expected = "an IP address such as \"192.0.2.11\"";
        err = text != NULL ? ip_address_parse(text, member) : err;
    } else if (field->type == FIELD_MAC) {
        expected = "a MAC address such as \"02:00:5e:10:00:01\"";
        err = text != NULL ? mac_parse(text, member) : err;
    }
    if (text == NULL) {
        expect(context, pointer, json, expected);
    } else if (err != ERR_OK) {
        problem_add(context->problem, pointer, "'%.60s' is not %s", text, expected);
    }
}

static size_t count_children(const struct json *json) {
    size_t count = 0;
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child)) {
        count++;
    }
    return count;
}

/* True when `json` has the container's type and no more children than the field may have. */
static bool check_container(struct read_context *context, const struct field *field,
                            const struct json *json, const char *pointer, enum json_type type) {
    if (json_type_of(json) != type) {
        expect(context, pointer, json, json_type_name(type));
        return false;
    }
    size_t count = count_children(json);
    size_t count_max = bound_of(field, LIMIT_LABEL_COUNT_MAX);
    if (count > count_max) {
        problem_add(context->problem, pointer, "has %zu entries; %zu is the most", count,
                    count_max);
        return false;
    }
    return true;
}

static void read_texts(struct read_context *context, const struct field *field,
                       const struct json *json, const char *pointer, struct text_list *out_list) {
    if (!check_container(context, field, json, pointer, JSON_LIST)) {
        return;
    }
    out_list->items = arena_alloc(context->arena, count_children(json) * sizeof *out_list->items);
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child)) {
        char index[24];
        char at[POINTER_SIZE];
        snprintf(index, sizeof index, "%zu", out_list->count);
        pointer_to(pointer, index, at);
        out_list->items[out_list->count++] = read_text(context, field, child, at);
    }
}

static int compare_pairs(const void *a, const void *b) {
    return strcmp(((const struct text_pair *)a)->name, ((const struct text_pair *)b)->name);
}

static void check_pair_name(struct read_context *context, const struct field *field,
                            const char *name, const char *pointer) {
    const struct field_format *format = field->name_format;
    if (format != NULL && !format->is_valid(name)) {
        problem_add(context->problem, pointer, "the name is not %s", format->expects);
    } else if (format == NULL && (name[0] == 0 || strlen(name) > LIMIT_NAME_SIZE_MAX)) {
        problem_add(context->problem, pointer, "a name has 1 to %u bytes", LIMIT_NAME_SIZE_MAX);
    }
}

static void read_map(struct read_context *context, const struct field *field,
                     const struct json *json, const char *pointer, struct text_map *out_map) {
    if (!check_container(context, field, json, pointer, JSON_OBJECT)) {
        return;
    }
    out_map->items = arena_alloc(context->arena, count_children(json) * sizeof *out_map->items);
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child)) {
        char at[POINTER_SIZE];
        pointer_to(pointer, json_name(child), at);
        check_pair_name(context, field, json_name(child), at);
        out_map->items[out_map->count++] =
            (struct text_pair){.name = arena_strdup(context->arena, json_name(child)),
                               .value = read_text(context, field, child, at)};
    }
    qsort(out_map->items, out_map->count, sizeof *out_map->items, compare_pairs);
}

static void read_any_json(struct read_context *context, const struct json *json,
                          struct slice *out_text) {
    struct buf text;
    buf_init(&text);
    struct json_writer writer = json_writer_to(&text);
    json_put_value(&writer, json);
    *out_text = arena_copy(context->arena, buf_slice(&text));
    buf_deinit(&text);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables nest, whatever the input */
static void read_object(struct read_context *context, const struct shape *shape,
                        const struct json *json, const char *pointer, void *out_object);

static void read_objects(struct read_context *context, const struct field *field,
                         const struct json *json, const char *pointer,
                         struct object_list *out_list) {
    if (!check_container(context, field, json, pointer, JSON_LIST)) {
        return;
    }
    char *items = arena_alloc(context->arena, count_children(json) * field->shape->size);
    out_list->items = items;
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child)) {
        char index[24];
        char at[POINTER_SIZE];
        snprintf(index, sizeof index, "%zu", out_list->count);
        pointer_to(pointer, index, at);
        read_object(context, field->shape, child, at, items + out_list->count * field->shape->size);
        out_list->count++;
    }
}

static void read_value(struct read_context *context, const struct field *field,
                       const struct json *json, const char *pointer, void *member) {
    switch (field->type) {
    case FIELD_TEXT:
        *(const char **)member = read_text(context, field, json, pointer);
        break;
    case FIELD_BOOL:
        if (json_type_of(json) != JSON_BOOL) {
            expect(context, pointer, json, "true or false");
        }
        *(bool *)member = json_is_true(json);
        break;
    case FIELD_NUMBER:
        read_number(context, field, json, pointer, member);
        break;
    case FIELD_PORT:
        read_port(context, json, pointer, member);
        break;
    case FIELD_ADDRESS:
    case FIELD_PREFIX:
    case FIELD_MAC:
        read_network_text(context, field, json, pointer, member);
        break;
    case FIELD_TEXTS:
        read_texts(context, field, json, pointer, member);
        break;
    case FIELD_MAP:
        read_map(context, field, json, pointer, member);
        break;
    case FIELD_OBJECT:
        *(void **)member = arena_alloc(context->arena, field->shape->size);
        read_object(context, field->shape, json, pointer, *(void **)member);
        break;
    case FIELD_OBJECTS:
        read_objects(context, field, json, pointer, member);
        break;
    case FIELD_JSON:
        read_any_json(context, json, member);
        break;
    case FIELD_TIME:
    case FIELD_BYTES:
        CHECK(!"a field of this type is never read from JSON");
    }
}

static const struct field *find_by_name(const struct shape *shape, const char *name) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        if ((field->flags & FIELD_HIDDEN) == 0 && strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

static void set_defaults(const struct shape *shape, void *object) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if ((shape->fields[i].flags & FIELD_TRUE) != 0) {
            *(bool *)member_at(object, &shape->fields[i]) = true;
        }
    }
}

static bool is_taken(const struct read_context *context, const struct field *field) {
    if (context->is_answer) {
        return field->type != FIELD_TIME;
    }
    return (field->flags & FIELD_READONLY) == 0;
}

static void read_object(struct read_context *context, const struct shape *shape,
                        const struct json *json, const char *pointer, void *out_object) {
    if (json_type_of(json) != JSON_OBJECT) {
        expect(context, pointer, json, "an object");
        return;
    }
    set_defaults(shape, out_object);
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child)) {
        const struct field *field = find_by_name(shape, json_name(child));
        char at[POINTER_SIZE];
        pointer_to(pointer, json_name(child), at);
        if (field == NULL) {
            if (!context->is_answer) {
                problem_add(context->problem, at, "unknown field");
            }
        } else if (is_taken(context, field) && json_type_of(child) != JSON_NULL) {
            read_value(context, field, child, at, member_at(out_object, field));
        }
    }
    for (size_t i = 0; i < shape->field_count && !context->is_answer; i++) {
        const struct field *field = &shape->fields[i];
        const struct json *given = json_find(json, field->name);
        if ((field->flags & FIELD_REQUIRED) != 0 &&
            (given == NULL || json_type_of(given) == JSON_NULL)) {
            char at[POINTER_SIZE];
            pointer_to(pointer, field->name, at);
            problem_add(context->problem, at, "is required");
        }
    }
}
/* NOLINTEND(misc-no-recursion) */

enum err field_read(const struct shape *shape, const struct json *json, const char *pointer,
                    struct arena *arena, void *out_object, struct problem *problem) {
    memset(out_object, 0, shape->size);
    struct read_context context = {.arena = arena, .problem = problem};
    read_object(&context, shape, json, pointer, out_object);
    return problem->err == ERR_INVALID ? ERR_INVALID : ERR_OK;
}

enum err field_read_answer(const struct shape *shape, const struct json *json, struct arena *arena,
                           void *out_object, struct problem *problem) {
    memset(out_object, 0, shape->size);
    struct read_context context = {.arena = arena, .problem = problem, .is_answer = true};
    read_object(&context, shape, json, "", out_object);
    return problem->err == ERR_INVALID ? ERR_INVALID : ERR_OK;
}
