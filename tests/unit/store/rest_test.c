/* What keeps a subnet from being given out though nobody holds it, and what a lease keeps when it
 * is renewed late or its network changes. */
#include "tests/unit/store/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NETWORK      "networks/net"
#define NETWORK_JSON "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28,\"lease_ttl_s\":60}"
#define TTL_MS       60000u
#define QUARANTINE   10000u
#define FIRST        "subnets/net/10.1.0.16-28"
#define SECOND       "subnets/net/10.1.0.32-28"

static int setup(void **state) {
    bench_setup(state);
    /* /26 in /28s: 10.1.0.16, .32 and .48 are given out */
    return bench_put(*state, NETWORK, NETWORK_JSON) == ERR_OK ? 0 : -1;
}

static const char *acquire(struct bench *bench, const char *node, const char *ip) {
    assert_int_equal(bench_acquire(bench, node, ip, NULL), ERR_OK);
    return bench_subnet_text(bench);
}

/* ---- quarantine and order ---- */

static void a_former_holder_comes_back_under_a_new_epoch(void **state) {
    struct bench *bench = *state;
    acquire(bench, "a", "192.0.2.1");
    uint64_t epoch = bench_subnet(bench).epoch;
    bench->log_time_ms += TTL_MS;
    assert_int_equal(bench_expire(bench, QUARANTINE), 1);
    assert_int_equal(bench_renew(bench, FIRST, "a", epoch), ERR_LEASE_LOST);
    bench->log_time_ms += QUARANTINE - 1;
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.1", "10.1.0.16/28"), ERR_OK);
    assert_true(bench->outcome.is_created);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    assert_true(bench_subnet(bench).epoch > epoch);
    assert_int_equal(bench_subnet(bench).epoch, bench->outcome.revision);
    assert_int_equal(bench_renew(bench, FIRST, "a", epoch), ERR_LEASE_LOST);
}

static void an_expired_subnet_goes_behind_those_that_were_released(void **state) {
    struct bench *bench = *state;
    acquire(bench, "a", "192.0.2.1");
    acquire(bench, "b", "192.0.2.2");
    uint64_t second = bench_subnet(bench).epoch;
    acquire(bench, "c", "192.0.2.3");
    uint64_t third = bench_subnet(bench).epoch;
    assert_int_equal(bench_release(bench, SECOND, "b", second), ERR_OK);
    bench->log_time_ms += TTL_MS - 1;
    bench_renew(bench, "subnets/net/10.1.0.48-28", "c", third);
    bench->log_time_ms += 1;
    assert_int_equal(bench_expire(bench, QUARANTINE), 1);
    assert_string_equal(acquire(bench, "x", "192.0.2.11"), "10.1.0.32/28");
    assert_int_equal(bench_acquire(bench, "y", "192.0.2.12", NULL), ERR_POOL_EXHAUSTED);
    bench->log_time_ms += QUARANTINE;
    assert_string_equal(acquire(bench, "y", "192.0.2.12"), "10.1.0.16/28");
}

static void an_entry_with_an_older_stamp_ends_and_counts_by_log_time(void **state) {
    struct bench *bench = *state;
    bench->log_time_ms = 100000;
    acquire(bench, "a", "192.0.2.1");
    struct subnet subnet = bench_subnet(bench);
    bench->log_time_ms = 100000 + TTL_MS;
    bench_put_kv(bench, "kv/a", "");
    bench->log_time_ms = 5000; /* a leader whose clock is behind */
    struct command_subnet_expire expire = {.key = FIRST,
                                           .epoch = subnet.epoch,
                                           .expires_log_ms = subnet.expires_log_ms,
                                           .quarantine_ms = QUARANTINE};
    assert_int_equal(bench_run(bench, COMMAND_SUBNET_EXPIRE, &expire), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 1);
    bench->log_time_ms = 100000 + TTL_MS + QUARANTINE - 1;
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    bench->log_time_ms++;
    bench_acquire(bench, "c", "192.0.2.3", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void the_current_lease_comes_before_a_reservation(void **state) {
    struct bench *bench = *state;
    acquire(bench, "a", "192.0.2.1");
    bench_put(bench, SECOND, "{\"node\":\"a\",\"reserved\":true}");
    bench_acquire(bench, "a", "192.0.2.1", "10.1.0.32/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    assert_false(bench->outcome.is_created);
    bench_release(bench, FIRST, "a", bench_subnet(bench).epoch);
    assert_string_equal(acquire(bench, "a", "192.0.2.1"), "10.1.0.32/28");
    assert_true(bench_subnet(bench).reserved);
}

/* ---- terms ---- */

static void a_shorter_ttl_shortens_no_lease_that_runs(void **state) {
    struct bench *bench = *state;
    acquire(bench, "a", "192.0.2.1");
    struct subnet before = bench_subnet(bench);
    assert_int_equal(bench_put(bench, NETWORK,
                               "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28,\"lease_ttl_s\":10}"),
                     ERR_OK);
    bench->log_time_ms += 1000;
    assert_int_equal(bench_renew(bench, FIRST, "a", before.epoch), ERR_OK);
    assert_int_equal(bench_subnet(bench).ttl_s, 10);
    assert_int_equal(bench_subnet(bench).expires_log_ms, before.expires_log_ms);
    assert_int_equal(bench_subnet(bench).expires_at, before.expires_at);
    acquire(bench, "a", "192.0.2.1"); /* the answer to the first one may have been lost */
    assert_int_equal(bench_subnet(bench).expires_log_ms, before.expires_log_ms);
    bench->log_time_ms += TTL_MS - 2000;
    assert_int_equal(bench_renew(bench, FIRST, "a", bench_subnet(bench).epoch), ERR_OK);
    assert_int_equal(bench_subnet(bench).expires_log_ms, bench->log_time_ms + 10000);
}

/* ---- addresses ---- */

static void an_address_is_in_use_while_its_lease_runs(void **state) {
    struct bench *bench = *state;
    struct subnet_acquire acquire = {.network = "net", .node = "a"};
    assert_int_equal(ip_address_parse("192.0.2.1", &acquire.public_ip), ERR_OK);
    assert_int_equal(ip_address_parse("2001:db8::1", &acquire.public_ip_v6), ERR_OK);
    assert_int_equal(bench_run(bench, COMMAND_SUBNET_ACQUIRE, &acquire), ERR_OK);
    acquire.node = "b";
    assert_int_equal(ip_address_parse("192.0.2.2", &acquire.public_ip), ERR_OK);
    assert_int_equal(bench_run(bench, COMMAND_SUBNET_ACQUIRE, &acquire), ERR_ADDRESS_IN_USE);
    assert_int_equal(bench_acquire(bench, "b", "2001:db8::1", NULL), ERR_ADDRESS_IN_USE);
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.1", NULL), ERR_ADDRESS_IN_USE);
    /* another network's leases do not matter */
    bench_put(bench, "networks/other", "{\"ipv4\":\"10.2.0.0/26\",\"subnet_len\":28}");
    acquire.network = "other";
    assert_int_equal(bench_run(bench, COMMAND_SUBNET_ACQUIRE, &acquire), ERR_OK);
}

static void an_expired_lease_no_longer_keeps_its_address(void **state) {
    struct bench *bench = *state;
    acquire(bench, "a", "192.0.2.1");
    uint64_t epoch = bench_subnet(bench).epoch;
    bench->log_time_ms += TTL_MS - 1;
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.1", NULL), ERR_ADDRESS_IN_USE);
    bench->log_time_ms += 1; /* over, and not ended by a command yet */
    assert_string_equal(acquire(bench, "b", "192.0.2.1"), "10.1.0.32/28");
    /* it cannot come back with an address that is another's */
    assert_int_equal(bench_renew(bench, FIRST, "a", epoch), ERR_LEASE_LOST);
    assert_int_equal(bench_put(bench, FIRST, "{\"node\":\"a\",\"reserved\":true}"), ERR_CONFLICT);
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.1", NULL), ERR_ADDRESS_IN_USE);
    /* and its end leaves the address to the new one */
    assert_int_equal(bench_expire(bench, 0), 1);
    assert_int_equal(bench_acquire(bench, "c", "192.0.2.1", NULL), ERR_ADDRESS_IN_USE);
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.7", NULL), ERR_OK);
}

static void an_expired_lease_can_be_renewed_until_it_is_ended(void **state) {
    struct bench *bench = *state;
    acquire(bench, "a", "192.0.2.1");
    uint64_t epoch = bench_subnet(bench).epoch;
    bench->log_time_ms += TTL_MS + 500;
    assert_int_equal(bench_renew(bench, FIRST, "a", epoch), ERR_OK);
    assert_int_equal(bench_expire(bench, 0), 0);
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.1", NULL), ERR_ADDRESS_IN_USE);
}

/* ---- what rests outlives a change of the network ---- */

/* Node a lost 10.1.0.16/28 to an operator, and may be alive. */
static void remove_first(struct bench *bench) {
    acquire(bench, "a", "192.0.2.1");
    assert_int_equal(bench_delete(bench, FIRST, false), ERR_OK);
}

static void what_rests_rests_on_in_a_wider_network(void **state) {
    struct bench *bench = *state;
    remove_first(bench);
    assert_int_equal(bench_put(bench, NETWORK,
                               "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28,\"lease_ttl_s\":60}"),
                     ERR_OK);
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    bench->log_time_ms += TTL_MS;
    bench_acquire(bench, "c", "192.0.2.3", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void nothing_that_overlaps_what_rests_is_given_out(void **state) {
    struct bench *bench = *state;
    remove_first(bench);
    /* smaller ones: 10.1.0.16/30 .. 10.1.0.28/30 wait; then larger ones: 10.1.0.0/27 does */
    assert_int_equal(bench_put(bench, NETWORK,
                               "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":30,\"lease_ttl_s\":60,"
                               "\"subnet_min\":\"10.1.0.12\"}"),
                     ERR_OK);
    assert_string_equal(acquire(bench, "b", "192.0.2.2"), "10.1.0.12/30");
    bench_acquire(bench, "c", "192.0.2.3", "10.1.0.24/30");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/30");
    assert_int_equal(
        bench_put(bench, "subnets/net/10.1.0.20-30", "{\"node\":\"c\",\"reserved\":true}"),
        ERR_CONFLICT);
    bench->log_time_ms += TTL_MS; /* and none of them was lost meanwhile */
    bench_expire(bench, 0);
    assert_string_equal(acquire(bench, "d", "192.0.2.4"), "10.1.0.16/30");
    assert_string_equal(acquire(bench, "e", "192.0.2.5"), "10.1.0.20/30");
    assert_string_equal(acquire(bench, "f", "192.0.2.6"), "10.1.0.24/30");
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void a_larger_subnet_waits_for_what_rests_inside(void **state) {
    struct bench *bench = *state;
    remove_first(bench);
    static const char larger[] = "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":27,"
                                 "\"subnet_min\":\"10.1.0.0\",\"lease_ttl_s\":60}";
    assert_int_equal(bench_put(bench, NETWORK, larger), ERR_OK);
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.0/27");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/27");
    bench_acquire(bench, "a", "192.0.2.1", "10.1.0.0/27"); /* its former holder's own */
    assert_string_equal(bench_subnet_text(bench), "10.1.0.0/27");
}

static void what_rests_outlives_its_network(void **state) {
    struct bench *bench = *state;
    remove_first(bench);
    assert_int_equal(bench_delete(bench, NETWORK, false), ERR_OK);
    assert_int_equal(bench_put(bench, NETWORK, NETWORK_JSON), ERR_OK);
    assert_string_equal(acquire(bench, "b", "192.0.2.2"), "10.1.0.32/28");
    /* by force, nothing is remembered */
    assert_int_equal(bench_delete(bench, NETWORK, true), ERR_OK);
    assert_int_equal(bench_put(bench, NETWORK, NETWORK_JSON), ERR_OK);
    assert_string_equal(acquire(bench, "b", "192.0.2.2"), "10.1.0.16/28");
}

static void a_reservation_alone_keeps_its_network(void **state) {
    struct bench *bench = *state;
    bench_put(bench, FIRST, "{\"node\":\"a\",\"reserved\":true}");
    assert_int_equal(bench_delete(bench, NETWORK, false), ERR_CONFLICT);
    assert_int_equal(bench_delete(bench, FIRST, false), ERR_OK);
    assert_int_equal(bench_delete(bench, NETWORK, false), ERR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define REST_TEST(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)
        REST_TEST(a_former_holder_comes_back_under_a_new_epoch),
        REST_TEST(an_expired_subnet_goes_behind_those_that_were_released),
        REST_TEST(an_entry_with_an_older_stamp_ends_and_counts_by_log_time),
        REST_TEST(the_current_lease_comes_before_a_reservation),
        REST_TEST(a_shorter_ttl_shortens_no_lease_that_runs),
        REST_TEST(an_address_is_in_use_while_its_lease_runs),
        REST_TEST(an_expired_lease_no_longer_keeps_its_address),
        REST_TEST(an_expired_lease_can_be_renewed_until_it_is_ended),
        REST_TEST(what_rests_rests_on_in_a_wider_network),
        REST_TEST(nothing_that_overlaps_what_rests_is_given_out),
        REST_TEST(a_larger_subnet_waits_for_what_rests_inside),
        REST_TEST(what_rests_outlives_its_network),
        REST_TEST(a_reservation_alone_keeps_its_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
