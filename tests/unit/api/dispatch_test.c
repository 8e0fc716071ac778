/* Paths, methods, headers and bodies against the real table of routes. */
#include "api/handlers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct finding {
    struct arena arena;
    const struct route *route;
    struct problem problem;
};

static enum err find(struct finding *finding, enum method method, const char *path) {
    arena_init(&finding->arena);
    problem_init(&finding->problem);
    finding->route = NULL;
    return dispatch_find(method, path, &finding->arena, &finding->route, &finding->problem);
}

static void each_path_finds_its_handler(void **state) {
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        void (*handle)(struct request *request);
    } rows[] = {
        {METHOD_GET, "/healthz", handle_healthz},
        {METHOD_HEAD, "/readyz", handle_readyz},
        {METHOD_GET, "/v1/cluster", handle_cluster},
        {METHOD_GET, "/v1/watch", handle_watch},
        {METHOD_GET, "/v1/kv", handle_list},
        {METHOD_DELETE, "/v1/kv", handle_kv_delete_all},
        {METHOD_GET, "/v1/kv/a", handle_kv_get},
        {METHOD_PUT, "/v1/kv/a/b//c", handle_kv_put},
        {METHOD_DELETE, "/v1/kv/a/", handle_kv_delete},
        {METHOD_GET, "/v1/networks", handle_list},
        {METHOD_PUT, "/v1/networks/default", handle_object_put},
        {METHOD_DELETE, "/v1/networks/default", handle_object_delete},
        {METHOD_GET, "/v1/subnets", handle_list},
        {METHOD_GET, "/v1/subnets/default", handle_list},
        {METHOD_GET, "/v1/subnets/default/10.0.0.0-24", handle_object_get},
        {METHOD_DELETE, "/v1/subnets/default/10.0.0.0-24", handle_subnet_delete},
        {METHOD_POST, "/v1/subnets/default/acquire", handle_subnet_acquire},
        {METHOD_POST, "/v1/subnets/default/10.0.0.0-24/renew", handle_subnet_renew},
        {METHOD_HEAD, "/v1/nodes/n1", handle_object_get},
        {METHOD_PUT, "/v1/endpoints/default/10.0.0.1", handle_object_put},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct finding finding;
        assert_int_equal(find(&finding, rows[i].method, rows[i].path), ERR_OK);
        assert_true(finding.route->handle == rows[i].handle);
        arena_deinit(&finding.arena);
    }
}

static void an_unknown_path_is_not_found(void **state) {
    (void)state;
    static const char *const paths[] = {"/",
                                        "/v1",
                                        "/v1/",
                                        "/v2/kv/a",
                                        "/healthz/",
                                        "/v1/kv/",
                                        "/v1/nodes/",
                                        "/v1/nodes/a/b",
                                        "/v1/subnets//acquire",
                                        "/v1/subnets/default/10.0.0.0-24/steal",
                                        "/v1/leases/",
                                        "/v1/txn/",
                                        "/metrics/",
                                        "/v1/a-collection-with-a-name-that-nobody-would-choose"};
    for (unsigned i = 0; i < ARRAY_COUNT(paths); i++) {
        struct finding finding;
        assert_int_equal(find(&finding, METHOD_GET, paths[i]), ERR_NOT_FOUND);
        assert_null(finding.route);
        arena_deinit(&finding.arena);
    }
}

static void a_wrong_method_names_those_that_are_served(void **state) {
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        const char *allow;
    } rows[] = {
        {METHOD_POST, "/v1/kv/a", "GET, HEAD, PUT, DELETE"},
        {METHOD_PUT, "/v1/kv", "GET, HEAD, DELETE"},
        {METHOD_PUT, "/v1/networks", "GET, HEAD"},
        {METHOD_OTHER, "/v1/networks/a", "GET, HEAD, PUT, DELETE"},
        {METHOD_GET, "/v1/subnets/default/acquire", "POST"},
        {METHOD_DELETE, "/v1/cluster", "GET, HEAD"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct finding finding;
        assert_int_equal(find(&finding, rows[i].method, rows[i].path), ERR_METHOD_NOT_ALLOWED);
        assert_string_equal(finding.problem.allow, rows[i].allow);
        arena_deinit(&finding.arena);
    }
}

static enum err check(enum method method, const char *path, const char *header, const char *value,
                      const char *body) {
    struct finding finding;
    struct http_message message = {.method = method, .body = slice_of_text(body)};
    if (header != NULL) {
        message.headers[message.header_count++] =
            (struct http_header){.name = header, .value = value};
    }
    assert_int_equal(find(&finding, method, path), ERR_OK);
    enum err err = dispatch_check_message(finding.route, &message, &finding.problem);
    arena_deinit(&finding.arena);
    return err;
}

static void json_routes_take_json_or_no_type(void **state) {
    (void)state;
    const char *path = "/v1/nodes/a";
    assert_int_equal(check(METHOD_PUT, path, NULL, NULL, "{}"), ERR_OK);
    assert_int_equal(check(METHOD_PUT, path, "content-type", "application/json", "{}"), ERR_OK);
    assert_int_equal(
        check(METHOD_PUT, path, "content-type", "Application/JSON; charset=utf-8", "{}"), ERR_OK);
    assert_int_equal(
        check(METHOD_PUT, path, "content-type", "application/x-www-form-urlencoded", "{}"),
        ERR_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(check(METHOD_PUT, path, "content-type", "application/jsonp", "{}"),
                     ERR_UNSUPPORTED_MEDIA_TYPE);
}

static void a_value_may_be_of_any_type_within_its_bound(void **state) {
    (void)state;
    char type[LIMIT_CONTENT_TYPE_SIZE_MAX + 2];
    memset(type, 'a', sizeof type);
    type[LIMIT_CONTENT_TYPE_SIZE_MAX] = 0;
    assert_int_equal(check(METHOD_PUT, "/v1/kv/a", "content-type", type, "x"), ERR_OK);
    type[LIMIT_CONTENT_TYPE_SIZE_MAX] = 'a';
    type[LIMIT_CONTENT_TYPE_SIZE_MAX + 1] = 0;
    assert_int_equal(check(METHOD_PUT, "/v1/kv/a", "content-type", type, "x"), ERR_BAD_REQUEST);
}

static void what_a_route_would_pass_over_is_refused(void **state) {
    (void)state;
    assert_int_equal(check(METHOD_DELETE, "/v1/kv/a", NULL, NULL, "x"), ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_GET, "/v1/kv/a", NULL, NULL, "x"), ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_DELETE, "/v1/kv/a", "if-none-match", "*", ""), ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_POST, "/v1/subnets/a/acquire", "if-match", "\"1\"", "{}"),
                     ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_PUT, "/v1/kv/a", "if-none-match", "*", "x"), ERR_OK);
    assert_int_equal(check(METHOD_DELETE, "/v1/kv/a", "if-match", "\"1\"", ""), ERR_OK);
}

static void an_idempotency_key_has_1_to_64_printable_characters(void **state) {
    (void)state;
    char key[66];
    memset(key, '~', 65);
    key[65] = 0;
    assert_int_equal(check(METHOD_PUT, "/v1/kv/a", "idempotency-key", key + 1, "x"), ERR_OK);
    assert_int_equal(check(METHOD_PUT, "/v1/kv/a", "idempotency-key", key, "x"), ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_PUT, "/v1/kv/a", "idempotency-key", "", "x"), ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_POST, "/v1/txn", "idempotency-key", "a\tb", "{}"),
                     ERR_BAD_REQUEST);
    assert_int_equal(check(METHOD_POST, "/v1/leases", "idempotency-key", "a b", "{}"), ERR_OK);
    assert_int_equal(check(METHOD_DELETE, "/v1/kv/a", "idempotency-key", "\xc3\xa9", ""),
                     ERR_BAD_REQUEST);
}

static void every_write_is_marked_and_every_row_can_be_reached(void **state) {
    (void)state;
    for (unsigned i = 0; i < route_count; i++) {
        assert_int_equal((routes[i].flags & ROUTE_WRITE) != 0, routes[i].method != METHOD_GET);
        for (unsigned j = 0; j < i; j++) {
            bool is_shadowed = strcmp(routes[i].pattern, routes[j].pattern) == 0 &&
                               routes[i].method == routes[j].method &&
                               (routes[j].kind == KIND_NONE || routes[j].kind == routes[i].kind);
            assert_false(is_shadowed);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_finds_its_handler),
        cmocka_unit_test(an_unknown_path_is_not_found),
        cmocka_unit_test(a_wrong_method_names_those_that_are_served),
        cmocka_unit_test(json_routes_take_json_or_no_type),
        cmocka_unit_test(a_value_may_be_of_any_type_within_its_bound),
        cmocka_unit_test(what_a_route_would_pass_over_is_refused),
        cmocka_unit_test(an_idempotency_key_has_1_to_64_printable_characters),
        cmocka_unit_test(every_write_is_marked_and_every_row_can_be_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
