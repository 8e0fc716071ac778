#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

static const struct addr_entry *find_addr(struct world *world, struct netlink_list *list,
                                          const char *address) {
    struct netlink_error error;
    struct ip_address wanted = ip(address);
    assert_int_equal(addr_dump(&world->netlink, list, &error), ERR_OK);
    for (size_t i = 0; i < list->count; i++) {
        if (ip_address_compare(&addr_at(list, i)->address, &wanted) == 0) {
            return addr_at(list, i);
        }
    }
    return NULL;
}

static void addresses_of_both_families_come_and_go(void **state) {
    (void)state;
    struct world *world = world_enter();
    struct netlink_list list;
    netlink_list_init(&list);
    struct addr_entry v4 = {.link = 1, .address = ip("10.244.1.0"), .length = 32};
    struct addr_entry v6 = {
        .link = 1, .address = ip("fd00:1::"), .length = 128, .flags = IFA_F_NODAD};
    struct addr_entry local = {
        .link = 1, .address = ip("10.244.1.9"), .length = 32, .scope = RT_SCOPE_LINK};
    addr_add(&world->batch, &v4);
    addr_add(&world->batch, &v6);
    addr_add(&world->batch, &local);
    world_send(world);
    const struct addr_entry *found = find_addr(world, &list, "10.244.1.0");
    assert_non_null(found);
    assert_int_equal(found->length, 32);
    assert_int_equal(found->link, 1);
    assert_int_equal(found->scope, RT_SCOPE_UNIVERSE);
    assert_int_equal(find_addr(world, &list, "10.244.1.9")->scope, RT_SCOPE_LINK);
    found = find_addr(world, &list, "fd00:1::");
    assert_non_null(found);
    assert_int_equal(found->flags & (IFA_F_NODAD | IFA_F_TENTATIVE), IFA_F_NODAD);
    addr_add(&world->batch, &v4); /* again: no error */
    addr_delete(&world->batch, &v6);
    world_send(world);
    assert_null(find_addr(world, &list, "fd00:1::"));
    addr_delete(&world->batch, &v4);
    addr_delete(&world->batch, &v4);
    struct netlink_error error;
    assert_int_equal(world_send_error(world, &error), ERR_NOT_FOUND);
    assert_null(find_addr(world, &list, "10.244.1.0"));
    netlink_list_deinit(&list);
    world_leave(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_of_both_families_come_and_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
