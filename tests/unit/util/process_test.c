/* What a process learns of itself. */
#include "util/process.h"

#include "util/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void an_open_file_more_is_one_more(void **state) {
    (void)state;
    struct process_usage before;
    struct process_usage after;
    process_usage_read(&before);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    process_usage_read(&after);
    assert_int_equal(after.open_files, before.open_files + 1);
    assert_int_equal(close(file), 0);
    assert_true(after.open_files_max >= after.open_files);
}

static void sizes_and_times_are_plausible(void **state) {
    (void)state;
    struct process_usage usage;
    process_usage_read(&usage);
    assert_true(usage.resident_size > 100000);
    assert_true(usage.virtual_size > usage.resident_size);
    assert_true(usage.threads >= 1 && usage.threads < 100);
    msec_t now = clock_boot_ms(&clock_system);
    assert_true(usage.started_ms <= now + 1000 && usage.started_ms + 60000 > now);
}

static void work_costs_time(void **state) {
    (void)state;
    struct process_usage before;
    struct process_usage after;
    process_usage_read(&before);
    volatile unsigned sum = 0;
    do {
        for (unsigned i = 0; i < 1000000; i++) {
            sum = sum + i;
        }
        process_usage_read(&after);
    } while (after.cpu_us == before.cpu_us);
    assert_true(after.cpu_us > before.cpu_us);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_file_more_is_one_more),
        cmocka_unit_test(sizes_and_times_are_plausible),
        cmocka_unit_test(work_costs_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
