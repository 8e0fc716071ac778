#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <cmocka.h>

static void dump(struct world *world, struct netlink_list *list) {
    struct netlink_error error;
    assert_int_equal(route_dump(&world->netlink, ROUTE_PROTOCOL_WEFT, list, &error), ERR_OK);
}

/* Adds the route, reads it back as the only one of ours, compares, deletes it. */
static void check_round_trip(struct world *world, const struct route_entry *route) {
    struct netlink_list list;
    netlink_list_init(&list);
    route_add(&world->batch, route);
    world_send(world);
    dump(world, &list);
    assert_int_equal(list.count, 1);
    const struct route_entry *found = route_at(&list, 0);
    assert_int_equal(ip_prefix_compare(&found->destination, &route->destination), 0);
    assert_int_equal(ip_address_compare(&found->gateway, &route->gateway), 0);
    assert_int_equal(ip_address_compare(&found->source, &route->source), 0);
    assert_int_equal(found->metric, route->metric);
    assert_int_equal(found->type, route->type);
    assert_int_equal(found->protocol, route->protocol);
    assert_int_equal(found->link, route->link);
    assert_int_equal(found->is_onlink, route->is_onlink);
    assert_int_equal(found->is_scope_link, route->is_scope_link);
    route_delete(&world->batch, route);
    world_send(world);
    dump(world, &list);
    assert_int_equal(list.count, 0);
    netlink_list_deinit(&list);
}

static void every_shape_of_route_reads_back_as_written(void **state) {
    (void)state;
    struct world *world = world_enter();
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    unsigned vxlan = world_add_vxlan(world, "weft.1", uplink, "192.0.2.1");
    const struct route_entry routes[] = {
        {.destination = prefix("10.244.2.0/24"),
         .gateway = ip("10.244.2.0"),
         .link = vxlan,
         .is_onlink = true,
         .type = RTN_UNICAST},
        {.destination = prefix("10.244.3.0/24"),
         .gateway = ip("192.0.2.2"),
         .link = uplink,
         .type = RTN_UNICAST,
         .metric = 7},
        {.destination = prefix("10.244.1.5/32"),
         .link = uplink,
         .is_scope_link = true,
         .type = RTN_UNICAST,
         .source = ip("192.0.2.1")},
        {.destination = prefix("10.244.1.0/24"), .metric = 4096, .type = RTN_UNREACHABLE},
        {.destination = prefix("10.244.1.0/24"), .metric = 4096, .type = RTN_BLACKHOLE},
        {.destination = prefix("0.0.0.0/0"),
         .gateway = ip("192.0.2.2"),
         .link = uplink,
         .type = RTN_UNICAST},
        {.destination = prefix("fd00:2::/64"),
         .gateway = ip("fd00:2::"),
         .link = vxlan,
         .is_onlink = true,
         .type = RTN_UNICAST,
         .metric = ROUTE_METRIC_DEFAULT_V6},
        {.destination = prefix("fd00:1::5/128"),
         .link = uplink,
         .type = RTN_UNICAST,
         .metric = ROUTE_METRIC_DEFAULT_V6},
        {.destination = prefix("fd00:1::/64"), .metric = 4096, .type = RTN_UNREACHABLE},
        {.destination = prefix("fd00:1::/64"), .metric = 4096, .type = RTN_BLACKHOLE},
        {.destination = prefix("::/0"),
         .gateway = ip("fe80::1"),
         .link = uplink,
         .type = RTN_UNICAST,
         .metric = ROUTE_METRIC_DEFAULT_V6},
    };
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
        struct route_entry route = routes[i];
        route.protocol = ROUTE_PROTOCOL_WEFT;
        check_round_trip(world, &route);
    }
    world_leave(world);
}

static void a_replaced_route_leaves_no_second_one(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    struct netlink_list list;
    netlink_list_init(&list);
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    struct route_entry route = {.destination = prefix("10.244.2.0/24"),
                                .gateway = ip("192.0.2.2"),
                                .link = uplink,
                                .type = RTN_UNICAST,
                                .protocol = ROUTE_PROTOCOL_WEFT};
    route_add(&world->batch, &route);
    world_send(world);
    route_add(&world->batch, &route);
    assert_int_equal(world_send_error(world, &error), ERR_EXISTS);
    route.gateway = ip("192.0.2.3");
    route_replace(&world->batch, &route);
    world_send(world);
    dump(world, &list);
    assert_int_equal(list.count, 1);
    assert_int_equal(ip_address_compare(&route_at(&list, 0)->gateway, &route.gateway), 0);
    netlink_list_deinit(&list);
    world_leave(world);
}

static void foreign_routes_are_neither_seen_nor_deleted(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    struct netlink_list list;
    netlink_list_init(&list);
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    struct route_entry route = {.destination = prefix("10.244.2.0/24"),
                                .gateway = ip("192.0.2.2"),
                                .link = uplink,
                                .type = RTN_UNICAST,
                                .protocol = RTPROT_STATIC};
    route_add(&world->batch, &route);
    world_send(world);
    dump(world, &list);
    assert_int_equal(list.count, 0);
    route.protocol = ROUTE_PROTOCOL_WEFT;
    route_delete(&world->batch, &route);
    assert_int_equal(world_send_error(world, &error), ERR_NOT_FOUND);
    route.protocol = RTPROT_STATIC;
    route_delete(&world->batch, &route);
    world_send(world);
    netlink_list_deinit(&list);
    world_leave(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_route_reads_back_as_written),
        cmocka_unit_test(a_replaced_route_leaves_no_second_one),
        cmocka_unit_test(foreign_routes_are_neither_seen_nor_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
