#include "util/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Texts live until the process ends (util/option.h): this program parses many times. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

struct config {
    const char *data_dir;
    uint64_t beat_ms;
    bool insecure;
    struct option_list members;
};

static const struct option options[] = {
    {.name = "data-dir",
     .type = OPTION_TEXT,
     .offset = offsetof(struct config, data_dir),
     .fallback = "by-default",
     .argument = "DIR",
     .help = "where the data is"},
    {.name = "beat-ms",
     .type = OPTION_NUMBER,
     .offset = offsetof(struct config, beat_ms),
     .fallback = "100",
     .argument = "N",
     .help = "milliseconds",
     .min = 10,
     .max = 60000},
    {.name = "insecure",
     .type = OPTION_FLAG,
     .offset = offsetof(struct config, insecure),
     .fallback = "false",
     .help = "listen anywhere"},
    {.name = "member",
     .type = OPTION_LIST,
     .offset = offsetof(struct config, members),
     .argument = "NAME",
     .help = "may be repeated"},
};
static const struct option_program program = {.name = "testd",
                                              .purpose = "Tests.",
                                              .synopsis = "[OPTIONS]",
                                              .options = options,
                                              .option_count = ARRAY_COUNT(options)};

static struct config config;

static enum option_result parse(int argc, const char *const *argv, int *rest) {
    config = (struct config){0};
    return option_parse(&program, argc, (char **)(uintptr_t)argv, &config, rest);
}
#define PARSE(...)                                                                                 \
    parse((int)ARRAY_COUNT(((const char *[]){"testd", __VA_ARGS__})),                              \
          (const char *const[]){"testd", __VA_ARGS__, NULL}, NULL)

static char file_path[64];

static int write_file(void **state) {
    (void)state;
    snprintf(file_path, sizeof file_path, "/tmp/weft-option-XXXXXX");
    int fd = mkstemp(file_path);
    static const char text[] = "data_dir = from-file\nbeat_ms = 300\nmember = a b\n";
    bool ok = fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1;
    close(fd);
    return ok ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    unlink(file_path);
    unsetenv("WEFT_DATA_DIR");
    unsetenv("WEFT_MEMBER");
    unsetenv("WEFT_INSECURE");
    return 0;
}

static void defaults_hold_when_nothing_is_said(void **state) {
    (void)state;
    assert_int_equal(parse(1, (const char *const[]){"testd", NULL}, NULL), OPTION_RUN);
    assert_string_equal(config.data_dir, "by-default");
    assert_int_equal(config.beat_ms, 100);
    assert_false(config.insecure);
    assert_int_equal(config.members.count, 0);
}

static void a_flag_beats_environment_beats_file_beats_default(void **state) {
    (void)state;
    assert_int_equal(PARSE("--config", file_path), OPTION_RUN);
    assert_string_equal(config.data_dir, "from-file");
    assert_int_equal(config.beat_ms, 300);
    setenv("WEFT_DATA_DIR", "from-environment", 1);
    assert_int_equal(PARSE("--config", file_path), OPTION_RUN);
    assert_string_equal(config.data_dir, "from-environment");
    assert_int_equal(config.beat_ms, 300);
    assert_int_equal(PARSE("--data-dir", "from-flag", "--config", file_path), OPTION_RUN);
    assert_string_equal(config.data_dir, "from-flag");
}

static void an_empty_environment_variable_says_nothing(void **state) {
    (void)state;
    setenv("WEFT_DATA_DIR", "", 1);
    assert_int_equal(PARSE("--insecure"), OPTION_RUN);
    assert_string_equal(config.data_dir, "by-default");
}

static void a_list_is_replaced_by_a_stronger_source_not_mixed(void **state) {
    (void)state;
    assert_int_equal(PARSE("--config", file_path), OPTION_RUN);
    assert_int_equal(config.members.count, 2);
    assert_string_equal(config.members.items[1], "b");
    setenv("WEFT_MEMBER", "c d e", 1);
    assert_int_equal(PARSE("--config", file_path), OPTION_RUN);
    assert_int_equal(config.members.count, 3);
    assert_int_equal(PARSE("--member", "with space", "--member=f", "--config", file_path),
                     OPTION_RUN);
    assert_int_equal(config.members.count, 2);
    assert_string_equal(config.members.items[0], "with space");
}

static void a_flag_needs_no_value_and_takes_one(void **state) {
    (void)state;
    assert_int_equal(PARSE("--insecure"), OPTION_RUN);
    assert_true(config.insecure);
    setenv("WEFT_INSECURE", "true", 1);
    assert_int_equal(PARSE("--insecure=false"), OPTION_RUN);
    assert_false(config.insecure);
}

static void numbers_are_bounded(void **state) {
    (void)state;
    assert_int_equal(PARSE("--beat-ms", "10"), OPTION_RUN);
    assert_int_equal(PARSE("--beat-ms=60000"), OPTION_RUN);
    static const char *const bad[] = {
        "9", "60001", "-1", "+20", "20x", "", "1e3", " 20", "18446744073709551617"};
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(PARSE("--beat-ms", bad[i]), OPTION_FAILED);
    }
}

static void what_is_unknown_is_refused(void **state) {
    (void)state;
    assert_int_equal(PARSE("--data-di", "x"), OPTION_FAILED);
    assert_int_equal(PARSE("--data-dirs", "x"), OPTION_FAILED);
    assert_int_equal(PARSE("surplus"), OPTION_FAILED);
    assert_int_equal(PARSE("--data-dir"), OPTION_FAILED);
    assert_int_equal(PARSE("--insecure=maybe"), OPTION_FAILED);
    assert_int_equal(PARSE("--config", "/nonexistent/weft.ini"), OPTION_FAILED);
}

static void a_list_has_a_bound(void **state) {
    (void)state;
    const char *argv[2 + OPTION_LIST_MAX + 1] = {"testd"};
    for (unsigned i = 1; i <= OPTION_LIST_MAX + 1; i++) {
        argv[i] = "--member=x";
    }
    assert_int_equal(parse(1 + OPTION_LIST_MAX, argv, NULL), OPTION_RUN);
    assert_int_equal(config.members.count, OPTION_LIST_MAX);
    assert_int_equal(parse(2 + OPTION_LIST_MAX, argv, NULL), OPTION_FAILED);
}

static void the_rest_is_left_to_the_caller(void **state) {
    (void)state;
    const char *const argv[] = {"testd", "--insecure", "get", "--beat-ms", NULL};
    int rest = 0;
    assert_int_equal(parse(4, argv, &rest), OPTION_RUN);
    assert_int_equal(rest, 2);
    assert_int_equal(parse(2, argv, &rest), OPTION_RUN);
    assert_int_equal(rest, 2); /* argc: there is none */
}

static void help_and_version_are_answered(void **state) {
    (void)state;
    assert_int_equal(PARSE("--help"), OPTION_EXIT);
    assert_int_equal(PARSE("--version"), OPTION_EXIT);
    assert_int_equal(PARSE("--print-config"), OPTION_EXIT);
    assert_int_equal(PARSE("--beat-ms", "1", "--print-config"), OPTION_FAILED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_when_nothing_is_said),
        cmocka_unit_test_setup_teardown(a_flag_beats_environment_beats_file_beats_default,
                                        write_file, clean),
        cmocka_unit_test_setup_teardown(an_empty_environment_variable_says_nothing, NULL, clean),
        cmocka_unit_test_setup_teardown(a_list_is_replaced_by_a_stronger_source_not_mixed,
                                        write_file, clean),
        cmocka_unit_test_setup_teardown(a_flag_needs_no_value_and_takes_one, NULL, clean),
        cmocka_unit_test(numbers_are_bounded),
        cmocka_unit_test(what_is_unknown_is_refused),
        cmocka_unit_test(a_list_has_a_bound),
        cmocka_unit_test(the_rest_is_left_to_the_caller),
        cmocka_unit_test(help_and_version_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
