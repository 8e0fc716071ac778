/* Log time: never backwards, never faster than real time. */
#include "raft/logtime.h"

#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
/* after the above */
#include <cmocka.h>

static void log_time_continues_from_the_last_one_applied(void **state) {
    (void)state;
    struct logtime logtime;
    logtime_lead(&logtime, 50000, 700);
    assert_int_equal(logtime_now(&logtime, 50000), 700);
    assert_int_equal(logtime_now(&logtime, 50250), 950);
    assert_int_equal(logtime_instant(&logtime, 950), 50250);
    assert_int_equal(logtime_instant(&logtime, 1), 50000);
    assert_int_equal(logtime_instant(&logtime, UINT64_MAX), UINT64_MAX);
}

static void gap_between_leaders_is_not_added(void **state) {
    (void)state;
    struct logtime first;
    struct logtime second;
    logtime_lead(&first, 1000, 0);
    uint64_t last = logtime_now(&first, 1500);
    /* Another machine, another clock, ten seconds later. */
    logtime_lead(&second, 987654 + 10000, last);
    assert_int_equal(logtime_now(&second, 987654 + 10000), last);
}

/* Leaders come and go on machines with different clocks; none of them may make log time pass faster
 * than the world, or fall. */
static void log_time_never_falls_nor_outruns_the_world(void **state) {
    (void)state;
    struct rand rand;
    rand_seed(&rand, 7);
    uint64_t world = 0;
    uint64_t applied = 0;
    for (unsigned leader = 0; leader < 200; leader++) {
        uint64_t offset = rand_below(&rand, 1000000);
        struct logtime logtime;
        world += rand_below(&rand, 3000);
        logtime_lead(&logtime, world + offset, applied);
        for (unsigned i = 0; i < 20; i++) {
            world += rand_below(&rand, 50);
            uint64_t now = logtime_now(&logtime, world + offset);
            assert_true(now >= applied);
            assert_true(now <= world);
            /* Not every stamp is applied before the leader falls. */
            applied = rand_below(&rand, 4) == 0 ? applied : now;
        }
    }
    assert_true(applied > 0);
}

static void clock_that_steps_back_does_not_turn_log_time_back(void **state) {
    (void)state;
    struct logtime logtime;
    logtime_lead(&logtime, 1000, 100);
    assert_int_equal(logtime_now(&logtime, 1400), 500);
    assert_int_equal(logtime_now(&logtime, 1200), 500);
    assert_int_equal(logtime_now(&logtime, 900), 500);
    assert_int_equal(logtime_now(&logtime, 1450), 550);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_time_continues_from_the_last_one_applied),
        cmocka_unit_test(gap_between_leaders_is_not_added),
        cmocka_unit_test(log_time_never_falls_nor_outruns_the_world),
        cmocka_unit_test(clock_that_steps_back_does_not_turn_log_time_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
