#include "wire/json.h"

#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *parse(const char *text) {
    struct json *json;
    struct json_fault fault;
    if (json_parse(slice_of_text(text), &json, &fault) != ERR_OK) {
        fail_msg("%s: %s at %zu", text, fault.message, fault.offset);
    }
    return json;
}

static void values_are_written_again_in_canonical_form(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {" [ 1 , 2 ] ", "[1,2]"},
        {"{ \"b\" : 1, \"a\" : [ ] }", "{\"b\":1,\"a\":[]}"},
        {"[true,false,null,\"\"]", "[true,false,null,\"\"]"},
        {"[[],[[]],{},{\"a\":{}}]", "[[],[[]],{},{\"a\":{}}]"},
        {"\"\\u00e9\\/\\u0001\\b\\f\\n\\r\\t\\\"\\\\\"",
         "\"\xc3\xa9/\\u0001\\b\\f\\n\\r\\t\\\"\\\\\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"9007199254740991", "9007199254740991"}, /* cJSON prints 9.00719925474099e+15 */
        {"-9007199254740991", "-9007199254740991"},
        {"1e3", "1000"},
        {"-0", "0"},
        {"1.5", "1.5"},
        {"0.1", "0.1"},
        {"1e300", "1e+300"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"{\"a\":{\"b\":[{\"c\":1}]},\"d\":2}", "{\"a\":{\"b\":[{\"c\":1}]},\"d\":2}"},
    };
    struct buf out;
    buf_init(&out);
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json *json = parse(rows[i][0]);
        buf_clear(&out);
        struct json_writer writer = json_writer_to(&out);
        json_put_value(&writer, json);
        assert_string_equal(buf_text(&out), rows[i][1]);
        json_free(json);
    }
    buf_deinit(&out);
}

static void whole_numbers_are_exact_up_to_2_to_53(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_whole;
        uint64_t number;
    } rows[] = {
        {"0", true, 0},
        {"9007199254740991", true, LIMIT_REVISION_MAX},
        {"9007199254740992", false, 0},
        {"18446744073709551615", false, 0},
        {"-1", false, 0},
        {"1.5", false, 0},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"\"1\"", false, 0},
        {"null", false, 0},
        {"[1]", false, 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json *json = parse(rows[i].text);
        uint64_t number = 77;
        assert_int_equal(json_number(json, &number), rows[i].is_whole);
        assert_true(number == (rows[i].is_whole ? rows[i].number : 77));
        json_free(json);
    }
}

static void the_largest_revision_is_printed_exactly(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    struct json_writer writer = json_writer_to(&out);
    json_open_list(&writer);
    json_put_number(&writer, LIMIT_REVISION_MAX);
    json_put_number(&writer, 0);
    json_put_number(&writer, UINT64_MAX);
    json_put_signed(&writer, INT64_MIN);
    json_close_list(&writer);
    assert_string_equal(buf_text(&out),
                        "[9007199254740991,0,18446744073709551615,-9223372036854775808]");
    buf_deinit(&out);
}

static void commas_and_colons_are_where_they_belong(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    struct json_writer writer = json_writer_to(&out);
    json_open_object(&writer);
    json_member_text(&writer, "a", "x");
    json_member_text(&writer, "b", NULL);
    json_key(&writer, "c");
    json_open_list(&writer);
    json_open_object(&writer);
    json_close_object(&writer);
    json_put_bool(&writer, true);
    json_put_raw(&writer, slice_of_text("{\"r\":1}"));
    json_close_list(&writer);
    json_member_number(&writer, "d", 4);
    json_close_object(&writer);
    assert_string_equal(buf_text(&out),
                        "{\"a\":\"x\",\"b\":null,\"c\":[{},true,{\"r\":1}],\"d\":4}");
    buf_deinit(&out);
}

static void names_are_found_with_their_case(void **state) {
    (void)state;
    struct json *json = parse("{\"name\":\"low\",\"Name\":\"high\",\"n\":5,\"o\":{}}");
    assert_string_equal(json_find_text(json, "name", ""), "low");
    assert_string_equal(json_find_text(json, "Name", ""), "high");
    assert_string_equal(json_find_text(json, "NAME", "none"), "none");
    assert_string_equal(json_find_text(json, "n", "not text"), "not text");
    assert_int_equal(json_find_number(json, "n", 0), 5);
    assert_int_equal(json_find_number(json, "name", 9), 9);
    assert_null(json_find(json, "nam"));
    assert_null(json_find(NULL, "name"));
    assert_string_equal(json_name(json_first(json)), "name");
    assert_null(json_first(json_find(json, "o")));
    json_free(json);
}

/* What the writer makes is always JSON: a text that was cut inside a character does not break it.
 */
static void bytes_that_are_no_utf8_become_a_replacement(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    struct json_writer writer = json_writer_to(&out);
    json_put_text(&writer, "caf\xc3");
    assert_string_equal(buf_text(&out), "\"caf\xef\xbf\xbd\"");
    buf_clear(&out);
    writer = json_writer_to(&out);
    json_put_text(&writer, "\xff\x80ok\xe2\x82z\xc3\xa9");
    assert_string_equal(buf_text(&out),
                        "\"\xef\xbf\xbd\xef\xbf\xbdok\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9\"");
    buf_deinit(&out);
}

static void any_bytes_written_as_text_are_json_again(void **state) {
    (void)state;
    struct rand rand;
    rand_seed(&rand, 5);
    struct buf out;
    buf_init(&out);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t bytes[24];
        for (unsigned k = 0; k < sizeof bytes; k++) {
            bytes[k] = (uint8_t)rand_u64(&rand);
            bytes[k] = bytes[k] == 0 ? 1 : bytes[k]; /* a text has no NUL */
        }
        buf_clear(&out);
        struct json_writer writer = json_writer_to(&out);
        json_put_slice(&writer, slice_of(bytes, sizeof bytes));
        json_free(parse(buf_text(&out)));
    }
    buf_deinit(&out);
}

static void a_bad_text_leaves_no_tree(void **state) {
    (void)state;
    struct json *json = NULL;
    struct json_fault fault;
    assert_int_equal(json_parse(slice_of_text("{\"a\":1"), &json, &fault), ERR_BAD_JSON);
    assert_null(json);
    assert_int_equal(fault.offset, 6);
    json_free(NULL);
}

/* cJSON copies a number into 64 bytes: longer ones must not be cut or end somewhere else. */
static void long_numbers_are_read_or_refused_at_their_place(void **state) {
    (void)state;
    for (unsigned digits = 60; digits < 70; digits++) {
        struct buf text;
        buf_init(&text);
        buf_append_text(&text, "{\"n\":0.");
        for (unsigned i = 0; i < digits; i++) {
            buf_append_char(&text, '5');
        }
        buf_append_text(&text, "}");
        struct json *json = NULL;
        struct json_fault fault;
        if (json_parse(buf_slice(&text), &json, &fault) != ERR_OK) {
            assert_int_equal(fault.offset, 5);
        } else {
            assert_int_equal(json_type_of(json_find(json, "n")), JSON_NUMBER);
        }
        json_free(json);
        buf_deinit(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_again_in_canonical_form),
        cmocka_unit_test(whole_numbers_are_exact_up_to_2_to_53),
        cmocka_unit_test(the_largest_revision_is_printed_exactly),
        cmocka_unit_test(commas_and_colons_are_where_they_belong),
        cmocka_unit_test(names_are_found_with_their_case),
        cmocka_unit_test(bytes_that_are_no_utf8_become_a_replacement),
        cmocka_unit_test(any_bytes_written_as_text_are_json_again),
        cmocka_unit_test(a_bad_text_leaves_no_tree),
        cmocka_unit_test(long_numbers_are_read_or_refused_at_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
