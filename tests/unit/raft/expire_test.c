/* The leader's look for leases that are due. */
#include "raft/expire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

struct fake {
    struct expire expire;
    unsigned due; /* leases that are due */
    msec_t next;  /* instant of the next one */
    unsigned looks;
    unsigned proposed;
    struct proposal *proposals[LIMIT_EXPIRE_BATCH_MAX];
};

static unsigned fake_due(void *owner, msec_t now, struct buf *out, msec_t *out_next) {
    struct fake *fake = owner;
    (void)now;
    unsigned count = MIN_OF(fake->due, LIMIT_EXPIRE_BATCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "lease%u", i);
        buf_put_bytes(out, text, (size_t)size);
    }
    fake->looks++;
    *out_next = fake->next;
    return count;
}

static void fake_propose(void *owner, struct proposal *proposal) {
    struct fake *fake = owner;
    fake->proposals[fake->proposed++] = proposal;
}

static void fake_open(struct fake *fake) {
    memset(fake, 0, sizeof *fake);
    fake->next = UINT64_MAX;
    struct expire_hooks hooks = {.owner = fake, .due = fake_due, .propose = fake_propose};
    expire_init(&fake->expire, &hooks);
}

static void decide_all(struct fake *fake, enum err err) {
    for (unsigned i = 0; i < fake->proposed; i++) {
        fake->proposals[i]->decided(fake->proposals[i], err);
    }
    fake->proposed = 0;
}

static void due_leases_are_proposed_one_batch_at_a_time(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    fake.due = LIMIT_EXPIRE_BATCH_MAX + 1;
    expire_tick(&fake.expire, 1000);
    assert_int_equal(fake.proposed, LIMIT_EXPIRE_BATCH_MAX);
    assert_true(slice_equal(fake.proposals[7]->command, slice_of_text("lease7")));
    assert_int_equal(expire_deadline(&fake.expire), UINT64_MAX);
    expire_tick(&fake.expire, 9000); /* the batch is still out */
    assert_int_equal(fake.looks, 1);
    decide_all(&fake, ERR_OK);
    fake.due = 1;
    expire_tick(&fake.expire, 1000); /* more were due: at once */
    assert_int_equal(fake.proposed, 1);
    decide_all(&fake, ERR_COMMIT_TIMEOUT);
    fake.due = 0;
    expire_deinit(&fake.expire);
}

static void next_look_is_in_time_for_the_next_lease(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    fake.next = 1040;
    expire_tick(&fake.expire, 1000);
    assert_int_equal(expire_deadline(&fake.expire), 1040);
    expire_tick(&fake.expire, 1039);
    assert_int_equal(fake.looks, 1);
    fake.next = UINT64_MAX; /* none: but one may be granted */
    expire_tick(&fake.expire, 1040);
    assert_int_equal(fake.looks, 2);
    assert_int_equal(expire_deadline(&fake.expire), 1040 + LIMIT_EXPIRE_CHECK_MS);
    expire_deinit(&fake.expire);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_leases_are_proposed_one_batch_at_a_time),
        cmocka_unit_test(next_look_is_in_time_for_the_next_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
