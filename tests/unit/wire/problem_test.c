#include "wire/problem.h"

#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct json *write_and_parse(const struct problem *problem, const char *request_id) {
    struct buf out;
    buf_init(&out);
    problem_write(problem, request_id, &out);
    struct json *json;
    struct json_fault fault;
    assert_int_equal(json_parse(buf_slice(&out), &json, &fault), ERR_OK);
    buf_deinit(&out);
    return json;
}

static void a_problem_has_every_member_of_the_contract(void **state) {
    (void)state;
    struct problem problem;
    problem_init(&problem);
    problem_set(&problem, ERR_NO_LEADER, "1 of %d members is reachable", 3);
    problem.outcome = WRITE_OUTCOME_NOT_APPLIED;
    struct json *json = write_and_parse(&problem, "r-1");
    assert_string_equal(json_find_text(json, "code", ""), "no_leader");
    assert_int_equal(json_find_number(json, "status", 0), 503);
    assert_string_equal(json_find_text(json, "title", ""), "No leader");
    assert_string_equal(json_find_text(json, "detail", ""), "1 of 3 members is reachable");
    assert_true(strlen(json_find_text(json, "hint", "")) > 0);
    assert_true(strlen(json_find_text(json, "type", "")) > 0);
    assert_true(json_is_true(json_find(json, "retryable")));
    assert_string_equal(json_find_text(json, "outcome", ""), "not_applied");
    assert_string_equal(json_find_text(json, "request_id", ""), "r-1");
    json_free(json);
}

static void members_that_do_not_apply_are_absent(void **state) {
    (void)state;
    struct problem problem;
    problem_init(&problem);
    problem_set(&problem, ERR_NOT_FOUND, "no such key");
    struct json *json = write_and_parse(&problem, NULL);
    static const char *const absent[] = {"outcome", "offset",           "current",
                                         "errors",  "compact_revision", "request_id"};
    for (unsigned i = 0; i < ARRAY_COUNT(absent); i++) {
        assert_null(json_find(json, absent[i]));
    }
    assert_false(json_is_true(json_find(json, "retryable")));
    json_free(json);
}

static void special_members_come_with_their_code(void **state) {
    (void)state;
    struct problem problem;
    problem_init(&problem);
    problem_set(&problem, ERR_BAD_JSON, "breaks");
    problem.has_offset = true;
    struct json *json = write_and_parse(&problem, NULL);
    assert_non_null(json_find(json, "offset")); /* also when it is 0 */
    json_free(json);
    problem_init(&problem);
    problem_set(&problem, ERR_PRECONDITION_FAILED, "changed");
    problem.current = slice_of_text("{\"revision\":7}");
    json = write_and_parse(&problem, NULL);
    assert_int_equal(json_find_number(json_find(json, "current"), "revision", 0), 7);
    json_free(json);
    problem_init(&problem);
    problem_set(&problem, ERR_COMPACTED, "gone");
    problem.compact_revision = 12;
    json = write_and_parse(&problem, NULL);
    assert_int_equal(json_find_number(json, "compact_revision", 0), 12);
    json_free(json);
}

static void a_client_reads_back_what_was_written(void **state) {
    (void)state;
    struct problem problem;
    struct problem back;
    problem_init(&problem);
    problem_add(&problem, "/subnet_len", "%d is not longer than the network's /26", 24);
    problem_add(&problem, "/backend/vni", "too \"large\"");
    problem.outcome = WRITE_OUTCOME_UNKNOWN;
    struct buf out;
    buf_init(&out);
    problem_write(&problem, "r-2", &out);
    problem_read(&back, 422, buf_slice(&out));
    assert_int_equal(back.err, ERR_INVALID);
    assert_int_equal(back.outcome, WRITE_OUTCOME_UNKNOWN);
    assert_int_equal(back.error_count, 2);
    assert_string_equal(back.errors[1].pointer, "/backend/vni");
    assert_string_equal(back.errors[1].message, "too \"large\"");
    assert_string_equal(back.detail, problem.detail);
    buf_clear(&out);
    problem_describe(&back, &out);
    assert_non_null(strstr(buf_text(&out), "/subnet_len: 24 is not longer"));
    assert_non_null(strstr(buf_text(&out), "/backend/vni"));
    buf_deinit(&out);
}

static void an_answer_that_is_no_problem_becomes_one(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum err err;
    } rows[] = {
        {404, "<html>not here</html>", ERR_NOT_FOUND},
        {503, "", ERR_NO_LEADER},
        {599, "who knows", ERR_INTERNAL},
        {409, "{\"code\":\"from_the_future\"}", ERR_CONFLICT},
        {409, "{\"code\":\"lease_lost\"}", ERR_LEASE_LOST},
        {409, "{\"code\":7,\"errors\":[1,{}],\"detail\":{}}", ERR_CONFLICT},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct problem back;
        problem_read(&back, rows[i].status, slice_of_text(rows[i].body));
        assert_int_equal(back.err, rows[i].err);
    }
}

/* A text that is cut at the bound must not end within a character. */
static void a_long_detail_is_cut_and_still_json(void **state) {
    (void)state;
    char text[1000];
    for (unsigned offset = 0; offset < 2; offset++) {
        for (unsigned i = 0; i < sizeof text; i++) {
            text[i] = "\xc3\xa9"[(i + offset) % 2];
        }
        text[0] = 'x';
        text[sizeof text - 1] = 0;
        struct problem problem;
        problem_init(&problem);
        problem_set(&problem, ERR_BAD_REQUEST, "%s", text);
        problem_add(&problem, text, "%s", text);
        json_free(write_and_parse(&problem, NULL));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_has_every_member_of_the_contract),
        cmocka_unit_test(members_that_do_not_apply_are_absent),
        cmocka_unit_test(special_members_come_with_their_code),
        cmocka_unit_test(a_client_reads_back_what_was_written),
        cmocka_unit_test(an_answer_that_is_no_problem_becomes_one),
        cmocka_unit_test(a_long_detail_is_cut_and_still_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
