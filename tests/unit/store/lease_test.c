#include "tests/unit/store/ask.h"

#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEASE   UINT64_C(0xa1)
#define OTHER   UINT64_C(0xb2)
#define TTL_S   10u
#define TTL_MS  (TTL_S * 1000u)
#define NETWORK "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28}"

static void a_grant_and_a_renewal_raise_no_revision_and_make_no_event(void **state) {
    struct bench *bench = *state;
    ask_put(bench, "kv/a", "1", 0);
    assert_int_equal(ask_grant(bench, LEASE, TTL_S), ERR_OK);
    assert_true(bench->outcome.is_created);
    assert_int_equal(bench->outcome.revision, 0);
    assert_int_equal(bench->outcome.lease.id, LEASE);
    assert_int_equal(bench->outcome.lease.ttl_s, TTL_S);
    assert_int_equal(bench->outcome.lease.expires_log_ms, bench->log_time_ms + TTL_MS);
    assert_int_equal(bench->outcome.lease.expires_at, bench->wall_ms + TTL_MS);
    bench->log_time_ms += 4000;
    bench->wall_ms += 4000;
    assert_int_equal(ask_renew(bench, LEASE), ERR_OK);
    assert_false(bench->outcome.is_created);
    assert_int_equal(bench->outcome.lease.expires_log_ms, bench->log_time_ms + TTL_MS);
    assert_int_equal(bench->outcome.lease.expires_at, bench->wall_ms + TTL_MS);
    struct lease lease;
    assert_true(ask_lease(bench, LEASE, &lease));
    assert_int_equal(lease.expires_log_ms, bench->log_time_ms + TTL_MS);
    assert_int_equal(store_revision(bench->store), 1);
    assert_string_equal(ask_events(bench, 1), "");
}

static void a_grant_refuses_what_cannot_be(void **state) {
    struct bench *bench = *state;
    assert_int_equal(ask_grant(bench, 0, TTL_S), ERR_INVALID);
    assert_int_equal(ask_grant(bench, LEASE, 0), ERR_INVALID);
    assert_string_equal(bench->outcome.problem.errors[0].pointer, "/ttl_s");
    assert_int_equal(ask_grant(bench, LEASE, LIMIT_LEASE_TTL_MAX_S + 1), ERR_INVALID);
    assert_int_equal(ask_grant(bench, LEASE, LIMIT_LEASE_TTL_MAX_S), ERR_OK);
    assert_int_equal(ask_grant(bench, LEASE, TTL_S), ERR_CONFLICT);
    assert_int_equal(ask_grant(bench, UINT64_MAX, LIMIT_LEASE_TTL_MIN_S), ERR_OK);
}

static void a_put_attaches_and_one_without_a_lease_detaches(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, TTL_S);
    ask_grant(bench, OTHER, TTL_S);
    assert_int_equal(ask_put(bench, "kv/a", "1", LEASE), ERR_OK);
    assert_int_equal(bench->outcome.object.lease, LEASE);
    assert_int_equal(ask_put(bench, "kv/b", "1", LEASE), ERR_OK);
    assert_int_equal(ask_put(bench, "kv/b", "2", LEASE), ERR_OK);
    assert_string_equal(ask_keys(bench, LEASE), "kv/a kv/b ");
    assert_int_equal(ask_put(bench, "kv/a", "2", 0), ERR_OK);
    assert_string_equal(ask_keys(bench, LEASE), "kv/b ");
    assert_int_equal(ask_put(bench, "kv/b", "3", OTHER), ERR_OK);
    assert_string_equal(ask_keys(bench, LEASE), "");
    assert_string_equal(ask_keys(bench, OTHER), "kv/b ");
    assert_string_equal(ask_objects(bench, ""), "kv/a=2@4.2 kv/b=3@5.3/b2 ");
    assert_int_equal(ask_revoke(bench, LEASE), ERR_OK);
    assert_string_equal(ask_objects(bench, ""), "kv/a=2@4.2 kv/b=3@5.3/b2 ");
}

static void a_delete_detaches(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, TTL_S);
    ask_put(bench, "kv/a", "1", LEASE);
    ask_put(bench, "kv/b/1", "1", LEASE);
    ask_put(bench, "kv/b/2", "1", LEASE);
    assert_int_equal(bench_delete(bench, "kv/a", false), ERR_OK);
    assert_string_equal(ask_keys(bench, LEASE), "kv/b/1 kv/b/2 ");
    struct command_delete_prefix delete = {.prefix = "kv/b/", .confirm = 2};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    assert_string_equal(ask_keys(bench, LEASE), "");
    /* what is written anew has nothing to do with the lease of then */
    ask_put(bench, "kv/a", "2", 0);
    ask_revoke(bench, LEASE);
    assert_string_equal(ask_objects(bench, ""), "kv/a=2@6.1 ");
}

static void a_put_with_an_unknown_lease_names_it(void **state) {
    struct bench *bench = *state;
    assert_int_equal(ask_put(bench, "kv/a", "1", LEASE), ERR_NOT_FOUND);
    assert_string_equal(bench->outcome.problem.detail, "there is no lease 00000000000000a1");
    assert_string_equal(ask_objects(bench, ""), "");
    assert_int_equal(store_revision(bench->store), 0);
    assert_int_equal(ask_renew(bench, LEASE), ERR_NOT_FOUND);
    assert_int_equal(ask_revoke(bench, LEASE), ERR_NOT_FOUND);
}

/* PUT of a resource from JSON, attached to LEASE. */
static enum err put_resource(struct bench *bench, const char *key, const char *json_text) {
    assert_int_equal(bench_put(bench, key, json_text), ERR_OK);
    struct object object = bench->outcome.object;
    struct command_put put = {.key = key, .payload = object.payload, .lease = LEASE};
    return bench_run(bench, COMMAND_PUT, &put);
}

static void only_kinds_without_rules_of_their_own_attach(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, TTL_S);
    assert_int_equal(put_resource(bench, "nodes/edge-1", "{}"), ERR_OK);
    assert_int_equal(put_resource(bench, "endpoints/net/10.1.0.17", "{\"node\":\"edge-1\"}"),
                     ERR_OK);
    assert_int_equal(put_resource(bench, "networks/net", NETWORK), ERR_INVALID);
    assert_string_equal(ask_error(bench), "/lease: a network cannot be attached to a lease");
    assert_int_equal(
        put_resource(bench, "subnets/net/10.1.0.16-28", "{\"node\":\"edge-1\",\"reserved\":true}"),
        ERR_INVALID);
    assert_string_equal(ask_error(bench), "/lease: a subnet cannot be attached to a lease");
    assert_string_equal(ask_keys(bench, LEASE), "endpoints/net/10.1.0.17 nodes/edge-1 ");
}

static void all_that_is_attached_goes_in_one_revision(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, TTL_S);
    ask_put(bench, "kv/b", "1", LEASE);
    ask_put(bench, "kv/a", "1", LEASE);
    ask_put(bench, "kv/c", "1", 0);
    bench->log_time_ms += TTL_MS;
    assert_int_equal(bench_expire(bench, 0), 1);
    assert_int_equal(bench->outcome.deleted, 2);
    assert_int_equal(bench->outcome.revision, 4);
    assert_string_equal(ask_events(bench, 3), "-4:kv/a<2 -4:kv/b<1 ");
    assert_string_equal(ask_objects(bench, ""), "kv/c=1@3.1 ");
    struct lease lease;
    assert_false(ask_lease(bench, LEASE, &lease));
    assert_int_equal(ask_renew(bench, LEASE), ERR_NOT_FOUND);
    assert_int_equal(bench_expire(bench, 0), 0);
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void a_revoked_lease_takes_its_keys_along(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, TTL_S);
    ask_grant(bench, OTHER, TTL_S);
    ask_put(bench, "kv/a", "1", LEASE);
    ask_put(bench, "kv/b", "1", OTHER);
    assert_int_equal(ask_revoke(bench, LEASE), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 1);
    assert_string_equal(ask_objects(bench, ""), "kv/b=1@2.1/b2 ");
    /* one that has no keys changes nothing that has a revision */
    ask_grant(bench, LEASE, TTL_S);
    assert_int_equal(ask_revoke(bench, LEASE), ERR_OK);
    assert_int_equal(bench->outcome.revision, 0);
    assert_int_equal(store_revision(bench->store), 3);
}

static void a_lease_never_ends_early(void **state) {
    struct bench *bench = *state;
    ask_grant(bench, LEASE, TTL_S);
    bench->log_time_ms += TTL_MS - 1;
    assert_int_equal(bench_expire(bench, 0), 0);
    /* a leader whose command comes too soon ends nothing either */
    struct command_lease_expire expire = {.id = LEASE, .expires_log_ms = bench->log_time_ms + 1};
    assert_int_equal(bench_run(bench, COMMAND_LEASE_EXPIRE, &expire), ERR_OK);
    struct lease lease;
    assert_true(ask_lease(bench, LEASE, &lease));
    bench->log_time_ms += 1;
    assert_int_equal(bench_expire(bench, 0), 1);
    assert_false(ask_lease(bench, LEASE, &lease));
}

static void an_expiry_that_saw_an_older_term_does_nothing(void **state) {
    struct bench *bench = *state;
    struct lease lease;
    ask_grant(bench, LEASE, TTL_S);
    ask_put(bench, "kv/a", "1", LEASE);
    struct command_lease_expire seen = {.id = LEASE, .expires_log_ms = bench->log_time_ms + TTL_MS};
    bench->log_time_ms += TTL_MS; /* due, and renewed before its end is applied */
    assert_int_equal(ask_renew(bench, LEASE), ERR_OK);
    assert_int_equal(bench_run(bench, COMMAND_LEASE_EXPIRE, &seen), ERR_OK);
    assert_true(ask_lease(bench, LEASE, &lease));
    bench->log_time_ms += TTL_MS - 1;
    assert_int_equal(bench_run(bench, COMMAND_LEASE_EXPIRE, &seen), ERR_OK);
    bench->log_time_ms += 1; /* due again, but that is for a command that saw it */
    assert_int_equal(bench_run(bench, COMMAND_LEASE_EXPIRE, &seen), ERR_OK);
    assert_string_equal(ask_objects(bench, ""), "kv/a=1@1.1/a1 ");
    /* nor does it end one that was granted anew under the id */
    ask_revoke(bench, LEASE);
    ask_grant(bench, LEASE, TTL_S);
    assert_int_equal(bench_run(bench, COMMAND_LEASE_EXPIRE, &seen), ERR_OK);
    assert_true(ask_lease(bench, LEASE, &lease));
}

static void a_leader_that_lags_shortens_no_lease(void **state) {
    struct bench *bench = *state;
    bench->log_time_ms = 100000;
    ask_grant(bench, OTHER, TTL_S);
    bench->log_time_ms = 5000;
    ask_grant(bench, LEASE, TTL_S);
    assert_int_equal(bench->outcome.lease.expires_log_ms, 100000 + TTL_MS);
    assert_int_equal(ask_renew(bench, OTHER), ERR_OK);
    assert_int_equal(bench->outcome.lease.expires_log_ms, 100000 + TTL_MS);
}

static void subnets_and_leases_end_in_the_order_of_their_times(void **state) {
    struct bench *bench = *state;
    bench_put(bench, "networks/net", NETWORK);
    ask_grant(bench, LEASE, 86400 + 10);
    bench_acquire(bench, "a", "192.0.2.1", NULL); /* a day */
    ask_grant(bench, OTHER, 86400 - 10);
    ask_put(bench, "kv/a", "1", LEASE);
    ask_put(bench, "kv/b", "1", OTHER);
    uint64_t revision = store_revision(bench->store);
    bench->log_time_ms += UINT64_C(86400) * 1000;
    assert_int_equal(bench_expire(bench, 0), 2);
    assert_string_equal(ask_events(bench, revision), "-5:kv/b<4 -6:subnets/net/10.1.0.16-28<2 ");
    bench->log_time_ms += 10000;
    assert_int_equal(bench_expire(bench, 0), 1);
}

/* Keys at and past the bounds of LMDB, with all but their last byte in common. */
static void keys_that_lmdb_does_not_take_attach_one_by_one(void **state) {
    struct bench *bench = *state;
    const char *keys_in_order[] = {
        ask_long_key(bench, 502, 'a'),  ask_long_key(bench, 503, 'a'),
        ask_long_key(bench, 503, 'b'),  ask_long_key(bench, 504, 'a'),
        ask_long_key(bench, 511, 'a'),  ask_long_key(bench, 1024, 'a'),
        ask_long_key(bench, 1024, 'b'), ask_long_key(bench, 502, 'y'),
    };
    struct buf expected;
    buf_init(&expected);
    ask_grant(bench, LEASE, TTL_S);
    ask_grant(bench, OTHER, TTL_S);
    for (unsigned i = ARRAY_COUNT(keys_in_order); i > 0; i--) {
        assert_int_equal(ask_put(bench, keys_in_order[i - 1], "1", LEASE), ERR_OK);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(keys_in_order); i++) {
        buf_appendf(&expected, "%s ", keys_in_order[i]);
    }
    assert_string_equal(ask_keys(bench, LEASE), buf_text(&expected));
    buf_deinit(&expected);
    /* twice is once */
    assert_int_equal(ask_put(bench, keys_in_order[5], "2", LEASE), ERR_OK);
    /* one goes to the other lease, one is detached, one is deleted */
    assert_int_equal(ask_put(bench, keys_in_order[6], "2", OTHER), ERR_OK);
    assert_int_equal(ask_put(bench, keys_in_order[1], "2", 0), ERR_OK);
    assert_int_equal(bench_delete(bench, keys_in_order[3], false), ERR_OK);
    assert_int_equal(ask_revoke(bench, LEASE), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 5);
    const char *left = ask_objects(bench, "");
    assert_non_null(strstr(left, keys_in_order[6]));
    assert_int_equal(ask_revoke(bench, OTHER), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 1);
    left = arena_printf(&bench->arena, "%s=2@11.2 ", keys_in_order[1]);
    assert_string_equal(ask_objects(bench, ""), left);
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static bool add_id(void *owner, const struct lease *lease) {
    buf_appendf(owner, "%llx ", (unsigned long long)lease->id);
    return true;
}

static void leases_are_listed_by_their_ids(void **state) {
    struct bench *bench = *state;
    static const uint64_t ids[] = {UINT64_C(0xffffffffffffffff), 2, UINT64_C(0x100000000), 3};
    for (unsigned i = 0; i < ARRAY_COUNT(ids); i++) {
        ask_grant(bench, ids[i], TTL_S);
    }
    struct store_read read;
    struct buf text;
    buf_init(&text);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_lease_walk(&read, 0, add_id, &text);
    assert_string_equal(buf_text(&text), "2 3 100000000 ffffffffffffffff ");
    buf_clear(&text);
    store_lease_walk(&read, 3, add_id, &text);
    assert_string_equal(buf_text(&text), "100000000 ffffffffffffffff ");
    buf_clear(&text);
    store_lease_walk(&read, UINT64_MAX, add_id, &text);
    assert_string_equal(buf_text(&text), "");
    store_read_end(&read);
    buf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define LEASE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        LEASE_TEST(a_grant_and_a_renewal_raise_no_revision_and_make_no_event),
        LEASE_TEST(a_grant_refuses_what_cannot_be),
        LEASE_TEST(a_put_attaches_and_one_without_a_lease_detaches),
        LEASE_TEST(a_delete_detaches),
        LEASE_TEST(a_put_with_an_unknown_lease_names_it),
        LEASE_TEST(only_kinds_without_rules_of_their_own_attach),
        LEASE_TEST(all_that_is_attached_goes_in_one_revision),
        LEASE_TEST(a_revoked_lease_takes_its_keys_along),
        LEASE_TEST(a_lease_never_ends_early),
        LEASE_TEST(an_expiry_that_saw_an_older_term_does_nothing),
        LEASE_TEST(a_leader_that_lags_shortens_no_lease),
        LEASE_TEST(subnets_and_leases_end_in_the_order_of_their_times),
        LEASE_TEST(keys_that_lmdb_does_not_take_attach_one_by_one),
        LEASE_TEST(leases_are_listed_by_their_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
