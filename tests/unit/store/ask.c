#include "tests/unit/store/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum err ask_put(struct bench *bench, const char *key, const char *value, uint64_t lease) {
    struct command_put put = {.key = key, .payload = slice_of_text(value), .lease = lease};
    return bench_run(bench, COMMAND_PUT, &put);
}

enum err ask_grant(struct bench *bench, uint64_t id, uint64_t ttl_s) {
    struct command_lease_grant grant = {.id = id, .ttl_s = ttl_s};
    return bench_run(bench, COMMAND_LEASE_GRANT, &grant);
}

enum err ask_renew(struct bench *bench, uint64_t id) {
    struct command_lease renew = {.id = id};
    return bench_run(bench, COMMAND_LEASE_RENEW, &renew);
}

enum err ask_revoke(struct bench *bench, uint64_t id) {
    struct command_lease revoke = {.id = id};
    return bench_run(bench, COMMAND_LEASE_REVOKE, &revoke);
}

static struct object_list list_of(const struct txn_operation *operations) {
    struct object_list list = {.items = (void *)(uintptr_t)operations};
    while (operations != NULL && operations[list.count].type != 0) {
        list.count++;
    }
    return list;
}

enum err ask_txn(struct bench *bench, const struct txn_compare *compare,
                 const struct txn_operation *then_operations,
                 const struct txn_operation *else_operations) {
    struct command_txn txn = {
        .compares = {.items = (void *)(uintptr_t)compare, .count = compare != NULL ? 1 : 0},
        .then_operations = list_of(then_operations),
        .else_operations = list_of(else_operations)};
    return bench_run(bench, COMMAND_TXN, &txn);
}

enum err ask_once(struct bench *bench, const char *key, const char *fingerprint, enum command_id id,
                  const void *arguments) {
    struct buf command;
    buf_init(&command);
    command_encode(id, arguments, &command);
    struct command_once once = {.client = "c",
                                .key = key,
                                .fingerprint = slice_of_text(fingerprint),
                                .command = buf_slice(&command)};
    enum err err = bench_run(bench, COMMAND_ONCE, &once);
    buf_deinit(&command);
    return err;
}

/* ---- what the store shows ---- */

static const char *text_of(struct bench *bench, struct buf *text) {
    const char *copy = arena_strdup(&bench->arena, buf_text(text));
    buf_deinit(text);
    return copy;
}

static void add_value(struct buf *text, const struct object *object) {
    buf_append_text(text, object->key);
    buf_append_char(text, '=');
    if (object->kind == KIND_KV) {
        buf_append(text, object->payload.data, object->payload.size);
    }
}

static bool add_object(void *owner, const struct object *object) {
    struct buf *text = owner;
    add_value(text, object);
    buf_appendf(text, "@%llu.%llu", (unsigned long long)object->revision,
                (unsigned long long)object->version);
    if (object->lease != 0) {
        buf_appendf(text, "/%llx", (unsigned long long)object->lease);
    }
    buf_append_char(text, ' ');
    return true;
}

const char *ask_objects(struct bench *bench, const char *prefix) {
    struct store_read read;
    struct buf text;
    buf_init(&text);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_list(&read, prefix, NULL, add_object, &text);
    store_read_end(&read);
    return text_of(bench, &text);
}

static bool add_event(void *owner, const struct event *event) {
    struct buf *text = owner;
    buf_appendf(text, "%s%llu:%s<%llu ", event->is_delete ? "-" : "+",
                (unsigned long long)event->object.revision, event->object.key,
                (unsigned long long)event->previous_revision);
    return true;
}

const char *ask_events(struct bench *bench, uint64_t after) {
    struct store_read read;
    struct buf text;
    buf_init(&text);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_events(&read, after, add_event, &text);
    store_read_end(&read);
    return text_of(bench, &text);
}

static bool add_key(void *owner, const char *key) {
    buf_appendf(owner, "%s ", key);
    return true;
}

const char *ask_keys(struct bench *bench, uint64_t id) {
    struct store_read read;
    struct buf text;
    buf_init(&text);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_lease_keys(&read, id, add_key, &text);
    store_read_end(&read);
    return text_of(bench, &text);
}

bool ask_lease(struct bench *bench, uint64_t id, struct lease *out_lease) {
    struct store_read read;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    enum err err = store_lease_get(&read, id, out_lease);
    store_read_end(&read);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK;
}

static void add_result(struct buf *text, const struct txn_result *result) {
    switch (result->type) {
    case TXN_PUT:
        buf_appendf(text, "put@%llu.%llu ", (unsigned long long)result->revision,
                    (unsigned long long)result->version);
        return;
    case TXN_GET:
        buf_append_text(text, "get(");
        for (size_t i = 0; i < result->item_count; i++) {
            add_value(text, &result->items[i]);
            buf_append_char(text, ' ');
        }
        buf_append_text(text, ") ");
        return;
    default:
        buf_appendf(text, "deleted:%llu ", (unsigned long long)result->deleted);
        return;
    }
}

const char *ask_results(struct bench *bench) {
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; i < bench->outcome.result_count; i++) {
        add_result(&text, &bench->outcome.results[i]);
    }
    return text_of(bench, &text);
}

const char *ask_error(struct bench *bench) {
    const struct problem *problem = &bench->outcome.problem;
    return problem->error_count == 0
               ? ""
               : arena_printf(&bench->arena, "%s: %s", problem->errors[0].pointer,
                              problem->errors[0].message);
}

const char *ask_long_key(struct bench *bench, size_t size, char last) {
    char *key = arena_alloc(&bench->arena, size + 1);
    memset(key, 'x', size);
    static const char collection[] = {'k', 'v', '/'};
    memcpy(key, collection, sizeof collection);
    key[size - 1] = last;
    return key;
}
