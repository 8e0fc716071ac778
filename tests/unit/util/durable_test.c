#include "util/durable.h"

#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int make_dir(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/weft-durable-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    return durable_remove(dir, "file") == ERR_OK && rmdir(dir) == 0 ? 0 : -1;
}

static FILE *open_file(const char *mode) {
    char path[80];
    snprintf(path, sizeof path, "%s/file", dir);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

static enum err read_back(struct buf *out) {
    buf_clear(out);
    return durable_read(dir, "file", out);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    assert_int_equal(read_back(&out), ERR_NOT_FOUND);
    assert_int_equal(durable_write(dir, "file", slice_of_text("first")), ERR_OK);
    assert_int_equal(durable_write(dir, "file", slice_of("a\nb\0c", 5)), ERR_OK);
    assert_int_equal(read_back(&out), ERR_OK);
    assert_true(slice_equal(buf_slice(&out), slice_of("a\nb\0c", 5)));
    assert_int_equal(durable_write(dir, "file", slice_of(NULL, 0)), ERR_OK);
    assert_int_equal(read_back(&out), ERR_OK);
    assert_int_equal(out.size, 0);
    buf_deinit(&out);
}

static void every_flipped_bit_is_detected(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    assert_int_equal(durable_write(dir, "file", slice_of_text("the content")), ERR_OK);
    FILE *file = open_file("r+");
    uint8_t bytes[256];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_in_range(size, 12, 255);
    for (size_t bit = 0; bit < size * 8; bit++) {
        uint8_t flipped = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        fseek(file, (long)(bit / 8), SEEK_SET);
        fputc(flipped, file);
        fflush(file);
        assert_int_equal(read_back(&out), ERR_CORRUPT);
        assert_int_equal(out.size, 0);
        fseek(file, (long)(bit / 8), SEEK_SET);
        fputc(bytes[bit / 8], file);
        fflush(file);
    }
    fclose(file);
    assert_int_equal(read_back(&out), ERR_OK);
    buf_deinit(&out);
}

static void every_cut_is_detected(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    assert_int_equal(durable_write(dir, "file", slice_of_text("the content")), ERR_OK);
    FILE *file = open_file("r+");
    fseek(file, 0, SEEK_END);
    for (long size = ftell(file) - 1; size >= 0; size--) {
        assert_int_equal(ftruncate(fileno(file), size), 0);
        assert_int_equal(read_back(&out), ERR_CORRUPT);
    }
    fclose(file);
    buf_deinit(&out);
}

static void more_than_the_bound_is_refused(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    FILE *file = open_file("w");
    assert_int_equal(ftruncate(fileno(file), (off_t)LIMIT_DURABLE_SIZE_MAX * 2), 0);
    fclose(file);
    assert_int_equal(read_back(&out), ERR_TOO_LARGE);
    buf_deinit(&out);
}

static void removing_twice_is_fine(void **state) {
    (void)state;
    assert_int_equal(durable_write(dir, "file", slice_of_text("x")), ERR_OK);
    assert_int_equal(durable_remove(dir, "file"), ERR_OK);
    assert_int_equal(durable_remove(dir, "file"), ERR_OK);
    assert_int_equal(durable_remove("/nonexistent/dir", "file"), ERR_OK);
}

static void a_missing_directory_is_an_error_not_a_crash(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out);
    assert_int_equal(durable_write("/nonexistent/dir", "file", slice_of_text("x")), ERR_IO);
    assert_int_equal(durable_read("/nonexistent/dir", "file", &out), ERR_NOT_FOUND);
    buf_deinit(&out);
    assert_int_equal(durable_make_dir(dir), ERR_OK); /* it is there */
    assert_int_equal(durable_make_dir("/proc/weft/x"), ERR_IO);
}

#define CLEANLY(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEANLY(what_is_written_is_read_back), CLEANLY(every_flipped_bit_is_detected),
        CLEANLY(every_cut_is_detected),        CLEANLY(more_than_the_bound_is_refused),
        CLEANLY(removing_twice_is_fine),       CLEANLY(a_missing_directory_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
