/* A transaction's JSON and its faults, each at its pointer. */
#include "api/txn_read.h"

#include "wire/kind_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct reading {
    struct arena arena;
    struct command_txn txn;
    struct problem problem;
};

static int setup(void **state) {
    static struct reading reading;
    arena_init(&reading.arena);
    *state = &reading;
    return 0;
}

static int teardown(void **state) {
    struct reading *reading = *state;
    arena_deinit(&reading->arena);
    return 0;
}

static enum err read_txn(struct reading *reading, const char *text) {
    struct json *json = NULL;
    struct json_fault fault;
    problem_init(&reading->problem);
    assert_int_equal(json_parse(slice_of_text(text), &json, &fault), ERR_OK);
    enum err err = txn_read(json, &reading->arena, &reading->txn, &reading->problem);
    json_free(json);
    return err;
}

/* Reads a fault; it and no other is at that pointer. */
static void assert_fault(struct reading *reading, const char *text, const char *pointer) {
    assert_int_equal(read_txn(reading, text), ERR_INVALID);
    assert_string_equal(reading->problem.errors[0].pointer, pointer);
    assert_int_equal(reading->problem.error_count, 1);
}

static const struct txn_compare *compare_at(struct reading *reading, size_t index) {
    assert_true(index < reading->txn.compares.count);
    return (const struct txn_compare *)reading->txn.compares.items + index;
}

static const struct txn_operation *operation_at(struct reading *reading, size_t index) {
    assert_true(index < reading->txn.then_operations.count);
    return (const struct txn_operation *)reading->txn.then_operations.items + index;
}

static void compares_are_read_with_their_relation(void **state) {
    struct reading *reading = *state;
    assert_int_equal(read_txn(reading, "{\"if\":[{\"key\":\"kv/a\",\"version\":0},"
                                       "{\"key\":\"kv/a\",\"op\":\">\",\"revision\":7},"
                                       "{\"key\":\"kv/a\",\"op\":\"<\",\"created_revision\":9},"
                                       "{\"key\":\"kv/a\",\"op\":\"!=\",\"value\":\"\"},"
                                       "{\"key\":\"kv/a\",\"op\":\"=\",\"value_b64\":\"AP8=\"}]}"),
                     ERR_OK);
    static const struct {
        uint64_t target, relation, number;
    } expected[] = {{TXN_TARGET_VERSION, TXN_EQUAL, 0},
                    {TXN_TARGET_REVISION, TXN_GREATER, 7},
                    {TXN_TARGET_CREATED_REVISION, TXN_LESS, 9},
                    {TXN_TARGET_VALUE, TXN_NOT_EQUAL, 0},
                    {TXN_TARGET_VALUE, TXN_EQUAL, 0}};
    for (unsigned i = 0; i < 5; i++) {
        const struct txn_compare *compare = compare_at(reading, i);
        assert_string_equal(compare->key, "kv/a");
        assert_int_equal(compare->target, expected[i].target);
        assert_int_equal(compare->relation, expected[i].relation);
        assert_int_equal(compare->number, expected[i].number);
    }
    assert_int_equal(compare_at(reading, 3)->value.size, 0);
    assert_true(slice_equal(compare_at(reading, 4)->value, slice_of("\0\xff", 2)));
}

static void a_put_takes_text_or_base64_and_a_default_type(void **state) {
    struct reading *reading = *state;
    assert_int_equal(
        read_txn(reading,
                 "{\"then\":[{\"put\":{\"key\":\"kv/a\",\"value\":\"\xc3\xa9\"}},"
                 "{\"put\":{\"key\":\"kv/b\",\"value_b64\":\"AP8=\",\"content_type\":\"x/y\","
                 "\"lease\":\"0000000000000abc\"}}]}"),
        ERR_OK);
    const struct txn_operation *text = operation_at(reading, 0);
    assert_int_equal(text->type, TXN_PUT);
    assert_true(slice_equal(text->payload, slice_of_text("\xc3\xa9")));
    assert_string_equal(text->content_type, "application/octet-stream");
    assert_int_equal(text->lease, 0);
    const struct txn_operation *bytes = operation_at(reading, 1);
    assert_true(slice_equal(bytes->payload, slice_of("\0\xff", 2)));
    assert_string_equal(bytes->content_type, "x/y");
    assert_int_equal(bytes->lease, 0xabc);
}

static void an_object_is_checked_as_its_kind_and_loses_its_envelope(void **state) {
    struct reading *reading = *state;
    assert_int_equal(read_txn(reading, "{\"then\":[{\"put\":{\"key\":\"nodes/edge-1\",\"object\":"
                                       "{\"labels\":{\"a\":\"b\"},\"key\":\"nodes/edge-1\","
                                       "\"revision\":3,\"created_revision\":2,\"version\":2,"
                                       "\"lease\":\"0000000000000abc\"}}}]}"),
                     ERR_OK);
    struct node node;
    assert_int_equal(field_decode(kind_of(KIND_NODE)->shape, operation_at(reading, 0)->payload,
                                  &reading->arena, &node),
                     ERR_OK);
    assert_int_equal(node.labels.count, 1);
    assert_fault(reading,
                 "{\"then\":[{\"put\":{\"key\":\"networks/n\",\"object\":"
                 "{\"ipv4\":\"10.244.0.0/26\",\"subnet_len\":24}}}]}",
                 "/then/0/put/object/subnet_len");
    assert_fault(reading, "{\"else\":[{\"put\":{\"key\":\"networks/n\",\"object\":{\"x\":1}}}]}",
                 "/else/0/put/object/x");
    assert_fault(reading, "{\"then\":[{\"put\":{\"key\":\"networks/n\",\"object\":7}}]}",
                 "/then/0/put/object");
}

static void gets_and_deletes_take_a_key_or_a_prefix(void **state) {
    struct reading *reading = *state;
    assert_int_equal(read_txn(reading, "{\"then\":[{\"get\":{\"key\":\"kv/a\"}},"
                                       "{\"get\":{\"prefix\":\"\"}},"
                                       "{\"delete\":{\"prefix\":\"kv/b\"}}]}"),
                     ERR_OK);
    assert_string_equal(operation_at(reading, 0)->key, "kv/a");
    assert_string_equal(operation_at(reading, 1)->prefix, "");
    assert_int_equal(operation_at(reading, 2)->type, TXN_DELETE);
    assert_null(operation_at(reading, 2)->key);
}

static void every_fault_has_its_pointer(void **state) {
    static const struct {
        const char *text, *pointer;
    } faults[] = {
        {"{\"unless\":[]}", "/unless"},
        {"{\"if\":7}", "/if"},
        {"{\"if\":[{\"version\":1}]}", "/if/0/key"},
        {"{\"if\":[{\"key\":\"kv/a\"}]}", "/if/0"},
        {"{\"if\":[{\"key\":\"kv/a\",\"version\":1,\"revision\":1}]}", "/if/0"},
        {"{\"if\":[{\"key\":\"kv/a\",\"version\":1,\"op\":\"==\"}]}", "/if/0/op"},
        {"{\"if\":[{\"key\":\"kv/a\",\"version\":-1}]}", "/if/0/version"},
        {"{\"if\":[{\"key\":\"nowhere/a\",\"version\":1}]}", "/if/0/key"},
        {"{\"if\":[{\"key\":\"nodes/a\",\"value\":\"x\"}]}", "/if/0/value"},
        {"{\"if\":[{\"key\":\"kv/a\",\"value_b64\":\"x\"}]}", "/if/0/value_b64"},
        {"{\"then\":[null]}", "/then/0"},
        {"{\"then\":[{}]}", "/then/0"},
        {"{\"then\":[{\"get\":{\"key\":\"kv/a\"},\"delete\":{\"key\":\"kv/b\"}}]}", "/then/0"},
        {"{\"then\":[{\"move\":{}}]}", "/then/0/move"},
        {"{\"then\":[{\"get\":{}}]}", "/then/0/get"},
        {"{\"then\":[{\"get\":{\"key\":\"kv/a\",\"prefix\":\"kv/\"}}]}", "/then/0/get"},
        {"{\"then\":[{\"delete\":{\"key\":\"kv/\"}}]}", "/then/0/delete/key"},
        {"{\"then\":[{\"put\":{\"value\":\"x\"}}]}", "/then/0/put/key"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\"}}]}", "/then/0/put"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\",\"value\":\"x\",\"value_b64\":\"eA==\"}}]}",
         "/then/0/put"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\",\"value_b64\":\"eA=\"}}]}",
         "/then/0/put/value_b64"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\",\"object\":{}}}]}", "/then/0/put/object"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\",\"value\":\"\",\"lease\":\"7\"}}]}",
         "/then/0/put/lease"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\",\"value\":\"\",\"content_type\":\"a\\r\\nb: "
         "c\"}}]}",
         "/then/0/put/content_type"},
        {"{\"then\":[{\"put\":{\"key\":\"nodes/a\"}}]}", "/then/0/put/object"},
        {"{\"then\":[{\"put\":{\"key\":\"nodes/a\",\"object\":{},\"value\":\"\"}}]}",
         "/then/0/put/value"},
        {"{\"then\":[{\"put\":{\"key\":\"kv/a\",\"value\":\"\"}},{\"delete\":{\"key\":\"kv/a\"}}]}",
         "/then/1/delete/key"},
        {"{\"else\":[{\"delete\":{\"prefix\":\"kv/\"}},{\"put\":{\"key\":\"kv/"
         "a\",\"value\":\"\"}}]}",
         "/else/1/put/key"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(faults); i++) {
        print_message("%s\n", faults[i].text);
        assert_fault(*state, faults[i].text, faults[i].pointer);
    }
}

static void all_faults_are_told_at_once(void **state) {
    struct reading *reading = *state;
    assert_int_equal(read_txn(reading, "{\"if\":[{\"key\":\"kv/a\"}],\"then\":[{\"get\":{}}],"
                                       "\"else\":[{\"put\":{\"key\":\"kv/a\"}}]}"),
                     ERR_INVALID);
    assert_int_equal(reading->problem.error_count, 3);
}

/* {"if":[...] or "then":[...]} with `count` entries. */
static enum err read_many(struct reading *reading, const char *name, const char *format,
                          unsigned count) {
    struct buf text;
    buf_init(&text);
    buf_appendf(&text, "{\"%s\":[", name);
    for (unsigned i = 0; i < count; i++) {
        char entry[80];
        snprintf(entry, sizeof entry, "%s{\"%s\":%s\"kv/%u\"", i > 0 ? "," : "",
                 format[0] == 'k' ? "key" : "delete", format[0] == 'k' ? "" : "{\"key\":", i);
        buf_append_text(&text, entry);
        buf_append_text(&text, format[0] == 'k' ? ",\"version\":0}" : "}}");
    }
    buf_append_text(&text, "]}");
    enum err err = read_txn(reading, buf_text(&text));
    buf_deinit(&text);
    return err;
}

static void bounds_hold_at_128_and_at_129(void **state) {
    struct reading *reading = *state;
    assert_int_equal(read_many(reading, "if", "key", LIMIT_TXN_COMPARES_MAX), ERR_OK);
    assert_int_equal(read_many(reading, "if", "key", LIMIT_TXN_COMPARES_MAX + 1), ERR_INVALID);
    assert_string_equal(reading->problem.errors[0].pointer, "/if");
    assert_int_equal(read_many(reading, "then", "delete", LIMIT_TXN_OPERATIONS_MAX), ERR_OK);
    assert_int_equal(read_many(reading, "then", "delete", LIMIT_TXN_OPERATIONS_MAX + 1),
                     ERR_INVALID);
    assert_string_equal(reading->problem.errors[0].pointer, "/then");
}

static void nothing_at_all_is_a_transaction(void **state) {
    struct reading *reading = *state;
    assert_int_equal(read_txn(reading, "{}"), ERR_OK);
    assert_int_equal(read_txn(reading, "{\"if\":null,\"then\":[],\"else\":null}"), ERR_OK);
    assert_int_equal(reading->txn.then_operations.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(compares_are_read_with_their_relation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_put_takes_text_or_base64_and_a_default_type, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_object_is_checked_as_its_kind_and_loses_its_envelope,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(gets_and_deletes_take_a_key_or_a_prefix, setup, teardown),
        cmocka_unit_test_setup_teardown(every_fault_has_its_pointer, setup, teardown),
        cmocka_unit_test_setup_teardown(all_faults_are_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_hold_at_128_and_at_129, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_at_all_is_a_transaction, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
