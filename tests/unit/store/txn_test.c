#include "tests/unit/store/ask.h"

#include "store/txn_check.h"
#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEASE   UINT64_C(0xa1)
#define NETWORK "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28}"

/* ---- compares ---- */

struct compare_case {
    struct txn_compare compare;
    bool holds;
};

#define NUMBER(at, of, is, than)                                                                   \
    { .key = (at), .target = TXN_TARGET_##of, .relation = TXN_##is, .number = (than) }
#define VALUE(at, is, than)                                                                        \
    {                                                                                              \
        .key = (at), .target = TXN_TARGET_VALUE, .relation = TXN_##is, .value = {                  \
            .data = (const uint8_t *)(than),                                                       \
            .size = sizeof(than) - 1                                                               \
        }                                                                                          \
    }

/* kv/a: created at revision 2, changed at 3, version 2, value "m"; kv/none is not there */
static const struct compare_case compare_cases[] = {
    {NUMBER("kv/a", VERSION, EQUAL, 2), true},
    {NUMBER("kv/a", VERSION, EQUAL, 1), false},
    {NUMBER("kv/a", VERSION, NOT_EQUAL, 1), true},
    {NUMBER("kv/a", VERSION, NOT_EQUAL, 2), false},
    {NUMBER("kv/a", VERSION, LESS, 3), true},
    {NUMBER("kv/a", VERSION, LESS, 2), false},
    {NUMBER("kv/a", VERSION, GREATER, 1), true},
    {NUMBER("kv/a", VERSION, GREATER, 2), false},
    {NUMBER("kv/a", REVISION, EQUAL, 3), true},
    {NUMBER("kv/a", REVISION, EQUAL, 2), false},
    {NUMBER("kv/a", CREATED_REVISION, EQUAL, 2), true},
    {NUMBER("kv/a", CREATED_REVISION, GREATER, 1), true},
    {NUMBER("kv/a", CREATED_REVISION, LESS, 2), false},
    {NUMBER("kv/none", VERSION, EQUAL, 0), true},
    {NUMBER("kv/none", VERSION, NOT_EQUAL, 0), false},
    {NUMBER("kv/none", VERSION, GREATER, 0), false},
    {NUMBER("kv/none", VERSION, LESS, 1), true},
    {NUMBER("kv/none", REVISION, EQUAL, 0), true},
    {NUMBER("kv/none", CREATED_REVISION, EQUAL, 0), true},
    {VALUE("kv/a", EQUAL, "m"), true},
    {VALUE("kv/a", EQUAL, "M"), false},
    {VALUE("kv/a", EQUAL, ""), false},
    {VALUE("kv/a", NOT_EQUAL, "mm"), true},
    {VALUE("kv/a", NOT_EQUAL, "m"), false},
    {VALUE("kv/a", LESS, "ma"), true}, /* a proper prefix is less */
    {VALUE("kv/a", LESS, "m"), false},
    {VALUE("kv/a", LESS, "\x80"), true}, /* bytes, not characters with a sign */
    {VALUE("kv/a", GREATER, "lzz"), true},
    {VALUE("kv/a", GREATER, "m\0"), false},
    {VALUE("kv/none", EQUAL, ""), false},
    {VALUE("kv/none", NOT_EQUAL, "x"), false},
    {VALUE("kv/none", LESS, "x"), false},
    {VALUE("kv/none", GREATER, ""), false},
};

static void a_compare_holds_as_in_the_table(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/b", "");
    bench_put_kv(bench, "kv/a", "l");
    bench_put_kv(bench, "kv/a", "m");
    for (unsigned i = 0; i < ARRAY_COUNT(compare_cases); i++) {
        assert_int_equal(ask_txn(bench, &compare_cases[i].compare, NULL, NULL), ERR_OK);
        if (bench->outcome.is_succeeded != compare_cases[i].holds) {
            fail_msg("row %u of the table", i);
        }
    }
    assert_int_equal(store_revision(bench->store), 3);
}

static void all_compares_must_hold(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a", "1");
    struct txn_compare compares[] = {NUMBER("kv/a", VERSION, EQUAL, 1),
                                     NUMBER("kv/b", VERSION, EQUAL, 0)};
    struct command_txn txn = {.compares = {.items = compares, .count = 2}};
    assert_int_equal(bench_run(bench, COMMAND_TXN, &txn), ERR_OK);
    assert_true(bench->outcome.is_succeeded);
    bench_put_kv(bench, "kv/b", "1");
    assert_int_equal(bench_run(bench, COMMAND_TXN, &txn), ERR_OK);
    assert_false(bench->outcome.is_succeeded);
}

/* ---- operations ---- */

static void operations_run_in_order_at_one_revision(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a", "old");
    bench_put_kv(bench, "kv/d/1", "x");
    bench_put_kv(bench, "kv/d/2", "y");
    struct txn_operation operations[] = {
        ASK_GET("kv/a"),          ASK_PUT("kv/a", "new"),
        ASK_GET("kv/a"),          ASK_DELETE_ALL("kv/d/"),
        ASK_PUT("kv/b", "1"),     ASK_GET_ALL("kv/"),
        ASK_DELETE("kv/nothing"), ASK_END,
    };
    assert_int_equal(ask_txn(bench, NULL, operations, NULL), ERR_OK);
    assert_true(bench->outcome.is_txn);
    assert_true(bench->outcome.is_succeeded);
    assert_string_equal(ask_results(bench), "get(kv/a=old ) put@4.2 get(kv/a=new ) deleted:2 "
                                            "put@4.1 get(kv/a=new kv/b=1 ) deleted:0 ");
    assert_int_equal(bench->outcome.revision, 4);
    assert_false(bench->outcome.has_object);
    assert_string_equal(ask_events(bench, 3), "+4:kv/a<1 -4:kv/d/1<2 -4:kv/d/2<3 +4:kv/b<0 ");
    assert_string_equal(ask_objects(bench, ""), "kv/a=new@4.2 kv/b=1@4.1 ");
    /* what an own get shows is the object as it will be */
    const struct object *item = &bench->outcome.results[2].items[0];
    assert_int_equal(item->revision, 4);
    assert_int_equal(item->created_revision, 1);
}

static void the_else_branch_runs_when_a_compare_fails(void **state) {
    struct bench *bench = *state;
    struct txn_compare is_absent = NUMBER("kv/a", VERSION, EQUAL, 0);
    struct txn_operation then_operations[] = {ASK_PUT("kv/a", "1"), ASK_END};
    struct txn_operation else_operations[] = {ASK_GET("kv/a"), ASK_END};
    assert_int_equal(ask_txn(bench, &is_absent, then_operations, else_operations), ERR_OK);
    assert_string_equal(ask_results(bench), "put@1.1 ");
    assert_int_equal(ask_txn(bench, &is_absent, then_operations, else_operations), ERR_OK);
    assert_false(bench->outcome.is_succeeded);
    assert_string_equal(ask_results(bench), "get(kv/a=1 ) ");
    assert_int_equal(bench->outcome.revision, 0);
}

static void a_transaction_that_changes_nothing_uses_no_revision(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a", "1");
    struct txn_operation operations[] = {ASK_GET("kv/a"), ASK_DELETE("kv/b"),
                                         ASK_DELETE_ALL("kv/c/"), ASK_END};
    assert_int_equal(ask_txn(bench, NULL, operations, NULL), ERR_OK);
    assert_int_equal(bench->outcome.revision, 0);
    assert_int_equal(ask_txn(bench, NULL, NULL, NULL), ERR_OK);
    assert_int_equal(store_revision(bench->store), 1);
    bench_put_kv(bench, "kv/a", "2");
    assert_int_equal(bench->outcome.revision, 2);
}

static void keys_attach_and_detach_in_a_transaction(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, 10);
    ask_put(bench, "kv/a", "1", LEASE);
    ask_put(bench, "kv/b", "1", LEASE);
    struct txn_operation operations[] = {
        ASK_PUT("kv/a", "2"),
        ASK_DELETE("kv/b"),
        {.type = TXN_PUT, .key = "kv/c", .payload = slice_of_text("3"), .lease = LEASE},
        ASK_END,
    };
    assert_int_equal(ask_txn(bench, NULL, operations, NULL), ERR_OK);
    assert_string_equal(ask_keys(bench, LEASE), "kv/c ");
    assert_string_equal(ask_objects(bench, ""), "kv/a=2@3.2 kv/c=3@3.1/a1 ");
}

/* ---- whole or not at all ---- */

/* Runs operations of which one is at fault: the whole is refused and nothing is left of it. */
static void check_refused(struct bench *bench, const struct txn_operation *operations,
                          const char *error) {
    uint64_t digest = store_digest(bench->store);
    uint64_t revision = store_revision(bench->store);
    assert_int_equal(ask_txn(bench, NULL, operations, NULL), ERR_INVALID);
    assert_string_equal(ask_error(bench), error);
    assert_int_equal(bench->outcome.problem.outcome, WRITE_OUTCOME_NOT_APPLIED);
    assert_int_equal(bench->outcome.revision, 0);
    assert_false(bench->outcome.is_txn);
    assert_false(bench->outcome.has_object);
    assert_int_equal(bench->outcome.result_count, 0);
    assert_int_equal(bench->outcome.deleted, 0);
    assert_int_equal(store_digest(bench->store), digest);
    assert_string_equal(ask_events(bench, revision), "");
    bench_put_kv(bench, "kv/after", "1");
    assert_int_equal(bench->outcome.revision, revision + 1);
}

static void an_unknown_lease_or_collection_refuses_the_whole(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/d", "1");
    struct txn_operation operations[] = {
        ASK_PUT("kv/a", "1"),
        ASK_DELETE("kv/d"),
        ASK_GET_ALL(""),
        {.type = TXN_PUT, .key = "kv/b", .lease = LEASE},
        ASK_END,
    };
    struct txn_operation nowhere[] = {ASK_PUT("kv/a", "1"), ASK_PUT("nowhere/b", "1"), ASK_END};
    check_refused(bench, nowhere, "/then/1: no collection has the key nowhere/b");
    check_refused(bench, operations, "/then/3/put/lease: there is no lease 00000000000000a1");
}

/* The encoded body of a resource, as the API makes it; nothing is left of it in the store. */
static struct slice payload_of(struct bench *bench, const char *key, const char *json) {
    assert_int_equal(bench_put(bench, key, json), ERR_OK);
    struct slice payload = bench->outcome.object.payload;
    assert_int_equal(bench_delete(bench, key, true), ERR_OK);
    return payload;
}

static void the_rules_of_kinds_refuse_the_whole(void **state) {
    struct bench *bench = *state;
    const char *held = "subnets/net/10.1.0.16-28";
    const char *outside = "subnets/net/10.1.0.64-28";
    struct slice network = payload_of(bench, "networks/net", NETWORK);
    struct slice wider =
        payload_of(bench, "networks/net", "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28}");
    bench_put(bench, "networks/net", "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28}");
    struct slice far = payload_of(bench, outside, "{\"node\":\"a\",\"reserved\":true}");
    struct slice mine = payload_of(bench, held, "{\"node\":\"b\",\"reserved\":true}");
    assert_int_equal(bench_delete(bench, "networks/net", true), ERR_OK);
    bench_put(bench, "networks/net", NETWORK);
    bench_acquire(bench, "a", "192.0.2.1", NULL);

    struct txn_operation reserve_held[] = {
        ASK_PUT("kv/a", "1"), {.type = TXN_PUT, .key = held, .payload = mine}, ASK_END};
    check_refused(bench, reserve_held, "/then/1: subnets/net/10.1.0.16-28 is held by a");
    struct txn_operation reserve_outside[] = {{.type = TXN_PUT, .key = outside, .payload = far},
                                              ASK_END};
    check_refused(bench, reserve_outside,
                  "/then/0/put/object/subnet: 10.1.0.64/28 is not a subnet of the network net");
    struct txn_operation delete_network[] = {ASK_PUT("kv/a", "1"), ASK_DELETE("networks/net"),
                                             ASK_END};
    check_refused(bench, delete_network, "/then/1: 1 subnets of networks/net are held or reserved");
    struct txn_operation delete_all[] = {ASK_DELETE_ALL(""), ASK_END};
    check_refused(bench, delete_all, "/then/0: 1 subnets of networks/net are held or reserved");

    /* and they see what the transaction did before: wider, reserved, narrow again */
    struct txn_operation narrow_again[] = {
        {.type = TXN_PUT, .key = "networks/net", .payload = wider},
        {.type = TXN_PUT, .key = outside, .payload = far},
        ASK_GET("kv/a"),
        ASK_END,
    };
    assert_int_equal(ask_txn(bench, NULL, narrow_again, NULL), ERR_OK);
    struct txn_operation narrow[] = {ASK_PUT("kv/z", "1"),
                                     {.type = TXN_PUT, .key = "networks/net", .payload = network},
                                     ASK_END};
    check_refused(bench, narrow,
                  "/then/1: the change would leave the lease subnets/net/10.1.0.64-28 outside the "
                  "network");
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void a_network_goes_with_its_reservations_in_one_transaction(void **state) {
    struct bench *bench = *state;
    bench_put(bench, "networks/net", NETWORK);
    bench_put(bench, "subnets/net/10.1.0.16-28", "{\"node\":\"a\",\"reserved\":true}");
    struct txn_operation operations[] = {ASK_DELETE_ALL("subnets/net/"), ASK_DELETE("networks/net"),
                                         ASK_END};
    assert_int_equal(ask_txn(bench, NULL, operations, NULL), ERR_OK);
    assert_string_equal(ask_results(bench), "deleted:1 deleted:1 ");
    assert_string_equal(ask_objects(bench, ""), "");
    bench_put(bench, "networks/net", NETWORK);
    bench_acquire(bench, "b", "192.0.2.1", NULL);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void gets_that_find_too_much_refuse_the_whole(void **state) {
    struct bench *bench = *state;
    char *value = arena_alloc(&bench->arena, LIMIT_VALUE_SIZE_MAX + 1);
    memset(value, 'v', LIMIT_VALUE_SIZE_MAX);
    for (unsigned i = 0; i < LIMIT_TXN_RESULT_SIZE_MAX / LIMIT_VALUE_SIZE_MAX; i++) {
        bench_put_kv(bench, arena_printf(&bench->arena, "kv/%02u", i), value);
    }
    struct txn_operation all[] = {ASK_PUT("kv/after/1", "1"), ASK_GET_ALL("kv/"), ASK_END};
    assert_int_equal(ask_txn(bench, NULL, all, NULL), ERR_TOO_LARGE);
    assert_null(strstr(ask_objects(bench, "kv/after"), "kv/after/1"));
    assert_int_equal(bench_delete(bench, "kv/15", false), ERR_OK);
    assert_int_equal(ask_txn(bench, NULL, all, NULL), ERR_OK);
    /* several gets share the bound */
    struct txn_operation twice[] = {ASK_GET_ALL("kv/0"), ASK_GET_ALL("kv/0"), ASK_END};
    assert_int_equal(ask_txn(bench, NULL, twice, NULL), ERR_TOO_LARGE);
}

/* ---- the check ---- */

struct fault {
    struct txn_operation operations[3];
    const char *pointer; /* of the first error */
};

static const struct fault faults[] = {
    {{{.type = 9, .key = "kv/a"}}, "/then/0"},
    {{{.type = TXN_PUT}}, "/then/0"},
    {{{.type = TXN_PUT, .prefix = "kv/"}}, "/then/0"},
    {{{.type = TXN_GET}}, "/then/0"},
    {{{.type = TXN_GET, .key = "kv/a", .prefix = "kv/"}}, "/then/0"},
    {{{.type = TXN_DELETE}}, "/then/0"},
    {{{.type = TXN_PUT, .key = "kv/a"}, {.type = TXN_PUT, .key = "kv/a"}}, "/then/1/put/key"},
    {{{.type = TXN_PUT, .key = "kv/a"}, {.type = TXN_DELETE, .key = "kv/a"}}, "/then/1/delete/key"},
    {{{.type = TXN_DELETE, .key = "kv/a"}, {.type = TXN_PUT, .key = "kv/a"}}, "/then/1/put/key"},
    {{{.type = TXN_DELETE, .prefix = "kv/"}, {.type = TXN_PUT, .key = "kv/a"}}, "/then/1/put/key"},
    {{{.type = TXN_PUT, .key = "kv/a"}, {.type = TXN_DELETE, .prefix = ""}},
     "/then/1/delete/prefix"},
    {{{.type = TXN_DELETE, .prefix = "kv/a"}, {.type = TXN_DELETE, .prefix = "kv/"}},
     "/then/1/delete/prefix"},
};

static void the_check_points_at_each_fault(void **state) {
    struct bench *bench = *state;
    for (unsigned i = 0; i < ARRAY_COUNT(faults); i++) {
        size_t count = faults[i].operations[1].type != 0 ? 2 : 1;
        struct command_txn txn = {
            .then_operations = {.items = (void *)(uintptr_t)faults[i].operations, .count = count}};
        struct problem problem;
        problem_init(&problem);
        assert_int_equal(txn_check(&txn, &problem), ERR_INVALID);
        assert_string_equal(problem.errors[0].pointer, faults[i].pointer);
        /* and the state machine relies on nobody having asked */
        assert_int_equal(bench_run(bench, COMMAND_TXN, &txn), ERR_INVALID);
    }
    assert_int_equal(store_revision(bench->store), 0);
}

static void the_check_lets_what_is_not_written_twice_pass(void **state) {
    (void)state;
    struct txn_operation operations[] = {
        ASK_GET("kv/a"),         ASK_PUT("kv/a", "1"), ASK_GET("kv/a"),      ASK_GET_ALL("kv/"),
        ASK_DELETE_ALL("kv/b/"), ASK_PUT("kv/b", "1"), ASK_PUT("kv/c", "1"),
    };
    struct command_txn txn = {
        .then_operations = {.items = operations, .count = ARRAY_COUNT(operations)},
        .else_operations = {.items = operations, .count = ARRAY_COUNT(operations)}};
    struct problem problem;
    problem_init(&problem);
    assert_int_equal(txn_check(&txn, &problem), ERR_OK);
}

static void the_check_bounds_compares_and_operations(void **state) {
    struct bench *bench = *state;
    struct txn_compare compares[LIMIT_TXN_COMPARES_MAX + 1];
    struct txn_operation operations[LIMIT_TXN_OPERATIONS_MAX + 1];
    for (unsigned i = 0; i < ARRAY_COUNT(operations); i++) {
        const char *key = arena_printf(&bench->arena, "kv/%u", i);
        compares[i] = (struct txn_compare)NUMBER(key, VERSION, EQUAL, 0);
        operations[i] = (struct txn_operation)ASK_PUT(key, "1");
    }
    struct command_txn txn = {
        .compares = {.items = compares, .count = LIMIT_TXN_COMPARES_MAX},
        .then_operations = {.items = operations, .count = LIMIT_TXN_OPERATIONS_MAX}};
    struct problem problem;
    problem_init(&problem);
    assert_int_equal(txn_check(&txn, &problem), ERR_OK);
    txn.then_operations.count++;
    assert_int_equal(txn_check(&txn, &problem), ERR_INVALID);
    assert_string_equal(problem.errors[0].pointer, "/then");
    assert_int_equal(bench_run(bench, COMMAND_TXN, &txn), ERR_INVALID);
    txn.then_operations.count--;
    txn.compares.count++;
    problem_init(&problem);
    assert_int_equal(txn_check(&txn, &problem), ERR_INVALID);
    assert_string_equal(problem.errors[0].pointer, "/if");
    txn.compares.count--;
    assert_int_equal(bench_run(bench, COMMAND_TXN, &txn), ERR_OK);
    assert_int_equal(bench->outcome.result_count, LIMIT_TXN_OPERATIONS_MAX);
    assert_int_equal(store_revision(bench->store), 1);
}

static void the_check_knows_targets_and_relations(void **state) {
    (void)state;
    struct txn_compare compares[] = {
        {.key = "kv/a", .target = 5, .relation = TXN_EQUAL},
        {.key = "kv/a", .target = TXN_TARGET_VALUE},
        {.target = TXN_TARGET_VERSION, .relation = TXN_GREATER},
    };
    struct command_txn txn = {.compares = {.items = compares, .count = ARRAY_COUNT(compares)}};
    struct problem problem;
    problem_init(&problem);
    assert_int_equal(txn_check(&txn, &problem), ERR_INVALID);
    assert_int_equal(problem.error_count, 3);
    assert_string_equal(problem.errors[0].pointer, "/if/0");
    assert_string_equal(problem.errors[2].pointer, "/if/2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TXN_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        TXN_TEST(a_compare_holds_as_in_the_table),
        TXN_TEST(all_compares_must_hold),
        TXN_TEST(operations_run_in_order_at_one_revision),
        TXN_TEST(the_else_branch_runs_when_a_compare_fails),
        TXN_TEST(a_transaction_that_changes_nothing_uses_no_revision),
        TXN_TEST(keys_attach_and_detach_in_a_transaction),
        TXN_TEST(an_unknown_lease_or_collection_refuses_the_whole),
        TXN_TEST(the_rules_of_kinds_refuse_the_whole),
        TXN_TEST(a_network_goes_with_its_reservations_in_one_transaction),
        TXN_TEST(gets_that_find_too_much_refuse_the_whole),
        TXN_TEST(the_check_points_at_each_fault),
        TXN_TEST(the_check_lets_what_is_not_written_twice_pass),
        TXN_TEST(the_check_bounds_compares_and_operations),
        TXN_TEST(the_check_knows_targets_and_relations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
