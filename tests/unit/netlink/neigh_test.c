#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <linux/neighbour.h>

#include <cmocka.h>

static void neighbours_of_both_families_come_change_and_go(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    struct netlink_list list;
    netlink_list_init(&list);
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    unsigned vxlan = world_add_vxlan(world, "weft.1", uplink, "192.0.2.1");
    struct neigh_entry v4 = {
        .link = vxlan, .address = ip("10.244.2.0"), .mac = mac("02:00:00:00:00:02")};
    struct neigh_entry v6 = {
        .link = vxlan, .address = ip("fd00:2::"), .mac = mac("02:00:00:00:00:02")};
    struct neigh_entry elsewhere = {
        .link = uplink, .address = ip("192.0.2.9"), .mac = mac("02:00:00:00:00:09")};
    neigh_add(&world->batch, &v4);
    neigh_add(&world->batch, &v6);
    neigh_add(&world->batch, &elsewhere);
    v4.mac = mac("02:00:00:00:00:03");
    neigh_add(&world->batch, &v4);
    world_send(world);
    assert_int_equal(neigh_dump(&world->netlink, vxlan, &list, &error), ERR_OK);
    size_t permanent = 0;
    for (size_t i = 0; i < list.count; i++) {
        const struct neigh_entry *found = neigh_at(&list, i);
        assert_int_equal(found->link, vxlan);
        if (found->state == NUD_PERMANENT) {
            permanent++;
            bool is_v4 = found->address.family == IP_V4;
            assert_memory_equal(found->mac.bytes, is_v4 ? v4.mac.bytes : v6.mac.bytes, 6);
        }
    }
    assert_int_equal(permanent, 2);
    neigh_delete(&world->batch, &v4);
    neigh_delete(&world->batch, &v6);
    world_send(world);
    neigh_delete(&world->batch, &v4);
    assert_int_equal(world_send_error(world, &error), ERR_NOT_FOUND);
    netlink_list_deinit(&list);
    world_leave(world);
}

static void check_fdb(const char *own, const char *remote, const char *other) {
    struct world *world = world_enter();
    struct netlink_error error;
    struct netlink_list list;
    netlink_list_init(&list);
    unsigned uplink = world_add_uplink(world, own);
    unsigned vxlan = world_add_vxlan(world, "weft.1", uplink, own);
    struct fdb_entry fdb = {.link = vxlan, .mac = mac("02:00:00:00:00:02"), .remote = ip(remote)};
    fdb_add(&world->batch, &fdb);
    fdb.remote = ip(other);
    fdb_add(&world->batch, &fdb);
    world_send(world);
    assert_int_equal(fdb_dump(&world->netlink, vxlan, &list, &error), ERR_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(ip_address_compare(&fdb_at(&list, 0)->remote, &fdb.remote), 0);
    assert_memory_equal(fdb_at(&list, 0)->mac.bytes, fdb.mac.bytes, 6);
    assert_true((fdb_at(&list, 0)->state & NUD_PERMANENT) != 0);
    fdb_delete(&world->batch, &fdb);
    world_send(world);
    assert_int_equal(fdb_dump(&world->netlink, vxlan, &list, &error), ERR_OK);
    assert_int_equal(list.count, 0);
    fdb_delete(&world->batch, &fdb);
    assert_int_equal(world_send_error(world, &error), ERR_NOT_FOUND);
    netlink_list_deinit(&list);
    world_leave(world);
}

static void a_forwarding_entry_turns_to_a_new_remote(void **state) {
    (void)state;
    check_fdb("192.0.2.1", "192.0.2.2", "192.0.2.3");
}

static void a_forwarding_entry_over_ipv6_does_too(void **state) {
    (void)state;
    check_fdb("fd00::1", "fd00::2", "fd00::3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_of_both_families_come_change_and_go),
        cmocka_unit_test(a_forwarding_entry_turns_to_a_new_remote),
        cmocka_unit_test(a_forwarding_entry_over_ipv6_does_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
