#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>

#include <cmocka.h>

static void an_unknown_link_is_not_found(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    link_delete(&world->batch, 12345);
    assert_int_equal(world_send_error(world, &error), ERR_NOT_FOUND);
    assert_int_equal(error.errno_value, ENODEV);
    world_leave(world);
}

static void a_refusal_carries_the_kernels_words(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_error error;
    unsigned uplink = world_add_uplink(world, "192.0.2.1");
    struct route_entry route = {.destination = prefix("10.0.0.0/8"),
                                .gateway = ip("198.51.100.1"),
                                .type = RTN_UNICAST,
                                .protocol = ROUTE_PROTOCOL_WEFT,
                                .link = uplink};
    route_add(&world->batch, &route);
    assert_int_not_equal(world_send_error(world, &error), ERR_OK);
    assert_non_null(strstr(error.text, "Nexthop has invalid gateway"));
    world_leave(world);
}

static void a_failed_message_does_not_stop_the_batch(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct addr_entry good = {.link = 1, .address = ip("10.1.1.1"), .length = 32};
    struct addr_entry bad = {.link = 777, .address = ip("10.1.1.2"), .length = 32};
    struct addr_entry also_good = {.link = 1, .address = ip("10.1.1.3"), .length = 32};
    addr_add(&world->batch, &good);
    addr_add(&world->batch, &bad);
    addr_add(&world->batch, &also_good);
    assert_int_equal(netlink_send(&world->netlink, &world->batch), ERR_NOT_FOUND);
    assert_int_equal(world->batch.errors[0].err, ERR_OK);
    assert_int_equal(world->batch.errors[1].err, ERR_NOT_FOUND);
    assert_int_equal(world->batch.errors[2].err, ERR_OK);
    assert_ptr_equal(netlink_batch_error(&world->batch), &world->batch.errors[1]);
    world_leave(world);
}

static void a_full_batch_is_answered_whole(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct ip_address first = ip("10.1.0.0");
    for (unsigned i = 0; i < NETLINK_BATCH_MAX; i++) {
        struct addr_entry addr = {.link = 1, .length = 32};
        assert_false(netlink_batch_is_full(&world->batch));
        assert_true(ip_address_add(&first, i, &addr.address));
        addr_add(&world->batch, &addr);
    }
    assert_true(netlink_batch_is_full(&world->batch));
    world_send(world);
    struct netlink_list addrs;
    struct netlink_error error;
    netlink_list_init(&addrs);
    assert_int_equal(addr_dump(&world->netlink, &addrs, &error), ERR_OK);
    size_t found = 0;
    for (size_t i = 0; i < addrs.count; i++) {
        found += ip_prefix_contains(&(struct ip_prefix){first, 24}, &addr_at(&addrs, i)->address);
    }
    assert_int_equal(found, NETLINK_BATCH_MAX);
    netlink_list_deinit(&addrs);
    world_leave(world);
}

static void an_empty_batch_is_fine(void **state) {
    (void)state;
    struct world *world = world_enter();
    assert_int_equal(netlink_send(&world->netlink, &world->batch), ERR_OK);
    world_leave(world);
}

static bool is_readable(const struct netlink_monitor *monitor) {
    struct pollfd fd = {.fd = netlink_monitor_fd(monitor), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void the_monitor_hears_a_change_and_then_rests(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_monitor monitor;
    struct netlink_error error;
    assert_int_equal(netlink_monitor_open(&monitor, &error), ERR_OK);
    assert_false(netlink_monitor_drain(&monitor));
    struct addr_entry addr = {.link = 1, .address = ip("10.1.1.1"), .length = 32};
    addr_add(&world->batch, &addr);
    world_send(world);
    assert_true(is_readable(&monitor));
    assert_true(netlink_monitor_drain(&monitor));
    assert_false(is_readable(&monitor));
    assert_false(netlink_monitor_drain(&monitor));
    netlink_monitor_close(&monitor);
    world_leave(world);
}

static void what_the_monitor_lost_is_a_change_too(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_monitor monitor;
    struct netlink_error error;
    assert_int_equal(netlink_monitor_open(&monitor, &error), ERR_OK);
    int tiny = 1;
    assert_int_equal(
        setsockopt(netlink_monitor_fd(&monitor), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
    for (unsigned i = 0; i < NETLINK_BATCH_MAX; i++) {
        struct addr_entry addr = {.link = 1, .address = ip("10.1.1.1"), .length = 32};
        (i % 2 == 0 ? addr_add : addr_delete)(&world->batch, &addr);
    }
    world_send(world);
    assert_true(netlink_monitor_drain(&monitor));
    assert_false(netlink_monitor_drain(&monitor));
    netlink_monitor_close(&monitor);
    world_leave(world);
}

/* One good message a parser: what we send has the form of what the kernel tells. */
static void fill_good_messages(struct netlink_batch *batch) {
    struct link_vxlan vxlan = {.vni = 1, .port = 8472, .parent = 2, .local = ip("192.0.2.1")};
    struct mac_address own = mac("02:00:00:00:00:01");
    struct addr_entry addr = {.link = 1, .address = ip("fd00::1"), .length = 64};
    struct route_entry route = {
        .destination = prefix("10.1.0.0/16"), .type = RTN_UNICAST, .link = 2};
    struct neigh_entry neigh = {.link = 1, .address = ip("fd00::2"), .mac = own};
    struct fdb_entry fdb = {.link = 1, .mac = own, .remote = ip("192.0.2.2")};
    link_add_vxlan(batch, "weft.1", &vxlan, &own, 1450);
    struct ifinfomsg *body = mnl_nlmsg_get_payload((struct nlmsghdr *)(void *)batch->data);
    body->ifi_index = 7;
    addr_add(batch, &addr);
    route_add(batch, &route);
    neigh_add(batch, &neigh);
    fdb_add(batch, &fdb);
}

static uint64_t next_number(uint64_t *state) { /* xorshift, Marsaglia 2003 */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Whatever bytes come, the parsers stay inside them (the sanitizers watch): good messages with a
 * few bytes changed and the end cut off, in memory exactly as long as they say. */
static void parsers_survive_broken_messages(void **state) {
    (void)state;
    static const netlink_parse_cb parsers[] = {link_parse, addr_parse, route_parse, neigh_parse,
                                               fdb_parse};
    static struct netlink_batch batch;
    netlink_batch_init(&batch);
    fill_good_messages(&batch);
    uint64_t number = 88172645463325252u;
    unsigned parsed = 0;
    unsigned tried = 0;
    const uint8_t *at = batch.data;
    for (size_t which = 0; which < ARRAY_COUNT(parsers); which++) {
        struct nlmsghdr header;
        memcpy(&header, at, sizeof header);
        for (unsigned round = 0; round < 20000; round++, tried++) {
            uint32_t body = header.nlmsg_len - 16;
            uint32_t cut = round % 4 == 3 ? (uint32_t)next_number(&number) % (body + 1) : 0;
            uint32_t size = 16 + body - cut;
            uint8_t *bytes = must_alloc(size);
            memcpy(bytes, at, size);
            memcpy(bytes, &size, sizeof size); /* nlmsg_len */
            for (unsigned i = 0; size > 16 && i < round % 4; i++) {
                bytes[16 + next_number(&number) % (size - 16)] = (uint8_t)next_number(&number);
            }
            struct link_info out = {0}; /* the largest of the five */
            parsed += parsers[which]((const struct nlmsghdr *)(const void *)bytes, &out);
            free(bytes);
        }
        at += MNL_ALIGN(header.nlmsg_len);
    }
    assert_in_range(parsed, 1, tried - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_link_is_not_found),
        cmocka_unit_test(a_refusal_carries_the_kernels_words),
        cmocka_unit_test(a_failed_message_does_not_stop_the_batch),
        cmocka_unit_test(a_full_batch_is_answered_whole),
        cmocka_unit_test(an_empty_batch_is_fine),
        cmocka_unit_test(the_monitor_hears_a_change_and_then_rests),
        cmocka_unit_test(what_the_monitor_lost_is_a_change_too),
        cmocka_unit_test(parsers_survive_broken_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
