#include "tests/unit/netlink/namespace.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/netns.h"
#include "netlink/sysctl.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static enum err answer_conflict(void *context) {
    int *inside = context;
    assert_int_equal(netns_open_own(inside), ERR_OK);
    return ERR_CONFLICT;
}

static void the_thread_comes_back_and_the_answer_with_it(void **state) {
    (void)state;
    struct world *world = world_enter();
    int before = -1;
    int other = -1;
    int inside = -1;
    int after = -1;
    assert_int_equal(netns_open_own(&before), ERR_OK);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(netns_open_own(&other), ERR_OK);
    assert_int_equal(setns(before, CLONE_NEWNET), 0);
    assert_int_equal(netns_run(other, answer_conflict, &inside), ERR_CONFLICT);
    assert_int_equal(netns_open_own(&after), ERR_OK);
    assert_true(netns_is_same(inside, other));
    assert_true(netns_is_same(after, before));
    assert_false(netns_is_same(after, other));
    assert_int_equal(close(before) + close(other) + close(inside) + close(after), 0);
    world_leave(world);
}

static void what_is_no_namespace_is_refused(void **state) {
    (void)state;
    int fd = -1;
    assert_int_equal(netns_open("/nowhere/at/all", &fd), ERR_NOT_FOUND);
    assert_int_equal(netns_open("/proc/self/status", &fd), ERR_INVALID);
    assert_int_equal(netns_open("/tmp", &fd), ERR_INVALID);
    assert_int_equal(fd, -1);
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(netns_run(fd, answer_conflict, NULL), ERR_INVALID);
    assert_int_equal(close(fd), 0);
}

static void a_pipe_is_no_namespace_and_is_not_waited_for(void **state) {
    (void)state;
    char dir[] = "/tmp/weft-netns-XXXXXX";
    char path[64];
    int fd = -1;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/pipe", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)alarm(5); /* an open that waits for a writer would never end */
    assert_int_equal(netns_open(path, &fd), ERR_INVALID);
    (void)alarm(0);
    assert_int_equal(fd, -1);
    assert_int_equal(unlink(path) + rmdir(dir), 0);
}

static void a_setting_becomes_what_it_should_be(void **state) {
    (void)state;
    struct world *world = world_enter();
    assert_int_equal(sysctl_ensure("ipv4/conf/lo/proxy_arp", "1"), ERR_OK);
    char value = 0;
    int fd = open("/proc/sys/net/ipv4/conf/lo/proxy_arp", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &value, 1), 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(value, '1');
    assert_int_equal(sysctl_ensure("ipv4/conf/lo/proxy_arp", "1"), ERR_OK);
    assert_int_equal(sysctl_ensure("ipv4/conf/lo/proxy_arp", "many"), ERR_IO);
    assert_int_equal(sysctl_ensure("ipv4/conf/nolink/proxy_arp", "1"), ERR_NOT_FOUND);
    world_leave(world);
}

static void names_that_lead_elsewhere_are_refused(void **state) {
    (void)state;
    char value[80];
    memset(value, '1', sizeof value);
    value[65] = 0;
    assert_int_equal(sysctl_ensure("../kernel/hostname", "x"), ERR_INVALID);
    assert_int_equal(sysctl_ensure("/ipv4/ip_forward", "1"), ERR_INVALID);
    assert_int_equal(sysctl_ensure("", "1"), ERR_INVALID);
    assert_int_equal(sysctl_ensure("ipv4/ip_forward", ""), ERR_INVALID);
    assert_int_equal(sysctl_ensure("ipv4/ip_forward", value), ERR_INVALID);
    value[64] = 0;
    assert_int_equal(sysctl_ensure("ipv4/no_such_setting", value), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thread_comes_back_and_the_answer_with_it),
        cmocka_unit_test(what_is_no_namespace_is_refused),
        cmocka_unit_test(a_pipe_is_no_namespace_and_is_not_waited_for),
        cmocka_unit_test(a_setting_becomes_what_it_should_be),
        cmocka_unit_test(names_that_lead_elsewhere_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
