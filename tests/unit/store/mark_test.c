#include "store/mark.h"

#include "tests/unit/store/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A directory with one mark, and the bytes of its file at hand. */
struct fixture {
    char directory[64];
    char path[80];
    struct mark mark;
};

static int setup(void **state) {
    struct fixture *fixture = must_alloc_zeroed(1, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/weft-mark-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/" MARK_NAME, fixture->directory);
    assert_int_equal(mark_open(fixture->directory, &fixture->mark), ERR_OK);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    mark_close(&fixture->mark);
    unlink(fixture->path);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static void write_index(struct fixture *fixture, uint64_t index) {
    fixture->mark.state.applied_index = index;
    fixture->mark.state.applied_term = index / 10 + 1;
    assert_int_equal(mark_write(&fixture->mark, false), 0);
}

static uint64_t read_again(struct fixture *fixture) {
    mark_close(&fixture->mark);
    assert_int_equal(mark_open(fixture->directory, &fixture->mark), ERR_OK);
    return fixture->mark.state.applied_index;
}

static void a_new_mark_knows_nothing(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(fixture->mark.state.applied_index, 0);
    assert_false(fixture->mark.state.is_sealed);
}

static void a_mark_is_read_as_it_was_written(void **state) {
    struct fixture *fixture = *state;
    const struct mark_state written = {.applied_index = UINT64_C(1) << 40,
                                       .applied_term = 7,
                                       .boot = UINT64_C(0x1234567890ABCDEF),
                                       .is_sealed = true,
                                       .view_size = UINT64_C(1) << 33,
                                       .view_crc = 0xDEADBEEF};
    fixture->mark.state = written;
    assert_int_equal(mark_write(&fixture->mark, true), 0);
    assert_int_equal(read_again(fixture), written.applied_index);
    assert_int_equal(fixture->mark.state.applied_term, written.applied_term);
    assert_int_equal(fixture->mark.state.boot, written.boot);
    assert_true(fixture->mark.state.is_sealed);
    assert_int_equal(fixture->mark.state.view_size, written.view_size);
    assert_int_equal(fixture->mark.state.view_crc, written.view_crc);
}

static void the_newest_of_many_counts(void **state) {
    struct fixture *fixture = *state;
    for (uint64_t index = 1; index <= 9; index++) {
        write_index(fixture, index);
        assert_int_equal(read_again(fixture), index);
    }
}

/* Each bit of the file, one at a time: either slot may go, never to something that was not so. */
static void a_flipped_bit_leaves_a_mark_that_was_true(void **state) {
    struct fixture *fixture = *state;
    write_index(fixture, 41);
    write_index(fixture, 42);
    uint8_t bytes[8192];
    FILE *file = fopen(fixture->path, "r+be");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    unsigned older_count = 0;
    for (size_t bit = 0; bit < size * 8; bit++) {
        uint8_t flipped = (uint8_t)(bytes[bit / 8] ^ (1u << bit % 8));
        assert_int_equal(fseek(file, (long)(bit / 8), SEEK_SET), 0);
        assert_int_equal(fputc(flipped, file), flipped);
        assert_int_equal(fflush(file), 0);
        uint64_t index = read_again(fixture);
        assert_true(index == 41 || index == 42);
        older_count += index == 41;
        assert_int_equal(fseek(file, (long)(bit / 8), SEEK_SET), 0);
        assert_int_equal(fputc(bytes[bit / 8], file), bytes[bit / 8]);
        assert_int_equal(fflush(file), 0);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(older_count, 53 * 8); /* the newest slot's every bit is covered */
}

static void a_file_that_changed_measures_otherwise(void **state) {
    struct fixture *fixture = *state;
    uint64_t size;
    uint64_t size_after;
    uint32_t crc;
    uint32_t crc_after;
    write_index(fixture, 1);
    assert_int_equal(mark_measure(fixture->path, &size, &crc), 0);
    write_index(fixture, 3);
    write_index(fixture, 5);
    assert_int_equal(mark_measure(fixture->path, &size_after, &crc_after), 0);
    assert_int_equal(size_after, 4096 + 53);
    assert_int_not_equal(crc, crc_after);
    assert_int_not_equal(mark_measure("/nowhere/at/all", &size, &crc), 0);
}

static void a_store_knows_what_it_applied_when_its_view_is_gone(void **state) {
    struct bench *bench = *state;
    char path[128];
    bench_put_kv(bench, "kv/a", "1");
    bench_put_kv(bench, "kv/b", "1");
    store_close(bench->store);
    snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
    assert_int_equal(unlink(path), 0);
    struct store_options options = {.directory = bench->directory};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    assert_int_equal(store_applied_index(bench->store), 0);
    assert_int_equal(store_revision(bench->store), 0);
    assert_int_equal(store_known_index(bench->store), 2);
    assert_int_equal(store_known_term(bench->store), 1);
}

static void a_view_that_changed_after_it_was_closed_is_not_used(void **state) {
    struct bench *bench = *state;
    char path[128];
    bench_put_kv(bench, "kv/a", "1");
    store_close(bench->store);
    snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    int last = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    assert_int_equal(fputc(last ^ 1, file), last ^ 1);
    assert_int_equal(fclose(file), 0);
    struct store_options options = {.directory = bench->directory};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    assert_int_equal(store_applied_index(bench->store), 0);
    assert_int_equal(store_known_index(bench->store), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define MARK_TEST(test)  cmocka_unit_test_setup_teardown(test, setup, teardown)
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        MARK_TEST(a_new_mark_knows_nothing),
        MARK_TEST(a_mark_is_read_as_it_was_written),
        MARK_TEST(the_newest_of_many_counts),
        MARK_TEST(a_flipped_bit_leaves_a_mark_that_was_true),
        MARK_TEST(a_file_that_changed_measures_otherwise),
        STORE_TEST(a_store_knows_what_it_applied_when_its_view_is_gone),
        STORE_TEST(a_view_that_changed_after_it_was_closed_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
