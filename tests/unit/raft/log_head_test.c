/* The log's head: dropped behind a snapshot, begun anew behind an installed one, and whole after
 * each step of both. Each test stops after a step and opens the log again. */
#include "raft/log.h"

#include "raft/segment.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#define ENTRY_SIZE ((size_t)1024 * 1024) /* seven of them fill a file */

static struct log *open_log(const struct scratch *scratch, uint64_t base_index) {
    struct log *log = NULL;
    assert_int_equal(log_open(scratch->directory, base_index, &log), ERR_OK);
    return log;
}

static void sync_log(struct log *log) {
    struct log_job *job;
    while ((job = log_begin(log)) != NULL) {
        log_run(job);
        (void)log_finish(log, job);
    }
}

static void append(struct log *log, uint64_t index, uint64_t term, size_t size,
                   enum entry_type type) {
    uint8_t *bytes = must_alloc_zeroed(1, size);
    bytes[0] = (uint8_t)index;
    struct log_entry entry = {.term = term, .type = type, .data = slice_of(bytes, size)};
    log_append(log, index, &entry, 1);
    free(bytes);
}

static void assert_entry(struct log *log, uint64_t index, uint64_t term) {
    struct arena arena;
    arena_init(&arena);
    struct log_entry entry;
    assert_int_equal(log_get(log, index, &arena, &entry), ERR_OK);
    assert_int_equal(entry.term, term);
    assert_int_equal(entry.data.data[0], (uint8_t)index);
    arena_deinit(&arena);
}

/* 25 entries of term 1 in four files: 1-7, 8-14, 15-21, 22-25. */
static void make_log(const struct scratch *scratch) {
    struct log *log = open_log(scratch, 0);
    for (uint64_t index = 1; index <= 25; index++) {
        append(log, index, 1, ENTRY_SIZE, index == 3 ? ENTRY_CHANGE : ENTRY_COMMAND);
    }
    sync_log(log);
    log_close(log);
}

static bool file_exists(const struct scratch *scratch, const char *name) {
    char path[256];
    scratch_path(scratch, name, path, sizeof path);
    return access(path, F_OK) == 0;
}

static void remove_file(const struct scratch *scratch, const char *name) {
    char path[256];
    scratch_path(scratch, name, path, sizeof path);
    assert_int_equal(unlink(path), 0);
}

static void assert_refused(const struct scratch *scratch, uint64_t base_index) {
    struct log *log = NULL;
    assert_int_equal(log_open(scratch->directory, base_index, &log), ERR_CORRUPT);
    assert_null(log);
}

static void dropped_entries_are_gone_and_the_rest_stays(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_log(&scratch);
    struct log *log = open_log(&scratch, 0);
    assert_int_equal(log_last_change(log, UINT64_MAX), 3);
    log_drop_head(log, 16);
    assert_int_equal(log_first_index(log), 17);
    assert_int_equal(log_last_index(log), 25);
    assert_int_equal(log_term(log, 15), 0);
    assert_int_equal(log_term(log, 16), 1); /* of the entry before the first */
    assert_int_equal(log_last_change(log, UINT64_MAX), 0);
    assert_entry(log, 17, 1);
    assert_entry(log, 25, 1);
    log_drop_head(log, 16); /* again: nothing */
    append(log, 26, 2, 10, ENTRY_CHANGE);
    assert_int_equal(log_last_change(log, UINT64_MAX), 26);
    sync_log(log);
    log_drop_head(log, 26);
    assert_int_equal(log_first_index(log), 27);
    assert_int_equal(log_last_index(log), 26);
    append(log, 27, 2, 10, ENTRY_COMMAND);
    assert_entry(log, 27, 2);
    log_close(log);
    scratch_close(&scratch);
}

static void only_whole_files_behind_the_bound_go(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_log(&scratch);
    struct log *log = open_log(&scratch, 0);
    assert_int_equal(log_segment_of(log, 14), 2);
    assert_int_equal(log_segment_of(log, 15), 3);
    assert_int_equal(log_segment_of(log, 26), 4);
    assert_int_equal(log_remove_before(log, log_segment_of(log, 14)), 0);
    assert_false(file_exists(&scratch, "segment-00000001"));
    assert_true(file_exists(&scratch, "segment-00000002"));
    log_close(log);
    log = open_log(&scratch, 13);
    assert_int_equal(log_first_index(log), 8);
    assert_int_equal(log_last_index(log), 25);
    assert_entry(log, 8, 1);
    log_close(log);
    /* Without the snapshot the log has lost its beginning. */
    assert_refused(&scratch, 0);
    assert_refused(&scratch, 6);
    log_close(open_log(&scratch, 7));
    scratch_close(&scratch);
}

/* A crash may leave any of the files that were being removed. */
static void half_removed_head_is_no_damage(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_log(&scratch);
    remove_file(&scratch, "segment-00000002");
    assert_refused(&scratch, 13);
    struct log *log = open_log(&scratch, 14);
    assert_int_equal(log_first_index(log), 15);
    assert_int_equal(log_last_index(log), 25);
    assert_int_equal(log_remove_before(log, log_segment_of(log, 15)), 0);
    assert_false(file_exists(&scratch, "segment-00000001")); /* the one left over, too */
    assert_true(file_exists(&scratch, "segment-00000003"));
    log_close(log);
    scratch_close(&scratch);
}

/* The first record that is left may be one that was superseded later. */
static void head_that_begins_with_superseded_records_is_read(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_log(&scratch);
    struct log *log = open_log(&scratch, 0);
    append(log, 20, 2, ENTRY_SIZE, ENTRY_COMMAND); /* file 4 has 22..25, and now 20 */
    append(log, 21, 2, ENTRY_SIZE, ENTRY_COMMAND);
    sync_log(log);
    assert_int_equal(log_segment_of(log, 20), 4);
    assert_int_equal(log_remove_before(log, log_segment_of(log, 20)), 0);
    log_close(log);
    assert_false(file_exists(&scratch, "segment-00000003"));
    log = open_log(&scratch, 19);
    assert_int_equal(log_first_index(log), 20);
    assert_int_equal(log_last_index(log), 21);
    assert_entry(log, 21, 2);
    log_close(log);
    assert_refused(&scratch, 18);
    scratch_close(&scratch);
}

static void reset_log_begins_behind_the_snapshot(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_log(&scratch);
    struct log *log = open_log(&scratch, 0);
    log_reset(log, 1000, 7);
    assert_true(log_is_resetting(log));
    assert_int_equal(log_first_index(log), 1001);
    assert_int_equal(log_last_index(log), 1000);
    assert_int_equal(log_term(log, 1000), 7);
    assert_int_equal(log_term(log, 25), 0);
    log_close(log);
    /* Stopped before it was durable: the old log is still there. */
    log = open_log(&scratch, 1000);
    assert_int_equal(log_last_index(log), 25);
    log_reset(log, 1000, 7);
    sync_log(log);
    assert_false(log_is_resetting(log));
    log_close(log);
    /* Durable, the old files still there. */
    log = open_log(&scratch, 1000);
    assert_int_equal(log_first_index(log), 1001);
    assert_int_equal(log_last_index(log), 1000);
    assert_int_equal(log_term(log, 1000), 7);
    append(log, 1001, 7, 10, ENTRY_COMMAND);
    sync_log(log);
    assert_int_equal(log_remove_before(log, log_segment_of(log, 1001)), 0);
    log_close(log);
    assert_false(file_exists(&scratch, "segment-00000004"));
    log = open_log(&scratch, 1000);
    assert_int_equal(log_first_index(log), 1001);
    assert_int_equal(log_last_index(log), 1001);
    log_close(log);
    assert_refused(&scratch, 999);
    scratch_close(&scratch);
}

static void write_that_was_out_during_a_reset_counts_for_nothing(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    struct log *log = open_log(&scratch, 0);
    append(log, 1, 5, 10, ENTRY_COMMAND);
    struct log_job *job = log_begin(log);
    log_reset(log, 40, 5);
    append(log, 41, 5, 10, ENTRY_COMMAND);
    log_run(job);
    assert_int_equal(log_finish(log, job), 0);
    assert_true(log_is_resetting(log));
    job = log_begin(log); /* the reset */
    log_run(job);
    assert_int_equal(log_finish(log, job), 0);
    assert_false(log_is_resetting(log));
    job = log_begin(log);
    log_run(job);
    assert_int_equal(log_finish(log, job), 41);
    log_close(log);
    log = open_log(&scratch, 40);
    assert_int_equal(log_first_index(log), 41);
    assert_int_equal(log_last_index(log), 41);
    assert_entry(log, 41, 5);
    log_close(log);
    scratch_close(&scratch);
}

/* A reset that a crash tore leaves the log as it was. */
static void torn_reset_is_cut(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_log(&scratch);
    struct log *log = open_log(&scratch, 0);
    log_reset(log, 1000, 7);
    struct log_job *job = log_begin(log);
    log_run(job);
    (void)log_finish(log, job);
    log_close(log);
    char path[256];
    scratch_path(&scratch, "segment-00000005", path, sizeof path);
    assert_int_equal(truncate(path, SEGMENT_HEADER_SIZE + SEGMENT_RECORD_OVERHEAD / 2), 0);
    log = open_log(&scratch, 0);
    assert_int_equal(log_first_index(log), 1);
    assert_int_equal(log_last_index(log), 25);
    log_reset(log, 1000, 7);
    sync_log(log);
    log_close(log);
    log = open_log(&scratch, 1000);
    assert_int_equal(log_first_index(log), 1001);
    log_close(log);
    scratch_close(&scratch);
}

static void log_that_is_gone_is_refused_beside_a_snapshot(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    log_close(open_log(&scratch, 0));
    assert_refused(&scratch, 10);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_entries_are_gone_and_the_rest_stays),
        cmocka_unit_test(only_whole_files_behind_the_bound_go),
        cmocka_unit_test(half_removed_head_is_no_damage),
        cmocka_unit_test(head_that_begins_with_superseded_records_is_read),
        cmocka_unit_test(reset_log_begins_behind_the_snapshot),
        cmocka_unit_test(write_that_was_out_during_a_reset_counts_for_nothing),
        cmocka_unit_test(torn_reset_is_cut),
        cmocka_unit_test(log_that_is_gone_is_refused_beside_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
