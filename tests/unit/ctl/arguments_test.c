/* Arguments in any order. */
#include "ctl/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct config {
    const char *server;
    bool is_quiet;
};

static const struct option options[] = {
    {.name = "server", .type = OPTION_TEXT, .offset = offsetof(struct config, server)},
    {.name = "quiet", .type = OPTION_FLAG, .offset = offsetof(struct config, is_quiet)},
};
static const struct option_program program = {
    .name = "weft", .options = options, .option_count = ARRAY_COUNT(options)};

/* Sorts the arguments, which end with NULL. */
static bool sort(const char *const *argv, struct arguments *out_arguments) {
    char *copy[16];
    int argc = 0;
    for (; argv[argc] != NULL; argc++) {
        memcpy(&copy[argc], &argv[argc], sizeof copy[argc]);
    }
    return arguments_sort(argc, copy, &program, out_arguments);
}

static void options_may_stand_anywhere(void **state) {
    const char *argv[] = {"weft", "--quiet", "put", "--server", "http://a", "kv/a", "--if-match",
                          "12",   "-f",      "-",   "-s",       "http://b", NULL};
    struct arguments arguments;
    (void)state;
    assert_true(sort(argv, &arguments));
    assert_int_equal(arguments.word_count, 2);
    assert_string_equal(arguments.words[0], "put");
    assert_string_equal(arguments.words[1], "kv/a");
    assert_string_equal(arguments.if_match, "12");
    assert_string_equal(arguments.file, "-");
    assert_int_equal(arguments.given, ARGUMENT_IF_MATCH | ARGUMENT_FILE);
    assert_int_equal(arguments.global_argc, 6);
    assert_string_equal(arguments.global_argv[1], "--quiet");
    assert_string_equal(arguments.global_argv[4], "--server");
    assert_string_equal(arguments.global_argv[5], "http://b");
    arguments_deinit(&arguments);
}

static void options_of_writes_are_read(void **state) {
    const char *argv[] = {
        "weft", "put", "kv/a", "1", "--lease=00000000000000ab", "--dry-run", "--idempotency-key",
        "k 1",  NULL};
    struct arguments arguments;
    (void)state;
    assert_true(sort(argv, &arguments));
    assert_string_equal(arguments.lease, "00000000000000ab");
    assert_string_equal(arguments.idempotency_key, "k 1");
    assert_int_equal(arguments.given, ARGUMENT_LEASE | ARGUMENT_DRY_RUN | ARGUMENT_IDEMPOTENCY_KEY);
    assert_false(arguments_check(&arguments, ARGUMENT_DRY_RUN, "delete"));
    arguments_deinit(&arguments);
}

static void two_dashes_end_the_options(void **state) {
    const char *argv[] = {"weft", "put", "kv/a", "--", "--force", "--", NULL};
    struct arguments arguments;
    (void)state;
    assert_true(sort(argv, &arguments));
    assert_int_equal(arguments.word_count, 4);
    assert_string_equal(arguments.words[2], "--force");
    assert_string_equal(arguments.words[3], "--");
    assert_int_equal(arguments.given, 0);
    arguments_deinit(&arguments);
}

static void values_may_follow_an_equals_sign(void **state) {
    const char *argv[] = {"weft", "list", "--limit=all", "--selector=a=b", NULL};
    struct arguments arguments;
    (void)state;
    assert_true(sort(argv, &arguments));
    assert_string_equal(arguments.limit, "all");
    assert_string_equal(arguments.selector, "a=b");
    arguments_deinit(&arguments);
}

static void expect_refused(const char *first, const char *second) {
    const char *argv[] = {"weft", "put", first, second, NULL};
    struct arguments arguments;
    assert_false(sort(argv, &arguments));
    arguments_deinit(&arguments);
}

static void bad_options_are_refused(void **state) {
    (void)state;
    expect_refused("--if-match", NULL);
    expect_refused("--if-match", "all");
    expect_refused("--if-match", "1\r\nX: y");
    expect_refused("--if-match", "12345678901234567");
    expect_refused("--limit", "some");
    expect_refused("--force=yes", NULL);
    expect_refused("-z", NULL);
    expect_refused("-of", NULL);
}

static void words_end_at_their_bound(void **state) {
    const char *argv[] = {"weft", "1", "2", "3", "4", "5", "6", "7", "8", NULL, NULL};
    struct arguments arguments;
    (void)state;
    assert_true(sort(argv, &arguments));
    assert_int_equal(arguments.word_count, ARGUMENTS_WORDS_MAX);
    arguments_deinit(&arguments);
    argv[9] = "9";
    assert_false(sort(argv, &arguments));
    arguments_deinit(&arguments);
}

static void an_option_of_another_command_is_refused(void **state) {
    struct arguments arguments = {.given = ARGUMENT_FORCE};
    (void)state;
    assert_true(arguments_check(&arguments, ARGUMENT_FORCE | ARGUMENT_FILE, "delete"));
    assert_false(arguments_check(&arguments, ARGUMENT_FILE, "put"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(options_of_writes_are_read),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(values_may_follow_an_equals_sign),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(words_end_at_their_bound),
        cmocka_unit_test(an_option_of_another_command_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
