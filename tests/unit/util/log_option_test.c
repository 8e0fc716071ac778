#include "util/log_option.h"

#include "util/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
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
    uint64_t other;
    struct log_option log;
};

static const struct option options[] = {LOG_OPTION_ROWS(offsetof(struct config, log))};
static const struct option_program program = {.name = "testd",
                                              .purpose = "Tests.",
                                              .synopsis = "[OPTIONS]",
                                              .options = options,
                                              .option_count = ARRAY_COUNT(options)};

/* What is on stderr while `option` is applied and an event is logged. */
static bool apply(const struct log_option *option, char *out_text, size_t size) {
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
    close(pipes[1]);
    bool is_applied = log_option_apply(option, &program);
    LOG_INFO("event");
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    ssize_t length = read(pipes[0], out_text, size - 1);
    out_text[length > 0 ? length : 0] = 0;
    close(pipes[0]);
    return is_applied;
}

static struct log_option parse(const char *flag, const char *value) {
    const char *const argv[] = {"testd", flag, value, NULL};
    struct config config = {0};
    assert_int_equal(
        option_parse(&program, flag != NULL ? 3 : 1, (char **)(uintptr_t)argv, &config, NULL),
        OPTION_RUN);
    assert_int_equal(config.other, 0);
    return config.log;
}

static void without_a_word_it_is_text_from_info_on(void **state) {
    (void)state;
    struct log_option option = parse(NULL, NULL);
    char text[512];
    assert_true(apply(&option, text, sizeof text));
    assert_non_null(strstr(text, " info  testd: event\n"));
    assert_false(log_is_on(LOG_LEVEL_DEBUG));
}

static void what_is_said_is_applied(void **state) {
    (void)state;
    struct log_option option = parse("--log-format", "json");
    char text[512];
    assert_true(apply(&option, text, sizeof text));
    assert_non_null(strstr(text, "\"program\":\"testd\",\"message\":\"event\"}"));
    option = parse("--log-level", "error");
    assert_true(apply(&option, text, sizeof text));
    assert_string_equal(text, "");
    assert_false(log_is_on(LOG_LEVEL_WARN));
}

static void a_value_that_is_none_of_those_is_refused_and_changes_nothing(void **state) {
    (void)state;
    struct log_option option = parse("--log-level", "error");
    char text[512];
    assert_true(apply(&option, text, sizeof text));
    option = parse("--log-format", "xml");
    assert_false(apply(&option, text, sizeof text));
    assert_string_equal(text, "testd: --log-format is text or json, not 'xml'; see testd --help\n");
    option = parse("--log-level", "loud");
    assert_false(apply(&option, text, sizeof text));
    assert_string_equal(text, "testd: --log-level is debug, info, warn or error, not 'loud'; see "
                              "testd --help\n");
    assert_false(log_is_on(LOG_LEVEL_WARN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_it_is_text_from_info_on),
        cmocka_unit_test(what_is_said_is_applied),
        cmocka_unit_test(a_value_that_is_none_of_those_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
