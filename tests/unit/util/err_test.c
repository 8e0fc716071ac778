#include "util/err.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* docs/api.md, "Errors". */
static void the_contracts_codes_have_their_status(void **state) {
    (void)state;
    static const struct {
        const char *code;
        int status;
    } rows[] = {
        {"bad_request", 400},
        {"bad_json", 400},
        {"unauthenticated", 401},
        {"forbidden", 403},
        {"not_found", 404},
        {"method_not_allowed", 405},
        {"not_acceptable", 406},
        {"unsupported_media_type", 415},
        {"conflict", 409},
        {"pool_exhausted", 409},
        {"address_in_use", 409},
        {"lease_lost", 409},
        {"quorum_risk", 409},
        {"compacted", 410},
        {"precondition_failed", 412},
        {"too_large", 413},
        {"headers_too_large", 431},
        {"invalid", 422},
        {"idempotency_mismatch", 422},
        {"overloaded", 429},
        {"no_leader", 503},
        {"no_quorum", 503},
        {"commit_timeout", 504},
        {"read_timeout", 504},
        {"store_full", 507},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        enum err err;
        assert_true(err_find(rows[i].code, &err));
        assert_int_equal(err_status(err), rows[i].status);
        assert_string_equal(err_code(err), rows[i].code);
    }
}

static void codes_are_unique_and_hints_are_there(void **state) {
    (void)state;
    for (unsigned i = ERR_OK + 1; i < ERR_COUNT; i++) {
        enum err found;
        assert_true(err_find(err_code((enum err)i), &found));
        assert_int_equal(found, i);
        assert_true(strlen(err_title((enum err)i)) > 0);
        assert_true(strlen(err_hint((enum err)i)) > 0);
    }
}

static void an_unknown_code_is_not_found(void **state) {
    (void)state;
    enum err err = ERR_OK;
    assert_false(err_find("from_the_future", &err));
    assert_false(err_find("", &err));
    assert_int_equal(err, ERR_OK);
}

static void what_may_pass_by_itself_is_retryable(void **state) {
    (void)state;
    assert_true(err_retryable(ERR_OVERLOADED));
    assert_true(err_retryable(ERR_NO_LEADER));
    assert_true(err_retryable(ERR_NO_QUORUM));
    assert_false(err_retryable(ERR_INVALID));
    assert_false(err_retryable(ERR_LEASE_LOST));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contracts_codes_have_their_status),
        cmocka_unit_test(codes_are_unique_and_hints_are_there),
        cmocka_unit_test(an_unknown_code_is_not_found),
        cmocka_unit_test(what_may_pass_by_itself_is_retryable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
