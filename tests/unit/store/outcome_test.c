#include "store/command.h"
#include "store/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct object items[] = {
    {.key = "kv/a",
     .kind = KIND_KV,
     .revision = 7,
     .created_revision = 5,
     .version = 3,
     .lease = 9,
     .content_type = "text/plain",
     .payload = {.data = (const uint8_t *)"one\0two", .size = 7}},
    {.key = "nodes/n", .kind = KIND_NODE, .revision = 1, .created_revision = 1, .version = 1},
};

/* An outcome with something in every field. */
static void fill(struct outcome *outcome, struct txn_result *results) {
    problem_add(&outcome->problem, "/then/0/put/lease", "there is no lease %x", 1u);
    problem_add(&outcome->problem, "", "and more");
    problem_set(&outcome->problem, ERR_PRECONDITION_FAILED, "it is there");
    problem_set_hint(&outcome->problem, "look at it");
    outcome->revision = 1234567;
    outcome->is_created = true;
    outcome->has_object = true;
    outcome->object = items[1];
    outcome->object.payload = slice_of("\x02\x01", 2);
    outcome->has_current = true;
    outcome->current = items[0];
    outcome->deleted = 3;
    outcome->has_lease = true;
    outcome->lease = (struct lease){
        .id = UINT64_MAX, .ttl_s = 10, .expires_log_ms = 99, .expires_at = 1800000000000};
    outcome->is_txn = true;
    outcome->is_succeeded = true;
    results[0] = (struct txn_result){.type = TXN_PUT, .revision = 8, .version = 2};
    results[1] = (struct txn_result){.type = TXN_GET, .items = items, .item_count = 2};
    results[2] = (struct txn_result){.type = TXN_DELETE, .deleted = 4};
    outcome->results = results;
    outcome->result_count = 3;
}

static void assert_object(const struct object *object, const struct object *expected) {
    assert_string_equal(object->key, expected->key);
    assert_int_equal(object->kind, expected->kind);
    assert_int_equal(object->revision, expected->revision);
    assert_int_equal(object->created_revision, expected->created_revision);
    assert_int_equal(object->version, expected->version);
    assert_int_equal(object->lease, expected->lease);
    assert_string_equal(object->content_type != NULL ? object->content_type : "",
                        expected->content_type != NULL ? expected->content_type : "");
    assert_true(slice_equal(object->payload, expected->payload));
}

static void assert_problem(const struct problem *problem) {
    assert_int_equal(problem->err, ERR_PRECONDITION_FAILED);
    assert_string_equal(problem->detail, "it is there");
    assert_string_equal(problem->hint, "look at it");
    assert_int_equal(problem->outcome, WRITE_OUTCOME_NOT_APPLIED);
    assert_int_equal(problem->error_count, 2);
    assert_string_equal(problem->errors[0].pointer, "/then/0/put/lease");
    assert_string_equal(problem->errors[0].message, "there is no lease 1");
    assert_string_equal(problem->errors[1].message, "and more");
}

static void assert_results(const struct outcome *outcome) {
    assert_true(outcome->is_txn);
    assert_true(outcome->is_succeeded);
    assert_int_equal(outcome->result_count, 3);
    assert_int_equal(outcome->results[0].type, TXN_PUT);
    assert_int_equal(outcome->results[0].revision, 8);
    assert_int_equal(outcome->results[0].version, 2);
    assert_int_equal(outcome->results[1].item_count, 2);
    assert_object(&outcome->results[1].items[0], &items[0]);
    assert_object(&outcome->results[1].items[1], &items[1]);
    assert_int_equal(outcome->results[2].type, TXN_DELETE);
    assert_int_equal(outcome->results[2].deleted, 4);
}

static void what_is_kept_comes_back_field_by_field(void **state) {
    (void)state;
    struct arena arena;
    struct buf bytes;
    struct txn_result results[3];
    struct outcome outcome = {.arena = &arena};
    struct outcome again = {.arena = &arena};
    arena_init(&arena);
    buf_init(&bytes);
    problem_init(&outcome.problem);
    fill(&outcome, results);
    outcome_encode(&outcome, &bytes);
    assert_int_equal(outcome_decode(buf_slice(&bytes), &again), ERR_OK);
    buf_deinit(&bytes); /* it borrows nothing */
    assert_problem(&again.problem);
    assert_int_equal(again.revision, 1234567);
    assert_true(again.is_created);
    assert_true(again.has_object);
    assert_object(&again.object, &outcome.object);
    assert_true(again.has_current);
    assert_object(&again.current, &items[0]);
    assert_int_equal(again.deleted, 3);
    assert_true(again.has_lease);
    assert_memory_equal(&again.lease, &outcome.lease, sizeof again.lease);
    assert_results(&again);
    arena_deinit(&arena);
}

static void an_outcome_of_nothing_stays_one(void **state) {
    (void)state;
    struct arena arena;
    struct buf bytes;
    struct outcome outcome = {.arena = &arena};
    struct outcome again;
    memset(&again, 0xff, sizeof again); /* what was there before must not shine through */
    again.arena = &arena;
    arena_init(&arena);
    buf_init(&bytes);
    problem_init(&outcome.problem);
    outcome_encode(&outcome, &bytes);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(outcome_decode(buf_slice(&bytes), &again), ERR_OK);
    assert_int_equal(again.problem.err, ERR_OK);
    assert_int_equal(again.problem.outcome, WRITE_OUTCOME_NONE);
    assert_int_equal(again.revision, 0);
    assert_int_equal(again.deleted, 0);
    assert_int_equal(again.result_count, 0);
    assert_false(again.is_created || again.has_object || again.has_current || again.has_lease ||
                 again.is_txn || again.is_succeeded);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

static void the_bytes_of_a_kv_put_are_not_kept(void **state) {
    (void)state;
    struct arena arena;
    struct buf bytes;
    struct outcome outcome = {.arena = &arena, .has_object = true, .object = items[0]};
    struct outcome again = {.arena = &arena};
    arena_init(&arena);
    buf_init(&bytes);
    problem_init(&outcome.problem);
    outcome_encode(&outcome, &bytes);
    assert_int_equal(outcome_decode(buf_slice(&bytes), &again), ERR_OK);
    struct object expected = items[0];
    expected.payload = slice_of(NULL, 0);
    assert_object(&again.object, &expected);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

/* Every cut and every changed byte is read within its bounds, whatever comes of it. */
static void damaged_bytes_are_read_within_their_bounds(void **state) {
    (void)state;
    struct arena arena;
    struct buf bytes;
    struct txn_result results[3];
    struct outcome outcome = {.arena = &arena};
    unsigned refused = 0;
    arena_init(&arena);
    buf_init(&bytes);
    problem_init(&outcome.problem);
    fill(&outcome, results);
    outcome_encode(&outcome, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        struct outcome again = {.arena = &arena};
        uint8_t *copy = must_alloc(bytes.size); /* the heap, for the sanitizer to watch */
        memcpy(copy, bytes.data, bytes.size);
        refused += outcome_decode(slice_of(copy, i), &again) != ERR_OK;
        copy[i] ^= 0x41;
        refused += outcome_decode(slice_of(copy, bytes.size), &again) != ERR_OK;
        free(copy);
        arena_reset(&arena);
    }
    assert_true(refused > bytes.size / 2);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_comes_back_field_by_field),
        cmocka_unit_test(an_outcome_of_nothing_stays_one),
        cmocka_unit_test(the_bytes_of_a_kv_put_are_not_kept),
        cmocka_unit_test(damaged_bytes_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
