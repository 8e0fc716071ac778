/* Term and vote on disk. */
#include "raft/ballot.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* after the above */
#include <cmocka.h>

static void missing_ballot_is_told_apart(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    assert_int_equal(mkdir(scratch.directory, 0700), 0);
    struct ballot ballot;
    assert_int_equal(ballot_load(scratch.directory, &ballot), ERR_NOT_FOUND);
    scratch_close(&scratch);
}

static void ballot_survives_reopening(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    assert_int_equal(mkdir(scratch.directory, 0700), 0);
    for (uint64_t term = 1; term <= 5; term++) {
        struct ballot ballot = {
            .term = term, .vote = term % 2, .cluster = UINT64_MAX, .server_id = 3};
        assert_int_equal(ballot_save(scratch.directory, &ballot), ERR_OK);
        struct ballot loaded;
        assert_int_equal(ballot_load(scratch.directory, &loaded), ERR_OK);
        assert_memory_equal(&loaded, &ballot, sizeof ballot);
    }
    scratch_close(&scratch);
}

static void every_damaged_byte_is_refused(void **state) {
    (void)state;
    struct scratch scratch;
    scratch_open(&scratch);
    assert_int_equal(mkdir(scratch.directory, 0700), 0);
    struct ballot ballot = {.term = 7, .vote = 2, .cluster = 9, .server_id = 1};
    assert_int_equal(ballot_save(scratch.directory, &ballot), ERR_OK);
    char path[256];
    scratch_path(&scratch, "ballot", path, sizeof path);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size > 32);
    for (size_t offset = 0; offset < (size_t)status.st_size; offset++) {
        scratch_flip(&scratch, "ballot", offset, 0x10);
        struct ballot loaded = {.term = 0};
        assert_int_equal(ballot_load(scratch.directory, &loaded), ERR_CORRUPT);
        assert_int_equal(loaded.term, 0);
        scratch_flip(&scratch, "ballot", offset, 0x10);
    }
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_ballot_is_told_apart),
        cmocka_unit_test(ballot_survives_reopening),
        cmocka_unit_test(every_damaged_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
