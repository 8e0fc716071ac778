#include "store/pages.h"

#include "store/mark.h"
#include "tests/unit/store/work.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096u

static char *view_of(struct bench *bench) {
    return arena_printf(&bench->arena, "%s/data.mdb", bench->directory);
}

static void read_view(struct bench *bench, struct buf *out) {
    struct stat stat;
    int fd = open(view_of(bench), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &stat), 0);
    buf_clear(out);
    size_t size = (size_t)stat.st_size;
    assert_int_equal(read(fd, buf_reserve(out, size), size), size);
    out->size = size;
    assert_int_equal(close(fd), 0);
}

/* What LMDB writes passes, whatever was done: else a view would be built again for nothing. This
 * pins what store/pages.c knows of LMDB's format. */
static void what_lmdb_wrote_is_whole(void **state) {
    struct bench *bench = *state;
    struct work work;
    struct buf file;
    buf_init(&file);
    work_init(&work, bench, 20261124);
    for (unsigned i = 0; i < 150; i++) {
        work_run(&work, 20);
        read_view(bench, &file);
        assert_true(pages_are_whole(buf_slice(&file)));
    }
    assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    work_deinit(&work);
    buf_deinit(&file);
}

/* Where the file was flipped and still passes, it answers as before and goes on as before. */
static void check_same(struct bench *bench, struct slice file, uint64_t digest) {
    int fd = open(view_of(bench), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, file.data, file.size), file.size);
    assert_int_equal(ftruncate(fd, (off_t)file.size), 0);
    assert_int_equal(close(fd), 0);
    char lock[128];
    snprintf(lock, sizeof lock, "%s/lock.mdb", bench->directory);
    unlink(lock);
    struct store_options options = {.directory = bench->directory};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    assert_int_equal(store_digest(bench->store), digest);
    assert_int_equal(store_digest_walk(bench->store), digest);
    struct work work;
    work_init(&work, bench, 5);
    work_run(&work, 20);
    work_deinit(&work);
    assert_int_equal(store_digest_walk(bench->store), store_digest(bench->store));
}

/* The seal must not stand in the way: as if the process had been killed. */
static void abandon(struct bench *bench) {
    struct mark mark;
    store_close(bench->store);
    assert_int_equal(mark_open(bench->directory, &mark), ERR_OK);
    mark.state.is_sealed = false;
    assert_int_equal(mark_write(&mark, false), 0);
    mark_close(&mark);
}

static size_t any_place(struct rand *rand, size_t size) {
    size_t page = rand_below(rand, size / PAGE) * PAGE;
    switch (rand_below(rand, 3)) {
    case 0:
        return page + rand_below(rand, 16); /* a header, of whatever page */
    case 1:
        return page + rand_below(rand, 200); /* where nodes lie, or a meta */
    default:
        return page + rand_below(rand, PAGE);
    }
}

static void a_flipped_bit_is_found_or_does_not_matter(void **state) {
    struct bench *bench = *state;
    struct work work;
    struct rand rand;
    struct buf file;
    buf_init(&file);
    rand_seed(&rand, 20261125);
    work_init(&work, bench, 3);
    work_run(&work, 400);
    work_deinit(&work);
    uint64_t digest = store_digest(bench->store);
    abandon(bench);
    read_view(bench, &file);
    unsigned passed = 0;
    for (unsigned i = 0; i < 2000; i++) {
        size_t at = any_place(&rand, file.size);
        uint8_t bit = (uint8_t)(1u << rand_below(&rand, 8));
        file.data[at] ^= bit;
        if (pages_are_whole(buf_slice(&file)) && passed++ < 20) {
            check_same(bench, buf_slice(&file), digest);
            abandon(bench);
        }
        file.data[at] ^= bit;
    }
    print_message("%u of 2000 flips did not matter\n", passed);
    assert_in_range(passed, 20, 1950);
    check_same(bench, buf_slice(&file), digest);
    buf_deinit(&file);
}

static void a_file_cut_short_is_found(void **state) {
    struct bench *bench = *state;
    struct work work;
    struct buf file;
    buf_init(&file);
    work_init(&work, bench, 4);
    work_run(&work, 100);
    work_deinit(&work);
    read_view(bench, &file);
    assert_true(pages_are_whole(buf_slice(&file)));
    for (size_t size = 0; size < file.size; size += size < 3 * PAGE ? 512 : PAGE) {
        /* memory of that size, so that a read behind it is seen */
        uint8_t *part = must_alloc(size + 1);
        memcpy(part, file.data, size);
        assert_false(pages_are_whole(slice_of(part, size)));
        free(part);
    }
    buf_deinit(&file);
}

static void garbage_is_not_whole(void **state) {
    (void)state;
    struct rand rand;
    uint8_t file[16 * PAGE];
    rand_seed(&rand, 6);
    for (unsigned round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof file; i++) {
            file[i] = (uint8_t)rand_below(&rand, round % 2 ? 256 : 3);
        }
        assert_false(pages_are_whole(slice_of(file, sizeof file)));
    }
}

/* Garbage behind right metas: every number is followed only after it was checked. */
static void garbage_in_pages_leads_nowhere(void **state) {
    struct bench *bench = *state;
    struct work work;
    struct rand rand;
    struct buf file;
    struct buf copy;
    buf_init(&file);
    buf_init(&copy);
    rand_seed(&rand, 7);
    work_init(&work, bench, 7);
    work_run(&work, 200);
    work_deinit(&work);
    read_view(bench, &file);
    for (unsigned round = 0; round < 1000; round++) {
        buf_clear(&copy);
        buf_append(&copy, file.data, file.size);
        for (unsigned i = 0; i < 20; i++) {
            size_t at = any_place(&rand, copy.size);
            copy.data[at] = (uint8_t)rand_below(&rand, 256);
        }
        (void)pages_are_whole(buf_slice(&copy)); /* and ends, within the bytes */
    }
    buf_deinit(&file);
    buf_deinit(&copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        STORE_TEST(what_lmdb_wrote_is_whole),
        STORE_TEST(a_flipped_bit_is_found_or_does_not_matter),
        STORE_TEST(a_file_cut_short_is_found),
        cmocka_unit_test(garbage_is_not_whole),
        STORE_TEST(garbage_in_pages_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
