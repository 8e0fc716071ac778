#include "util/rand.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void one_seed_gives_one_sequence(void **state) {
    (void)state;
    struct rand a;
    struct rand b;
    struct rand c;
    rand_seed(&a, 42);
    rand_seed(&b, 42);
    rand_seed(&c, 43);
    unsigned differing = 0;
    for (unsigned i = 0; i < 100; i++) {
        uint64_t value = rand_u64(&a);
        assert_true(value == rand_u64(&b));
        differing += value != rand_u64(&c);
    }
    assert_int_equal(differing, 100);
}

/* xoshiro256** seeded by splitmix64 from 0: the reference implementation's first values. */
static void the_sequence_is_the_algorithms(void **state) {
    (void)state;
    struct rand rand;
    rand_seed(&rand, 0);
    assert_true(rand_u64(&rand) == UINT64_C(0x99ec5f36cb75f2b4));
    assert_true(rand_u64(&rand) == UINT64_C(0xbf6e1f784956452a));
}

static void below_stays_below_and_reaches_all(void **state) {
    (void)state;
    struct rand rand;
    rand_seed(&rand, 1);
    unsigned counts[7] = {0};
    for (unsigned i = 0; i < 7000; i++) {
        uint64_t value = rand_below(&rand, 7);
        assert_true(value < 7);
        counts[value]++;
    }
    for (unsigned i = 0; i < 7; i++) {
        assert_in_range(counts[i], 850, 1150); /* 1,000 expected; 5 standard deviations */
    }
    assert_true(rand_below(&rand, 1) == 0);
    assert_true(rand_below(&rand, UINT64_MAX) < UINT64_MAX);
}

static void the_kernels_bytes_differ(void **state) {
    (void)state;
    uint8_t a[32];
    uint8_t b[32];
    rand_os(a, sizeof a);
    rand_os(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_gives_one_sequence),
        cmocka_unit_test(the_sequence_is_the_algorithms),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(the_kernels_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
