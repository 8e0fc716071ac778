#include "api/lease_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_id_is_read_as_it_was_written(void **state) {
    (void)state;
    static const uint64_t ids[] = {1, 0x0123456789abcdef, UINT64_MAX};
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[LEASE_ID_SIZE];
        uint64_t id = 0;
        lease_id_format(ids[i], text);
        assert_true(lease_id_parse(text, &id));
        assert_true(id == ids[i]);
    }
    char text[LEASE_ID_SIZE];
    lease_id_format(0xabc, text);
    assert_string_equal(text, "0000000000000abc");
}

static void anything_else_is_no_id(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "1",
        "0000000000000000",
        "000000000000abc",
        "00000000000000abc",
        "0000000000000ABC",
        "000000000000 abc",
        "0x00000000000abc",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t id;
        assert_false(lease_id_parse(texts[i], &id));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_read_as_it_was_written),
        cmocka_unit_test(anything_else_is_no_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
