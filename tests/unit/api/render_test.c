/* The JSON form of objects, byte for byte: clients read it. */
#include "api/render.h"

#include "wire/kind_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_rendered(const struct object *object, const char *expected) {
    struct arena arena;
    arena_init(&arena);
    struct slice text = render_to_arena(object, &arena);
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    arena_deinit(&arena);
}

static void a_kv_item_is_its_bytes_in_base64(void **state) {
    (void)state;
    struct object object = {.key = "kv/a\"b",
                            .kind = KIND_KV,
                            .revision = 7,
                            .created_revision = 3,
                            .version = 2,
                            .content_type = "text/plain",
                            .payload = slice_of("\0\xff", 2)};
    assert_rendered(&object, "{\"key\":\"kv/a\\\"b\",\"value_b64\":\"AP8=\",\"content_type\":"
                             "\"text/plain\",\"revision\":7,\"created_revision\":3,\"version\":2}");
}

static void an_empty_value_without_a_type_has_both_members(void **state) {
    (void)state;
    struct object object = {.key = "kv/a",
                            .kind = KIND_KV,
                            .revision = LIMIT_REVISION_MAX,
                            .created_revision = 1,
                            .version = 1,
                            .lease = 0xabc};
    assert_rendered(&object, "{\"key\":\"kv/a\",\"value_b64\":\"\",\"content_type\":\"application/"
                             "octet-stream\",\"revision\":9007199254740991,\"created_revision\":1,"
                             "\"version\":1,\"lease\":\"0000000000000abc\"}");
}

static void a_resource_is_its_fields_then_key_and_revisions(void **state) {
    (void)state;
    struct text_pair pairs[] = {{"zone", "a"}};
    struct node node = {.name = "n1", .labels = {.items = pairs, .count = 1}};
    struct buf payload;
    buf_init(&payload);
    field_encode(&shape_node, &node, &payload);
    struct object object = {.key = "nodes/n1",
                            .kind = KIND_NODE,
                            .revision = 5,
                            .created_revision = 4,
                            .version = 2,
                            .payload = buf_slice(&payload)};
    assert_rendered(&object, "{\"name\":\"n1\",\"labels\":{\"zone\":\"a\"},\"key\":\"nodes/n1\","
                             "\"revision\":5,\"created_revision\":4,\"version\":2}");
    buf_deinit(&payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kv_item_is_its_bytes_in_base64),
        cmocka_unit_test(an_empty_value_without_a_type_has_both_members),
        cmocka_unit_test(a_resource_is_its_fields_then_key_and_revisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
