/* Server URLs: what is taken, what is refused, and how the refusal reads. */
#include "client/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *url, *host, *path, *header;
    uint16_t port;
} good[] = {
    {"http://10.0.0.1:7480", "10.0.0.1", "", "10.0.0.1:7480", 7480},
    {"http://10.0.0.1", "10.0.0.1", "", "10.0.0.1:7480", 7480},
    {"http://s1.example:1/", "s1.example", "", "s1.example:1", 1},
    {"http://[::1]:65535", "::1", "", "[::1]:65535", 65535},
    {"http://[2001:db8::2]", "2001:db8::2", "", "[2001:db8::2]:7480", 7480},
    {"unix:/run/weft/agent.sock", "", "/run/weft/agent.sock", "localhost", 0},
};

static void urls_become_addresses(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct server_url server;
        struct problem problem;
        assert_int_equal(server_url_parse(good[i].url, &server, &problem), ERR_OK);
        assert_string_equal(server.address.host, good[i].host);
        assert_string_equal(server.address.path, good[i].path);
        assert_int_equal(server.address.port, good[i].port);
        assert_string_equal(server.host, good[i].header);
        assert_string_equal(server.text, good[i].url);
    }
}

static const char *const bad[] = {
    "",
    "10.0.0.1:7480",
    "http://",
    "http://:7480",
    "http://a:0",
    "http://a:65536",
    "http://a:99999999999999999999",
    "http://a:",
    "http://a:80x",
    "http://a/v1",
    "http://a b",
    "http://user@a",
    "http://[::1",
    "http://[a.example]",
    "http://::1",
    "unix:",
    "unix:run/weft.sock",
    "ftp://a",
};

static void bad_urls_are_named(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct server_url server;
        struct problem problem;
        problem_init(&problem);
        assert_int_equal(server_url_parse(bad[i], &server, &problem), ERR_INVALID);
        assert_non_null(strstr(problem.detail, bad[i]));
    }
}

static void https_is_refused_with_its_reason(void **state) {
    struct server_list servers;
    struct problem problem;
    (void)state;
    problem_init(&problem);
    assert_int_equal(server_list_parse("http://a,https://b:7480", &servers, &problem),
                     ERR_UNSUPPORTED);
    assert_string_equal(problem.detail, "the server URL 'https://b:7480' asks for TLS, which this "
                                        "build does not speak");
}

static void unix_path_ends_at_its_bound(void **state) {
    char url[128] = "unix:/";
    struct server_url server;
    struct problem problem;
    (void)state;
    memset(url + 6, 'a', 106); /* 107 bytes with the slash: what sun_path holds */
    assert_int_equal(server_url_parse(url, &server, &problem), ERR_OK);
    url[6 + 106] = 'a';
    assert_int_equal(server_url_parse(url, &server, &problem), ERR_INVALID);
}

static void list_takes_commas_and_spaces(void **state) {
    struct server_list servers;
    struct problem problem;
    (void)state;
    assert_int_equal(server_list_parse(" http://a:1,http://b:2 http://c:3, ", &servers, &problem),
                     ERR_OK);
    assert_int_equal(servers.count, 3);
    assert_int_equal(servers.first, 0);
    assert_string_equal(servers.items[2].host, "c:3");
}

static void list_names_the_bad_one(void **state) {
    struct server_list servers;
    struct problem problem;
    (void)state;
    assert_int_equal(server_list_parse("http://a:1,b:2", &servers, &problem), ERR_INVALID);
    assert_non_null(strstr(problem.detail, "'b:2'"));
    assert_int_equal(server_list_parse(" , ", &servers, &problem), ERR_INVALID);
}

static void list_ends_at_its_bound(void **state) {
    struct buf urls;
    struct server_list servers;
    struct problem problem;
    (void)state;
    buf_init(&urls);
    for (unsigned i = 0; i < LIMIT_SERVERS_MAX; i++) {
        buf_append_text(&urls, "http://a:1,");
    }
    assert_int_equal(server_list_parse(buf_text(&urls), &servers, &problem), ERR_OK);
    assert_int_equal(servers.count, LIMIT_SERVERS_MAX);
    buf_append_text(&urls, "http://b:2");
    assert_int_equal(server_list_parse(buf_text(&urls), &servers, &problem), ERR_INVALID);
    assert_non_null(strstr(problem.detail, "http://b:2"));
    buf_deinit(&urls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_become_addresses),
        cmocka_unit_test(bad_urls_are_named),
        cmocka_unit_test(https_is_refused_with_its_reason),
        cmocka_unit_test(unix_path_ends_at_its_bound),
        cmocka_unit_test(list_takes_commas_and_spaces),
        cmocka_unit_test(list_names_the_bad_one),
        cmocka_unit_test(list_ends_at_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
