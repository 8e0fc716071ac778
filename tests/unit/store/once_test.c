#include "tests/unit/store/ask.h"

#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEASE UINT64_C(0xa1)

static const struct command_put put_a = {.key = "kv/a", .payload = {(const uint8_t *)"1", 1}};

static void a_repetition_gets_the_first_outcome(void **state) {
    struct bench *bench = *state;
    assert_int_equal(ask_once(bench, "k", "f", COMMAND_PUT, &put_a), ERR_OK);
    assert_false(bench->outcome.is_replayed);
    assert_true(bench->outcome.is_created);
    bench_put_kv(bench, "kv/a", "2");
    assert_int_equal(ask_once(bench, "k", "f", COMMAND_PUT, &put_a), ERR_OK);
    assert_true(bench->outcome.is_replayed);
    assert_true(bench->outcome.is_created);
    assert_int_equal(bench->outcome.revision, 1);
    assert_int_equal(bench->outcome.object.version, 1);
    assert_string_equal(bench->outcome.object.key, "kv/a");
    assert_string_equal(ask_objects(bench, ""), "kv/a=2@2.2 ");
    assert_int_equal(store_revision(bench->store), 2);
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void a_key_belongs_to_one_request_of_one_client(void **state) {
    struct bench *bench = *state;
    struct command_put put_b = {.key = "kv/b", .payload = slice_of_text("1")};
    ask_once(bench, "k", "f", COMMAND_PUT, &put_a);
    assert_int_equal(ask_once(bench, "k", "g", COMMAND_PUT, &put_b), ERR_IDEMPOTENCY_MISMATCH);
    assert_int_equal(bench->outcome.problem.outcome, WRITE_OUTCOME_NOT_APPLIED);
    assert_false(bench->outcome.is_replayed);
    assert_int_equal(ask_once(bench, "k", "f", COMMAND_PUT, &put_a), ERR_OK);
    assert_true(bench->outcome.is_replayed);
    /* another client's key of the same name is another key; so is a name that runs into it */
    struct buf command;
    buf_init(&command);
    command_encode(COMMAND_PUT, &put_b, &command);
    struct command_once other = {.client = "ck", .key = "", .command = buf_slice(&command)};
    assert_int_equal(bench_run(bench, COMMAND_ONCE, &other), ERR_OK);
    assert_false(bench->outcome.is_replayed);
    other.client = "d";
    other.key = "k";
    assert_int_equal(bench_run(bench, COMMAND_ONCE, &other), ERR_OK);
    assert_false(bench->outcome.is_replayed);
    buf_deinit(&command);
}

static void a_conflict_is_kept_too(void **state) {
    struct bench *bench = *state;
    struct command_put put = put_a;
    put.if_absent = true;
    bench_put_kv(bench, "kv/a", "there");
    assert_int_equal(ask_once(bench, "k", "f", COMMAND_PUT, &put), ERR_PRECONDITION_FAILED);
    bench_delete(bench, "kv/a", false);
    assert_int_equal(ask_once(bench, "k", "f", COMMAND_PUT, &put), ERR_PRECONDITION_FAILED);
    assert_true(bench->outcome.is_replayed);
    assert_true(bench->outcome.has_current);
    assert_memory_equal(bench->outcome.current.payload.data, "there", 5);
    assert_string_equal(ask_objects(bench, ""), "");
    struct command_delete delete = {.key = "kv/none"};
    assert_int_equal(ask_once(bench, "l", "f", COMMAND_DELETE, &delete), ERR_NOT_FOUND);
    bench_put_kv(bench, "kv/none", "");
    assert_int_equal(ask_once(bench, "l", "f", COMMAND_DELETE, &delete), ERR_NOT_FOUND);
    assert_string_equal(bench->outcome.problem.detail, "there is no kv/none");
}

static void every_command_of_a_client_can_be_repeated(void **state) {
    struct bench *bench = *state;
    struct command_lease_grant grant = {.id = LEASE, .ttl_s = 10};
    assert_int_equal(ask_once(bench, "grant", "f", COMMAND_LEASE_GRANT, &grant), ERR_OK);
    grant.id = LEASE + 1; /* the server draws another one when a client tries again */
    assert_int_equal(ask_once(bench, "grant", "f", COMMAND_LEASE_GRANT, &grant), ERR_OK);
    assert_int_equal(bench->outcome.lease.id, LEASE);
    bench_put(bench, "networks/net", "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28}");
    struct subnet_acquire acquire = {.network = "net", .node = "a"};
    assert_int_equal(ask_once(bench, "acquire", "f", COMMAND_SUBNET_ACQUIRE, &acquire), ERR_OK);
    uint64_t epoch = bench_subnet(bench).epoch;
    assert_int_equal(ask_once(bench, "acquire", "f", COMMAND_SUBNET_ACQUIRE, &acquire), ERR_OK);
    assert_int_equal(bench_subnet(bench).epoch, epoch); /* no second grant */
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    struct txn_operation operations[] = {ASK_PUT("kv/t", "1"), ASK_GET_ALL("kv/"),
                                         ASK_DELETE("kv/none")};
    struct command_txn txn = {.then_operations = {.items = operations, .count = 3}};
    assert_int_equal(ask_once(bench, "txn", "f", COMMAND_TXN, &txn), ERR_OK);
    bench_put_kv(bench, "kv/t", "2");
    assert_int_equal(ask_once(bench, "txn", "f", COMMAND_TXN, &txn), ERR_OK);
    assert_true(bench->outcome.is_replayed);
    assert_true(bench->outcome.is_succeeded);
    assert_string_equal(ask_results(bench), "put@3.1 get(kv/t=1 ) deleted:0 ");
    assert_int_equal(bench->outcome.revision, 3);
    operations[0].lease = 77; /* unknown */
    assert_int_equal(ask_once(bench, "bad", "f", COMMAND_TXN, &txn), ERR_INVALID);
    ask_grant(bench, 77, 10);
    assert_int_equal(ask_once(bench, "bad", "f", COMMAND_TXN, &txn), ERR_INVALID);
    assert_string_equal(ask_error(bench), "/then/0/put/lease: there is no lease 000000000000004d");
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void a_key_is_kept_for_ten_minutes_of_log_time(void **state) {
    struct bench *bench = *state;
    ask_once(bench, "k", "f", COMMAND_PUT, &put_a);
    bench->log_time_ms += LIMIT_ONCE_KEPT_MS - 1;
    ask_once(bench, "k", "f", COMMAND_PUT, &put_a);
    assert_true(bench->outcome.is_replayed);
    bench->log_time_ms += 1;
    assert_int_equal(ask_once(bench, "k", "other", COMMAND_PUT, &put_a), ERR_OK);
    assert_false(bench->outcome.is_replayed);
    assert_int_equal(bench->outcome.object.version, 2);
    /* a replay did not make it younger, a new use did */
    bench->log_time_ms += LIMIT_ONCE_KEPT_MS - 1;
    ask_once(bench, "k", "other", COMMAND_PUT, &put_a);
    assert_true(bench->outcome.is_replayed);
}

static void old_keys_leave_nothing_behind(void **state) {
    struct bench *bench = *state;
    char key[16];
    uint64_t size = 0;
    for (unsigned i = 0; i < 4 * LIMIT_ONCE_FORGET_MAX; i++) {
        snprintf(key, sizeof key, "k%u", i);
        ask_once(bench, key, "f", COMMAND_PUT, &put_a);
        size = i == 0 ? store_size(bench->store) : size;
    }
    assert_true(store_size(bench->store) > size + 4 * LIMIT_ONCE_FORGET_MAX * 50);
    bench->log_time_ms += LIMIT_ONCE_KEPT_MS;
    for (unsigned i = 0; i < 5; i++) { /* a few with each command */
        snprintf(key, sizeof key, "n%u", i);
        ask_once(bench, key, "f", COMMAND_LEASE_RENEW, &(struct command_lease){.id = 1});
    }
    struct command_compact compact = {.revision = store_revision(bench->store)};
    assert_int_equal(bench_run(bench, COMMAND_COMPACT, &compact), ERR_OK);
    assert_true(store_size(bench->store) < size + 5 * 200);
}

/* Each answer shows what is there: half a megabyte. */
static void the_oldest_make_room_for_large_answers(void **state) {
    struct bench *bench = *state;
    char *value = arena_alloc(&bench->arena, LIMIT_VALUE_SIZE_MAX + 1);
    memset(value, 'v', LIMIT_VALUE_SIZE_MAX);
    struct command_put put = put_a;
    put.if_absent = true;
    bench_put_kv(bench, "kv/a", value);
    arena_reset(&bench->arena);
    char key[16];
    unsigned fitting = LIMIT_ONCE_SIZE_MAX / (LIMIT_VALUE_SIZE_MAX + 300);
    for (unsigned i = 0; i <= fitting; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(ask_once(bench, key, "f", COMMAND_PUT, &put), ERR_PRECONDITION_FAILED);
        assert_false(bench->outcome.is_replayed);
        arena_reset(&bench->arena);
    }
    ask_once(bench, "k1", "f", COMMAND_PUT, &put);
    assert_true(bench->outcome.is_replayed);
    ask_once(bench, "k0", "f", COMMAND_PUT, &put); /* this one went; it comes anew and k1 goes */
    assert_false(bench->outcome.is_replayed);
    ask_once(bench, "k1", "f", COMMAND_PUT, &put);
    assert_false(bench->outcome.is_replayed);
}

/* Runs `count` commands with keys "<from>".. in one entry. */
static void run_many(struct bench *bench, unsigned from, unsigned count, struct buf *entry) {
    struct entry_header header = {.log_time_ms = bench->log_time_ms, .command_count = count};
    struct buf inner;
    struct buf command;
    buf_init(&inner);
    buf_init(&command);
    buf_clear(entry);
    entry_begin(&header, entry);
    command_encode(COMMAND_LEASE_RENEW, &(struct command_lease){.id = 1}, &inner);
    for (unsigned i = from; i < from + count; i++) {
        struct command_once once = {.client = "c",
                                    .key = arena_printf(&bench->arena, "%u", i),
                                    .fingerprint = slice_of_text("f"),
                                    .command = buf_slice(&inner)};
        buf_clear(&command);
        command_encode(COMMAND_ONCE, &once, &command);
        entry_add_command(buf_slice(&command), entry);
    }
    store_begin(bench->store);
    store_apply(bench->store, store_applied_index(bench->store) + 1, 1, buf_slice(entry), NULL);
    store_commit(bench->store);
    buf_deinit(&inner);
    buf_deinit(&command);
    arena_reset(&bench->arena);
}

static bool is_kept(struct bench *bench, const char *key) {
    struct command_lease renew = {.id = 1};
    ask_once(bench, key, "f", COMMAND_LEASE_RENEW, &renew);
    return bench->outcome.is_replayed;
}

static void a_hundred_thousand_are_kept_and_then_the_oldest_go(void **state) {
    struct bench *bench = *state;
    struct buf entry;
    buf_init(&entry);
    for (unsigned i = 0; i < LIMIT_ONCE_RECORDS_MAX; i += 4000) {
        run_many(bench, i, 4000, &entry);
    }
    assert_true(is_kept(bench, "0"));
    assert_true(is_kept(bench, "99999"));
    assert_false(is_kept(bench, "100000")); /* one more: */
    assert_true(is_kept(bench, "1"));
    assert_true(is_kept(bench, "100000"));
    assert_false(is_kept(bench, "0"));
    assert_false(is_kept(bench, "1"));
    buf_deinit(&entry);
}

static enum err decode_inside(struct bench *bench, enum command_id id, const void *arguments) {
    struct buf inner;
    struct buf outer;
    buf_init(&inner);
    buf_init(&outer);
    command_encode(id, arguments, &inner);
    struct command_once once = {.client = "c", .key = "k", .command = buf_slice(&inner)};
    command_encode(COMMAND_ONCE, &once, &outer);
    enum command_id found;
    void *decoded;
    enum err err = command_decode(buf_slice(&outer), &bench->arena, &found, &decoded);
    buf_deinit(&inner);
    buf_deinit(&outer);
    return err;
}

static void what_a_client_may_not_ask_for_is_corrupt(void **state) {
    struct bench *bench = *state;
    struct command_once once = {.client = "c", .key = "k"};
    struct command_subnet_expire subnet = {.key = "subnets/net/10.1.0.16-28"};
    struct command_lease_expire lease = {.id = LEASE};
    struct command_compact compact = {.revision = 1};
    assert_int_equal(decode_inside(bench, COMMAND_ONCE, &once), ERR_CORRUPT);
    assert_int_equal(decode_inside(bench, COMMAND_SUBNET_EXPIRE, &subnet), ERR_CORRUPT);
    assert_int_equal(decode_inside(bench, COMMAND_LEASE_EXPIRE, &lease), ERR_CORRUPT);
    assert_int_equal(decode_inside(bench, COMMAND_COMPACT, &compact), ERR_CORRUPT);
    assert_int_equal(decode_inside(bench, COMMAND_PUT, &put_a), ERR_OK);
}

static void a_key_that_is_too_long_is_refused(void **state) {
    struct bench *bench = *state;
    char key[LIMIT_ONCE_KEY_SIZE_MAX + 2];
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = 0;
    assert_int_equal(ask_once(bench, key, "f", COMMAND_PUT, &put_a), ERR_BAD_REQUEST);
    key[LIMIT_ONCE_KEY_SIZE_MAX] = 0;
    assert_int_equal(ask_once(bench, key, "f", COMMAND_PUT, &put_a), ERR_OK);
    ask_once(bench, key, "f", COMMAND_PUT, &put_a);
    assert_true(bench->outcome.is_replayed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define ONCE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        ONCE_TEST(a_repetition_gets_the_first_outcome),
        ONCE_TEST(a_key_belongs_to_one_request_of_one_client),
        ONCE_TEST(a_conflict_is_kept_too),
        ONCE_TEST(every_command_of_a_client_can_be_repeated),
        ONCE_TEST(a_key_is_kept_for_ten_minutes_of_log_time),
        ONCE_TEST(old_keys_leave_nothing_behind),
        ONCE_TEST(the_oldest_make_room_for_large_answers),
        ONCE_TEST(a_hundred_thousand_are_kept_and_then_the_oldest_go),
        ONCE_TEST(what_a_client_may_not_ask_for_is_corrupt),
        ONCE_TEST(a_key_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
