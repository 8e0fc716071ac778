/* The whole road in a real kernel: desired, plan, execute, actual, and again. */
#include "agent/actual.h"
#include "agent/execute.h"
#include "agent/plan.h"

#include "netlink/netns.h"
#include "tests/unit/agent/cluster.h"
#include "tests/unit/netlink/namespace.h"
#include "util/clock.h"

#include <endian.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A node in a namespace of its own, with up0 as parent and one pod behind "pod0". */
struct machine {
    struct world *world;
    struct cluster cluster;
    struct network_state desired;
    struct network_state actual;
    struct plan plan;
    struct execute_report report;
};

static struct machine *machine_new(size_t nodes, const char *address) {
    struct world *world = world_enter();
    struct machine *machine = must_alloc_zeroed(1, sizeof *machine);
    machine->world = world;
    (void)world_add_uplink(world, address);
    link_add_veth(&world->batch, &(struct link_veth_end){.name = "pod0"},
                  &(struct link_veth_end){.name = "pod1"}, 1450);
    world_send(world);
    link_change(&world->batch, world_index(world, "pod0"), &(struct link_change){.sets_up = true});
    link_change(&world->batch, world_index(world, "pod1"), &(struct link_change){.sets_up = true});
    world_send(world);
    cluster_init(&machine->cluster, nodes);
    cluster_add_pod(&machine->cluster, "10.128.1.2", "pod0");
    network_state_init(&machine->desired);
    network_state_init(&machine->actual);
    plan_init(&machine->plan);
    return machine;
}

static void machine_free(struct machine *machine) {
    plan_deinit(&machine->plan);
    network_state_deinit(&machine->actual);
    network_state_deinit(&machine->desired);
    cluster_deinit(&machine->cluster);
    world_leave(machine->world);
    free(machine);
}

static void look(struct machine *machine) {
    struct desired_report report;
    struct netlink_error error;
    cluster_build(&machine->cluster, &machine->desired, &report);
    assert_int_equal(report.skip_count, 0);
    assert_int_equal(actual_read(&machine->world->netlink, &machine->actual, &error), ERR_OK);
    plan_make(&machine->desired, &machine->actual, &machine->plan);
}

static void print_plan(const struct plan *plan) {
    struct buf text;
    buf_init(&text);
    plan_print(plan, &text);
    print_message("%s", buf_text(&text));
    buf_deinit(&text);
}

static void execute(struct machine *machine) {
    struct netlink_error error;
    assert_int_equal(
        execute_plan(&machine->world->netlink, &machine->plan, &machine->report, &error), ERR_OK);
    execute_log(&machine->plan, &machine->report);
    assert_int_equal(machine->report.failed, 0);
    assert_int_equal(machine->report.waiting, 0);
    assert_int_equal(machine->report.done, machine->plan.count);
}

/* Looks and expects `steps` steps; executes them, looks again and expects none. */
static void mend(struct machine *machine, size_t steps) {
    look(machine);
    if (machine->plan.count != steps) {
        print_plan(&machine->plan);
    }
    assert_int_equal(machine->plan.count, steps);
    execute(machine);
    look(machine);
    if (machine->plan.count != 0) {
        print_plan(&machine->plan);
    }
    assert_int_equal(machine->plan.count, 0);
}

#define STEPS_OF(peers) (2 + 3 * (peers) + 2) /* device, address; peers; unreachable, pod */

static void after_a_plan_the_kernel_is_as_desired(void **state) {
    (void)state;
    struct machine *machine = machine_new(4, "192.0.2.1");
    mend(machine, STEPS_OF(3));
    machine_free(machine);
}

static void both_families_inside_read_back_as_written(void **state) {
    (void)state;
    struct machine *machine = machine_new(4, "192.0.2.1");
    cluster_add_v6(&machine->cluster);
    cluster_add_pod(&machine->cluster, "fd00:0:0:1::2", "pod0");
    mend(machine, STEPS_OF(3) + 1 + 2 * 3 + 2);
    machine_free(machine);
}

static void an_outer_ipv6_reads_back_as_written(void **state) {
    (void)state;
    struct machine *machine = machine_new(2, "fd01::1");
    machine->cluster.parent.local = ip("fd01::1");
    machine->cluster.leases[1].public_ip_v6 = ip("fd01::2");
    mend(machine, STEPS_OF(1));
    machine_free(machine);
}

static void direct_routes_read_back_as_written(void **state) {
    (void)state;
    struct machine *machine = machine_new(3, "192.0.2.1");
    machine->cluster.backend.direct_routing = true;
    mend(machine, 2 + 2 + 2);
    machine_free(machine);
}

static void delete_object(struct machine *machine, enum model_class class) {
    struct world *world = machine->world;
    struct netlink_list list;
    struct netlink_error error;
    unsigned link = world_index(world, "weft.1");
    netlink_list_init(&list);
    if (class == MODEL_NEIGHBOUR) {
        assert_int_equal(neigh_dump(&world->netlink, link, &list, &error), ERR_OK);
        neigh_delete(&world->batch, neigh_at(&list, 0));
    } else if (class == MODEL_FDB) {
        assert_int_equal(fdb_dump(&world->netlink, link, &list, &error), ERR_OK);
        fdb_delete(&world->batch, fdb_at(&list, 0));
    } else if (class == MODEL_ROUTE) {
        assert_int_equal(route_dump(&world->netlink, ROUTE_PROTOCOL_WEFT, &list, &error), ERR_OK);
        route_delete(&world->batch, route_at(&list, 0));
    } else {
        link_delete(&world->batch, link);
    }
    world_send(world);
    netlink_list_deinit(&list);
}

static void what_somebody_deletes_comes_back_alone(void **state) {
    (void)state;
    struct machine *machine = machine_new(4, "192.0.2.1");
    mend(machine, STEPS_OF(3));
    delete_object(machine, MODEL_ROUTE);
    mend(machine, 1);
    delete_object(machine, MODEL_NEIGHBOUR);
    mend(machine, 1);
    delete_object(machine, MODEL_FDB);
    mend(machine, 1);
    delete_object(machine, MODEL_LINK);
    mend(machine, STEPS_OF(3) - 2); /* the unreachable and the pod's route stayed */
    machine_free(machine);
}

/* NETWORK.md 4: the device and all its routes go with the link below. */
static void after_the_underlay_is_made_again_so_is_the_tunnel(void **state) {
    (void)state;
    struct machine *machine = machine_new(4, "192.0.2.1");
    mend(machine, STEPS_OF(3));
    link_delete(&machine->world->batch, world_index(machine->world, "up0"));
    world_send(machine->world);
    (void)world_add_uplink(machine->world, "192.0.2.1");
    mend(machine, STEPS_OF(3) - 2);
    machine_free(machine);
}

static void a_device_that_was_set_down_comes_up_with_its_routes(void **state) {
    (void)state;
    struct machine *machine = machine_new(3, "192.0.2.1");
    cluster_add_v6(&machine->cluster);
    mend(machine, STEPS_OF(2) + 1 + 2 * 2 + 1);
    unsigned link = world_index(machine->world, "weft.1");
    link_change(&machine->world->batch, link, &(struct link_change){.sets_down = true});
    world_send(machine->world);
    look(machine);
    assert_true(machine->plan.count > 1);
    execute(machine);
    look(machine);
    assert_int_equal(machine->plan.count, 0);
    assert_int_equal(world_index(machine->world, "weft.1"), link); /* not made again */
    machine_free(machine);
}

static void every_change_of_the_cluster_converges(void **state) {
    (void)state;
    struct machine *machine = machine_new(6, "192.0.2.1");
    mend(machine, STEPS_OF(5));
    cluster_set_mac(&machine->cluster, 2, "02:00:00:00:99:99");
    mend(machine, 3);
    machine->cluster.leases[3].public_ip = ip("192.0.2.77");
    mend(machine, 1);
    cluster_remove(&machine->cluster, 4);
    mend(machine, 3);
    machine->cluster.leases[0].subnet = prefix("10.128.200.0/24");
    mend(machine, 4);
    machine->cluster.parent.mtu = 1400;
    mend(machine, 1);
    machine->cluster.input.vtep_mac = mac("02:00:00:00:aa:aa");
    mend(machine, 1 + STEPS_OF(4) - 2);
    machine->cluster.backend.port = 4789;
    mend(machine, 1 + STEPS_OF(4) - 2);
    machine->cluster.backend.direct_routing = true;
    mend(machine, 4 * 3);
    machine->cluster.input.own = NULL;
    mend(machine, 1 + 1 + 4);
    machine_free(machine);
}

static void what_is_not_ours_stays_as_it_is(void **state) {
    (void)state;
    struct machine *machine = machine_new(3, "192.0.2.1");
    struct world *world = machine->world;
    struct netlink_list routes;
    struct netlink_error error;
    netlink_list_init(&routes);
    struct route_entry route = {.destination = prefix("10.128.77.0/24"),
                                .gateway = ip("192.0.2.7"),
                                .type = RTN_UNICAST,
                                .protocol = RTPROT_STATIC,
                                .link = world_index(world, "up0")};
    struct neigh_entry neigh = {
        .link = route.link, .address = ip("192.0.2.7"), .mac = mac("02:00:00:00:00:77")};
    struct link_vxlan vxlan = {
        .vni = 99, .port = 8472, .parent = route.link, .local = ip("192.0.2.1")};
    struct mac_address other = mac("02:00:00:00:00:63");
    route_add(&world->batch, &route);
    neigh_add(&world->batch, &neigh);
    link_add_vxlan(&world->batch, "flannel.99", &vxlan, &other, 1450);
    world_send(world);
    mend(machine, STEPS_OF(2));
    machine->cluster.input.own = NULL;
    machine->cluster.input.pod_count = 0;
    mend(machine, 3); /* cleaning up: the device, the unreachable and the pod's route */
    assert_int_equal(route_dump(&world->netlink, RTPROT_STATIC, &routes, &error), ERR_OK);
    assert_int_equal(routes.count, 1);
    assert_int_equal(neigh_dump(&world->netlink, route.link, &routes, &error), ERR_OK);
    assert_int_not_equal(routes.count, 0);
    (void)world_index(world, "flannel.99");
    netlink_list_deinit(&routes);
    machine_free(machine);
}

static void a_foreign_route_in_our_place_is_reported_and_kept(void **state) {
    (void)state;
    struct machine *machine = machine_new(3, "192.0.2.1");
    struct world *world = machine->world;
    struct netlink_error error;
    struct route_entry route = {.destination = prefix("10.128.2.0/24"),
                                .gateway = ip("192.0.2.7"),
                                .type = RTN_UNICAST,
                                .protocol = RTPROT_STATIC,
                                .link = world_index(world, "up0")};
    route_add(&world->batch, &route);
    world_send(world);
    look(machine);
    assert_int_equal(execute_plan(&world->netlink, &machine->plan, &machine->report, &error),
                     ERR_OK);
    assert_int_equal(machine->report.failed, 1);
    assert_int_equal(machine->report.failures[0].error.err, ERR_EXISTS);
    assert_int_equal(machine->plan.steps[machine->report.failures[0].step].object.class,
                     MODEL_ROUTE);
    assert_int_equal(machine->report.done, STEPS_OF(2) - 1);
    route_delete(&world->batch, &route);
    world_send(world);
    mend(machine, 1);
    machine_free(machine);
}

static void a_pod_without_its_link_waits_and_harms_nobody(void **state) {
    (void)state;
    struct machine *machine = machine_new(2, "192.0.2.1");
    struct netlink_error error;
    cluster_add_pod(&machine->cluster, "10.128.1.3", "notyet0");
    look(machine);
    assert_int_equal(
        execute_plan(&machine->world->netlink, &machine->plan, &machine->report, &error), ERR_OK);
    assert_int_equal(machine->report.failed, 0);
    assert_int_equal(machine->report.waiting, 1);
    look(machine);
    assert_int_equal(machine->plan.count, 1);
    machine_free(machine);
}

static void a_pod_whose_link_is_not_up_yet_waits_and_then_gets_its_route(void **state) {
    (void)state;
    struct machine *machine = machine_new(2, "192.0.2.1");
    struct world *world = machine->world;
    struct netlink_error error;
    struct link_veth_end host = {.name = "soon0", .mac = mac("02:00:00:00:00:0a")};
    struct link_veth_end pod = {.name = "soon1", .mac = mac("02:00:00:00:00:0b")};
    link_add_veth(&world->batch, &host, &pod, 1450);
    world_send(world);
    cluster_add_pod(&machine->cluster, "10.128.1.3", "soon0");
    look(machine);
    assert_int_equal(execute_plan(&world->netlink, &machine->plan, &machine->report, &error),
                     ERR_OK);
    assert_int_equal(machine->report.failed, 0);
    assert_int_equal(machine->report.waiting, 1);
    link_change(&world->batch, world_index(world, "soon0"), &(struct link_change){.sets_up = true});
    world_send(world);
    mend(machine, 1);
    machine_free(machine);
}

static void the_parent_is_found_by_name_or_default_route(void **state) {
    (void)state;
    struct machine *machine = machine_new(1, "192.0.2.1");
    struct world *world = machine->world;
    struct desired_parent parent;
    struct netlink_error error;
    struct ip_address none = {0};
    struct ip_address wanted = ip("192.0.2.5");
    struct addr_entry second = {.link = world_index(world, "up0"), .address = wanted, .length = 24};
    struct netlink *netlink = &world->netlink;
    addr_add(&world->batch, &second);
    world_send(world);
    assert_int_equal(actual_find_parent(netlink, "nolink", &none, &parent, &error), ERR_NOT_FOUND);
    assert_int_equal(actual_find_parent(netlink, "", &none, &parent, &error), ERR_NOT_FOUND);
    assert_int_equal(actual_find_parent(netlink, "pod0", &none, &parent, &error), ERR_NOT_FOUND);
    assert_int_equal(actual_find_parent(netlink, "up0", &wanted, &parent, &error), ERR_OK);
    assert_int_equal(ip_address_compare(&parent.local, &wanted), 0);
    struct route_entry route = {.destination = prefix("0.0.0.0/0"),
                                .gateway = ip("192.0.2.254"),
                                .type = RTN_UNICAST,
                                .protocol = RTPROT_STATIC,
                                .link = second.link};
    route_add(&world->batch, &route);
    world_send(world);
    assert_int_equal(actual_find_parent(netlink, "", &none, &parent, &error), ERR_OK);
    assert_string_equal(parent.name, "up0");
    assert_int_equal(parent.mtu, 1500);
    struct ip_address first = ip("192.0.2.1");
    struct ip_prefix on_link = prefix("192.0.2.0/24");
    assert_int_equal(ip_address_compare(&parent.local, &first), 0);
    assert_int_equal(ip_prefix_compare(&parent.on_link, &on_link), 0);
    machine_free(machine);
}

/* One of two machines on one wire: its end of it, and what the plan makes of the cluster there. */
static void join(struct world *world, struct cluster *cluster, const char *address) {
    struct network_state desired;
    struct network_state actual;
    struct plan plan;
    struct desired_report found;
    struct execute_report report;
    struct netlink_error error;
    struct addr_entry own = {
        .link = world_index(world, "up0"), .address = ip(address), .length = 24};
    addr_add(&world->batch, &own);
    link_change(&world->batch, own.link, &(struct link_change){.sets_up = true});
    world_send(world);
    network_state_init(&desired);
    network_state_init(&actual);
    plan_init(&plan);
    cluster_build(cluster, &desired, &found);
    assert_int_equal(actual_read(&world->netlink, &actual, &error), ERR_OK);
    plan_make(&desired, &actual, &plan);
    assert_int_equal(execute_plan(&world->netlink, &plan, &report, &error), ERR_OK);
    assert_int_equal(report.failed, 0);
    plan_deinit(&plan);
    network_state_deinit(&actual);
    network_state_deinit(&desired);
}

/* A UDP socket in the calling thread's namespace, bound to `address`, port 7777. */
static int open_udp(const char *address) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htobe16(7777)};
    struct ip_address parsed = ip(address);
    memcpy(&name.sin_addr, parsed.bytes, 4);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void check_crossing(int from, int to, const char *address, size_t size) {
    static uint8_t bytes[2000];
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htobe16(7777)};
    struct ip_address parsed = ip(address);
    memcpy(&name.sin_addr, parsed.bytes, 4);
    assert_int_equal(sendto(from, bytes, size, 0, (const struct sockaddr *)&name, sizeof name),
                     size);
    struct pollfd ready = {.fd = to, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 5000), 1);
    assert_int_equal(recv(to, bytes, sizeof bytes, 0), size);
}

/* Both ways through the tunnel, the largest packet that needs no fragment among them. */
static void packets_cross_between_two_nodes(void **state) {
    (void)state;
    struct cluster a;
    struct cluster b;
    int b_netns = -1;
    struct world *world_a = world_enter();
    cluster_init(&a, 2);
    cluster_init(&b, 2);
    b.input.node = "node-1";
    b.input.own = &b.leases[1];
    b.input.vtep_mac = mac("02:00:00:00:00:02");
    b.parent.local = ip("192.0.2.2");
    int a_netns = -1;
    assert_int_equal(netns_open_own(&a_netns), ERR_OK);
    struct world *world_b = world_enter();
    assert_int_equal(netns_open_own(&b_netns), ERR_OK);
    link_add_veth(&world_a->batch, &(struct link_veth_end){.name = "up0"},
                  &(struct link_veth_end){.name = "up0", .has_netns = true, .netns_fd = b_netns},
                  1500);
    world_send(world_a);
    join(world_a, &a, "192.0.2.1");
    join(world_b, &b, "192.0.2.2");
    int at_b = open_udp("10.128.2.0");
    assert_int_equal(setns(a_netns, CLONE_NEWNET), 0);
    int at_a = open_udp("10.128.1.0");
    check_crossing(at_a, at_b, "10.128.2.0", 100);
    check_crossing(at_b, at_a, "10.128.1.0", 1450 - 20 - 8);
    assert_int_equal(close(at_a) + close(at_b) + close(a_netns) + close(b_netns), 0);
    cluster_deinit(&a);
    cluster_deinit(&b);
    world_leave(world_a);
    world_leave(world_b);
}

static void two_thousand_peers_are_there_in_seconds(void **state) {
    (void)state;
    struct machine *machine = machine_new(2001, "192.0.2.1");
    msec_t begin = clock_boot_ms(&clock_system);
    mend(machine, STEPS_OF(2000));
    msec_t spent = clock_boot_ms(&clock_system) - begin;
    print_message("2,000 peers: %u ms in the kernel and read back\n", (unsigned)spent);
    assert_true(spent < 10000);
    machine_free(machine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_plan_the_kernel_is_as_desired),
        cmocka_unit_test(both_families_inside_read_back_as_written),
        cmocka_unit_test(an_outer_ipv6_reads_back_as_written),
        cmocka_unit_test(direct_routes_read_back_as_written),
        cmocka_unit_test(what_somebody_deletes_comes_back_alone),
        cmocka_unit_test(after_the_underlay_is_made_again_so_is_the_tunnel),
        cmocka_unit_test(a_device_that_was_set_down_comes_up_with_its_routes),
        cmocka_unit_test(every_change_of_the_cluster_converges),
        cmocka_unit_test(what_is_not_ours_stays_as_it_is),
        cmocka_unit_test(a_foreign_route_in_our_place_is_reported_and_kept),
        cmocka_unit_test(a_pod_without_its_link_waits_and_harms_nobody),
        cmocka_unit_test(a_pod_whose_link_is_not_up_yet_waits_and_then_gets_its_route),
        cmocka_unit_test(the_parent_is_found_by_name_or_default_route),
        cmocka_unit_test(packets_cross_between_two_nodes),
        cmocka_unit_test(two_thousand_peers_are_there_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
