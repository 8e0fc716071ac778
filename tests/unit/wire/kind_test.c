#include "wire/kind.h"

#include "tests/unit/wire/kind_fixture.h"
#include "wire/kind_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void stored_objects_are_as_the_golden_files_say(void **state) {
    struct fixture *fixture = *state;
    static const char *const rows[][2] = {
        {"network_least", "networks/default"},
        {"network_whole", "networks/prod"},
        {"network_ipv6_hostgw", "networks/six"},
        {"subnet_reservation", "subnets/default/10.244.9.0-24"},
        {"node_whole", "nodes/edge-1"},
        {"node_least", "nodes/edge-1.example"},
        {"endpoint_whole", "endpoints/default/10.244.7.2"},
        {"policy_whole", "policies/shop/db"},
        {"policy_bare", "policies/shop/dns.only"},
        {"policy_least", "policies/shop/deny"},
        {"policy_empty", "policies/shop/empty"},
        {"policy_cluster", "policies/_cluster/no-metadata"},
        {"policy_cluster_least", "policies/_cluster/least"},
        {"service_selector", "services/shop/web"},
        {"service_least", "services/shop/web"},
        {"service_endpoints", "services/shop/db"},
        {"service_no_endpoints", "services/shop/none"},
        {"service_external", "services/shop/db"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *request = read_golden(fixture, rows[i][0], ".request.json");
        const char *stored = read_golden(fixture, rows[i][0], ".json");
        const char *text = complete(fixture, rows[i][1], request);
        if (text == NULL) {
            fail_msg("%s: %s", rows[i][0], fixture->problem.detail);
        }
        assert_string_equal(text, stored);
        /* What was answered may be sent back: read-only fields are passed over. */
        assert_string_equal(complete(fixture, rows[i][1], stored), stored);
    }
}

static void keys_are_taken_apart(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *key;
        enum kind_id kind;
        const char *first, *second;
    } rows[] = {
        {"kv/a", KIND_KV, "a", NULL},
        {"kv/any/thing /with//slashes/", KIND_KV, "any/thing /with//slashes/", NULL},
        {"kv/\xc3\xa9", KIND_KV, "\xc3\xa9", NULL},
        {"kv//", KIND_KV, "/", NULL},
        {"networks/default", KIND_NETWORK, "default", NULL},
        {"subnets/default/10.244.7.0-24", KIND_SUBNET, "default", "10.244.7.0-24"},
        {"subnets/default/2001:db8:7::-64", KIND_SUBNET, "default", "2001:db8:7::-64"},
        {"nodes/edge-1.example.org", KIND_NODE, "edge-1.example.org", NULL},
        {"endpoints/default/10.244.7.2", KIND_ENDPOINT, "default", "10.244.7.2"},
        {"endpoints/default/2001:db8::1", KIND_ENDPOINT, "default", "2001:db8::1"},
        {"policies/shop/a.b", KIND_POLICY, "shop", "a.b"},
        {"policies/_cluster/a", KIND_POLICY, "_cluster", "a"},
        {"services/shop/web", KIND_SERVICE, "shop", "web"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(parse_key(fixture, rows[i].key), ERR_OK);
        assert_int_equal(fixture->key.kind->id, rows[i].kind);
        assert_string_equal(fixture->key.text, rows[i].key);
        assert_string_equal(fixture->key.segments[0], rows[i].first);
        if (rows[i].second != NULL) {
            assert_string_equal(fixture->key.segments[1], rows[i].second);
        }
    }
}

static void what_is_no_key_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *key;
        enum err err;
    } rows[] = {
        {"", ERR_NOT_FOUND},
        {"kv", ERR_NOT_FOUND},
        {"kv/", ERR_NOT_FOUND},
        {"KV/a", ERR_NOT_FOUND},
        {"gizmos/a", ERR_NOT_FOUND},
        {"networks", ERR_NOT_FOUND},
        {"networks/", ERR_NOT_FOUND},
        {"networks/a/", ERR_NOT_FOUND},
        {"networks/a/b", ERR_NOT_FOUND},
        {"networks//a", ERR_NOT_FOUND},
        {"networks/Default", ERR_INVALID},
        {"networks/a.b", ERR_INVALID},
        {"subnets/default", ERR_NOT_FOUND},
        {"subnets/default/", ERR_NOT_FOUND},
        {"subnets/default/10.244.7.0/24", ERR_NOT_FOUND},
        {"subnets/default/10.244.7.0", ERR_INVALID},
        {"subnets/default/10.244.7.1-24", ERR_INVALID},
        {"subnets/default/10.244.7.0-33", ERR_INVALID},
        {"subnets/default/2001:DB8::-64", ERR_INVALID},
        {"subnets/Default/10.244.7.0-24", ERR_INVALID},
        {"endpoints/default/10.244.7.02", ERR_INVALID},
        {"endpoints/default/2001:0db8::1", ERR_INVALID},
        {"policies/shop", ERR_NOT_FOUND},
        {"policies/Shop/a", ERR_INVALID},
        {"policies/a.b/a", ERR_INVALID},
        {"policies/_other/a", ERR_INVALID},
        {"policies/shop/_cluster", ERR_INVALID},
        {"policies/shop/A", ERR_INVALID},
        {"services/_cluster/a", ERR_INVALID},
        {"services/shop/a.b", ERR_INVALID},
        {"services/a.b/a", ERR_INVALID},
        {"nodes/a b", ERR_INVALID},
        {"nodes/-a", ERR_INVALID},
        {"kv/\xff", ERR_INVALID},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        if (parse_key(fixture, rows[i].key) != rows[i].err) {
            fail_msg("'%s': %s", rows[i].key, err_code(fixture->problem.err));
        }
        assert_int_equal(fixture->problem.err, rows[i].err);
        assert_true(strlen(fixture->problem.detail) > 0);
    }
}

static void a_key_of_1024_bytes_passes_and_1025_does_not(void **state) {
    struct fixture *fixture = *state;
    char key[LIMIT_KEY_SIZE_MAX + 2];
    memset(key, 'a', sizeof key);
    memcpy(key, "kv/", 3);
    key[LIMIT_KEY_SIZE_MAX] = 0;
    assert_int_equal(parse_key(fixture, key), ERR_OK);
    key[LIMIT_KEY_SIZE_MAX] = 'a';
    key[LIMIT_KEY_SIZE_MAX + 1] = 0;
    assert_int_equal(parse_key(fixture, key), ERR_TOO_LARGE);
}

/* Flannel's defaults and rules: docs/architecture.md names the source; len/min/max NULL: as given.
 */
static void a_network_is_completed_as_flannel_would(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *body;
        unsigned length;
        const char *min, *max;
    } rows[] = {
        {"{\"ipv4\":\"10.0.0.0/8\"}", 24, "10.0.1.0", "10.255.255.0"},
        {"{\"ipv4\":\"10.244.0.0/16\"}", 24, "10.244.1.0", "10.244.255.0"},
        {"{\"ipv4\":\"10.244.0.0/21\"}", 24, "10.244.1.0", "10.244.7.0"},
        {"{\"ipv4\":\"10.244.0.0/22\"}", 24, "10.244.1.0", "10.244.3.0"},
        {"{\"ipv4\":\"10.244.0.0/23\"}", 25, "10.244.0.128", "10.244.1.128"},
        {"{\"ipv4\":\"10.244.0.0/24\"}", 26, "10.244.0.64", "10.244.0.192"},
        {"{\"ipv4\":\"10.244.0.0/26\"}", 28, "10.244.0.16", "10.244.0.48"},
        {"{\"ipv4\":\"10.244.0.0/28\"}", 30, "10.244.0.4", "10.244.0.12"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_len\":18}", 18, "10.244.64.0", "10.244.192.0"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_len\":30}", 30, "10.244.0.4", "10.244.255.252"},
        {"{\"ipv4\":\"0.0.0.0/0\"}", 24, "0.0.1.0", "255.255.255.0"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_min\":\"10.244.0.0\"}", 24, "10.244.0.0",
         "10.244.255.0"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_min\":\"10.244.9.0\",\"subnet_max\":\"10.244.9.0\"}",
         24, "10.244.9.0", "10.244.9.0"},
        {"{\"ipv6\":\"2001:db8::/32\"}", 64, "2001:db8:0:1::", "2001:db8:ffff:ffff::"},
        {"{\"ipv6\":\"2001:db8::/62\"}", 64, "2001:db8:0:1::", "2001:db8:0:3::"},
        {"{\"ipv6\":\"2001:db8::/63\"}", 65, "2001:db8:0:0:8000::", "2001:db8:0:1:8000::"},
        {"{\"ipv6\":\"2001:db8::/124\"}", 126, "2001:db8::4", "2001:db8::c"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *family = strstr(rows[i].body, "ipv6") != NULL ? "ipv6_" : "";
        const char *text = complete(fixture, "networks/default", rows[i].body);
        const char *expected = arena_printf(
            &fixture->arena, "\"%ssubnet_len\":%u,\"%ssubnet_min\":\"%s\",\"%ssubnet_max\":\"%s\"",
            family, rows[i].length, family, rows[i].min, family, rows[i].max);
        if (text == NULL || strstr(text, expected) == NULL) {
            fail_msg("%s: %s %s instead of %s", rows[i].body, fixture->problem.detail, text,
                     expected);
        }
    }
}

static void a_network_that_cannot_be_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *body, *pointer;
    } rows[] = {
        {"{}", "/ipv4"},
        {"{\"ipv4\":\"10.244.0.0/29\"}", "/ipv4"},
        {"{\"ipv4\":\"10.244.0.0/32\"}", "/ipv4"},
        {"{\"ipv6\":\"2001:db8::/125\"}", "/ipv6"},
        {"{\"ipv4\":\"2001:db8::/32\"}", "/ipv4"},
        {"{\"ipv6\":\"10.244.0.0/16\"}", "/ipv6"},
        {"{\"ipv4\":\"10.244.0.1/16\"}", "/ipv4"},
        {"{\"ipv4\":\"10.244.0.0/26\",\"subnet_len\":24}", "/subnet_len"},
        {"{\"ipv4\":\"10.244.0.0/24\",\"subnet_len\":24}", "/subnet_len"},
        {"{\"ipv4\":\"10.244.0.0/24\",\"subnet_len\":25}", "/subnet_len"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_len\":31}", "/subnet_len"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_len\":0}", "/subnet_len"},
        {"{\"ipv6\":\"2001:db8::/48\",\"ipv6_subnet_len\":127}", "/ipv6_subnet_len"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_min\":\"10.245.0.0\"}", "/subnet_min"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_max\":\"10.243.255.0\"}", "/subnet_max"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_min\":\"10.244.7.1\"}", "/subnet_min"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_max\":\"10.244.7.128\"}", "/subnet_max"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_min\":\"2001:db8::\"}", "/subnet_min"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"subnet_min\":\"10.244.9.0\",\"subnet_max\":\"10.244.8.0\"}",
         "/subnet_min"},
        {"{\"ipv6\":\"2001:db8::/48\",\"subnet_len\":24}", "/subnet_len"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"ipv6_subnet_min\":\"2001:db8::\"}", "/ipv6_subnet_min"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"lease_ttl_s\":4}", "/lease_ttl_s"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"lease_ttl_s\":2592001}", "/lease_ttl_s"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"backend\":{}}", "/backend/type"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"backend\":{\"type\":\"magic\"}}", "/backend/type"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"backend\":{\"type\":\"vxlan\",\"vni\":16777216}}",
         "/backend/vni"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"backend\":{\"type\":\"vxlan\",\"port\":65536}}",
         "/backend/port"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"backend\":{\"type\":\"host-gw\",\"vni\":1}}", "/backend"},
        {"{\"ipv4\":\"10.244.0.0/16\",\"backend\":{\"type\":\"vxlan\",\"VNI\":1}}", "/backend/VNI"},
        {"{\"Network\":\"10.244.0.0/16\"}", "/Network"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        if (complete(fixture, "networks/default", rows[i].body) != NULL) {
            fail_msg("%s was taken", rows[i].body);
        }
        assert_int_equal(fixture->problem.err, ERR_INVALID);
        if (strcmp(fixture->problem.errors[0].pointer, rows[i].pointer) != 0) {
            fail_msg("%s: %s", rows[i].body, fixture->problem.detail);
        }
    }
}

static void a_put_on_a_subnet_is_a_reservation_or_nothing(void **state) {
    struct fixture *fixture = *state;
    static const char *const key = "subnets/default/10.244.9.0-24";
    assert_null(complete(fixture, key, "{\"node\":\"edge-9\"}"));
    assert_string_equal(fixture->problem.errors[0].pointer, "/reserved");
    assert_null(complete(fixture, key, "{\"node\":\"edge-9\",\"reserved\":false}"));
    assert_null(complete(fixture, key, "{\"reserved\":true}"));
    assert_string_equal(fixture->problem.errors[0].pointer, "/node");
    assert_null(complete(fixture, key, "{\"node\":\"Edge 9\",\"reserved\":true}"));
    assert_string_equal(fixture->problem.errors[0].pointer, "/node");
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables nest */
/* Numbers are on disk: each once in its shape. Every field explains itself in the API document. */
static void check_shape(const struct shape *shape, unsigned depth) {
    assert_true(depth < LIMIT_JSON_DEPTH_MAX);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        assert_true(field->number > 0);
        assert_true(field->help != NULL || (field->flags & FIELD_HIDDEN) != 0);
        for (size_t other = 0; other < i; other++) {
            assert_int_not_equal(shape->fields[other].number, field->number);
            assert_string_not_equal(shape->fields[other].name, field->name);
        }
        if (field->shape != NULL) {
            check_shape(field->shape, depth + 1);
        }
    }
}
/* NOLINTEND(misc-no-recursion) */

static void the_table_of_kinds_is_sound(void **state) {
    (void)state;
    assert_true(kind_count > 0);
    for (unsigned i = 0; i < kind_count; i++) {
        assert_ptr_equal(kind_find(kinds[i]->collection), kinds[i]);
        assert_ptr_equal(kind_of(kinds[i]->id), kinds[i]);
        if (kinds[i]->shape != NULL) {
            check_shape(kinds[i]->shape, 0);
        }
    }
    check_shape(&shape_policy_manifest, 0);
    assert_null(kind_find("gizmos"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEANLY(stored_objects_are_as_the_golden_files_say),
        CLEANLY(keys_are_taken_apart),
        CLEANLY(what_is_no_key_is_refused),
        CLEANLY(a_key_of_1024_bytes_passes_and_1025_does_not),
        CLEANLY(a_network_is_completed_as_flannel_would),
        CLEANLY(a_network_that_cannot_be_is_refused),
        CLEANLY(a_put_on_a_subnet_is_a_reservation_or_nothing),
        cmocka_unit_test(the_table_of_kinds_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
