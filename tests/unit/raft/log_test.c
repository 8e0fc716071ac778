/* The log: what it keeps, what it cuts, what it refuses. */
#include "raft/log.h"

#include "raft/segment.h"
#include "scratch.h"
#include "util/limits.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#define FIRST_SEGMENT "segment-00000001"

static struct log *open_log(const struct scratch *scratch) {
    struct log *log = NULL;
    assert_int_equal(log_open(scratch->directory, 0, &log), ERR_OK);
    return log;
}

/* Writes all that waits; returns what became durable. */
static uint64_t sync_log(struct log *log) {
    uint64_t top = 0;
    struct log_job *job;
    while ((job = log_begin(log)) != NULL) {
        log_run(job);
        uint64_t durable = log_finish(log, job);
        top = MAX_OF(top, durable);
    }
    return top;
}

static void append(struct log *log, uint64_t index, uint64_t term, const char *text) {
    struct log_entry entry = {.term = term, .type = ENTRY_COMMAND, .data = slice_of_text(text)};
    log_append(log, index, &entry, 1);
}

static void assert_entry(struct log *log, uint64_t index, uint64_t term, const char *text) {
    struct arena arena;
    arena_init(&arena);
    struct log_entry entry;
    assert_int_equal(log_get(log, index, &arena, &entry), ERR_OK);
    assert_int_equal(entry.term, term);
    assert_int_equal(log_term(log, index), term);
    assert_true(slice_equal(entry.data, slice_of_text(text)));
    arena_deinit(&arena);
}

/* A log of "a", "b", "c" at 1, 2, 3, each in a batch of its own. */
static void make_three(const struct scratch *scratch) {
    struct log *log = open_log(scratch);
    append(log, 1, 1, "a");
    sync_log(log);
    append(log, 2, 1, "b");
    sync_log(log);
    append(log, 3, 2, "c");
    assert_int_equal(sync_log(log), 3);
    log_close(log);
}

/* Where the record of make_three's entry `number` (1..3) begins. */
static size_t record_offset(unsigned number) {
    return SEGMENT_HEADER_SIZE + (number - 1) * (SEGMENT_RECORD_OVERHEAD + 1);
}

static void entries_survive_reopening(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    struct log *log = open_log(&scratch);
    assert_int_equal(log_first_index(log), 1);
    assert_int_equal(log_last_index(log), 3);
    assert_entry(log, 1, 1, "a");
    assert_entry(log, 2, 1, "b");
    assert_entry(log, 3, 2, "c");
    assert_int_equal(log_term(log, 4), 0);
    append(log, 4, 2, "d");
    assert_entry(log, 4, 2, "d");
    assert_int_equal(sync_log(log), 4);
    log_close(log);
    log = open_log(&scratch);
    assert_entry(log, 4, 2, "d");
    log_close(log);
    scratch_close(&scratch);
}

static void unwritten_entries_are_not_there_after_reopening(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    struct log *log = open_log(&scratch);
    append(log, 4, 2, "lost");
    assert_int_equal(log_last_index(log), 4);
    log_close(log);
    log = open_log(&scratch);
    assert_int_equal(log_last_index(log), 3);
    log_close(log);
    scratch_close(&scratch);
}

static void truncated_suffix_stays_truncated(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    struct log *log = open_log(&scratch);
    append(log, 2, 3, "B");
    assert_int_equal(log_last_index(log), 2);
    assert_int_equal(log_term(log, 3), 0);
    assert_int_equal(sync_log(log), 2);
    log_close(log);
    log = open_log(&scratch);
    assert_int_equal(log_last_index(log), 2);
    assert_entry(log, 1, 1, "a");
    assert_entry(log, 2, 3, "B");
    log_close(log);
    scratch_close(&scratch);
}

static void entries_truncated_while_written_are_not_reported(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    struct log *log = open_log(&scratch);
    struct log_entry old[2] = {{.term = 2, .type = ENTRY_COMMAND, .data = slice_of_text("x")},
                               {.term = 2, .type = ENTRY_COMMAND, .data = slice_of_text("y")}};
    log_append(log, 4, old, 2);
    struct log_job *job = log_begin(log);
    assert_non_null(job);
    assert_null(log_begin(log)); /* one at a time */
    append(log, 5, 3, "Y");
    log_run(job);
    assert_int_equal(log_finish(log, job), 4);
    assert_int_equal(sync_log(log), 5);
    log_close(log);
    log = open_log(&scratch);
    assert_entry(log, 4, 2, "x");
    assert_entry(log, 5, 3, "Y");
    log_close(log);
    scratch_close(&scratch);
}

static void last_change_is_found_and_truncated(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    struct log *log = open_log(&scratch);
    struct log_entry entries[4] = {{.term = 1, .type = ENTRY_CHANGE, .data = slice_of_text("1")},
                                   {.term = 1, .type = ENTRY_COMMAND},
                                   {.term = 1, .type = ENTRY_CHANGE, .data = slice_of_text("3")},
                                   {.term = 1, .type = ENTRY_BARRIER}};
    log_append(log, 1, entries, 4);
    sync_log(log);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(log_last_change(log, UINT64_MAX), 3);
        assert_int_equal(log_last_change(log, 3), 3);
        assert_int_equal(log_last_change(log, 2), 1);
        assert_int_equal(log_last_change(log, 0), 0);
        log_close(log);
        log = open_log(&scratch);
    }
    append(log, 3, 2, "no change");
    assert_int_equal(log_last_change(log, UINT64_MAX), 1);
    log_close(log);
    scratch_close(&scratch);
}

/* The segment is the first `keep` bytes of what make_three wrote, and zeroes, as a crash in the
 * middle of the last write leaves it. */
static void tear(int segment, const unsigned char *three, size_t keep) {
    unsigned char bytes[4096] = {0};
    memcpy(bytes, three, keep);
    assert_int_equal(pwrite(segment, bytes, sizeof bytes, 0), sizeof bytes);
}

static void torn_tail_is_cut_at_every_length(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    char path[256];
    unsigned char three[256];
    assert_true(record_offset(4) <= sizeof three);
    scratch_path(&scratch, FIRST_SEGMENT, path, sizeof path);
    int segment = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(segment, three, sizeof three, 0), sizeof three);
    for (size_t keep = record_offset(3); keep < record_offset(4); keep++) {
        tear(segment, three, keep);
        struct log *log = open_log(&scratch);
        assert_int_equal(log_last_index(log), 2);
        append(log, 3, 4, "new");
        assert_int_equal(sync_log(log), 3);
        log_close(log);
        log = open_log(&scratch);
        assert_int_equal(log_last_index(log), 3);
        assert_entry(log, 3, 4, "new");
        log_close(log);
    }
    assert_int_equal(close(segment), 0);
    scratch_close(&scratch);
}

static void missing_sectors_of_the_last_batch_are_cut(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    struct log *log = open_log(&scratch);
    char large[3000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    struct log_entry batch[2] = {
        {.term = 2, .type = ENTRY_COMMAND, .data = slice_of_text(large)},
        {.term = 2, .type = ENTRY_COMMAND, .data = slice_of_text("behind the hole")}};
    log_append(log, 4, batch, 2);
    sync_log(log);
    log_close(log);
    char path[256];
    scratch_path(&scratch, FIRST_SEGMENT, path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    char zeroes[512] = {0};
    assert_int_equal(pwrite(fd, zeroes, sizeof zeroes, 1024), sizeof zeroes);
    assert_int_equal(close(fd), 0);
    log = open_log(&scratch);
    assert_int_equal(log_last_index(log), 3);
    append(log, 4, 3, "d");
    sync_log(log);
    log_close(log);
    log = open_log(&scratch); /* nothing of the torn batch comes back */
    assert_int_equal(log_last_index(log), 4);
    assert_entry(log, 4, 3, "d");
    log_close(log);
    scratch_close(&scratch);
}

static void every_flipped_bit_is_refused(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    char path[256];
    scratch_path(&scratch, FIRST_SEGMENT, path, sizeof path);
    assert_int_equal(truncate(path, 4096), 0); /* zeroes without end need not be read each time */
    for (size_t offset = 0; offset < record_offset(4); offset++) {
        unsigned char bits = (unsigned char)(1u << (offset % 8));
        scratch_flip(&scratch, FIRST_SEGMENT, offset, bits);
        struct log *log = NULL;
        assert_int_equal(log_open(scratch.directory, 0, &log), ERR_CORRUPT);
        assert_null(log);
        scratch_flip(&scratch, FIRST_SEGMENT, offset, bits);
    }
    log_close(open_log(&scratch));
    scratch_close(&scratch);
}

static void hole_before_valid_records_is_refused(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    make_three(&scratch);
    char path[256];
    scratch_path(&scratch, FIRST_SEGMENT, path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    char zeroes[SEGMENT_RECORD_OVERHEAD + 1] = {0};
    assert_int_equal(pwrite(fd, zeroes, sizeof zeroes, (off_t)record_offset(1)), sizeof zeroes);
    assert_int_equal(close(fd), 0);
    struct log *log = NULL;
    assert_int_equal(log_open(scratch.directory, 0, &log), ERR_CORRUPT);
    scratch_close(&scratch);
}

/* Fills four segments with entries of 1 MiB. */
static void many_segments_are_read_back(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    struct log *log = open_log(&scratch);
    const unsigned count = 25;
    size_t size = 1024 * 1024;
    char *text = must_alloc(size + 1);
    for (unsigned i = 1; i <= count; i++) {
        memset(text, 'a' + (int)(i % 26), size);
        text[size] = '\0';
        append(log, i, 1, text);
    }
    assert_int_equal(sync_log(log), count);
    log_close(log);
    char path[256];
    scratch_path(&scratch, "segment-00000004", path, sizeof path);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    log = open_log(&scratch);
    assert_int_equal(log_last_index(log), count);
    for (unsigned i = count; i >= 1; i--) {
        memset(text, 'a' + (int)(i % 26), size);
        assert_entry(log, i, 1, text);
    }
    log_close(log);
    scratch_flip(&scratch, "segment-00000002", 5000, 1);
    assert_int_equal(log_open(scratch.directory, 0, &log), ERR_CORRUPT);
    scratch_flip(&scratch, "segment-00000002", 5000, 1);
    assert_int_equal(unlink(path), 0); /* the newest is gone: its entries are, too */
    scratch_path(&scratch, "segment-00000002", path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(log_open(scratch.directory, 0, &log), ERR_CORRUPT);
    free(text);
    scratch_close(&scratch);
}

static void entries_beyond_the_cache_come_from_the_disk(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    struct log *log = open_log(&scratch);
    size_t size = LIMIT_PROPOSE_ENTRY_SIZE_MAX;
    char *text = must_alloc(size + 1);
    text[size] = '\0';
    unsigned count = LIMIT_RAFT_LOG_CACHE_SIZE_MAX / LIMIT_PROPOSE_ENTRY_SIZE_MAX + 3;
    for (unsigned i = 1; i <= count; i++) {
        memset(text, 'a' + (int)(i % 26), size);
        append(log, i, 1, text);
        sync_log(log);
    }
    for (unsigned i = 1; i <= count; i++) {
        memset(text, 'a' + (int)(i % 26), size);
        assert_entry(log, i, 1, text);
    }
    /* The first is read from the disk now, and verified. */
    scratch_flip(&scratch, FIRST_SEGMENT, 5000, 1);
    struct arena arena;
    arena_init(&arena);
    struct log_entry entry;
    assert_int_equal(log_get(log, 1, &arena, &entry), ERR_CORRUPT);
    arena_deinit(&arena);
    log_close(log);
    free(text);
    scratch_close(&scratch);
}

static void directory_has_one_owner(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    struct log *log = open_log(&scratch);
    struct log *second = NULL;
    assert_int_equal(log_open(scratch.directory, 0, &second), ERR_EXISTS);
    log_close(log);
    log_close(open_log(&scratch));
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_survive_reopening),
        cmocka_unit_test(unwritten_entries_are_not_there_after_reopening),
        cmocka_unit_test(truncated_suffix_stays_truncated),
        cmocka_unit_test(entries_truncated_while_written_are_not_reported),
        cmocka_unit_test(last_change_is_found_and_truncated),
        cmocka_unit_test(torn_tail_is_cut_at_every_length),
        cmocka_unit_test(missing_sectors_of_the_last_batch_are_cut),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(hole_before_valid_records_is_refused),
        cmocka_unit_test(many_segments_are_read_back),
        cmocka_unit_test(entries_beyond_the_cache_come_from_the_disk),
        cmocka_unit_test(directory_has_one_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
