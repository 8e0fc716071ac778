/* Histograms: which bucket a duration falls into. */
#include "util/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_bounds_rise(void **state) {
    (void)state;
    for (unsigned i = 1; i < HISTOGRAM_BOUNDS; i++) {
        assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
    }
}

static void a_bound_belongs_to_its_bucket_and_one_more_to_the_next(void **state) {
    (void)state;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram = {0};
        histogram_add(&histogram, histogram_bounds_us[i]);
        histogram_add(&histogram, histogram_bounds_us[i] + 1);
        assert_int_equal(histogram.counts[i], 1);
        assert_int_equal(histogram.counts[i + 1], 1);
    }
}

static void nothing_is_lost_at_either_end(void **state) {
    (void)state;
    struct histogram histogram = {0};
    assert_int_equal(histogram_count(&histogram), 0);
    histogram_add(&histogram, 0);
    histogram_add(&histogram, UINT64_C(1) << 40);
    assert_int_equal(histogram.counts[0], 1);
    assert_int_equal(histogram.counts[HISTOGRAM_BOUNDS], 1);
    assert_int_equal(histogram.sum_us, UINT64_C(1) << 40);
    assert_int_equal(histogram_count(&histogram), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bounds_rise),
        cmocka_unit_test(a_bound_belongs_to_its_bucket_and_one_more_to_the_next),
        cmocka_unit_test(nothing_is_lost_at_either_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
