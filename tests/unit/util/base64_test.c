#include "util/base64.h"

#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 section 10. */
static void the_rfcs_vectors_hold(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    struct buf out;
    buf_init(&out);
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        buf_clear(&out);
        base64_encode(slice_of_text(rows[i][0]), &out);
        assert_string_equal(buf_text(&out), rows[i][1]);
        buf_clear(&out);
        assert_int_equal(base64_decode(slice_of_text(rows[i][1]), &out), ERR_OK);
        assert_string_equal(buf_text(&out), rows[i][0]);
    }
    buf_deinit(&out);
}

static void any_bytes_round_trip(void **state) {
    (void)state;
    struct rand rand;
    rand_seed(&rand, 7);
    struct buf text;
    struct buf back;
    buf_init(&text);
    buf_init(&back);
    for (size_t size = 0; size < 100; size++) {
        uint8_t bytes[100];
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)rand_u64(&rand);
        }
        buf_clear(&text);
        buf_clear(&back);
        base64_encode(slice_of(bytes, size), &text);
        assert_int_equal(base64_decode(buf_slice(&text), &back), ERR_OK);
        assert_true(slice_equal(buf_slice(&back), slice_of(bytes, size)));
    }
    buf_deinit(&text);
    buf_deinit(&back);
}

static void what_is_not_base64_is_refused_and_nothing_is_written(void **state) {
    (void)state;
    static const char *const rows[] = {
        "Z",    "Zg",   "Zg=",  "Zm9v=",    "Zg==Zg==", "Z===",     "====",       "Zm9v\n", " Zm9v",
        "Zm9_", "Zm9-", "Zm 9", "Zm9vZg=a", "Zh==",     "Zm9vYmF=", "Z\xc3\xa9=", "Zm=v",
    };
    struct buf out;
    buf_init(&out);
    buf_append_text(&out, "kept");
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        if (base64_decode(slice_of_text(rows[i]), &out) != ERR_INVALID) {
            fail_msg("'%s' was taken", rows[i]);
        }
        assert_string_equal(buf_text(&out), "kept");
    }
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_vectors_hold),
        cmocka_unit_test(any_bytes_round_trip),
        cmocka_unit_test(what_is_not_base64_is_refused_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
