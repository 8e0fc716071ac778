/* From words to targets. */
#include "ctl/path.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *words[4];
    const char *key, *object, *list;
} rows[] = {
    {{"networks/default"},
     "networks/default",
     "/v1/networks/default",
     "/v1/networks?prefix=default"},
    {{"networks", "default"},
     "networks/default",
     "/v1/networks/default",
     "/v1/networks?prefix=default"},
    {{"/v1/nodes/a"}, "nodes/a", "/v1/nodes/a", "/v1/nodes?prefix=a"},
    {{"nodes"}, "nodes", "/v1/nodes", "/v1/nodes"},
    {{"subnets"}, "subnets", "/v1/subnets", "/v1/subnets"},
    {{"subnets", "default"}, "subnets/default", "/v1/subnets/default", "/v1/subnets/default"},
    {{"subnets/default/10.244.7.0/24"},
     "subnets/default/10.244.7.0-24",
     "/v1/subnets/default/10.244.7.0-24",
     "/v1/subnets/default?prefix=10.244.7.0-24"},
    {{"kv"}, "kv", "/v1/kv", "/v1/kv"},
    {{"kv/"}, "kv/", "/v1/kv/", "/v1/kv"},
    {{"kv/a b/c?d"}, "kv/a b/c?d", "/v1/kv/a%20b/c%3Fd", "/v1/kv?prefix=a%20b%2Fc%3Fd"},
    {{"kv", "a/"}, "kv/a/", "/v1/kv/a/", "/v1/kv?prefix=a%2F"},
    {{"cluster/members"}, "cluster/members", "/v1/cluster/members", "/v1/cluster/members"},
};

static void words_become_targets(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf key;
        struct buf object;
        struct buf list;
        unsigned count = 0;
        while (count < ARRAY_COUNT(rows[i].words) && rows[i].words[count] != NULL) {
            count++;
        }
        buf_init(&key);
        buf_init(&object);
        buf_init(&list);
        path_join(rows[i].words, count, &key);
        path_object_target(buf_text(&key), &object);
        path_list_target(buf_text(&key), &list);
        assert_string_equal(buf_text(&key), rows[i].key);
        assert_string_equal(buf_text(&object), rows[i].object);
        assert_string_equal(buf_text(&list), rows[i].list);
        buf_deinit(&key);
        buf_deinit(&object);
        buf_deinit(&list);
    }
}

static void only_keys_below_kv_are_values(void **state) {
    (void)state;
    assert_true(path_is_value("kv/a"));
    assert_false(path_is_value("kv/"));
    assert_false(path_is_value("kv"));
    assert_false(path_is_value("kvs/a"));
}

static void parameters_are_escaped_and_joined(void **state) {
    struct buf target;
    (void)state;
    buf_init(&target);
    buf_append_text(&target, "/v1/nodes");
    path_add_query(&target, "selector", "a=b,c!=d&e");
    path_add_query(&target, "limit", "all");
    assert_string_equal(buf_text(&target), "/v1/nodes?selector=a%3Db%2Cc%21%3Dd%26e&limit=all");
    buf_deinit(&target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_targets),
        cmocka_unit_test(only_keys_below_kv_are_values),
        cmocka_unit_test(parameters_are_escaped_and_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
