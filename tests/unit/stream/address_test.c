/* Socket addresses: what parses, what does not, what is local. */
#include "stream/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void good_addresses_parse_and_format_back(void **state) {
    static const struct {
        const char *text;
        const char *host;
        const char *path;
        uint16_t port;
        bool is_local;
    } rows[] = {
        {"127.0.0.1:7480", "127.0.0.1", "", 7480, true},
        {"127.8.8.8:1", "127.8.8.8", "", 1, true},
        {"192.0.2.1:65535", "192.0.2.1", "", 65535, false},
        {"0.0.0.0:0", "0.0.0.0", "", 0, false},
        {"[::1]:7480", "::1", "", 7480, true},
        {"[2001:db8::1]:7480", "2001:db8::1", "", 7480, false},
        {"localhost:7480", "localhost", "", 7480, false},
        {"s1.weft_lab.example:7480", "s1.weft_lab.example", "", 7480, false},
        {"unix:/run/weft/api.sock", "", "/run/weft/api.sock", 0, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct socket_address address;
        struct buf text;
        buf_init(&text);
        assert_int_equal(socket_address_parse(rows[i].text, &address), ERR_OK);
        assert_string_equal(address.host, rows[i].host);
        assert_string_equal(address.path, rows[i].path);
        assert_int_equal(address.port, rows[i].port);
        assert_int_equal(socket_address_is_local(&address), rows[i].is_local);
        socket_address_format(&address, &text);
        assert_string_equal(buf_text(&text), rows[i].text);
        buf_deinit(&text);
    }
}

static void bad_addresses_are_refused(void **state) {
    static const char *const rows[] = {
        "",         "127.0.0.1", "127.0.0.1:",    ":7480",     "127.0.0.1:65536", "127.0.0.1:-1",
        "a:000001", "::1:7480",  "[::1]",         "[::1]7480", "[127.0.0.1]:1",   "[::1:7480",
        "[]:1",     "a b:1",     "http://a:7480", "unix:",     "a:7480 ",         "a:0x10",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct socket_address address = {.port = 4242};
        assert_int_equal(socket_address_parse(rows[i], &address), ERR_INVALID);
        assert_int_equal(address.port, 4242); /* untouched */
    }
}

static void lengths_are_bounded(void **state) {
    char host[256 + 3];
    char path[5 + 108 + 1];
    struct socket_address address;
    (void)state;
    memset(host, 'a', sizeof host);
    memcpy(host + 255, ":1", 3);
    assert_int_equal(socket_address_parse(host, &address), ERR_OK);
    memcpy(host + 256, ":1", 3);
    host[255] = 'a';
    assert_int_equal(socket_address_parse(host, &address), ERR_INVALID);
    memset(path, 'p', sizeof path);
    memcpy(path, "unix:", 5);
    path[5 + 107] = 0;
    assert_int_equal(socket_address_parse(path, &address), ERR_OK);
    path[5 + 107] = 'p';
    path[5 + 108] = 0;
    assert_int_equal(socket_address_parse(path, &address), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_parse_and_format_back),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
