/* Group commit and the states of a proposal. */
#include "raft/propose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

/* A log that takes entries, and what it took. */
struct fake {
    struct propose propose;
    uint64_t last_index;
    unsigned entry_count;
    unsigned commands_in_last;
    size_t size_of_last;
    bool is_leader;
    unsigned header_count; /* what the last header promised */
    unsigned commands_now;
};

static void fake_begin(void *owner, unsigned count, struct buf *out) {
    struct fake *fake = owner;
    fake->header_count = count;
    fake->commands_now = 0;
    buf_append_text(out, "header:");
}

static void fake_add(void *owner, struct slice command, struct buf *out) {
    struct fake *fake = owner;
    fake->commands_now++;
    buf_put_bytes(out, command.data, command.size);
}

static enum err fake_submit(void *owner, struct slice entry, uint64_t *out_index,
                            uint64_t *out_term) {
    struct fake *fake = owner;
    if (!fake->is_leader) {
        return ERR_NO_LEADER;
    }
    assert_int_equal(fake->commands_now, fake->header_count);
    fake->entry_count++;
    fake->commands_in_last = fake->commands_now;
    fake->size_of_last = entry.size;
    *out_index = ++fake->last_index;
    *out_term = 3;
    return ERR_OK;
}

static void fake_open(struct fake *fake) {
    memset(fake, 0, sizeof *fake);
    fake->is_leader = true;
    struct propose_hooks hooks = {
        .owner = fake, .entry_begin = fake_begin, .entry_add = fake_add, .submit = fake_submit};
    propose_init(&fake->propose, &hooks);
}

struct request {
    struct proposal proposal;
    unsigned calls;
    enum err err;
};

static void request_decided(struct proposal *proposal, enum err err) {
    struct request *request = CONTAINER_OF(proposal, struct request, proposal);
    request->calls++;
    request->err = err;
}

static void request_init(struct request *request, struct slice command) {
    *request = (struct request){.proposal = {.command = command, .decided = request_decided}};
}

static struct request *make_requests(unsigned count) {
    struct request *requests = must_alloc_zeroed(count, sizeof *requests);
    for (unsigned i = 0; i < count; i++) {
        request_init(&requests[i], slice_of_text("command"));
    }
    return requests;
}

static void assert_all(const struct request *requests, unsigned count, enum err err) {
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(requests[i].calls, 1);
        assert_int_equal(requests[i].err, err);
    }
}

static void one_turn_makes_one_entry(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    struct request *requests = make_requests(100);
    for (unsigned i = 0; i < 100; i++) {
        propose_add(&fake.propose, &requests[i].proposal);
    }
    propose_flush(&fake.propose);
    assert_int_equal(fake.entry_count, 1);
    assert_int_equal(fake.commands_in_last, 100);
    assert_null(propose_find(&fake.propose, 1, 2)); /* another term's entry */
    assert_null(propose_find(&fake.propose, 2, 3));
    struct propose_batch *batch = propose_find(&fake.propose, 1, 3);
    assert_non_null(batch);
    assert_int_equal(batch->count, 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_ptr_equal(batch->proposals[i], &requests[i].proposal); /* in order */
    }
    propose_applied(&fake.propose, batch);
    assert_int_equal(requests[0].calls, 0); /* only from the turn */
    propose_call_back(&fake.propose);
    assert_all(requests, 100, ERR_OK);
    free(requests);
    propose_deinit(&fake.propose);
}

static void full_queue_refuses_before_anything_is_logged(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    struct request *requests = make_requests(LIMIT_PROPOSALS_MAX + 1);
    for (unsigned i = 0; i <= LIMIT_PROPOSALS_MAX; i++) {
        propose_add(&fake.propose, &requests[i].proposal);
    }
    propose_call_back(&fake.propose);
    assert_int_equal(requests[LIMIT_PROPOSALS_MAX - 1].calls, 0);
    assert_int_equal(requests[LIMIT_PROPOSALS_MAX].calls, 1);
    assert_int_equal(requests[LIMIT_PROPOSALS_MAX].err, ERR_OVERLOADED);
    assert_int_equal(fake.entry_count, 0);
    propose_flush(&fake.propose);
    assert_int_equal(fake.entry_count, LIMIT_PROPOSALS_MAX / LIMIT_PROPOSE_ENTRY_COMMANDS_MAX);
    assert_int_equal(fake.commands_in_last, LIMIT_PROPOSE_ENTRY_COMMANDS_MAX);
    for (uint64_t index = 1; index <= fake.last_index; index++) {
        propose_applied(&fake.propose, propose_find(&fake.propose, index, 3));
    }
    propose_call_back(&fake.propose);
    assert_all(requests, LIMIT_PROPOSALS_MAX, ERR_OK);
    request_init(&requests[0], slice_of_text("again"));
    propose_add(&fake.propose, &requests[0].proposal); /* there is room again */
    assert_int_equal(requests[0].proposal.state, PROPOSAL_QUEUED);
    propose_lost(&fake.propose);
    propose_call_back(&fake.propose);
    free(requests);
    propose_deinit(&fake.propose);
}

static void bytes_are_bounded_too(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    size_t size = 1024 * 1024;
    unsigned count = LIMIT_PROPOSE_QUEUE_SIZE_MAX / (1024 * 1024);
    uint8_t *bytes = must_alloc_zeroed(1, LIMIT_PROPOSE_ENTRY_SIZE_MAX);
    struct request *requests = make_requests(count + 2);
    for (unsigned i = 0; i <= count; i++) {
        request_init(&requests[i], slice_of(bytes, size));
        propose_add(&fake.propose, &requests[i].proposal);
    }
    request_init(&requests[count + 1], slice_of(bytes, LIMIT_PROPOSE_ENTRY_SIZE_MAX));
    propose_add(&fake.propose, &requests[count + 1].proposal);
    propose_call_back(&fake.propose);
    assert_int_equal(requests[count - 1].calls, 0);
    assert_int_equal(requests[count].err, ERR_OVERLOADED);
    assert_int_equal(requests[count + 1].err, ERR_TOO_LARGE);
    propose_flush(&fake.propose);
    assert_true(fake.size_of_last <= LIMIT_PROPOSE_ENTRY_SIZE_MAX);
    assert_int_equal(fake.entry_count, (count + 2) / 3); /* three fit with their overhead */
    propose_lost(&fake.propose);
    propose_call_back(&fake.propose);
    free(requests);
    free(bytes);
    propose_deinit(&fake.propose);
}

static void entries_in_flight_are_bounded(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    struct request *requests = make_requests(LIMIT_RAFT_INFLIGHT_ENTRIES + 2);
    for (unsigned i = 0; i < LIMIT_RAFT_INFLIGHT_ENTRIES + 2; i++) {
        propose_add(&fake.propose, &requests[i].proposal);
        propose_flush(&fake.propose);
    }
    assert_int_equal(fake.entry_count, LIMIT_RAFT_INFLIGHT_ENTRIES);
    propose_applied(&fake.propose, propose_find(&fake.propose, 1, 3));
    propose_flush(&fake.propose);
    assert_int_equal(fake.entry_count, LIMIT_RAFT_INFLIGHT_ENTRIES + 1);
    assert_int_equal(fake.commands_in_last, 2); /* what waited went together */
    propose_lost(&fake.propose);
    propose_call_back(&fake.propose);
    free(requests);
    propose_deinit(&fake.propose);
}

static void lost_leadership_tells_in_flight_from_queued(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    struct request *requests = make_requests(2);
    propose_add(&fake.propose, &requests[0].proposal);
    propose_flush(&fake.propose);
    fake.is_leader = false;
    propose_add(&fake.propose, &requests[1].proposal);
    propose_flush(&fake.propose);
    assert_int_equal(requests[1].proposal.state, PROPOSAL_QUEUED);
    propose_lost(&fake.propose);
    propose_call_back(&fake.propose);
    assert_int_equal(requests[0].err, ERR_COMMIT_TIMEOUT);
    assert_int_equal(requests[1].err, ERR_NO_LEADER);
    assert_all(requests, 1, ERR_COMMIT_TIMEOUT);
    assert_null(propose_find(&fake.propose, 1, 3));
    free(requests);
    propose_deinit(&fake.propose);
}

static void abandoned_proposal_is_never_called(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake);
    struct request *requests = make_requests(4);
    for (unsigned i = 0; i < 3; i++) {
        propose_add(&fake.propose, &requests[i].proposal);
    }
    propose_abandon(&fake.propose, &requests[0].proposal); /* queued */
    propose_flush(&fake.propose);
    assert_int_equal(fake.commands_in_last, 2);
    propose_abandon(&fake.propose, &requests[1].proposal); /* in flight: late */
    struct propose_batch *batch = propose_find(&fake.propose, 1, 3);
    assert_null(batch->proposals[0]);
    assert_ptr_equal(batch->proposals[1], &requests[2].proposal);
    propose_applied(&fake.propose, batch);
    propose_abandon(&fake.propose, &requests[2].proposal); /* decided */
    propose_abandon(&fake.propose, &requests[2].proposal); /* twice is fine */
    propose_abandon(&fake.propose, &requests[3].proposal); /* never proposed */
    propose_call_back(&fake.propose);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(requests[i].calls, 0);
    }
    assert_int_equal(fake.propose.count, 0);
    free(requests);
    propose_deinit(&fake.propose);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_turn_makes_one_entry),
        cmocka_unit_test(full_queue_refuses_before_anything_is_logged),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(entries_in_flight_are_bounded),
        cmocka_unit_test(lost_leadership_tells_in_flight_from_queued),
        cmocka_unit_test(abandoned_proposal_is_never_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
