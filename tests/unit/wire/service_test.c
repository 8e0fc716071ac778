/* Services: what they may stand for, and Kubernetes' rules for ports. */
#include "wire/kind_service.h"

#include "tests/unit/wire/kind_fixture.h"

#include <stdlib.h>
#include <string.h>

static const char key[] = "services/shop/web";

static void a_service_stands_for_exactly_one_of_three(void **state) {
    struct fixture *fixture = *state;
    static const struct refused_body rows[] = {
        {"[]", ""},
        {"{\"ports\":[{\"port\":80}]}", "/selector"},
        {"{\"headless\":true}", "/selector"},
        {"{\"headless\":true,\"selector\":{}}", "/selector"},
        {"{\"headless\":true,\"selector\":{\"a\":\"b\"},\"endpoints\":[]}", "/endpoints"},
        {"{\"external_name\":\"a.example\",\"selector\":{\"a\":\"b\"}}", "/selector"},
        {"{\"external_name\":\"a.example\",\"endpoints\":[]}", "/endpoints"},
        {"{\"external_name\":\"a.example\",\"cluster_ip\":\"10.96.0.1\"}", "/cluster_ip"},
        {"{\"external_name\":\"a.example\",\"headless\":true}", "/headless"},
        {"{\"external_name\":\"A.example\"}", "/external_name"},
        {"{\"external_name\":\"a..example\"}", "/external_name"},
        {"{\"external_name\":\"\"}", "/external_name"},
        {"{\"selector\":{\"a\":\"b\"},\"headless\":true,\"cluster_ip\":\"10.96.0.1\"}",
         "/cluster_ip"},
        {"{\"selector\":{\"a\":\"b\"}}", "/ports"},
        {"{\"selector\":{\"a\":\"b\"},\"ports\":[]}", "/ports"},
        {"{\"headless\":true,\"selector\":{\"a b\":\"c\"}}", "/selector/a b"},
        {"{\"headless\":true,\"selector\":{\"a\":\"b/c\"}}", "/selector/a"},
        {"{\"headless\":true,\"selector\":[\"a\"]}", "/selector"},
        {"{\"headless\":true,\"selector\":{\"a\":\"b\"},\"labels\":{\"a\":\"b c\"}}", "/labels/a"},
        {"{\"headless\":\"yes\",\"selector\":{\"a\":\"b\"},\"ports\":[{\"port\":1}]}", "/headless"},
        {"{\"clusterIP\":\"10.96.0.1\",\"headless\":true,\"endpoints\":[]}", "/clusterIP"},
    };
    expect_refused(fixture, key, rows, ARRAY_COUNT(rows));
}

static void an_address_must_be_somebodys(void **state) {
    struct fixture *fixture = *state;
    static const char *const illegal[] = {
        "0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::",   "::1",
        "fe80::1", "febf::1",   "ff02::1",     "10.0.0",    "10.0.0.01",       "host", "",
    };
    static const char *const legal[] = {
        "10.96.0.1",   "192.0.2.1", "169.253.0.1", "223.255.255.255",
        "2001:db8::1", "fd00::1",   "::2",         "fec0::1"};
    for (unsigned i = 0; i < ARRAY_COUNT(illegal); i++) {
        char *body = must_strdup(arena_printf(
            &fixture->arena, "{\"endpoints\":[],\"ports\":[{\"port\":1}],\"cluster_ip\":\"%s\"}",
            illegal[i]));
        expect_refused(fixture, key, &(struct refused_body){body, "/cluster_ip"}, 1);
        free(body);
        body = must_strdup(arena_printf(
            &fixture->arena,
            "{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\"},{\"address\":\"%s\"}]}",
            illegal[i]));
        expect_refused(fixture, key, &(struct refused_body){body, "/endpoints/1/address"}, 1);
        free(body);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(legal); i++) {
        const char *body = arena_printf(
            &fixture->arena,
            "{\"ports\":[{\"port\":1}],\"cluster_ip\":\"%s\",\"endpoints\":[{\"address\":\"%s\"}]}",
            legal[i], legal[i]);
        assert_non_null(complete(fixture, key, body));
    }
}

static void ports_are_as_kubernetes_wants_them(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *ports, *pointer; /* NULL: legal */
    } rows[] = {
        {"[{\"port\":80}]", NULL},
        {"[{\"port\":65535,\"target_port\":1,\"protocol\":\"SCTP\"}]", NULL},
        {"[{\"name\":\"a\",\"port\":53},{\"name\":\"b\",\"port\":53,\"protocol\":\"UDP\"}]", NULL},
        {"[{\"name\":\"1\",\"port\":53}]", NULL},
        {"[{}]", "/ports/0/port"},
        {"[{\"port\":0}]", "/ports/0/port"},
        {"[{\"port\":65536}]", "/ports/0/port"},
        {"[{\"port\":\"http\"}]", "/ports/0/port"},
        {"[{\"port\":80,\"target_port\":0}]", "/ports/0/target_port"},
        {"[{\"port\":80,\"target_port\":\"80\"}]", "/ports/0/target_port"},
        {"[{\"port\":80,\"targetPort\":80}]", "/ports/0/targetPort"},
        {"[{\"port\":80,\"protocol\":\"udp\"}]", "/ports/0/protocol"},
        {"[{\"port\":80,\"name\":\"Web\"}]", "/ports/0/name"},
        {"[{\"port\":80,\"name\":\"a.b\"}]", "/ports/0/name"},
        {"[{\"name\":\"a\",\"port\":80},{\"port\":81}]", "/ports/1/name"},
        {"[{\"port\":80},{\"name\":\"a\",\"port\":81}]", "/ports/0/name"},
        {"[{\"name\":\"a\",\"port\":80},{\"name\":\"a\",\"port\":81}]", "/ports/1/name"},
        {"[{\"name\":\"a\",\"port\":80},{\"name\":\"b\",\"port\":80,\"protocol\":\"TCP\"}]",
         "/ports/1/port"},
        {"{}", "/ports"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        char *body = must_strdup(arena_printf(
            &fixture->arena, "{\"headless\":true,\"selector\":{\"a\":\"b\"},\"ports\":%s}",
            rows[i].ports));
        if (rows[i].pointer != NULL) {
            expect_refused(fixture, key, &(struct refused_body){body, rows[i].pointer}, 1);
        } else if (complete(fixture, key, body) == NULL) {
            fail_msg("%s: %s", body, fixture->problem.detail);
        }
        free(body);
    }
}

static void endpoints_are_checked_one_by_one(void **state) {
    struct fixture *fixture = *state;
    static const struct refused_body rows[] = {
        {"{\"headless\":true,\"endpoints\":{}}", "/endpoints"},
        {"{\"headless\":true,\"endpoints\":[\"10.0.0.1\"]}", "/endpoints/0"},
        {"{\"headless\":true,\"endpoints\":[{}]}", "/endpoints/0/address"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\"},{\"address\":\"10.0.0.2\"},"
         "{\"address\":\"10.0.0.1\"}]}",
         "/endpoints/2/address"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"2001:db8::1\"},"
         "{\"address\":\"2001:db8:0::1\"}]}",
         "/endpoints/1/address"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\",\"hostname\":\"a.b\"}]}",
         "/endpoints/0/hostname"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\",\"node\":\"A\"}]}",
         "/endpoints/0/node"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\",\"ready\":1}]}",
         "/endpoints/0/ready"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\",\"ports\":[{\"port\":1}]}]}",
         "/endpoints/0/ports/0/name"},
        {"{\"headless\":true,\"endpoints\":[{\"address\":\"10.0.0.1\",\"ports\":[{\"name\":\"a\","
         "\"port\":1},{\"name\":\"a\",\"port\":2}]}]}",
         "/endpoints/0/ports/1/name"},
    };
    expect_refused(fixture, key, rows, ARRAY_COUNT(rows));
}

static void an_endpoint_is_ready_unless_it_says_no(void **state) {
    struct fixture *fixture = *state;
    static const char *const rows[][2] = {
        {"{\"address\":\"10.0.0.1\"}", "\"ready\":true"},
        {"{\"address\":\"10.0.0.1\",\"ready\":null}", "\"ready\":true"},
        {"{\"address\":\"10.0.0.1\",\"ready\":true}", "\"ready\":true"},
        {"{\"address\":\"10.0.0.1\",\"ready\":false}", "\"ready\":false"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *body =
            arena_printf(&fixture->arena, "{\"headless\":true,\"endpoints\":[%s]}", rows[i][0]);
        assert_non_null(strstr(complete(fixture, key, body), rows[i][1]));
    }
}

static const char *with_endpoints(struct fixture *fixture, unsigned count) {
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "{\"headless\":true,\"endpoints\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_appendf(&text, "%s{\"address\":\"10.1.%u.%u\"}", i > 0 ? "," : "", i / 256, i % 256);
    }
    buf_append_text(&text, "]}");
    char *copy = arena_strdup(&fixture->arena, buf_text(&text));
    buf_deinit(&text);
    return copy;
}

static void the_number_of_endpoints_is_bounded(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(complete(fixture, key, with_endpoints(fixture, LIMIT_SERVICE_ENDPOINTS_MAX)));
    assert_null(complete(fixture, key, with_endpoints(fixture, LIMIT_SERVICE_ENDPOINTS_MAX + 1)));
    assert_string_equal(fixture->problem.errors[0].pointer, "/endpoints");
}

static void mutated_services_are_stored_or_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const names[] = {"service_selector", "service_endpoints",
                                        "service_external"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        char *body = must_strdup(read_golden(fixture, names[i], ".request.json"));
        unsigned taken = mutate(fixture, key, body, 70 + i, 20000);
        free(body);
        assert_in_range(taken, 100, 19999);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEANLY(a_service_stands_for_exactly_one_of_three),
        CLEANLY(an_address_must_be_somebodys),
        CLEANLY(ports_are_as_kubernetes_wants_them),
        CLEANLY(endpoints_are_checked_one_by_one),
        CLEANLY(an_endpoint_is_ready_unless_it_says_no),
        CLEANLY(the_number_of_endpoints_is_bounded),
        CLEANLY(mutated_services_are_stored_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
