/* Whose leases count, and what a broken one costs. */
#include "agent/desired.h"

#include "agent/backend_vxlan.h"
#include "tests/unit/agent/cluster.h"
#include "tests/unit/netlink/namespace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
    struct cluster cluster;
    struct network_state state;
    struct desired_report report;
};

static struct outcome *outcome_new(size_t nodes) {
    struct outcome *outcome = must_alloc_zeroed(1, sizeof *outcome);
    cluster_init(&outcome->cluster, nodes);
    network_state_init(&outcome->state);
    return outcome;
}

static void outcome_free(struct outcome *outcome) {
    network_state_deinit(&outcome->state);
    cluster_deinit(&outcome->cluster);
    free(outcome);
}

static void outcome_build(struct outcome *outcome) {
    cluster_build(&outcome->cluster, &outcome->state, &outcome->report);
}

static size_t count_class(const struct network_state *state, enum model_class class) {
    size_t count = 0;
    for (size_t i = 0; i < state->count; i++) {
        count += state->objects[i].class == class;
    }
    return count;
}

static bool has_route(const struct network_state *state, const char *destination) {
    struct ip_prefix wanted = prefix(destination);
    for (size_t i = 0; i < state->count; i++) {
        const struct model_object *object = &state->objects[i];
        if (object->class == MODEL_ROUTE && object->route.metric == 0 &&
            ip_prefix_compare(&object->route.destination, &wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* Breaks peer 2 of 4 by what `change` does, and expects it alone to be left out, with the reason.
 */
static void check_skipped(void (*change)(struct cluster *cluster), const char *reason) {
    struct outcome *outcome = outcome_new(4);
    change(&outcome->cluster);
    outcome_build(outcome);
    assert_int_equal(outcome->report.peers, 2);
    assert_int_equal(outcome->report.skip_count, 1);
    assert_ptr_equal(outcome->report.skips[0].lease, &outcome->cluster.leases[2]);
    assert_non_null(strstr(outcome->report.skips[0].reason, reason));
    assert_true(has_route(&outcome->state, "10.128.2.0/24"));
    assert_false(has_route(&outcome->state, "10.128.3.0/24"));
    assert_int_equal(count_class(&outcome->state, MODEL_FDB), 2);
    outcome_free(outcome);
}

static void no_json(struct cluster *cluster) {
    cluster->leases[2].backend_data = slice_of_text("{\"vni\":1,");
}

static void no_data(struct cluster *cluster) {
    cluster->leases[2].backend_data = slice_of(NULL, 0);
}

static void no_object(struct cluster *cluster) {
    cluster->leases[2].backend_data = slice_of_text("[1,2]");
}

static void no_mac(struct cluster *cluster) {
    cluster->leases[2].backend_data = slice_of_text("{\"vni\":1,\"vtep_mac\":7}");
}

static void another_vni(struct cluster *cluster) {
    cluster->leases[2].backend_data =
        slice_of_text("{\"vni\":2,\"vtep_mac\":\"02:00:00:00:00:03\"}");
}

static void multicast_mac(struct cluster *cluster) {
    cluster_set_mac(cluster, 2, "01:00:5e:00:00:01");
}

static void zero_mac(struct cluster *cluster) {
    cluster_set_mac(cluster, 2, "00:00:00:00:00:00");
}

static void our_mac(struct cluster *cluster) {
    cluster_set_mac(cluster, 2, "02:00:00:00:00:01");
}

static void our_address(struct cluster *cluster) {
    cluster->leases[2].public_ip = cluster->parent.local;
}

static void no_address(struct cluster *cluster) {
    cluster->leases[2].public_ip = (struct ip_address){0};
    cluster->leases[2].public_ip_v6 = ip("2001:db8::3");
}

static void newer_backend(struct cluster *cluster) {
    cluster->leases[2].backend_type = "carrier-pigeon";
}

static void no_backend(struct cluster *cluster) {
    cluster->leases[2].backend_type = NULL;
}

static void a_broken_lease_costs_its_own_peer_only(void **state) {
    (void)state;
    check_skipped(no_json, "no JSON");
    check_skipped(no_data, "no JSON");
    check_skipped(no_object, "no vtep_mac");
    check_skipped(no_mac, "no vtep_mac");
    check_skipped(another_vni, "another vni");
    check_skipped(multicast_mac, "no unicast");
    check_skipped(zero_mac, "no unicast");
    check_skipped(our_mac, "our own");
    check_skipped(our_address, "our own");
    check_skipped(no_address, "no public address");
    check_skipped(newer_backend, "another backend");
    check_skipped(no_backend, "another backend");
}

static void beaten_by_an_equal(struct cluster *cluster) {
    cluster->leases[2].subnet = prefix("10.128.4.0/24"); /* node 3's, epoch 104 against 103 */
}

static void beaten_by_a_wider(struct cluster *cluster) {
    cluster->leases[3].subnet = prefix("10.128.2.0/23"); /* node 1's and node 2's */
    cluster->leases[1].epoch = 1000;
    cluster->leases[1].subnet = prefix("10.128.2.0/24");
    cluster->leases[2].subnet = prefix("10.128.3.0/24");
}

static void of_two_holders_the_higher_epoch_counts(void **state) {
    (void)state;
    check_skipped(beaten_by_an_equal, "higher epoch");
}

static void a_chain_of_overlaps_leaves_no_two_that_overlap(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(4);
    beaten_by_a_wider(&outcome->cluster);
    outcome_build(outcome);
    assert_int_equal(outcome->report.peers, 1);
    assert_true(has_route(&outcome->state, "10.128.2.0/24"));
    assert_false(has_route(&outcome->state, "10.128.2.0/23"));
    outcome_free(outcome);
}

static void many_claims_on_one_subnet_leave_the_highest(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(300);
    for (size_t i = 1; i < 300; i++) {
        outcome->cluster.leases[i].subnet = prefix("10.128.7.0/24");
        outcome->cluster.leases[i].epoch = 1 + (i * 7919) % 1009; /* a permutation's part */
    }
    outcome->cluster.leases[177].epoch = 5000;
    outcome_build(outcome);
    assert_int_equal(outcome->report.peers, 1);
    assert_int_equal(outcome->report.skip_count, 298);
    assert_ptr_not_equal(outcome->report.skips[LIMIT_DESIRED_SKIPS_MAX - 1].lease, NULL);
    assert_int_equal(count_class(&outcome->state, MODEL_FDB), 1);
    outcome_free(outcome);
}

static void a_beaten_own_lease_takes_the_tunnel_down(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(3);
    cluster_add_pod(&outcome->cluster, "10.128.1.2", "weftaaaa");
    outcome->cluster.leases[2].subnet = outcome->cluster.leases[0].subnet;
    outcome_build(outcome);
    assert_true(outcome->report.own_is_beaten);
    assert_int_equal(outcome->state.count, 1);
    assert_true(has_route(&outcome->state, "10.128.1.2/32"));
    outcome_free(outcome);
}

static void an_older_claim_on_our_subnet_is_beaten(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(3);
    outcome->cluster.leases[2].subnet = outcome->cluster.leases[0].subnet;
    outcome->cluster.leases[2].epoch = 7;
    outcome_build(outcome);
    assert_false(outcome->report.own_is_beaten);
    assert_int_equal(outcome->report.peers, 1);
    assert_int_equal(outcome->report.skip_count, 1);
    outcome_free(outcome);
}

static void a_reservation_that_nobody_holds_is_no_peer(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(3);
    outcome->cluster.leases[2].epoch = 0;
    outcome_build(outcome);
    assert_int_equal(outcome->report.peers, 1);
    assert_int_equal(outcome->report.skip_count, 0);
    outcome_free(outcome);
}

static void leases_of_our_own_node_are_no_peers(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(3);
    outcome->cluster.leases[2].node = "node-0";
    outcome_build(outcome);
    assert_int_equal(outcome->report.peers, 1);
    assert_int_equal(outcome->report.skip_count, 0);
    outcome_free(outcome);
}

static void two_peers_with_one_mac_are_a_conflict(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(3);
    cluster_set_mac(&outcome->cluster, 1, "02:00:00:00:00:03");
    outcome_build(outcome);
    assert_int_equal(outcome->report.conflicts, 1);
    assert_int_equal(count_class(&outcome->state, MODEL_FDB), 1);
    for (size_t i = 0; i < outcome->state.count; i++) {
        const struct model_object *object = &outcome->state.objects[i];
        if (object->class == MODEL_FDB) { /* the higher epoch's */
            assert_memory_equal(&object->fdb.remote, &outcome->cluster.leases[2].public_ip,
                                sizeof(struct ip_address));
        }
    }
    outcome_free(outcome);
}

static void the_order_of_the_leases_does_not_matter(void **state) {
    (void)state;
    struct outcome *a = outcome_new(20);
    struct outcome *b = outcome_new(20);
    b->cluster.leases[7].subnet = a->cluster.leases[7].subnet = prefix("10.128.4.0/22");
    for (size_t i = 0; i < 20; i++) {
        b->cluster.pointers[i] = &b->cluster.leases[(i * 7 + 3) % 20];
    }
    outcome_build(a);
    outcome_build(b);
    assert_int_equal(a->state.count, b->state.count);
    for (size_t i = 0; i < a->state.count; i++) {
        assert_int_equal(model_compare(&a->state.objects[i], &b->state.objects[i]), 0);
    }
    outcome_free(a);
    outcome_free(b);
}

static void the_mtu_is_the_networks_or_what_the_parent_leaves(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(1);
    struct cluster *cluster = &outcome->cluster;
    assert_int_equal(desired_mtu(&cluster->network, &cluster->parent), 1450);
    cluster->parent.local = ip("2001:db8::1");
    assert_int_equal(desired_mtu(&cluster->network, &cluster->parent), 1430);
    cluster->parent.mtu = 100;
    assert_int_equal(desired_mtu(&cluster->network, &cluster->parent), LIMIT_MTU_MIN);
    cluster->backend.mtu = 1400;
    assert_int_equal(desired_mtu(&cluster->network, &cluster->parent), 1400);
    outcome_free(outcome);
}

static void our_data_is_read_by_a_peer(void **state) {
    (void)state;
    struct outcome *outcome = outcome_new(2);
    struct mac_address own = backend_vxlan_new_mac();
    struct buf data;
    buf_init(&data);
    backend_vxlan.write_data(&outcome->cluster.network, &own, &data);
    outcome->cluster.leases[1].backend_data = buf_slice(&data);
    outcome_build(outcome);
    assert_int_equal(outcome->report.peers, 1);
    assert_int_equal(own.bytes[0] & 3, 2); /* local, unicast */
    buf_deinit(&data);
    outcome_free(outcome);
}

static void our_device_names_are_exact(void **state) {
    (void)state;
    static const char *const ours[] = {"weft.1", "weft.4096", "weft.16777215"};
    static const char *const others[] = {"weft.",   "weft.0",    "weft.01",       "weft.1x",
                                         "weft1",   "flannel.1", "weft.16777216", "weft.-1",
                                         "weft.1.", "xweft.1",   "weft. 1",       ""};
    char name[LINK_NAME_SIZE];
    for (size_t i = 0; i < ARRAY_COUNT(ours); i++) {
        assert_true(model_is_our_link_name(ours[i]));
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_false(model_is_our_link_name(others[i]));
    }
    model_link_name(16777215, name);
    assert_string_equal(name, "weft.16777215");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_lease_costs_its_own_peer_only),
        cmocka_unit_test(of_two_holders_the_higher_epoch_counts),
        cmocka_unit_test(a_chain_of_overlaps_leaves_no_two_that_overlap),
        cmocka_unit_test(many_claims_on_one_subnet_leave_the_highest),
        cmocka_unit_test(a_beaten_own_lease_takes_the_tunnel_down),
        cmocka_unit_test(an_older_claim_on_our_subnet_is_beaten),
        cmocka_unit_test(a_reservation_that_nobody_holds_is_no_peer),
        cmocka_unit_test(leases_of_our_own_node_are_no_peers),
        cmocka_unit_test(two_peers_with_one_mac_are_a_conflict),
        cmocka_unit_test(the_order_of_the_leases_does_not_matter),
        cmocka_unit_test(the_mtu_is_the_networks_or_what_the_parent_leaves),
        cmocka_unit_test(our_data_is_read_by_a_peer),
        cmocka_unit_test(our_device_names_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
