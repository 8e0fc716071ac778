#include "util/clock.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void times_are_written_as_rfc3339(void **state) {
    (void)state;
    static const struct {
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795459080123, "2026-11-23T18:38:00.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"}, /* RFC 3339 ends there */
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(rows[i].wall_ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void boot_time_does_not_run_backwards(void **state) {
    (void)state;
    msec_t before = clock_boot_ms(&clock_system);
    for (unsigned i = 0; i < 1000; i++) {
        msec_t now = clock_boot_ms(&clock_system);
        assert_true(now >= before);
        before = now;
    }
}

static void the_boot_id_is_stable(void **state) {
    (void)state;
    char once[CLOCK_BOOT_ID_SIZE];
    char again[CLOCK_BOOT_ID_SIZE];
    clock_boot_id(once);
    clock_boot_id(again);
    assert_string_equal(once, again);
    assert_int_equal(strlen(once), 36);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_rfc3339),
        cmocka_unit_test(boot_time_does_not_run_backwards),
        cmocka_unit_test(the_boot_id_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
