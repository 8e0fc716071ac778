/* The states of a request: which may follow which. */
#include "api/request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_request_never_goes_back(void **state) {
    (void)state;
    for (unsigned from = REQUEST_READING; from <= REQUEST_DONE; from++) {
        for (unsigned to = REQUEST_READING; to < from; to++) {
            assert_false(request_may_move((enum request_state)from, (enum request_state)to));
        }
    }
}

static void the_client_may_go_away_in_any_state_but_the_last(void **state) {
    (void)state;
    for (unsigned from = REQUEST_READING; from < REQUEST_DONE; from++) {
        assert_true(request_may_move((enum request_state)from, REQUEST_DONE));
    }
    assert_false(request_may_move(REQUEST_DONE, REQUEST_DONE));
}

static void only_a_checked_request_waits_and_one_wait_may_follow_another(void **state) {
    (void)state;
    assert_false(request_may_move(REQUEST_READING, REQUEST_WAITING));
    assert_true(request_may_move(REQUEST_CHECKING, REQUEST_WAITING));
    assert_true(request_may_move(REQUEST_WAITING, REQUEST_WAITING));
    assert_false(request_may_move(REQUEST_REPLYING, REQUEST_WAITING));
}

static void an_answer_begins_once(void **state) {
    (void)state;
    assert_true(request_may_move(REQUEST_READING, REQUEST_REPLYING));
    assert_false(request_may_move(REQUEST_REPLYING, REQUEST_REPLYING));
    assert_false(request_may_move(REQUEST_CHECKING, REQUEST_CHECKING));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_never_goes_back),
        cmocka_unit_test(the_client_may_go_away_in_any_state_but_the_last),
        cmocka_unit_test(only_a_checked_request_waits_and_one_wait_may_follow_another),
        cmocka_unit_test(an_answer_begins_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
