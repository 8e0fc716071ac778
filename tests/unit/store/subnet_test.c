#include "tests/unit/store/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NETWORK "networks/net"
#define TTL_MS  60000u

static int setup(void **state) {
    bench_setup(state);
    struct bench *bench = *state;
    /* /26 in /28s: 10.1.0.16, .32 and .48 are given out */
    return bench_put(bench, NETWORK,
                     "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28,\"lease_ttl_s\":60}") == ERR_OK
               ? 0
               : -1;
}

static void acquire_gives_the_lowest_never_used_first(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.1", NULL), ERR_OK);
    assert_true(bench->outcome.is_created);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.2", NULL), ERR_OK);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    struct subnet subnet = bench_subnet(bench);
    assert_int_equal(subnet.epoch, bench->outcome.revision);
    assert_int_equal(subnet.ttl_s, 60);
    assert_string_equal(subnet.backend_type, "vxlan");
}

static void acquire_again_keeps_the_subnet_under_a_new_epoch(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    uint64_t first = bench_subnet(bench).epoch;
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.9", "10.1.0.48/28"), ERR_OK);
    assert_false(bench->outcome.is_created);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    assert_true(bench_subnet(bench).epoch > first);
    /* the old address is free again, the new one is taken */
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.9", NULL), ERR_ADDRESS_IN_USE);
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.1", NULL), ERR_OK);
}

static void acquire_takes_the_wish_when_it_is_free(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", "10.1.0.48/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.48/28");
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.48/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void acquire_names_the_field_of_a_wish_outside(void **state) {
    struct bench *bench = *state;
    uint64_t revision = store_revision(bench->store);
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.1", "10.2.0.16/28"), ERR_INVALID);
    assert_string_equal(bench->outcome.problem.errors[0].pointer, "/prefer");
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.1", "10.1.0.16/29"), ERR_INVALID);
    assert_int_equal(store_revision(bench->store), revision);
}

static void a_full_pool_is_refused(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    bench_acquire(bench, "b", "192.0.2.2", NULL);
    bench_acquire(bench, "c", "192.0.2.3", NULL);
    assert_int_equal(bench_acquire(bench, "d", "192.0.2.4", NULL), ERR_POOL_EXHAUSTED);
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.2", NULL), ERR_OK); /* its own */
}

static void a_missing_network_is_not_found(void **state) {
    struct bench *bench = *state;
    struct subnet_acquire acquire = {.network = "none", .node = "a"};
    assert_int_equal(bench_run(bench, COMMAND_SUBNET_ACQUIRE, &acquire), ERR_NOT_FOUND);
}

static void the_least_recently_used_goes_first(void **state) {
    struct bench *bench = *state;
    static const char *const nodes[] = {"a", "b", "c"};
    static const char *const keys[] = {"subnets/net/10.1.0.16-28", "subnets/net/10.1.0.32-28",
                                       "subnets/net/10.1.0.48-28"};
    static const char *const ips[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
    uint64_t epochs[3];
    for (unsigned i = 0; i < 3; i++) {
        bench_acquire(bench, nodes[i], ips[i], NULL);
        epochs[i] = bench_subnet(bench).epoch;
    }
    static const unsigned release_order[] = {1, 2, 0};
    for (unsigned i = 0; i < 3; i++) {
        unsigned k = release_order[i];
        assert_int_equal(bench_release(bench, keys[k], nodes[k], epochs[k]), ERR_OK);
    }
    bench_acquire(bench, "x", "192.0.2.11", NULL);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    bench_acquire(bench, "y", "192.0.2.12", NULL);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.48/28");
    bench_acquire(bench, "z", "192.0.2.13", NULL);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void an_old_epoch_is_fenced(void **state) {
    struct bench *bench = *state;
    const char *key = "subnets/net/10.1.0.16-28";
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    uint64_t first = bench_subnet(bench).epoch;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    uint64_t second = bench_subnet(bench).epoch;
    assert_int_equal(bench_renew(bench, key, "a", first), ERR_LEASE_LOST);
    assert_int_equal(bench_release(bench, key, "a", first), ERR_LEASE_LOST);
    assert_int_equal(bench_renew(bench, key, "b", second), ERR_LEASE_LOST);
    assert_int_equal(bench_renew(bench, "subnets/net/10.1.0.32-28", "a", second), ERR_LEASE_LOST);
    assert_int_equal(bench_renew(bench, key, "a", second), ERR_OK);
}

static void a_renewal_makes_no_revision_and_no_event(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    struct subnet before = bench_subnet(bench);
    uint64_t revision = store_revision(bench->store);
    bench->log_time_ms += 30000;
    bench->wall_ms += 30000;
    assert_int_equal(bench_renew(bench, "subnets/net/10.1.0.16-28", "a", before.epoch), ERR_OK);
    struct subnet after = bench_subnet(bench);
    assert_int_equal(store_revision(bench->store), revision);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(after.expires_log_ms, before.expires_log_ms + 30000);
    assert_int_equal(after.expires_at, before.expires_at + 30000);
}

static void a_lease_never_ends_early(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    bench->log_time_ms += TTL_MS - 1;
    assert_int_equal(bench_expire(bench, 0), 0);
    bench->log_time_ms += 1;
    assert_int_equal(bench_expire(bench, 0), 1);
    assert_int_equal(bench_acquire(bench, "b", "192.0.2.1", "10.1.0.16/28"), ERR_OK);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void an_expiry_that_saw_an_older_lease_does_nothing(void **state) {
    struct bench *bench = *state;
    const char *key = "subnets/net/10.1.0.16-28";
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    struct subnet seen = bench_subnet(bench);
    bench->log_time_ms += 59000;
    bench_renew(bench, key, "a", seen.epoch);
    bench->log_time_ms += 2000;
    struct command_subnet_expire expire = {
        .key = key, .epoch = seen.epoch, .expires_log_ms = seen.expires_log_ms};
    assert_int_equal(bench_run(bench, COMMAND_SUBNET_EXPIRE, &expire), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 0);
    assert_int_equal(bench_renew(bench, key, "a", seen.epoch), ERR_OK);
}

static void log_time_never_runs_backwards(void **state) {
    struct bench *bench = *state;
    bench->log_time_ms = 100000;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    bench->log_time_ms = 5000; /* a leader that lags */
    bench_acquire(bench, "b", "192.0.2.2", NULL);
    assert_int_equal(bench_subnet(bench).expires_log_ms, 100000 + TTL_MS);
    assert_int_equal(store_log_time_ms(bench->store), 100000);
}

static void an_expired_subnet_rests_for_its_former_holder(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    bench->log_time_ms += TTL_MS;
    assert_int_equal(bench_expire(bench, 10000), 1);
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    bench_acquire(bench, "c", "192.0.2.3", NULL);
    assert_int_equal(bench_acquire(bench, "d", "192.0.2.4", NULL), ERR_POOL_EXHAUSTED);
    assert_int_equal(bench_acquire(bench, "a", "192.0.2.1", "10.1.0.16/28"), ERR_OK);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void after_its_rest_an_expired_subnet_is_anyones(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    bench->log_time_ms += TTL_MS;
    bench_expire(bench, 10000);
    bench->log_time_ms += 10000;
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void a_reservation_waits_for_its_node_and_never_ends(void **state) {
    struct bench *bench = *state;
    const char *key = "subnets/net/10.1.0.16-28";
    assert_int_equal(bench_put(bench, key, "{\"node\":\"r\",\"reserved\":true}"), ERR_OK);
    assert_true(bench->outcome.is_created);
    assert_int_equal(bench_subnet(bench).epoch, 0);
    bench_acquire(bench, "a", "192.0.2.1", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    assert_int_equal(bench_acquire(bench, "r", "192.0.2.2", "10.1.0.48/28"), ERR_OK);
    assert_true(bench->outcome.is_created);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    struct subnet held = bench_subnet(bench);
    assert_true(held.reserved);
    assert_int_equal(held.expires_log_ms, 0);
    bench->log_time_ms += 100 * TTL_MS;
    assert_int_equal(bench_expire(bench, 0), 1); /* a's, not r's */
    assert_int_equal(bench_renew(bench, key, "r", held.epoch), ERR_OK);
    assert_int_equal(bench_release(bench, key, "r", held.epoch), ERR_OK);
    bench_acquire(bench, "b", "192.0.2.3", "10.1.0.16/28");
    assert_string_not_equal(bench_subnet_text(bench), "10.1.0.16/28");
    assert_int_equal(bench_delete(bench, key, false), ERR_OK);
    bench_acquire(bench, "c", "192.0.2.4", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void of_several_reservations_the_wished_or_the_lowest(void **state) {
    struct bench *bench = *state;
    bench_put(bench, "subnets/net/10.1.0.48-28", "{\"node\":\"r\",\"reserved\":true}");
    bench_put(bench, "subnets/net/10.1.0.32-28", "{\"node\":\"r\",\"reserved\":true}");
    bench_acquire(bench, "r", "192.0.2.1", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    bench_release(bench, "subnets/net/10.1.0.32-28", "r", bench_subnet(bench).epoch);
    bench_acquire(bench, "r", "192.0.2.1", "10.1.0.48/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.48/28");
}

static void a_reservation_on_the_own_lease_keeps_its_epoch(void **state) {
    struct bench *bench = *state;
    const char *key = "subnets/net/10.1.0.16-28";
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    uint64_t epoch = bench_subnet(bench).epoch;
    assert_int_equal(bench_put(bench, key, "{\"node\":\"b\",\"reserved\":true}"), ERR_CONFLICT);
    assert_int_equal(bench_put(bench, key, "{\"node\":\"a\",\"reserved\":true}"), ERR_OK);
    assert_false(bench->outcome.is_created);
    assert_int_equal(bench_subnet(bench).epoch, epoch);
    bench->log_time_ms += 2 * TTL_MS;
    assert_int_equal(bench_expire(bench, 0), 0);
    assert_int_equal(bench_renew(bench, key, "a", epoch), ERR_OK);
}

static void a_reservation_outside_the_network_is_invalid(void **state) {
    struct bench *bench = *state;
    assert_int_equal(
        bench_put(bench, "subnets/net/10.9.0.16-28", "{\"node\":\"a\",\"reserved\":true}"),
        ERR_INVALID);
    assert_int_equal(
        bench_put(bench, "subnets/none/10.1.0.16-28", "{\"node\":\"a\",\"reserved\":true}"),
        ERR_NOT_FOUND);
}

static void a_removed_lease_rests_while_its_holder_may_live(void **state) {
    struct bench *bench = *state;
    const char *key = "subnets/net/10.1.0.16-28";
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    uint64_t epoch = bench_subnet(bench).epoch;
    assert_int_equal(bench_delete(bench, key, false), ERR_OK);
    assert_int_equal(bench_renew(bench, key, "a", epoch), ERR_LEASE_LOST);
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.32/28");
    bench->log_time_ms += TTL_MS;
    bench_acquire(bench, "c", "192.0.2.3", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
    /* forced: at once */
    assert_int_equal(bench_delete(bench, key, true), ERR_OK);
    bench_acquire(bench, "d", "192.0.2.4", "10.1.0.16/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void a_network_does_not_change_under_its_leases(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", "10.1.0.48/28");
    assert_int_equal(
        bench_put(bench, NETWORK,
                  "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28,\"subnet_max\":\"10.1.0.32\"}"),
        ERR_CONFLICT);
    assert_int_equal(bench_put(bench, NETWORK, "{\"ipv4\":\"10.2.0.0/26\",\"subnet_len\":28}"),
                     ERR_CONFLICT);
    /* wider is fine, and so is another TTL */
    assert_int_equal(bench_put(bench, NETWORK,
                               "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28,\"lease_ttl_s\":90}"),
                     ERR_OK);
    bench_acquire(bench, "b", "192.0.2.2", "10.1.0.240/28");
    assert_string_equal(bench_subnet_text(bench), "10.1.0.240/28");
    assert_int_equal(bench_subnet(bench).ttl_s, 90);
}

static void a_network_goes_with_its_leases_only_by_force(void **state) {
    struct bench *bench = *state;
    bench_acquire(bench, "a", "192.0.2.1", NULL);
    bench_acquire(bench, "b", "192.0.2.2", NULL);
    assert_int_equal(bench_delete(bench, NETWORK, false), ERR_CONFLICT);
    uint64_t revision = store_revision(bench->store);
    assert_int_equal(bench_delete(bench, NETWORK, true), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 3);
    assert_int_equal(store_revision(bench->store), revision + 1);
    bench_put(bench, NETWORK, "{\"ipv4\":\"10.1.0.0/26\",\"subnet_len\":28}");
    bench_acquire(bench, "c", "192.0.2.1", NULL);
    assert_string_equal(bench_subnet_text(bench), "10.1.0.16/28");
}

static void dual_stack_pairs_subnets_by_their_place(void **state) {
    struct bench *bench = *state;
    assert_int_equal(
        bench_put(bench, NETWORK, "{\"ipv4\":\"10.1.0.0/16\",\"ipv6\":\"fd00:1::/48\"}"), ERR_OK);
    bench_acquire(bench, "a", "192.0.2.1", "10.1.7.0/24");
    struct subnet subnet = bench_subnet(bench);
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&subnet.subnet_v6, '/', text);
    assert_string_equal(text, "fd00:1:0:7::/64");
}

static void an_ipv6_network_leases_ipv6_subnets(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_put(bench, NETWORK, "{\"ipv6\":\"fd00:1::/56\"}"), ERR_OK);
    bench_acquire(bench, "a", "2001:db8::1", NULL);
    assert_string_equal(bench_subnet_text(bench), "fd00:1:0:1::/64");
    assert_string_equal(bench->outcome.object.key, "subnets/net/fd00:1:0:1::-64");
}

static void a_thousand_nodes_get_a_thousand_subnets(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_put(bench, NETWORK, "{\"ipv4\":\"10.0.0.0/8\",\"subnet_len\":24}"),
                     ERR_OK);
    char node[16];
    char ip[20];
    struct ip_prefix previous = {.length = 0};
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(node, sizeof node, "n%u", i);
        snprintf(ip, sizeof ip, "172.16.%u.%u", i / 250, i % 250 + 1);
        assert_int_equal(bench_acquire(bench, node, ip, NULL), ERR_OK);
        struct subnet subnet = bench_subnet(bench);
        assert_true(ip_prefix_compare(&subnet.subnet, &previous) > 0);
        previous = subnet.subnet;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define SUBNET_TEST(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)
        SUBNET_TEST(acquire_gives_the_lowest_never_used_first),
        SUBNET_TEST(acquire_again_keeps_the_subnet_under_a_new_epoch),
        SUBNET_TEST(acquire_takes_the_wish_when_it_is_free),
        SUBNET_TEST(acquire_names_the_field_of_a_wish_outside),
        SUBNET_TEST(a_full_pool_is_refused),
        SUBNET_TEST(a_missing_network_is_not_found),
        SUBNET_TEST(the_least_recently_used_goes_first),
        SUBNET_TEST(an_old_epoch_is_fenced),
        SUBNET_TEST(a_renewal_makes_no_revision_and_no_event),
        SUBNET_TEST(a_lease_never_ends_early),
        SUBNET_TEST(an_expiry_that_saw_an_older_lease_does_nothing),
        SUBNET_TEST(log_time_never_runs_backwards),
        SUBNET_TEST(an_expired_subnet_rests_for_its_former_holder),
        SUBNET_TEST(after_its_rest_an_expired_subnet_is_anyones),
        SUBNET_TEST(a_reservation_waits_for_its_node_and_never_ends),
        SUBNET_TEST(of_several_reservations_the_wished_or_the_lowest),
        SUBNET_TEST(a_reservation_on_the_own_lease_keeps_its_epoch),
        SUBNET_TEST(a_reservation_outside_the_network_is_invalid),
        SUBNET_TEST(a_removed_lease_rests_while_its_holder_may_live),
        SUBNET_TEST(a_network_does_not_change_under_its_leases),
        SUBNET_TEST(a_network_goes_with_its_leases_only_by_force),
        SUBNET_TEST(dual_stack_pairs_subnets_by_their_place),
        SUBNET_TEST(an_ipv6_network_leases_ipv6_subnets),
        SUBNET_TEST(a_thousand_nodes_get_a_thousand_subnets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
