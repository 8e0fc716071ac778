/* Accept headers: how much a media type is wanted. */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SSE "text/event-stream"

static unsigned accepts(const char *first, const char *second, const char *type) {
    struct http_message message = {0};
    const char *const values[] = {first, second};
    for (unsigned i = 0; i < ARRAY_COUNT(values); i++) {
        if (values[i] != NULL) {
            message.headers[message.header_count++] =
                (struct http_header){.name = "accept", .value = values[i]};
        }
    }
    return http_accepts(&message, type);
}

static void everything_is_wanted_where_nothing_is_said(void **state) {
    (void)state;
    assert_int_equal(accepts(NULL, NULL, SSE), 1000);
    assert_int_equal(accepts("", NULL, SSE), 1000);
    assert_int_equal(accepts("  ", NULL, SSE), 1000);
}

static void a_range_says_how_much(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        unsigned quality;
    } rows[] = {
        {"text/event-stream", 1000},
        {"Text/Event-Stream", 1000},
        {"text/*", 1000},
        {"*/*", 1000},
        {"application/json", 0},
        {"application/json, text/event-stream", 1000},
        {"application/json ,\ttext/event-stream ; q=0.5", 500},
        {"text/event-stream;q=0", 0},
        {"text/event-stream;q=0.001", 1},
        {"text/event-stream;q=1.000", 1000},
        {"text/event-stream;q=1.", 1000},
        {"text/event-stream; charset=utf-8; Q=0.25", 250},
        {"text/event-stream;note=\"a,b;q=0\";q=0.7", 700},
        {"text/event", 0},
        {"text/event-stream2", 0},
        {"*", 0},
        {"text", 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        if (accepts(rows[i].accept, NULL, SSE) != rows[i].quality) {
            fail_msg("%s: %u", rows[i].accept, accepts(rows[i].accept, NULL, SSE));
        }
    }
}

static void the_most_specific_range_decides(void **state) {
    (void)state;
    assert_int_equal(accepts("*/*, text/*;q=0.2, text/event-stream;q=0.9", NULL, SSE), 900);
    assert_int_equal(accepts("text/event-stream;q=0, */*", NULL, SSE), 0);
    assert_int_equal(accepts("text/*;q=0, */*", NULL, SSE), 0);
    assert_int_equal(accepts("text/*;q=0, */*", NULL, "application/json"), 1000);
}

static void several_headers_are_one_list(void **state) {
    (void)state;
    assert_int_equal(accepts("application/json", "text/event-stream;q=0.3", SSE), 300);
}

static void what_is_no_quality_is_not_wanted(void **state) {
    (void)state;
    static const char *const rows[] = {"q=2",   "q=1.1", "q=-1", "q=a",
                                       "q=0.x", "q=00",  "q=",   "q=0.12345"};
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        char accept[64];
        (void)snprintf(accept, sizeof accept, "text/event-stream;%s", rows[i]);
        if (accepts(accept, NULL, SSE) != 0) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void broken_lists_end(void **state) {
    (void)state;
    assert_int_equal(accepts(",,;,text/event-stream", NULL, SSE), 1000);
    assert_int_equal(accepts(";;;", NULL, SSE), 0);
    assert_int_equal(accepts("a/b;x=\"never closed, text/event-stream", NULL, SSE), 0);
    assert_int_equal(accepts("a/b;x=\"\\", NULL, SSE), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_wanted_where_nothing_is_said),
        cmocka_unit_test(a_range_says_how_much),
        cmocka_unit_test(the_most_specific_range_decides),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(what_is_no_quality_is_not_wanted),
        cmocka_unit_test(broken_lists_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
