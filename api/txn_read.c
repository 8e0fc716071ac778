#include "api/txn_read.h"

#include "api/handlers.h"
#include "api/lease_id.h"
#include "store/txn_check.h"
#include "util/base64.h"

#include <stdio.h>
#include <string.h>

#define POINTER_SIZE       160u
#define VALUE_B64_SIZE_MAX ((LIMIT_VALUE_SIZE_MAX + 2u) / 3u * 4u)

/* --- The form. Numbers are given for the tables' sake: these bytes are never kept. --- */

struct compare_body {
    const char *key, *op, *value, *value_b64;
    uint64_t version, revision, created_revision;
};

struct put_body {
    const char *key, *value, *value_b64, *content_type, *lease;
    struct slice object;
};

struct range_body {
    const char *key, *prefix;
};

struct operation_body {
    struct put_body *put;
    struct range_body *get, *delete;
};

struct txn_body {
    struct object_list compares, then_operations, else_operations;
};

/* It becomes a header of the answer to a GET. */
static bool is_content_type(const char *text) {
    for (; *text != 0; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}
static const struct field_format content_type_format = {"printable ASCII", is_content_type};

static const char *const relations[] = {"=", "!=", "<", ">", NULL};

/* clang-format off: a row a field */
static const struct field compare_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct compare_body, key),
     .max = LIMIT_KEY_SIZE_MAX,
     .help = "whole key, such as kv/a"},
    {.name = "op",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct compare_body, op),
     .choices = relations,
     .help = "what the key has stands on the left; = when absent"},
    {.name = "version",
     .number = 3,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct compare_body, version),
     .help = "0: there is no such key"},
    {.name = "revision",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct compare_body, revision),
     .help = "of its last change"},
    {.name = "created_revision",
     .number = 5,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct compare_body, created_revision),
     .help = "of its creation"},
    {.name = "value",
     .number = 6,
     .type = FIELD_TEXT,
     .offset = offsetof(struct compare_body, value),
     .max = LIMIT_VALUE_SIZE_MAX,
     .help = "of a KV key, as text"},
    {.name = "value_b64",
     .number = 7,
     .type = FIELD_TEXT,
     .offset = offsetof(struct compare_body, value_b64),
     .max = VALUE_B64_SIZE_MAX,
     .help = "of a KV key, any bytes in base64"},
};
static const struct field put_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct put_body, key),
     .max = LIMIT_KEY_SIZE_MAX,
     .help = "whole key, such as kv/a or nodes/edge-1"},
    {.name = "value",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct put_body, value),
     .max = LIMIT_VALUE_SIZE_MAX,
     .help = "of a KV key, as text"},
    {.name = "value_b64",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct put_body, value_b64),
     .max = VALUE_B64_SIZE_MAX,
     .help = "of a KV key, any bytes in base64"},
    {.name = "object",
     .number = 4,
     .type = FIELD_JSON,
     .offset = offsetof(struct put_body, object),
     .help = "of any other key, as for PUT"},
    {.name = "content_type",
     .number = 5,
     .type = FIELD_TEXT,
     .offset = offsetof(struct put_body, content_type),
     .max = LIMIT_CONTENT_TYPE_SIZE_MAX,
     .format = &content_type_format,
     .help = "of a KV key; application/octet-stream when absent"},
    {.name = "lease",
     .number = 6,
     .type = FIELD_TEXT,
     .offset = offsetof(struct put_body, lease),
     .help = "TTL lease that it is attached to"},
};
static const struct field range_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct range_body, key),
     .max = LIMIT_KEY_SIZE_MAX,
     .help = "one key"},
    {.name = "prefix",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct range_body, prefix),
     .max = LIMIT_KEY_SIZE_MAX,
     .help = "all keys that begin so"},
};
static SHAPE(shape_compare_body, compare_body, compare_fields);
static SHAPE(shape_put_body, put_body, put_fields);
static SHAPE(shape_range_body, range_body, range_fields);
static const struct field operation_fields[] = {
    {.name = "put",
     .number = 1,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct operation_body, put),
     .shape = &shape_put_body,
     .help = "write one key"},
    {.name = "get",
     .number = 2,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct operation_body, get),
     .shape = &shape_range_body,
     .help = "read, as the operations before it left things"},
    {.name = "delete",
     .number = 3,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct operation_body, delete),
     .shape = &shape_range_body,
     .help = "delete; what is not there counts 0"},
};
static SHAPE(shape_operation_body, operation_body, operation_fields);
static const struct field txn_fields[] = {
    {.name = "if",
     .number = 1,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct txn_body, compares),
     .max = LIMIT_TXN_COMPARES_MAX,
     .shape = &shape_compare_body,
     .help = "all of them must hold"},
    {.name = "then",
     .number = 2,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct txn_body, then_operations),
     .max = LIMIT_TXN_OPERATIONS_MAX,
     .shape = &shape_operation_body,
     .help = "done when they hold"},
    {.name = "else",
     .number = 3,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct txn_body, else_operations),
     .max = LIMIT_TXN_OPERATIONS_MAX,
     .shape = &shape_operation_body,
     .help = "done when one does not"},
};
/* clang-format on */
SHAPE(shape_txn, txn_body, txn_fields);

/* --- Reading. --- */

struct reading {
    struct arena *arena;
    struct problem *problem;
    char at[64]; /* pointer to what is being read: "/then/3/put" */
};

/* One more fault, at a member of what is being read ("": itself). */
PRINTF_LIKE(3, 4)
static void complain(struct reading *reading, const char *member, const char *format, ...) {
    char pointer[POINTER_SIZE];
    char message[200];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(pointer, sizeof pointer, "%s%s", reading->at, member);
    problem_add(reading->problem, pointer, "%s", message);
}

static bool is_given(const struct json *json, const char *name) {
    const struct json *member = json_find(json, name);
    return member != NULL && json_type_of(member) != JSON_NULL;
}

/* Which one of `names` is there; `count` after a complaint, for none or several. */
static unsigned find_one_of(struct reading *reading, const struct json *json,
                            const char *const *names, unsigned count, const char *said) {
    unsigned found = count;
    unsigned found_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (is_given(json, names[i])) {
            found = i;
            found_count++;
        }
    }
    if (found_count != 1) {
        complain(reading, "", "has %s of %s: give one", found_count == 0 ? "none" : "several",
                 said);
        return count;
    }
    return found;
}

static struct slice read_base64(struct reading *reading, const char *text) {
    struct buf bytes;
    struct slice value = {0};
    buf_init(&bytes);
    if (base64_decode(slice_of_text(text), &bytes) != ERR_OK) {
        complain(reading, "/value_b64", "is not base64 (RFC 4648 section 4, with padding)");
    } else if (bytes.size > LIMIT_VALUE_SIZE_MAX) {
        complain(reading, "/value_b64", "stands for %zu bytes; %u is the most", bytes.size,
                 LIMIT_VALUE_SIZE_MAX);
    } else {
        value = arena_copy(reading->arena, buf_slice(&bytes));
    }
    buf_deinit(&bytes);
    return value;
}

/* The first fault of a scratch problem, at a member of what is being read. */
static void pass_on(struct reading *reading, const char *member, const struct problem *scratch) {
    char at[POINTER_SIZE];
    for (unsigned i = 0; i < scratch->error_count; i++) {
        snprintf(at, sizeof at, "%s%s", member, scratch->errors[i].pointer);
        complain(reading, at, "%s", scratch->errors[i].message);
    }
    if (scratch->error_count == 0) {
        complain(reading, member, "%s", scratch->detail);
    }
}

static bool read_key(struct reading *reading, const char *key, struct kind_key *out_key) {
    struct problem scratch;
    problem_init(&scratch);
    if (kind_parse_key(key, reading->arena, out_key, &scratch) == ERR_OK) {
        return true;
    }
    pass_on(reading, "/key", &scratch);
    return false;
}

static void read_compare(struct reading *reading, const struct json *json,
                         const struct compare_body *body, struct txn_compare *out_compare) {
    static const char *const names[] = {"version", "revision", "created_revision", "value",
                                        "value_b64"};
    static const uint64_t targets[] = {TXN_TARGET_VERSION, TXN_TARGET_REVISION,
                                       TXN_TARGET_CREATED_REVISION, TXN_TARGET_VALUE,
                                       TXN_TARGET_VALUE};
    const uint64_t numbers[] = {body->version, body->revision, body->created_revision, 0, 0};
    struct kind_key key;
    unsigned given = find_one_of(reading, json, names, ARRAY_COUNT(names),
                                 "version, revision, created_revision, value, value_b64");
    if (!read_key(reading, body->key, &key) || given == ARRAY_COUNT(names)) {
        return;
    }
    *out_compare = (struct txn_compare){.key = body->key,
                                        .target = targets[given],
                                        .relation = TXN_EQUAL,
                                        .number = numbers[given]};
    for (unsigned i = 0; body->op != NULL && relations[i] != NULL; i++) {
        if (strcmp(body->op, relations[i]) == 0) {
            out_compare->relation = TXN_EQUAL + i;
        }
    }
    if (targets[given] == TXN_TARGET_VALUE && key.kind->id != KIND_KV) {
        complain(reading, body->value != NULL ? "/value" : "/value_b64",
                 "only a KV key has a value; compare the revision");
    } else if (body->value != NULL) {
        out_compare->value = slice_of_text(body->value);
    } else if (body->value_b64 != NULL) {
        out_compare->value = read_base64(reading, body->value_b64);
    }
}

static void read_value(struct reading *reading, const struct json *json,
                       const struct put_body *body, struct txn_operation *out_put) {
    static const char *const names[] = {"value", "value_b64"};
    if (is_given(json, "object")) {
        complain(reading, "/object", "a KV key has a value or value_b64");
        return;
    }
    (void)find_one_of(reading, json, names, ARRAY_COUNT(names), "value, value_b64");
    out_put->content_type = body->content_type != NULL ? body->content_type : VALUE_TYPE;
    if (body->value != NULL) {
        out_put->payload = slice_of_text(body->value);
    } else if (body->value_b64 != NULL) {
        out_put->payload = read_base64(reading, body->value_b64);
    }
}

/* The object of any other kind, as PUT reads it. */
static void read_object(struct reading *reading, const struct json *json,
                        const struct kind_key *key, struct txn_operation *out_put) {
    static const char *const kv_only[] = {"value", "value_b64", "content_type"};
    struct problem scratch;
    void *object;
    for (unsigned i = 0; i < ARRAY_COUNT(kv_only); i++) {
        if (is_given(json, kv_only[i])) {
            complain(reading, arena_printf(reading->arena, "/%s", kv_only[i]),
                     "belongs to KV keys; a %s is given as object", key->kind->name);
        }
    }
    if (!is_given(json, "object")) {
        complain(reading, "/object", "is required");
        return;
    }
    problem_init(&scratch);
    const struct json *given = json_find(json, "object");
    struct json *bare = json_without_envelope(given);
    enum err err = kind_read(key, bare != NULL ? bare : given, reading->arena, &object, &scratch);
    json_free(bare);
    if (err != ERR_OK) {
        pass_on(reading, "/object", &scratch);
        return;
    }
    struct buf payload;
    buf_init(&payload);
    field_encode(key->kind->shape, object, &payload);
    out_put->payload = arena_copy(reading->arena, buf_slice(&payload));
    buf_deinit(&payload);
}

static void read_put(struct reading *reading, const struct json *json, const struct put_body *body,
                     struct txn_operation *out_put) {
    struct kind_key key;
    *out_put = (struct txn_operation){.type = TXN_PUT, .key = body->key};
    if (body->lease != NULL && !lease_id_parse(body->lease, &out_put->lease)) {
        complain(reading, "/lease", "is no lease's id: 16 hex digits");
    }
    if (!read_key(reading, body->key, &key)) {
        return;
    }
    if (key.kind->id == KIND_KV) {
        read_value(reading, json, body, out_put);
    } else {
        read_object(reading, json, &key, out_put);
    }
}

static void read_range(struct reading *reading, const struct json *json,
                       const struct range_body *body, enum txn_operation_type type,
                       struct txn_operation *out_operation) {
    static const char *const names[] = {"key", "prefix"};
    struct kind_key key;
    *out_operation = (struct txn_operation){.type = type, .key = body->key, .prefix = body->prefix};
    unsigned given = find_one_of(reading, json, names, ARRAY_COUNT(names), "key, prefix");
    if (given == 0) {
        (void)read_key(reading, body->key, &key);
    }
}

static void read_operation(struct reading *reading, const char *branch, size_t index,
                           const struct json *json, const struct operation_body *body,
                           struct txn_operation *out_operation) {
    static const char *const names[] = {"put", "get", "delete"};
    snprintf(reading->at, sizeof reading->at, "/%s/%zu", branch, index);
    unsigned given = find_one_of(reading, json, names, ARRAY_COUNT(names), "put, get, delete");
    if (given == ARRAY_COUNT(names)) {
        return;
    }
    snprintf(reading->at, sizeof reading->at, "/%s/%zu/%s", branch, index, names[given]);
    const struct json *member = json_find(json, names[given]);
    if (body->put != NULL) {
        read_put(reading, member, body->put, out_operation);
    } else if (body->get != NULL) {
        read_range(reading, member, body->get, TXN_GET, out_operation);
    } else {
        read_range(reading, member, body->delete, TXN_DELETE, out_operation);
    }
}

/* The first entry of a list; NULL when there is none. */
static const struct json *first_of(const struct json *json, const char *name) {
    return is_given(json, name) ? json_first(json_find(json, name)) : NULL;
}

static void read_branch(struct reading *reading, const struct json *json, const char *branch,
                        const struct object_list *bodies, struct object_list *out_operations) {
    const struct json *item = first_of(json, branch);
    const struct operation_body *body = bodies->items;
    struct txn_operation *operations =
        arena_alloc(reading->arena, bodies->count * sizeof *operations);
    for (size_t i = 0; i < bodies->count; i++, item = json_next(item)) {
        read_operation(reading, branch, i, item, &body[i], &operations[i]);
    }
    *out_operations = (struct object_list){.items = operations, .count = bodies->count};
}

static void read_compares(struct reading *reading, const struct json *json,
                          const struct object_list *bodies, struct object_list *out_compares) {
    const struct json *item = first_of(json, "if");
    const struct compare_body *body = bodies->items;
    struct txn_compare *compares = arena_alloc(reading->arena, bodies->count * sizeof *compares);
    for (size_t i = 0; i < bodies->count; i++, item = json_next(item)) {
        snprintf(reading->at, sizeof reading->at, "/if/%zu", i);
        read_compare(reading, item, &body[i], &compares[i]);
    }
    *out_compares = (struct object_list){.items = compares, .count = bodies->count};
}

enum err txn_read(const struct json *json, struct arena *arena, struct command_txn *out_txn,
                  struct problem *problem) {
    struct reading reading = {.arena = arena, .problem = problem};
    struct txn_body body;
    enum err err = field_read(&shape_txn, json, "", arena, &body, problem);
    if (err != ERR_OK) {
        return err;
    }
    read_compares(&reading, json, &body.compares, &out_txn->compares);
    read_branch(&reading, json, "then", &body.then_operations, &out_txn->then_operations);
    read_branch(&reading, json, "else", &body.else_operations, &out_txn->else_operations);
    return problem->err == ERR_OK ? txn_check(out_txn, problem) : problem->err;
}
