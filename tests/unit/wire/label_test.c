/* Labels' syntax, what operators take, and selectors as text. */
#include "wire/label.h"

#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void names_and_values_are_kubernetes_own(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_name, is_value;
    } rows[] = {
        {"", false, true},          {"a", true, true},
        {"A_b-c.9", true, true},    {"app.kubernetes.io/name", true, false},
        {"a/b", true, false},       {"A/b", false, false},
        {"/b", false, false},       {"a/", false, false},
        {"a/b/c", false, false},    {"-a", false, false},
        {"a-", false, false},       {"_", false, false},
        {"a b", false, false},      {"a\n", false, false},
        {"\xc3\xa9", false, false},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(field_format_label_name.is_valid(rows[i].text), rows[i].is_name);
        assert_int_equal(field_format_label_value.is_valid(rows[i].text), rows[i].is_value);
    }
}

static void names_and_values_are_bounded(void **state) {
    (void)state;
    char text[LIMIT_LABEL_NAME_SIZE_MAX + 2];
    memset(text, 'a', sizeof text);
    text[64] = 0;
    assert_false(field_format_label_value.is_valid(text));
    assert_false(field_format_label_name.is_valid(text));
    text[63] = 0;
    assert_true(field_format_label_value.is_valid(text));
    assert_true(field_format_label_name.is_valid(text));
    for (size_t i = 0; i < LIMIT_NAME_SIZE_MAX; i++) {
        text[i] = i % 2 == 0 ? 'a' : '.';
    }
    text[LIMIT_NAME_SIZE_MAX] = '/';
    text[63] = '.';
    text[LIMIT_LABEL_NAME_SIZE_MAX] = 0;
    assert_true(field_format_label_name.is_valid(text));
    text[LIMIT_LABEL_NAME_SIZE_MAX] = 'a';
    text[LIMIT_LABEL_NAME_SIZE_MAX + 1] = 0;
    assert_false(field_format_label_name.is_valid(text));
}

static void operators_take_values_or_none(void **state) {
    (void)state;
    static const struct {
        const char *operator;
        size_t count;
        bool is_legal;
    } rows[] = {
        {"In", 1, true},           {"In", 0, false},           {"NotIn", 1, true},
        {"NotIn", 0, false},       {"Exists", 0, true},        {"Exists", 1, false},
        {"DoesNotExist", 0, true}, {"DoesNotExist", 1, false},
    };
    const char *values[] = {"v"};
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena;
        struct problem problem;
        struct label_requirement items[2] = {
            {.key = "a", .operator= "Exists" },
             {.key = "b", .operator= rows[i].operator, .values = {values, rows[i].count} } };
        struct label_selector selector = {.match_expressions = {items, 2}};
        arena_init(&arena);
        problem_init(&problem);
        label_selector_check(&selector, "/at", &arena, &problem);
        assert_int_equal(problem.err == ERR_OK, rows[i].is_legal);
        if (!rows[i].is_legal) {
            assert_string_equal(problem.errors[0].pointer, "/at/matchExpressions/1/values");
        }
        arena_deinit(&arena);
    }
}

/* NULL when the text is a selector, else the complaint. */
static const char *complaint(const char *text, struct problem *problem) {
    problem_init(problem);
    label_expression_check(text, "/selector", problem);
    if (problem->err == ERR_OK) {
        return NULL;
    }
    assert_string_equal(problem->errors[0].pointer, "/selector");
    return problem->errors[0].message;
}

static void selectors_have_calicos_grammar(void **state) {
    (void)state;
    static const char *const texts[] = {
        "all()",
        " all ( ) ",
        "a == 'b'",
        "a=='b'",
        "a == \"b\"",
        "a == ''",
        "a != 'b'",
        "has(a)",
        "has( example.org/a )",
        "!has(a)",
        "!!has(a)",
        "! ( a == 'b' )",
        "a in {'b'}",
        "a in{'b','c' , \"d\"}",
        "a in {}",
        "a not in {'b'}",
        "a  not\tin {}",
        "a == 'b' && c == 'd' || e == 'f'",
        "a == 'b'&&c == 'd'||!has(e)",
        "(a == 'b' || (c == 'd')) && has(e)",
        "((a == 'b'))",
        "all == 'a' && has == 'b' && in == 'c' && not == 'd'",
        "in in {'in'}",
        "not not in {'not'}",
        "kubernetes.io/metadata.name == 'shop'",
    };
    struct problem problem;
    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        const char *why = complaint(texts[i], &problem);
        if (why != NULL) {
            fail_msg("%s: %s", texts[i], why);
        }
    }
}

static void what_is_no_selector_is_refused_at_its_byte(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned byte;
    } rows[] = {
        {"", 0},
        {"  ", 2},
        {"a", 1},
        {"all", 3},
        {"all(", 4},
        {"all(a)", 4},
        {"has()", 4},
        {"has(a", 5},
        {"has('a')", 4},
        {"a = 'b'", 2},
        {"a == b", 5},
        {"a == 'b", 5},
        {"a == 'b\"", 5},
        {"a == 'b c'", 5},
        {"a === 'b'", 4},
        {"-a == 'b'", 0},
        {"a in 'b'", 5},
        {"a in {'b'", 9},
        {"a in {'b',}", 10},
        {"a in {,}", 6},
        {"a in {'b' 'c'}", 10},
        {"a inn {'b'}", 2},
        {"a not {'b'}", 6},
        {"a notin {'b'}", 2},
        {"a == 'b' c == 'd'", 9},
        {"a == 'b' & c == 'd'", 9},
        {"a == 'b' &&", 11},
        {"&& a == 'b'", 0},
        {"(a == 'b'", 9},
        {"a == 'b')", 8},
        {"()", 1},
        {"!", 1},
        {"a == 'b' && ! == 'c'", 14},
        {"\xc3\xa9 == 'b'", 0},
    };
    struct problem problem;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        char byte[32];
        const char *why = complaint(rows[i].text, &problem);
        snprintf(byte, sizeof byte, "at byte %u,", rows[i].byte);
        if (why == NULL || strstr(why, byte) == NULL) {
            fail_msg("%s: %s, not %s", rows[i].text, why, byte);
        }
    }
}

static void parentheses_are_bounded(void **state) {
    (void)state;
    struct problem problem;
    for (unsigned depth = LIMIT_SELECTOR_DEPTH_MAX; depth <= LIMIT_SELECTOR_DEPTH_MAX + 1;
         depth++) {
        struct buf text;
        buf_init(&text);
        for (unsigned i = 0; i < depth; i++) {
            buf_append_text(&text, "!(");
        }
        buf_append_text(&text, "all()");
        for (unsigned i = 0; i < depth; i++) {
            buf_append_char(&text, ')');
        }
        assert_int_equal(complaint(buf_text(&text), &problem) == NULL,
                         depth == LIMIT_SELECTOR_DEPTH_MAX);
        buf_deinit(&text);
    }
}

/* Tokens in any order; the text is on the heap and exact, so that ASan sees a read past it. */
static void any_row_of_tokens_is_a_selector_or_not(void **state) {
    (void)state;
    static const char *const tokens[] = {"a",  " ",    "==", "!=",   "'b'",   "\"", "'",
                                         "in", "not ", "{",  "}",    ",",     "(",  ")",
                                         "!",  "&&",   "||", "has(", "all()", "="};
    struct rand rand;
    struct problem problem;
    unsigned taken = 0;
    rand_seed(&rand, 3);
    for (unsigned i = 0; i < 200000; i++) {
        struct buf text;
        buf_init(&text);
        for (uint64_t k = rand_below(&rand, 9); k > 0; k--) {
            buf_append_text(&text, tokens[rand_below(&rand, ARRAY_COUNT(tokens))]);
        }
        char *exact = must_strdup(buf_text(&text));
        taken += complaint(exact, &problem) == NULL;
        free(exact);
        buf_deinit(&text);
    }
    assert_in_range(taken, 1000, 199999);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_are_kubernetes_own),
        cmocka_unit_test(names_and_values_are_bounded),
        cmocka_unit_test(operators_take_values_or_none),
        cmocka_unit_test(selectors_have_calicos_grammar),
        cmocka_unit_test(what_is_no_selector_is_refused_at_its_byte),
        cmocka_unit_test(parentheses_are_bounded),
        cmocka_unit_test(any_row_of_tokens_is_a_selector_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
