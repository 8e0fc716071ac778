#include "util/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_is_put_is_read_back(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_put_u8(&buf, 0xab);
    buf_put_u16(&buf, 0x1234);
    buf_put_u32(&buf, 0xdeadbeef);
    buf_put_u64(&buf, UINT64_MAX - 1);
    buf_put_bytes(&buf, "hello", 5);
    buf_put_bytes(&buf, NULL, 0);
    struct reader reader = reader_of(buf.data, buf.size);
    assert_int_equal(reader_u8(&reader), 0xab);
    assert_int_equal(reader_u16(&reader), 0x1234);
    assert_int_equal(reader_u32(&reader), 0xdeadbeef);
    assert_true(reader_u64(&reader) == UINT64_MAX - 1);
    assert_true(slice_equal(reader_bytes(&reader), slice_of_text("hello")));
    assert_int_equal(reader_bytes(&reader).size, 0);
    assert_true(reader_is_done(&reader));
    buf_deinit(&buf);
}

static void encoded_order_is_the_order_of_numbers(void **state) {
    (void)state;
    static const uint64_t numbers[] = {0, 1, 255, 256, 65535, UINT32_MAX, UINT64_C(1) << 53};
    struct buf smaller;
    struct buf larger;
    buf_init(&smaller);
    buf_init(&larger);
    for (unsigned i = 0; i + 1 < ARRAY_COUNT(numbers); i++) {
        buf_clear(&smaller);
        buf_clear(&larger);
        buf_put_u64(&smaller, numbers[i]);
        buf_put_u64(&larger, numbers[i + 1]);
        assert_true(slice_compare(buf_slice(&smaller), buf_slice(&larger)) < 0);
    }
    buf_deinit(&smaller);
    buf_deinit(&larger);
}

static void varints_of_every_size_round_trip(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf);
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t value = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
        buf_clear(&buf);
        buf_put_varint(&buf, value);
        assert_int_equal(buf.size, bits == 0 ? 1 : (bits + 6) / 7);
        struct reader reader = reader_of(buf.data, buf.size);
        assert_true(reader_varint(&reader) == value);
        assert_true(reader_is_done(&reader));
    }
    buf_deinit(&buf);
}

static void malformed_varints_break_the_reader(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"", 0},
        {"\x80", 1},                                         /* ends within */
        {"\x80\x00", 2},                                     /* not the shortest form */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},    /* 65 bits */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11} /* 11 bytes */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct reader reader = reader_of(rows[i].bytes, rows[i].size);
        assert_int_equal(reader_varint(&reader), 0);
        assert_true(reader.is_broken);
    }
}

static void a_read_past_the_end_is_sticky(void **state) {
    (void)state;
    struct reader reader = reader_of("\x01\x02\x03", 3);
    assert_int_equal(reader_u32(&reader), 0);
    assert_true(reader.is_broken);
    assert_int_equal(reader_u8(&reader), 0); /* there are bytes, but the reader is broken */
    assert_false(reader_is_done(&reader));
}

static void exactly_what_is_left_can_be_taken(void **state) {
    (void)state;
    struct reader reader = reader_of("abc", 3);
    assert_int_equal(reader_take(&reader, 3).size, 3);
    assert_true(reader_is_done(&reader));
    assert_int_equal(reader_take(&reader, 0).size, 0);
    assert_true(reader_is_done(&reader));
    assert_int_equal(reader_take(&reader, 1).size, 0);
    assert_true(reader.is_broken);
}

static void a_length_larger_than_the_rest_breaks_the_reader(void **state) {
    (void)state;
    struct reader reader = reader_of("\x05"
                                     "abcd",
                                     5);
    assert_int_equal(reader_bytes(&reader).size, 0);
    assert_true(reader.is_broken);
    struct reader huge = reader_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    assert_int_equal(reader_bytes(&huge).size, 0);
    assert_true(huge.is_broken);
}

static void consume_drops_the_front(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_append_text(&buf, "abcdef");
    buf_consume(&buf, 2);
    assert_string_equal(buf_text(&buf), "cdef");
    buf_consume(&buf, 4);
    assert_int_equal(buf.size, 0);
    buf_append_text(&buf, "x");
    assert_string_equal(buf_text(&buf), "x");
    buf_deinit(&buf);
}

static void text_keeps_its_size(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf);
    assert_string_equal(buf_text(&buf), "");
    for (unsigned i = 0; i < 200; i++) { /* across the growth of the memory */
        buf_appendf(&buf, "%u", i % 10);
        assert_int_equal(strlen(buf_text(&buf)), buf.size);
    }
    assert_int_equal(buf.size, 200);
    buf_deinit(&buf);
}

static void a_length_can_be_set_later(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_put_u8(&buf, 9);
    buf_put_u32(&buf, 0);
    buf_put_u8(&buf, 9);
    buf_set_u32(&buf, 1, 0x01020304);
    assert_memory_equal(buf.data, "\x09\x01\x02\x03\x04\x09", 6);
    buf_deinit(&buf);
}

static void slices_compare_as_bytes_prefix_first(void **state) {
    (void)state;
    assert_true(slice_compare(slice_of_text("a"), slice_of_text("ab")) < 0);
    assert_true(slice_compare(slice_of_text("b"), slice_of_text("ab")) > 0);
    assert_true(slice_compare(slice_of_text("\xff"), slice_of_text("a")) > 0);
    assert_int_equal(slice_compare(slice_of(NULL, 0), slice_of_text("")), 0);
    assert_true(slice_starts_with(slice_of_text("ab"), slice_of_text("a")));
    assert_true(slice_starts_with(slice_of_text("ab"), slice_of(NULL, 0)));
    assert_false(slice_starts_with(slice_of_text("a"), slice_of_text("ab")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read_back),
        cmocka_unit_test(encoded_order_is_the_order_of_numbers),
        cmocka_unit_test(varints_of_every_size_round_trip),
        cmocka_unit_test(malformed_varints_break_the_reader),
        cmocka_unit_test(a_read_past_the_end_is_sticky),
        cmocka_unit_test(exactly_what_is_left_can_be_taken),
        cmocka_unit_test(a_length_larger_than_the_rest_breaks_the_reader),
        cmocka_unit_test(consume_drops_the_front),
        cmocka_unit_test(text_keeps_its_size),
        cmocka_unit_test(a_length_can_be_set_later),
        cmocka_unit_test(slices_compare_as_bytes_prefix_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
