/* Prometheus' text format, byte for byte. */
#include "api/metrics_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(struct buf *out, const char *expected) {
    assert_string_equal(buf_text(out), expected);
    buf_deinit(out);
}

static void a_head_says_help_and_type(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    metrics_text_head("a_total", METRIC_COUNTER, "Things.", &out);
    assert_text(&out, "# HELP a_total Things.\n# TYPE a_total counter\n");
}

static void seconds_are_exact(void **state) {
    (void)state;
    static const struct {
        uint64_t value;
        enum metric_unit unit;
        const char *expected;
    } rows[] = {
        {0, METRIC_US, "a 0\n"},
        {1, METRIC_US, "a 0.000001\n"},
        {2500, METRIC_US, "a 0.0025\n"},
        {1000000, METRIC_US, "a 1\n"},
        {UINT64_C(1795472170259), METRIC_MS, "a 1795472170.259\n"},
        {UINT64_MAX, METRIC_PLAIN, "a 18446744073709551615\n"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf out;
        buf_init(&out);
        metrics_text_value("a", "", rows[i].value, rows[i].unit, &out);
        assert_text(&out, rows[i].expected);
    }
}

static void a_histograms_buckets_hold_the_ones_below(void **state) {
    (void)state;
    struct buf out;
    struct histogram histogram = {0};
    buf_init(&out);
    histogram_add(&histogram, 50);
    histogram_add(&histogram, 51);
    histogram_add(&histogram, UINT64_C(20000000));
    metrics_text_histogram("a", "b=\"c\"", &histogram, &out);
    const char *text = buf_text(&out);
    assert_non_null(strstr(text, "a_bucket{b=\"c\",le=\"0.00005\"} 1\n"
                                 "a_bucket{b=\"c\",le=\"0.0001\"} 2\n"));
    assert_non_null(strstr(text, "a_bucket{b=\"c\",le=\"10\"} 2\n"
                                 "a_bucket{b=\"c\",le=\"+Inf\"} 3\n"
                                 "a_sum{b=\"c\"} 20.000101\n"
                                 "a_count{b=\"c\"} 3\n"));
    buf_clear(&out);
    metrics_text_histogram("a", "", &histogram, &out);
    assert_non_null(
        strstr(buf_text(&out), "a_bucket{le=\"+Inf\"} 3\na_sum 20.000101\na_count 3\n"));
    buf_deinit(&out);
}

static void a_label_cannot_end_its_line_or_its_quotes(void **state) {
    (void)state;
    struct buf labels;
    buf_init(&labels);
    metrics_text_label("a", "x\"\\\ny", &labels);
    metrics_text_label("b", "", &labels);
    assert_text(&labels, "a=\"x\\\"\\\\\\ny\",b=\"\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_says_help_and_type),
        cmocka_unit_test(seconds_are_exact),
        cmocka_unit_test(a_histograms_buckets_hold_the_ones_below),
        cmocka_unit_test(a_label_cannot_end_its_line_or_its_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
