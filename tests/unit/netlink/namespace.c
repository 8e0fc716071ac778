#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world *world_enter(void) {
    if (unshare(CLONE_NEWNET) != 0) {
        print_message("no right to make a network namespace: %s\n", strerror(errno));
        skip();
    }
    struct world *world = must_alloc_zeroed(1, sizeof *world);
    struct netlink_error error;
    assert_int_equal(netlink_open(&world->netlink, &error), ERR_OK);
    netlink_batch_init(&world->batch);
    link_change(&world->batch, 1, &(struct link_change){.sets_up = true});
    world_send(world);
    return world;
}

void world_leave(struct world *world) {
    netlink_close(&world->netlink);
    free(world);
}

void world_send(struct world *world) {
    if (netlink_send(&world->netlink, &world->batch) != ERR_OK) {
        fail_msg("the kernel refused: %s", netlink_batch_error(&world->batch)->text);
    }
    netlink_batch_init(&world->batch);
}

enum err world_send_error(struct world *world, struct netlink_error *out_error) {
    enum err err = netlink_send(&world->netlink, &world->batch);
    const struct netlink_error *error = netlink_batch_error(&world->batch);
    assert_non_null(error);
    *out_error = *error;
    netlink_batch_init(&world->batch);
    return err;
}

unsigned world_index(struct world *world, const char *name) {
    struct link_info link;
    struct netlink_error error;
    assert_int_equal(link_find(&world->netlink, name, &link, &error), ERR_OK);
    return link.index;
}

unsigned world_add_uplink(struct world *world, const char *address) {
    link_add_veth(&world->batch, &(struct link_veth_end){.name = "up0"},
                  &(struct link_veth_end){.name = "up1"}, 1500);
    world_send(world);
    unsigned index = world_index(world, "up0");
    struct addr_entry addr = {
        .link = index, .address = ip(address), .length = address[0] == 'f' ? 64 : 24};
    addr.flags = addr.address.family == IP_V6 ? IFA_F_NODAD : 0;
    addr_add(&world->batch, &addr);
    link_change(&world->batch, index, &(struct link_change){.sets_up = true});
    link_change(&world->batch, world_index(world, "up1"), &(struct link_change){.sets_up = true});
    world_send(world);
    return index;
}

unsigned world_add_vxlan(struct world *world, const char *name, unsigned parent,
                         const char *local) {
    struct link_vxlan vxlan = {.vni = 1, .port = 8472, .parent = parent, .local = ip(local)};
    struct mac_address own = mac("02:00:00:00:00:01");
    link_add_vxlan(&world->batch, name, &vxlan, &own, 1450);
    world_send(world);
    return world_index(world, name);
}

struct ip_address ip(const char *text) {
    struct ip_address address;
    assert_int_equal(ip_address_parse(text, &address), ERR_OK);
    return address;
}

struct ip_prefix prefix(const char *text) {
    struct ip_prefix parsed;
    assert_int_equal(ip_prefix_parse(text, '/', &parsed), ERR_OK);
    return parsed;
}

struct mac_address mac(const char *text) {
    struct mac_address parsed;
    assert_int_equal(mac_parse(text, &parsed), ERR_OK);
    return parsed;
}
