/* The cutters: lines of a watch, items of a list, and the cursor. Each text comes in one piece,
 * byte by byte, and cut in two at every place. */
#include "client/cursor.h"
#include "client/items.h"
#include "client/lines.h"
#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool keep_line(void *owner, struct slice line) {
    struct buf *out = owner;
    buf_append(out, line.data, line.size);
    buf_append_char(out, '|');
    return true;
}

static void lines_are_the_same_however_cut(void **state) {
    static const char text[] = "{\"a\":1}\n\r\n{\"b\":2}\r\n\n{}\nrest";
    (void)state;
    for (size_t first = 0; first < sizeof text; first++) {
        struct buf out;
        struct lines lines;
        buf_init(&out);
        lines_init(&lines, keep_line, &out);
        size_t size = strlen(text);
        size_t cut = MIN_OF(first, size);
        assert_int_equal(lines_feed(&lines, slice_of(text, cut)), ERR_OK);
        assert_int_equal(lines_feed(&lines, slice_of(text + cut, size - cut)), ERR_OK);
        assert_string_equal(buf_text(&out), "{\"a\":1}|{\"b\":2}|{}|");
        lines_deinit(&lines);
        buf_deinit(&out);
    }
}

static void a_line_ends_at_its_bound(void **state) {
    struct buf out;
    struct lines lines;
    (void)state;
    char *text = must_alloc(LIMIT_CLIENT_LINE_SIZE_MAX + 1);
    memset(text, 'x', LIMIT_CLIENT_LINE_SIZE_MAX + 1);
    buf_init(&out);
    lines_init(&lines, keep_line, &out);
    assert_int_equal(lines_feed(&lines, slice_of(text, LIMIT_CLIENT_LINE_SIZE_MAX)), ERR_OK);
    assert_int_equal(lines_feed(&lines, slice_of("\n", 1)), ERR_OK);
    assert_int_equal(out.size, LIMIT_CLIENT_LINE_SIZE_MAX + 1);
    assert_int_equal(lines_feed(&lines, slice_of(text, LIMIT_CLIENT_LINE_SIZE_MAX + 1)),
                     ERR_TOO_LARGE);
    lines_deinit(&lines);
    buf_deinit(&out);
    free(text);
}

static bool stop_at_once(void *owner, struct slice line) {
    unsigned *count = owner;
    (void)line;
    (*count)++;
    return false;
}

static void a_callback_stops_the_lines(void **state) {
    unsigned count = 0;
    struct lines lines;
    (void)state;
    lines_init(&lines, stop_at_once, &count);
    assert_int_equal(lines_feed(&lines, slice_of_text("a\nb\nc\n")), ERR_CLOSED);
    assert_int_equal(count, 1);
    lines_deinit(&lines);
}

static const char list_text[] =
    "{ \"continue\":\"items\",\"more\":{\"items\":[9]},\n \"items\" : [ {\"key\":\"a,]\\\"\","
    "\"x\":[1,[2]]} , {\"key\":\"b\"},3 ],\"revision\":12}";

static void check_list(struct items *items) {
    assert_int_equal(items_finish(items), ERR_OK);
    assert_int_equal(items->count, 3);
    assert_string_equal(json_find_text(items->parsed[0], "key", ""), "a,]\"");
    assert_string_equal(json_find_text(items->parsed[1], "key", ""), "b");
    assert_int_equal(json_type_of(items->parsed[2]), JSON_NUMBER);
    assert_int_equal(json_find_number(items->frame, "revision", 0), 12);
    assert_string_equal(json_find_text(items->frame, "continue", ""), "items");
}

static void items_are_the_same_however_cut(void **state) {
    size_t size = strlen(list_text);
    (void)state;
    for (size_t cut = 0; cut <= size; cut++) {
        struct items items;
        items_init(&items);
        assert_int_equal(items_feed(&items, slice_of(list_text, cut)), ERR_OK);
        assert_int_equal(items_feed(&items, slice_of(list_text + cut, size - cut)), ERR_OK);
        check_list(&items);
        items_deinit(&items);
    }
}

static void an_empty_list_has_no_items(void **state) {
    static const char *const texts[] = {"{\"revision\":1,\"items\":[]}",
                                        "{\"items\":[ \n ],\"revision\":1}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct items items;
        items_init(&items);
        assert_int_equal(items_feed(&items, slice_of_text(texts[i])), ERR_OK);
        assert_int_equal(items_finish(&items), ERR_OK);
        assert_int_equal(items.count, 0);
        items_deinit(&items);
    }
}

static void broken_lists_are_refused(void **state) {
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"items\":{}}",
        "{\"items\":[1,]}",
        "{\"items\":[,1]}",
        "{\"items\":[1",
        "{\"items\":[1]",
        "{\"items\":[1]}}",
        "{\"items\":[{\"a\":1]]}",
        "{\"items\":[{\"a\":01}]}",
        "{\"items\":[1]} x",
        "]",
        "{\"items\":[1}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct items items;
        items_init(&items);
        enum err err = items_feed(&items, slice_of_text(texts[i]));
        if (err == ERR_OK) {
            err = items_finish(&items);
        }
        assert_int_equal(err, ERR_BAD_JSON);
        items_deinit(&items);
    }
}

static void more_values_than_the_fence_takes_come_through(void **state) {
    struct buf text;
    struct items items;
    (void)state;
    buf_init(&text);
    buf_append_text(&text, "{\"revision\":5,\"items\":[0");
    for (unsigned i = 0; i < LIMIT_JSON_VALUES_MAX + 10; i++) {
        buf_append_text(&text, ",{\"a\":1}");
    }
    buf_append_text(&text, "]}");
    items_init(&items);
    assert_int_equal(items_feed(&items, buf_slice(&text)), ERR_OK);
    assert_int_equal(items_finish(&items), ERR_OK);
    assert_int_equal(items.count, LIMIT_JSON_VALUES_MAX + 11);
    items_deinit(&items);
    buf_deinit(&text);
}

static void an_item_ends_at_its_bound(void **state) {
    struct buf text;
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct items items;
        buf_init(&text);
        buf_append_text(&text, "{\"items\":[\"");
        size_t size = LIMIT_CLIENT_LINE_SIZE_MAX - 2 + more;
        memset(buf_reserve(&text, size), 'x', size);
        text.size += size;
        buf_append_text(&text, "\"]}");
        items_init(&items);
        assert_int_equal(items_feed(&items, buf_slice(&text)), more == 0 ? ERR_OK : ERR_TOO_LARGE);
        items_deinit(&items);
        buf_deinit(&text);
    }
}

static void cursor_resumes_behind_whole_revisions_only(void **state) {
    struct cursor cursor;
    (void)state;
    cursor_set(&cursor, 10);
    cursor_take_bookmark(&cursor, 15); /* the first line: 11 to 15 come behind it */
    assert_int_equal(cursor.revision, 10);
    assert_true(cursor_take_change(&cursor, 11));
    assert_true(cursor_take_change(&cursor, 12));
    assert_int_equal(cursor.revision, 11);
    assert_true(cursor_take_change(&cursor, 12));

    cursor_resume(&cursor); /* broken within 12, of which two events are known */
    assert_int_equal(cursor.revision, 11);
    cursor_take_bookmark(&cursor, 11);
    assert_false(cursor_take_change(&cursor, 12));
    assert_false(cursor_take_change(&cursor, 12));
    assert_true(cursor_take_change(&cursor, 12));
    cursor_take_bookmark(&cursor, 14);
    assert_int_equal(cursor.revision, 14);
    assert_false(cursor_take_change(&cursor, 14));
    assert_true(cursor_take_change(&cursor, 15));
}

static void cursor_survives_a_second_break_within_a_revision(void **state) {
    struct cursor cursor;
    (void)state;
    cursor_set(&cursor, 1);
    assert_true(cursor_take_change(&cursor, 2));
    assert_true(cursor_take_change(&cursor, 2));
    cursor_resume(&cursor);
    assert_false(cursor_take_change(&cursor, 2)); /* broken again, behind the first of two */
    cursor_resume(&cursor);
    assert_false(cursor_take_change(&cursor, 2));
    assert_false(cursor_take_change(&cursor, 2));
    assert_true(cursor_take_change(&cursor, 2));
    assert_true(cursor_take_change(&cursor, 3));
    assert_int_equal(cursor.revision, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_cut),
        cmocka_unit_test(a_line_ends_at_its_bound),
        cmocka_unit_test(a_callback_stops_the_lines),
        cmocka_unit_test(items_are_the_same_however_cut),
        cmocka_unit_test(an_empty_list_has_no_items),
        cmocka_unit_test(broken_lists_are_refused),
        cmocka_unit_test(more_values_than_the_fence_takes_come_through),
        cmocka_unit_test(an_item_ends_at_its_bound),
        cmocka_unit_test(cursor_resumes_behind_whole_revisions_only),
        cmocka_unit_test(cursor_survives_a_second_break_within_a_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
