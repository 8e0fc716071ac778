/* Query parameters: each type at its bounds, and what is refused. */
#include "api/param.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct http_target target_of(const char *name, const char *value) {
    return (struct http_target){.query = {{.name = name, .value = value}}, .query_count = 1};
}

static enum err read_one(unsigned allowed, const char *name, const char *value,
                         struct params *out_params) {
    struct problem problem;
    struct http_target target = target_of(name, value);
    problem_init(&problem);
    enum err err = params_read(&target, allowed, out_params, &problem);
    assert_int_equal(problem.err, err);
    return err;
}

static void a_duration_has_a_unit_or_is_seconds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        msec_t ms;
    } rows[] = {{"5s", 5000},  {"500ms", 500}, {"2", 2000},   {"1.5", 1500},
                {"1m", 60000}, {"0.25s", 250}, {"0.001s", 1}, {"1.125s", 1125}};
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        msec_t ms = 0;
        assert_true(duration_parse(rows[i].text, &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",    "s",     "0",   "0s",   "-1s", "1h",     " 1s",
                                        "1 s", "1.s",   ".5s", "1..5", "1e3", "0x10",   "5S",
                                        "ms",  "1.s5s", "+1s", "5ss",  "nan", "1.0001", "1,5s"};
    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        msec_t ms = 0;
        assert_false(duration_parse(texts[i], &ms));
    }
}

static void a_timeout_is_bounded(void **state) {
    (void)state;
    struct params params;
    assert_int_equal(read_one(PARAM_TIMEOUT, "timeout", "60s", &params), ERR_OK);
    assert_int_equal(params.timeout_ms, LIMIT_CALL_TIMEOUT_MAX_MS);
    assert_int_equal(read_one(PARAM_TIMEOUT, "timeout", "60001ms", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAM_TIMEOUT, "timeout", "1ms", &params), ERR_OK);
}

static void without_parameters_the_defaults_hold(void **state) {
    (void)state;
    struct params params;
    struct problem problem;
    struct http_target target = {.query_count = 0};
    problem_init(&problem);
    assert_int_equal(params_read(&target, 0, &params, &problem), ERR_OK);
    assert_int_equal(params.timeout_ms, LIMIT_CALL_TIMEOUT_DEFAULT_MS);
    assert_int_equal(params.limit_count, LIMIT_LIST_DEFAULT);
    assert_false(params.is_unlimited);
}

static void a_limit_is_within_its_bounds_or_all(void **state) {
    (void)state;
    struct params params;
    assert_int_equal(read_one(PARAMS_LIST, "limit", "1", &params), ERR_OK);
    assert_int_equal(params.limit_count, 1);
    assert_int_equal(read_one(PARAMS_LIST, "limit", "10000", &params), ERR_OK);
    assert_int_equal(read_one(PARAMS_LIST, "limit", "10001", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAMS_LIST, "limit", "0", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAMS_LIST, "limit", "-1", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAMS_LIST, "limit", "all", &params), ERR_OK);
    assert_true(params.is_unlimited);
}

static void a_revision_stays_exact(void **state) {
    (void)state;
    struct params params;
    assert_int_equal(read_one(PARAM_FROM, "from", "9007199254740991", &params), ERR_OK);
    assert_int_equal(params.from, LIMIT_REVISION_MAX);
    assert_int_equal(read_one(PARAM_FROM, "from", "9007199254740992", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAM_FROM, "from", "18446744073709551617", &params),
                     ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAM_FROM, "from", "", &params), ERR_BAD_REQUEST);
}

static void a_flag_is_bare_true_or_false(void **state) {
    (void)state;
    struct params params;
    assert_int_equal(read_one(PARAM_META, "meta", "", &params), ERR_OK);
    assert_true(params.meta);
    assert_int_equal(read_one(PARAM_META, "meta", "false", &params), ERR_OK);
    assert_false(params.meta);
    assert_int_equal(read_one(PARAM_META, "meta", "yes", &params), ERR_BAD_REQUEST);
}

static void a_parameter_that_the_call_does_not_take_is_refused(void **state) {
    (void)state;
    struct params params;
    assert_int_equal(read_one(PARAMS_READ, "meta", "true", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAMS_READ, "dry_run", "true", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAMS_READ, "Timeout", "5s", &params), ERR_BAD_REQUEST);
    assert_int_equal(read_one(PARAMS_READ, "consistency", "weak", &params), ERR_BAD_REQUEST);
}

/* `count` times the same parameter. */
static enum err read_repeated(unsigned allowed, const char *name, const char *value,
                              unsigned count) {
    struct params params;
    struct problem problem;
    struct http_target target = {.query_count = count};
    for (unsigned i = 0; i < count; i++) {
        target.query[i] = (struct http_query){.name = name, .value = value};
    }
    problem_init(&problem);
    return params_read(&target, allowed, &params, &problem);
}

static void only_a_watch_of_prefixes_repeats_one(void **state) {
    (void)state;
    assert_int_equal(read_repeated(PARAMS_READ, "timeout", "5s", 2), ERR_BAD_REQUEST);
    assert_int_equal(read_repeated(PARAMS_LIST, "prefix", "a", 2), ERR_BAD_REQUEST);
    assert_int_equal(read_repeated(PARAMS_WATCH, "prefix", "a", LIMIT_WATCH_PREFIXES_MAX), ERR_OK);
    assert_int_equal(read_repeated(PARAMS_WATCH, "prefix", "a", LIMIT_WATCH_PREFIXES_MAX + 1),
                     ERR_BAD_REQUEST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_has_a_unit_or_is_seconds),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(a_timeout_is_bounded),
        cmocka_unit_test(without_parameters_the_defaults_hold),
        cmocka_unit_test(a_limit_is_within_its_bounds_or_all),
        cmocka_unit_test(a_revision_stays_exact),
        cmocka_unit_test(a_flag_is_bare_true_or_false),
        cmocka_unit_test(a_parameter_that_the_call_does_not_take_is_refused),
        cmocka_unit_test(only_a_watch_of_prefixes_repeats_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
