#include "wire/json_fence.h"

#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A text with its size, so that NUL bytes can be among it. */
#define TEXT(literal) (literal), sizeof(literal) - 1

static void whatever_rfc8259_allows_passes(void **state) {
    (void)state;
    static const char *const rows[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "1.5",
        "1e5",
        "1E+5",
        "-0.1e-7",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2]",
        "{\"a\":1}",
        " \t\r\n[ 1 , 2 ] \t\r\n",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "{\"\":1}",
        "[[[[]]]]",
        "{\"a\":[],\"b\":{}}",
        "\"\x7f\"",
        "{\"a\":1,\"A\":2}",
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json_fault fault;
        if (json_fence_check(slice_of_text(rows[i]), &fault) != ERR_OK) {
            fail_msg("%s: refused at %zu: %s", rows[i], fault.offset, fault.message);
        }
    }
}

static const struct {
    const char *text;
    size_t size;
    size_t offset;
} refusals[] = {
    {TEXT(""), 0},
    {TEXT("   "), 3},
    {TEXT("nul"), 0},
    {TEXT("nulL"), 0},
    {TEXT("truex"), 4},
    {TEXT("NaN"), 0},
    {TEXT("Infinity"), 0},
    {TEXT("'a'"), 0},
    {TEXT("01"), 0},
    {TEXT("-01"), 1},
    {TEXT("-"), 1},
    {TEXT("+1"), 0},
    {TEXT(".5"), 0},
    {TEXT("1."), 2},
    {TEXT("1.e5"), 2},
    {TEXT("1e"), 2},
    {TEXT("1e+"), 3},
    {TEXT("0x10"), 1},
    {TEXT("1 2"), 2},
    {TEXT("{} {}"), 3},
    {TEXT("[1,]"), 3},
    {TEXT("[,1]"), 1},
    {TEXT("[1 2]"), 3},
    {TEXT("[1"), 2},
    {TEXT("[1}"), 2},
    {TEXT("]"), 0},
    {TEXT("{\"a\"}"), 4},
    {TEXT("{\"a\":}"), 5},
    {TEXT("{\"a\":1,}"), 7},
    {TEXT("{a:1}"), 1},
    {TEXT("{1:1}"), 1},
    {TEXT("{\"a\":1"), 6},
    {TEXT("{\"a\" 1}"), 5},
    {TEXT("\"a"), 2},
    {TEXT("\"\\x\""), 1},
    {TEXT("\"\\"), 1},
    {TEXT("\"\\u12\""), 1},
    {TEXT("\"\\u12G4\""), 1},
    {TEXT("\"ab\\u0000cd\""), 3},
    {TEXT("\"\\ud800\""), 1},
    {TEXT("\"\\ud800\\u0041\""), 1},
    {TEXT("\"\\udc00\""), 1},
    {TEXT("\"\\ud800\\ud800\""), 1},
    {TEXT("\"a\nb\""), 2},
    {TEXT("\"a\x1f\""), 2},
    {TEXT("\"a\0b\""), 2},
    {TEXT("[1]\0"), 3},
    {TEXT("\xef\xbb\xbf{}"), 0},
    {TEXT("\"\xff\""), 1},
    {TEXT("\"a\x80\""), 2},
    {TEXT("\"\xc0\x80\""), 1},
    {TEXT("\"\xc1\xbf\""), 1},
    {TEXT("\"\xe0\x80\x80\""), 1},
    {TEXT("\"\xed\xa0\x80\""), 1},
    {TEXT("\"\xf0\x80\x80\x80\""), 1},
    {TEXT("\"\xf4\x90\x80\x80\""), 1},
    {TEXT("\"\xf5\x80\x80\x80\""), 1},
    {TEXT("\"\xe2\x82\""), 1},
    {TEXT("\"\xe2\x82"), 1},
    {TEXT("\x0b[]"), 0},
    {TEXT("[]\xc2\xa0"), 2},
    {TEXT("/**/1"), 0},
    {TEXT("1e999"), 0},
    {TEXT("[-1e999]"), 1},
    {TEXT("{\"a\":1,\"b\":2,\"a\":3}"), 13},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), 7},
    {TEXT("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), 12},
    {TEXT("[{\"x\":{\"k\":1,\"j\":2,\"k\":3}}]"), 19},
    {TEXT("{\"\":1,\"\":2}"), 6},
};

static void whatever_it_does_not_allow_is_refused_where_it_breaks(void **state) {
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(refusals); i++) {
        struct json_fault fault = {.offset = 9999};
        if (json_fence_check(slice_of(refusals[i].text, refusals[i].size), &fault) !=
            ERR_BAD_JSON) {
            fail_msg("row %u: '%s' was taken", i, refusals[i].text);
        }
        if (fault.offset != refusals[i].offset) {
            fail_msg("row %u: '%s' refused at %zu, not at %zu: %s", i, refusals[i].text,
                     fault.offset, refusals[i].offset, fault.message);
        }
        assert_true(strlen(fault.message) > 0);
    }
}

/* `depth` containers in each other, lists and objects in turn. */
static void nest(struct buf *out, unsigned depth) {
    buf_clear(out);
    for (unsigned i = 0; i < depth; i++) {
        buf_append_text(out, i % 2 == 0 ? "[" : "{\"k\":");
    }
    buf_append_text(out, depth % 2 == 0 ? "1" : "");
    for (unsigned i = depth; i > 0; i--) {
        buf_append_text(out, i % 2 == 1 ? "]" : "}");
    }
}

static void depth_32_passes_and_33_does_not(void **state) {
    (void)state;
    struct json_fault fault;
    struct buf text;
    buf_init(&text);
    nest(&text, LIMIT_JSON_DEPTH_MAX);
    assert_int_equal(json_fence_check(buf_slice(&text), &fault), ERR_OK);
    nest(&text, LIMIT_JSON_DEPTH_MAX + 1);
    assert_int_equal(json_fence_check(buf_slice(&text), &fault), ERR_BAD_JSON);
    assert_int_equal(fault.offset, 16 * strlen("[") + 16 * strlen("{\"k\":"));
    nest(&text, 100000); /* no recursion: the stack does not care */
    assert_int_equal(json_fence_check(buf_slice(&text), &fault), ERR_BAD_JSON);
    buf_deinit(&text);
}

static void twenty_thousand_values_pass_and_one_more_does_not(void **state) {
    (void)state;
    struct json_fault fault;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "[0"); /* the list is a value too */
    for (unsigned i = 2; i < LIMIT_JSON_VALUES_MAX; i++) {
        buf_append_text(&text, ",0");
    }
    size_t size = text.size;
    buf_append_text(&text, "]");
    assert_int_equal(json_fence_check(buf_slice(&text), &fault), ERR_OK);
    text.size = size;
    buf_append_text(&text, ",0]");
    assert_int_equal(json_fence_check(buf_slice(&text), &fault), ERR_BAD_JSON);
    assert_int_equal(fault.offset, size + 1);
    buf_deinit(&text);
}

static void many_members_are_compared_quickly(void **state) {
    (void)state;
    struct json_fault fault;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "{");
    for (unsigned i = 0; i < LIMIT_JSON_VALUES_MAX - 2; i++) {
        buf_appendf(&text, "\"name-%u\":0,", i);
    }
    size_t offset = text.size;
    buf_append_text(&text, "\"name-7\":0}");
    assert_int_equal(json_fence_check(buf_slice(&text), &fault), ERR_BAD_JSON);
    assert_int_equal(fault.offset, offset);
    buf_deinit(&text);
}

/* Every cut of a good text and every changed byte: an answer, never a read past the end. */
static void cut_and_garbled_texts_never_crash(void **state) {
    (void)state;
    static const char good[] =
        "{\"ipv4\":\"10.244.0.0/16\",\"list\":[1,-2.5e3,true,null,\"\\u00e9\\ud83d\\ude00\"],"
        "\"o\":{\"a\":{}}}";
    struct json_fault fault;
    size_t size = sizeof good - 1;
    assert_int_equal(json_fence_check(slice_of(good, size), &fault), ERR_OK);
    for (size_t cut = 0; cut < size; cut++) {
        char *part = memcpy(must_alloc(cut), good, cut); /* exact, so that ASan sees */
        assert_int_equal(json_fence_check(slice_of(part, cut), &fault), ERR_BAD_JSON);
        assert_true(fault.offset <= cut);
        free(part);
    }
    struct rand rand;
    rand_seed(&rand, 11);
    for (unsigned i = 0; i < 20000; i++) {
        char garbled[sizeof good];
        memcpy(garbled, good, sizeof good);
        for (unsigned k = 0; k < 3; k++) {
            garbled[rand_below(&rand, size)] = (char)rand_u64(&rand);
        }
        if (json_fence_check(slice_of(garbled, size), &fault) != ERR_OK) {
            assert_true(fault.offset <= size);
        }
    }
}

static void utf8_follows_rfc3629(void **state) {
    (void)state;
    assert_true(utf8_is_valid(slice_of_text("plain")));
    assert_true(utf8_is_valid(slice_of(NULL, 0)));
    assert_true(utf8_is_valid(slice_of("a\0b", 3)));
    assert_true(utf8_is_valid(slice_of_text("\xf4\x8f\xbf\xbf")));
    assert_false(utf8_is_valid(slice_of_text("\xf4\x90\x80\x80")));
    assert_false(utf8_is_valid(slice_of_text("caf\xe9")));
    assert_false(utf8_is_valid(slice_of_text("\xc3")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_rfc8259_allows_passes),
        cmocka_unit_test(whatever_it_does_not_allow_is_refused_where_it_breaks),
        cmocka_unit_test(depth_32_passes_and_33_does_not),
        cmocka_unit_test(twenty_thousand_values_pass_and_one_more_does_not),
        cmocka_unit_test(many_members_are_compared_quickly),
        cmocka_unit_test(cut_and_garbled_texts_never_crash),
        cmocka_unit_test(utf8_follows_rfc3629),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
