/* Linearizable reads: who may confirm, and who may not. */
#include "raft/readindex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#define SENT_MAX 64u

/* A server's view of the world, and what it sent. */
struct fake {
    struct readindex readindex;
    struct readindex_view view;
    struct configuration configuration;
    unsigned sent_count;
    uint64_t sent_to[SENT_MAX];
    struct frame sent[SENT_MAX];
    unsigned learned;
};

static void fake_look(void *owner, struct readindex_view *out_view) {
    struct fake *fake = owner;
    *out_view = fake->view;
}

static void fake_send(void *owner, uint64_t to, const struct frame *frame) {
    struct fake *fake = owner;
    assert_true(fake->sent_count < SENT_MAX);
    fake->sent_to[fake->sent_count] = to;
    fake->sent[fake->sent_count] = *frame;
    fake->sent_count++;
}

static void fake_learn(void *owner, uint64_t leader, const struct frame_read_answer *answer) {
    struct fake *fake = owner;
    assert_int_equal(leader, fake->view.leader);
    assert_true(answer->index > 0);
    fake->learned++;
}

/* Server 1 of `voters`; leader of term 5 with everything applied, when `is_leader`. */
static void fake_open(struct fake *fake, unsigned voters, bool is_leader) {
    memset(fake, 0, sizeof *fake);
    fake->configuration.count = voters;
    for (unsigned i = 0; i < voters; i++) {
        fake->configuration.members[i].member.id = i + 1;
        fake->configuration.members[i].role = MEMBER_VOTER;
    }
    fake->view = (struct readindex_view){.role = is_leader ? ROLE_LEADER : ROLE_FOLLOWER,
                                         .is_ready = is_leader,
                                         .self = 1,
                                         .leader = is_leader ? 1 : 2,
                                         .term = 5,
                                         .commit_index = 100,
                                         .commit_term = 5,
                                         .applied_index = 100,
                                         .configuration = &fake->configuration};
    struct readindex_hooks hooks = {
        .owner = fake, .look = fake_look, .send = fake_send, .learn_commit = fake_learn};
    readindex_init(&fake->readindex, &hooks, 100, 1000, 7000);
}

struct request {
    struct read_request read;
    unsigned calls;
    enum err err;
};

static void request_ready(struct read_request *read, enum err err) {
    struct request *request = CONTAINER_OF(read, struct request, read);
    request->calls++;
    request->err = err;
}

static void ask(struct fake *fake, struct request *request, msec_t now) {
    *request = (struct request){.read = {.ready = request_ready}};
    readindex_add(&fake->readindex, &request->read, now);
}

static void turn(struct fake *fake, msec_t now) {
    readindex_turn(&fake->readindex, now);
    readindex_call_back(&fake->readindex);
}

static void reply(struct fake *fake, uint64_t from, uint64_t nonce, uint64_t term, msec_t now) {
    struct frame frame = {.type = FRAME_CONFIRM_REPLY};
    frame.confirm.nonce = nonce;
    frame.confirm.term = term;
    readindex_receive(&fake->readindex, from, &frame);
    turn(fake, now);
}

static uint64_t last_nonce(const struct fake *fake) {
    return fake->sent[fake->sent_count - 1].confirm.nonce;
}

static void majority_in_our_term_confirms(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request request;
    ask(&fake, &request, 0);
    turn(&fake, 0);
    assert_int_equal(fake.sent_count, 2);
    assert_int_equal(fake.sent[0].type, FRAME_CONFIRM);
    assert_int_equal(fake.sent[0].confirm.term, 5);
    assert_int_equal(request.calls, 0);
    reply(&fake, 3, last_nonce(&fake), 5, 1);
    assert_int_equal(request.calls, 1);
    assert_int_equal(request.err, ERR_OK);
}

static void one_voter_counted_twice_is_no_majority(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 5, true);
    struct request request;
    ask(&fake, &request, 0);
    turn(&fake, 0);
    uint64_t nonce = last_nonce(&fake);
    for (unsigned i = 0; i < 5; i++) {
        reply(&fake, 2, nonce, 5, 1);
    }
    reply(&fake, 9, nonce, 5, 1); /* no member */
    assert_int_equal(request.calls, 0);
    reply(&fake, 4, nonce, 5, 1);
    assert_int_equal(request.calls, 1);
}

static void standby_members_do_not_count(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 4, true);
    fake.configuration.members[3].role = MEMBER_STANDBY;
    struct request request;
    ask(&fake, &request, 0);
    turn(&fake, 0);
    assert_int_equal(fake.sent_count, 2);
    reply(&fake, 4, last_nonce(&fake), 5, 1);
    assert_int_equal(request.calls, 0);
    reply(&fake, 2, last_nonce(&fake), 5, 1);
    assert_int_equal(request.calls, 1);
}

static void deposed_leader_never_confirms(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request request;
    ask(&fake, &request, 0);
    turn(&fake, 0);
    uint64_t nonce = last_nonce(&fake);
    /* The others moved on: their answers name the new term. */
    reply(&fake, 2, nonce, 6, 1);
    reply(&fake, 3, nonce, 6, 1);
    assert_int_equal(request.calls, 0);
    /* It notices; even an answer in the old term, delayed, changes nothing now. */
    fake.view.role = ROLE_FOLLOWER;
    fake.view.term = 6;
    fake.view.leader = 0;
    fake.view.is_ready = false;
    reply(&fake, 2, nonce, 5, 2);
    assert_int_equal(request.calls, 1);
    assert_int_equal(request.err, ERR_NO_LEADER);
}

static void answers_of_an_earlier_round_or_term_do_not_fit(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request first;
    ask(&fake, &first, 0);
    turn(&fake, 0);
    uint64_t old = last_nonce(&fake);
    reply(&fake, 2, old, 5, 1);
    assert_int_equal(first.calls, 1);
    struct request second;
    ask(&fake, &second, 2);
    turn(&fake, 2);
    reply(&fake, 3, old, 5, 3);
    reply(&fake, 2, old, 5, 3);
    assert_int_equal(second.calls, 0);
    /* Deposed and elected again within a round: the round belongs to the old term. */
    uint64_t nonce = last_nonce(&fake);
    fake.view.term = 7;
    reply(&fake, 2, nonce, 7, 4);
    assert_int_equal(second.calls, 0);
    assert_int_not_equal(last_nonce(&fake), nonce);
    reply(&fake, 2, last_nonce(&fake), 7, 5);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.err, ERR_OK);
}

static void reads_during_a_round_join_the_next(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request first;
    struct request second;
    ask(&fake, &first, 0);
    turn(&fake, 0);
    uint64_t nonce = last_nonce(&fake);
    fake.view.commit_index = 200; /* a write is acknowledged meanwhile */
    ask(&fake, &second, 1);
    turn(&fake, 1);
    reply(&fake, 2, nonce, 5, 2);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    reply(&fake, 2, last_nonce(&fake), 5, 3);
    assert_int_equal(second.calls, 0); /* confirmed, and not applied yet */
    fake.view.applied_index = 200;
    turn(&fake, 4);
    assert_int_equal(second.calls, 1);
}

static void leader_without_its_barrier_waits(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    fake.view.is_ready = false;
    struct request request;
    ask(&fake, &request, 0);
    turn(&fake, 0);
    assert_int_equal(fake.sent_count, 0);
    fake.view.is_ready = true;
    turn(&fake, 1);
    assert_int_equal(fake.sent_count, 2);
    readindex_fail(&fake.readindex, ERR_NO_LEADER);
    readindex_call_back(&fake.readindex);
    assert_int_equal(request.calls, 1);
}

static void unconfirmed_read_ends_without_quorum(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request request;
    ask(&fake, &request, 0);
    for (msec_t now = 0; now < 2000; now += 100) {
        turn(&fake, now);
        assert_int_equal(request.calls, 0);
    }
    assert_int_equal(fake.sent_count, 40); /* asked again each heartbeat */
    turn(&fake, 2000);
    assert_int_equal(request.calls, 1);
    assert_int_equal(request.err, ERR_NO_QUORUM);
}

static void lone_voter_confirms_itself(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 1, true);
    struct request request;
    ask(&fake, &request, 0);
    turn(&fake, 0);
    assert_int_equal(request.calls, 1);
    assert_int_equal(request.err, ERR_OK);
}

static void answer(struct fake *fake, uint64_t from, uint64_t nonce, enum err err, msec_t now) {
    struct frame frame = {.type = FRAME_READ_ANSWER};
    frame.answer = (struct frame_read_answer){
        .nonce = nonce, .err = err, .term = 5, .index = 120, .index_term = 5};
    readindex_receive(&fake->readindex, from, &frame);
    turn(fake, now);
}

static void follower_asks_once_for_all_that_waits(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, false);
    struct request first;
    struct request second;
    struct request third;
    ask(&fake, &first, 0);
    ask(&fake, &second, 0);
    turn(&fake, 0);
    ask(&fake, &third, 1);
    turn(&fake, 1);
    assert_int_equal(fake.sent_count, 1);
    assert_int_equal(fake.sent_to[0], 2);
    uint64_t nonce = fake.sent[0].nonce;
    answer(&fake, 3, nonce, ERR_OK, 2);     /* not whom it asked */
    answer(&fake, 2, nonce + 1, ERR_OK, 2); /* not what it asked */
    assert_int_equal(fake.learned, 0);
    answer(&fake, 2, nonce, ERR_OK, 2);
    assert_int_equal(fake.learned, 1);
    assert_int_equal(first.calls, 0); /* index 120 is not applied */
    fake.view.applied_index = 120;
    turn(&fake, 3);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    assert_int_equal(third.calls, 0); /* it came after the ask */
    assert_int_equal(fake.sent_count, 2);
    answer(&fake, 2, fake.sent[1].nonce, ERR_NO_LEADER, 4);
    assert_int_equal(third.err, ERR_NO_LEADER);
}

static void leader_answers_asks_only_when_confirmed(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct frame frame = {.type = FRAME_READ_ASK, .nonce = 42};
    readindex_receive(&fake.readindex, 3, &frame);
    turn(&fake, 0);
    assert_int_equal(fake.sent_count, 2);
    assert_int_equal(fake.sent[1].type, FRAME_CONFIRM);
    reply(&fake, 2, last_nonce(&fake), 5, 1);
    assert_int_equal(fake.sent_count, 3);
    assert_int_equal(fake.sent_to[2], 3);
    assert_int_equal(fake.sent[2].type, FRAME_READ_ANSWER);
    assert_int_equal(fake.sent[2].answer.nonce, 42);
    assert_int_equal(fake.sent[2].answer.index, 100);
    /* Deposed in the middle: the ask is answered, without an index. */
    readindex_receive(&fake.readindex, 3, &frame);
    turn(&fake, 2);
    fake.view.role = ROLE_FOLLOWER;
    fake.view.leader = 2;
    fake.view.term = 6;
    turn(&fake, 3);
    assert_int_equal(fake.sent[fake.sent_count - 1].type, FRAME_READ_ANSWER);
    assert_int_equal(fake.sent[fake.sent_count - 1].answer.err, ERR_NO_LEADER);
    assert_int_equal(fake.sent[fake.sent_count - 1].answer.index, 0);
}

static void cancelled_read_is_never_called(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request waiting;
    struct request asked;
    ask(&fake, &asked, 0);
    turn(&fake, 0);
    ask(&fake, &waiting, 0);
    readindex_cancel(&fake.readindex, &asked.read);
    readindex_cancel(&fake.readindex, &waiting.read);
    readindex_cancel(&fake.readindex, &waiting.read);
    reply(&fake, 2, last_nonce(&fake), 5, 1);
    assert_int_equal(asked.calls, 0);
    assert_int_equal(waiting.calls, 0);
    assert_int_equal(fake.readindex.count, 0);
}

static void reads_are_bounded(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, true);
    struct request *requests = must_alloc_zeroed(LIMIT_READS_MAX + 1, sizeof *requests);
    for (unsigned i = 0; i <= LIMIT_READS_MAX; i++) {
        ask(&fake, &requests[i], 0);
    }
    readindex_call_back(&fake.readindex);
    assert_int_equal(requests[LIMIT_READS_MAX - 1].calls, 0);
    assert_int_equal(requests[LIMIT_READS_MAX].calls, 1);
    assert_int_equal(requests[LIMIT_READS_MAX].err, ERR_OVERLOADED);
    free(requests);
}

static void confirm_is_answered_with_our_own_term(void **state) {
    (void)state;
    struct fake fake;
    fake_open(&fake, 3, false);
    fake.view.term = 9;
    struct frame frame = {.type = FRAME_CONFIRM};
    frame.confirm.nonce = 77;
    frame.confirm.term = 5;
    readindex_receive(&fake.readindex, 2, &frame);
    assert_int_equal(fake.sent_count, 1);
    assert_int_equal(fake.sent[0].type, FRAME_CONFIRM_REPLY);
    assert_int_equal(fake.sent[0].confirm.nonce, 77);
    assert_int_equal(fake.sent[0].confirm.term, 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(majority_in_our_term_confirms),
        cmocka_unit_test(one_voter_counted_twice_is_no_majority),
        cmocka_unit_test(standby_members_do_not_count),
        cmocka_unit_test(deposed_leader_never_confirms),
        cmocka_unit_test(answers_of_an_earlier_round_or_term_do_not_fit),
        cmocka_unit_test(reads_during_a_round_join_the_next),
        cmocka_unit_test(leader_without_its_barrier_waits),
        cmocka_unit_test(unconfirmed_read_ends_without_quorum),
        cmocka_unit_test(lone_voter_confirms_itself),
        cmocka_unit_test(follower_asks_once_for_all_that_waits),
        cmocka_unit_test(leader_answers_asks_only_when_confirmed),
        cmocka_unit_test(cancelled_read_is_never_called),
        cmocka_unit_test(reads_are_bounded),
        cmocka_unit_test(confirm_is_answered_with_our_own_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
