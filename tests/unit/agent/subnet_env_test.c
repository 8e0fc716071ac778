/* subnet.env: its text, and that a reader never sees half of it. Source: NETWORK.md 3. */
#include "agent/subnet_env.h"

#include "tests/unit/agent/cluster.h"
#include "tests/unit/netlink/namespace.h"
#include "util/limits.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void check_text(struct cluster *cluster, bool masquerades, const char *expected) {
    struct buf text;
    buf_init(&text);
    subnet_env_render(&cluster->network, &cluster->leases[0], 1450, masquerades, &text);
    assert_string_equal(buf_text(&text), expected);
    buf_deinit(&text);
}

static void the_text_is_flannels(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 1);
    check_text(&cluster, true,
               "FLANNEL_NETWORK=10.128.0.0/10\nFLANNEL_SUBNET=10.128.1.1/24\n"
               "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n");
    cluster_add_v6(&cluster);
    check_text(&cluster, false,
               "FLANNEL_NETWORK=10.128.0.0/10\nFLANNEL_SUBNET=10.128.1.1/24\n"
               "FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64\n"
               "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n");
    cluster.network.ipv4 = (struct ip_prefix){0};
    cluster.leases[0].subnet = cluster.leases[0].subnet_v6; /* an IPv6-only network's lease */
    cluster.leases[0].subnet_v6 = (struct ip_prefix){0};
    check_text(&cluster, true,
               "FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64\n"
               "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n");
    cluster_deinit(&cluster);
}

struct place {
    char root[64];
    char path[128];
};

static void place_init(struct place *place) {
    (void)snprintf(place->root, sizeof place->root, "/tmp/weft-subnet-env-XXXXXX");
    assert_non_null(mkdtemp(place->root));
    (void)snprintf(place->path, sizeof place->path, "%s/flannel/subnet.env", place->root);
}

static void place_deinit(struct place *place) {
    char directory[128];
    (void)snprintf(directory, sizeof directory, "%s/flannel", place->root);
    (void)unlink(place->path);
    assert_int_equal(rmdir(directory), 0); /* so nothing else was left in it */
    assert_int_equal(rmdir(place->root), 0);
}

static ino_t inode_with(const char *path, const char *text) {
    char now[256] = {0};
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, now, sizeof now - 1) >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(close(fd), 0);
    assert_string_equal(now, text);
    assert_int_equal(info.st_mode & 0777, 0644);
    return info.st_ino;
}

static void the_file_is_replaced_whole_and_only_when_it_differs(void **state) {
    (void)state;
    struct place place;
    place_init(&place);
    assert_int_equal(subnet_env_ensure(place.path, slice_of_text("A=1\n")), ERR_OK);
    ino_t first = inode_with(place.path, "A=1\n");
    int reader = open(place.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(subnet_env_ensure(place.path, slice_of_text("A=1\n")), ERR_OK);
    assert_int_equal(inode_with(place.path, "A=1\n"), first);
    assert_int_equal(subnet_env_ensure(place.path, slice_of_text("A=2\nB=3\n")), ERR_OK);
    assert_int_not_equal(inode_with(place.path, "A=2\nB=3\n"), first);
    char old[16] = {0};
    assert_int_equal(read(reader, old, sizeof old - 1), 4); /* who had it open has the old one */
    assert_string_equal(old, "A=1\n");
    assert_int_equal(close(reader), 0);
    place_deinit(&place);
}

static void a_bad_path_is_refused(void **state) {
    (void)state;
    static char longest[LIMIT_PATH_SIZE_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    struct slice text = slice_of_text("A=1\n");
    assert_int_equal(subnet_env_ensure("subnet.env", text), ERR_INVALID);
    assert_int_equal(subnet_env_ensure("", text), ERR_INVALID);
    assert_int_equal(subnet_env_ensure(longest, text), ERR_INVALID);
    longest[LIMIT_PATH_SIZE_MAX] = 0;
    assert_int_equal(subnet_env_ensure(longest, text), ERR_IO); /* a name of that length */
    assert_int_equal(subnet_env_ensure("/proc/nowhere/subnet.env", text), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_flannels),
        cmocka_unit_test(the_file_is_replaced_whole_and_only_when_it_differs),
        cmocka_unit_test(a_bad_path_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
