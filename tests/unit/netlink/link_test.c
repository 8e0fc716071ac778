#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "netlink/netns.h"

#include <sched.h>
#include <unistd.h>

#include <cmocka.h>

static void a_vxlan_device_reads_back_as_written(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    world_add_vxlan(world, "weft.1", uplink, "192.0.2.1");
    struct link_info link;
    assert_int_equal(link_find(&world->netlink, "weft.1", &link, &error), ERR_OK);
    assert_string_equal(link.kind, "vxlan");
    assert_int_equal(link.vxlan.vni, 1);
    assert_int_equal(link.vxlan.port, 8472);
    assert_int_equal(link.vxlan.parent, uplink);
    assert_int_equal(
        ip_address_compare(&link.vxlan.local, &(struct ip_address){IP_V4, {192, 0, 2, 1}}), 0);
    assert_false(link.vxlan.is_learning);
    assert_int_equal(link.mtu, 1450);
    assert_true(link.is_up);
    assert_memory_equal(link.mac.bytes, ((uint8_t[]){2, 0, 0, 0, 0, 1}), 6);
    world_leave(world);
}

static void a_vxlan_device_over_ipv6_reads_back(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    unsigned uplink = world_add_uplink(world, "fd00::1");
    world_add_vxlan(world, "weft.1", uplink, "fd00::1");
    struct link_info link;
    assert_int_equal(link_find(&world->netlink, "weft.1", &link, &error), ERR_OK);
    struct ip_address local = ip("fd00::1");
    assert_int_equal(ip_address_compare(&link.vxlan.local, &local), 0);
    world_leave(world);
}

static void a_second_device_of_the_name_exists_already(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    world_add_vxlan(world, "weft.1", uplink, "192.0.2.1");
    struct link_vxlan vxlan = {.vni = 2, .port = 8472, .parent = uplink, .local = ip("192.0.2.1")};
    struct mac_address own = mac("02:00:00:00:00:02");
    link_add_vxlan(&world->batch, "weft.1", &vxlan, &own, 1450);
    assert_int_equal(world_send_error(world, &error), ERR_EXISTS);
    world_leave(world);
}

/* A namespace of its own, held by a descriptor; the calling thread stays where it is. */
static int other_namespace(void) {
    int own = -1;
    int other = -1;
    assert_int_equal(netns_open_own(&own), ERR_OK);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(netns_open_own(&other), ERR_OK);
    assert_int_equal(setns(own, CLONE_NEWNET), 0);
    assert_int_equal(close(own), 0);
    return other;
}

struct inside {
    struct link_info link;
};

static enum err find_peer(void *context) {
    struct inside *inside = context;
    struct netlink netlink;
    struct netlink_error error;
    assert_int_equal(netlink_open(&netlink, &error), ERR_OK);
    enum err err = link_find(&netlink, "eth0", &inside->link, &error);
    netlink_close(&netlink);
    return err;
}

static void a_veth_peer_is_born_in_another_namespace(void **state) {
    (void)state;
    struct world *world = world_enter();
    int other = other_namespace();
    struct link_veth_end end = {.name = "weft12345678", .mac = mac("02:00:00:00:00:0a")};
    struct link_veth_end peer = {
        .name = "eth0", .mac = mac("02:00:00:00:00:0b"), .has_netns = true, .netns_fd = other};
    link_add_veth(&world->batch, &end, &peer, 1400);
    world_send(world);
    struct inside inside;
    assert_int_equal(netns_run(other, find_peer, &inside), ERR_OK);
    struct link_info host;
    struct netlink_error error;
    assert_int_equal(link_find(&world->netlink, "weft12345678", &host, &error), ERR_OK);
    assert_string_equal(inside.link.kind, "veth");
    assert_int_equal(inside.link.mtu, 1400);
    assert_memory_equal(inside.link.mac.bytes, peer.mac.bytes, 6);
    assert_memory_equal(host.mac.bytes, end.mac.bytes, 6);
    assert_int_equal(host.lower, inside.link.index);
    assert_false(host.is_up);
    assert_int_equal(link_find(&world->netlink, "eth0", &host, &error), ERR_NOT_FOUND);
    assert_int_equal(close(other), 0);
    world_leave(world);
}

static void a_link_is_changed_renamed_moved_and_deleted(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    struct link_info link;
    int other = other_namespace();
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    struct link_change change = {.mtu = 1300, .mac = mac("02:00:00:00:00:0c"), .sets_down = true};
    link_change(&world->batch, uplink, &change);
    world_send(world);
    assert_int_equal(link_find(&world->netlink, "up0", &link, &error), ERR_OK);
    assert_int_equal(link.mtu, 1300);
    assert_false(link.is_up);
    assert_memory_equal(link.mac.bytes, change.mac.bytes, 6);
    link_change(&world->batch, uplink, &(struct link_change){.name = "eth0"});
    link_change(&world->batch, uplink, &(struct link_change){.has_netns = true, .netns_fd = other});
    world_send(world);
    struct inside inside;
    assert_int_equal(netns_run(other, find_peer, &inside), ERR_OK);
    link_delete(&world->batch, world_index(world, "up1"));
    world_send(world);
    assert_int_equal(netns_run(other, find_peer, &inside), ERR_NOT_FOUND);
    assert_int_equal(close(other), 0);
    world_leave(world);
}

static void the_dump_finds_links_by_index_and_by_name(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_list links;
    struct netlink_error error;
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    netlink_list_init(&links);
    assert_int_equal(link_dump(&world->netlink, &links, &error), ERR_OK);
    assert_int_equal(links.count, 3);
    assert_string_equal(link_of_index(&links, 1)->name, "lo");
    assert_string_equal(link_of_index(&links, uplink)->name, "up0");
    assert_null(link_of_index(&links, 4000));
    link_sort_by_name(&links);
    assert_int_equal(link_of_name(&links, "up0")->index, uplink);
    assert_null(link_of_name(&links, "up2"));
    assert_null(link_of_name(&links, "a name longer than any link's"));
    netlink_list_deinit(&links);
    world_leave(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vxlan_device_reads_back_as_written),
        cmocka_unit_test(a_vxlan_device_over_ipv6_reads_back),
        cmocka_unit_test(a_second_device_of_the_name_exists_already),
        cmocka_unit_test(a_veth_peer_is_born_in_another_namespace),
        cmocka_unit_test(a_link_is_changed_renamed_moved_and_deleted),
        cmocka_unit_test(the_dump_finds_links_by_index_and_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
