#include "util/log.h"

#include "wire/json.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char line[4096];

/* Between begin and end stderr goes to `line`. */
static int ends[2];
static int saved;

static void capture_begin(void) {
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], STDERR_FILENO);
}

static void capture_end(void) {
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t got = read(ends[0], line, sizeof line - 1);
    line[got > 0 ? got : 0] = 0;
    close(ends[0]);
}

#define CAPTURE(statement)                                                                         \
    do {                                                                                           \
        capture_begin();                                                                           \
        statement;                                                                                 \
        capture_end();                                                                             \
    } while (0)

static void text_is_one_line_of_key_and_value(void **state) {
    (void)state;
    log_setup("testd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    CAPTURE(LOG_WARN("disk is slow", LOG_U64("ms", 12), LOG_TEXT("path", "a b"), LOG_ERR(ERR_IO)));
    assert_non_null(strstr(line, " warn  testd: disk is slow ms=12 path=\"a b\" error=io\n"));
}

static void a_value_cannot_forge_a_line(void **state) {
    (void)state;
    log_setup("testd", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    CAPTURE(LOG_INFO("got", LOG_TEXT("name", "x\n2026 error testd: forged")));
    assert_non_null(strchr(line, '\n'));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    static const char *const controls[] = {"\r", "\x1b[31m", "\x7f"};
    for (unsigned i = 0; i < ARRAY_COUNT(controls); i++) {
        CAPTURE(LOG_INFO("got", LOG_TEXT("name", controls[i])));
        assert_null(strchr(line, controls[i][0]));
    }
}

static void json_is_json_whatever_the_values_are(void **state) {
    (void)state;
    log_setup("testd", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    CAPTURE(LOG_INFO("say \"hi\"", LOG_TEXT("name", "a\\b\t\x01"), LOG_U64("n", 3)));
    struct json *json;
    struct json_fault fault;
    assert_int_equal(json_parse(slice_of_text(line), &json, &fault), ERR_OK);
    assert_string_equal(json_find_text(json, "message", ""), "say \"hi\"");
    assert_string_equal(json_find_text(json, "name", ""), "a\\b\t\x01");
    assert_int_equal(json_find_number(json, "n", 0), 3);
    json_free(json);
}

static void what_is_below_the_level_is_not_written(void **state) {
    (void)state;
    log_setup("testd", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    CAPTURE(LOG_INFO("quiet"); LOG_ERROR("loud"));
    assert_null(strstr(line, "quiet"));
    assert_non_null(strstr(line, "loud"));
}

static void names_of_levels_and_formats_are_strict(void **state) {
    (void)state;
    enum log_level level;
    enum log_format format;
    assert_int_equal(log_level_parse("debug", &level), ERR_OK);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("DEBUG", &level), ERR_INVALID);
    assert_int_equal(log_format_parse("json", &format), ERR_OK);
    assert_int_equal(log_format_parse("", &format), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_one_line_of_key_and_value),
        cmocka_unit_test(a_value_cannot_forge_a_line),
        cmocka_unit_test(json_is_json_whatever_the_values_are),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(names_of_levels_and_formats_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
