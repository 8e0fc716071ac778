#include "tests/unit/store/ask.h"

#include "store/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LEASE UINT64_C(0xa1)

static void try_command(struct bench *bench, struct slice command, struct outcome *outcome) {
    struct store_try attempt = {
        .log_time_ms = bench->log_time_ms, .wall_ms = bench->wall_ms, .command = command};
    store_try(bench->store, &attempt, outcome);
}

/* A dry run answers as the write then does, and leaves no trace. */
static void check_try(struct bench *bench, enum command_id id, const void *arguments) {
    struct buf command;
    struct buf tried;
    struct buf done;
    buf_init(&command);
    buf_init(&tried);
    buf_init(&done);
    command_encode(id, arguments, &command);
    uint64_t digest = store_digest(bench->store);
    uint64_t size = store_size(bench->store);
    uint64_t revision = store_revision(bench->store);
    uint64_t log_time_ms = store_log_time_ms(bench->store);
    uint64_t index = store_applied_index(bench->store);
    struct outcome outcome = {.arena = &bench->arena};
    try_command(bench, buf_slice(&command), &outcome);
    outcome_encode(&outcome, &tried);
    assert_int_equal(store_digest(bench->store), digest);
    assert_int_equal(store_digest_walk(bench->store), digest);
    assert_int_equal(store_size(bench->store), size);
    assert_int_equal(store_revision(bench->store), revision);
    assert_int_equal(store_log_time_ms(bench->store), log_time_ms);
    assert_int_equal(store_applied_index(bench->store), index);
    assert_string_equal(ask_events(bench, revision), "");
    bench_run(bench, id, arguments);
    outcome_encode(&bench->outcome, &done);
    assert_true(slice_equal(buf_slice(&tried), buf_slice(&done)));
    assert_int_equal(outcome.is_replayed, bench->outcome.is_replayed);
    if (bench->outcome.revision != 0 && !outcome.is_replayed) {
        assert_int_equal(bench->outcome.revision, revision + 1);
    }
    buf_deinit(&command);
    buf_deinit(&tried);
    buf_deinit(&done);
}

static void a_dry_run_answers_as_the_write_and_leaves_no_trace(void **state) {
    struct bench *bench = *state;
    struct command_put put = {.key = "kv/a", .payload = slice_of_text("1"), .if_absent = true};
    check_try(bench, COMMAND_PUT, &put);
    check_try(bench, COMMAND_PUT, &put); /* refused with what is there */
    struct command_delete delete = {.key = "kv/a"};
    check_try(bench, COMMAND_DELETE, &delete);
    check_try(bench, COMMAND_DELETE, &delete);
    struct command_lease_grant grant = {.id = LEASE, .ttl_s = 10};
    check_try(bench, COMMAND_LEASE_GRANT, &grant);
    check_try(bench, COMMAND_LEASE_GRANT, &grant);
    put = (struct command_put){.key = "kv/b", .lease = LEASE};
    check_try(bench, COMMAND_PUT, &put);
    check_try(bench, COMMAND_LEASE_RENEW, &(struct command_lease){.id = LEASE});
    check_try(bench, COMMAND_LEASE_REVOKE, &(struct command_lease){.id = LEASE});
}

static void a_dry_run_of_subnets_takes_none(void **state) {
    struct bench *bench = *state;
    bench_put(bench, "networks/net", "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28}");
    struct subnet_acquire acquire = {.network = "net", .node = "a"};
    check_try(bench, COMMAND_SUBNET_ACQUIRE, &acquire);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    bench->log_time_ms += 5000; /* a dry run's time is no log time */
    check_try(bench, COMMAND_SUBNET_ACQUIRE, &acquire);
    struct command_delete delete = {.key = "networks/net"};
    check_try(bench, COMMAND_DELETE, &delete);
    delete.is_forced = true;
    check_try(bench, COMMAND_DELETE, &delete);
}

static void a_dry_run_of_a_transaction_runs_it_whole(void **state) {
    struct bench *bench = *state;
    struct txn_operation operations[] = {
        ASK_PUT("kv/a", "1"), ASK_GET("kv/a"), {.type = TXN_PUT, .key = "kv/b", .lease = LEASE}};
    struct command_txn txn = {.then_operations = {.items = operations, .count = 3}};
    check_try(bench, COMMAND_TXN, &txn); /* refused: no such lease */
    assert_int_equal(bench->outcome.problem.err, ERR_INVALID);
    ask_grant(bench, LEASE, 10);
    check_try(bench, COMMAND_TXN, &txn);
    assert_int_equal(bench->outcome.result_count, 3);
}

static void a_dry_run_uses_up_no_idempotency_key(void **state) {
    struct bench *bench = *state;
    struct buf command;
    buf_init(&command);
    struct command_put put = {.key = "kv/a", .payload = slice_of_text("1")};
    command_encode(COMMAND_PUT, &put, &command);
    struct command_once once = {.client = "c", .key = "k", .command = buf_slice(&command)};
    check_try(bench, COMMAND_ONCE, &once);
    assert_false(bench->outcome.is_replayed);
    check_try(bench, COMMAND_ONCE, &once);
    assert_true(bench->outcome.is_replayed);
    once.fingerprint = slice_of_text("other");
    check_try(bench, COMMAND_ONCE, &once);
    assert_int_equal(bench->outcome.problem.err, ERR_IDEMPOTENCY_MISMATCH);
    assert_string_equal(ask_objects(bench, ""), "kv/a=1@1.1 ");
    buf_deinit(&command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TRY_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        TRY_TEST(a_dry_run_answers_as_the_write_and_leaves_no_trace),
        TRY_TEST(a_dry_run_of_subnets_takes_none),
        TRY_TEST(a_dry_run_of_a_transaction_runs_it_whole),
        TRY_TEST(a_dry_run_uses_up_no_idempotency_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
