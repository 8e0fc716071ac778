#include "netlink/netns.h"

#include "netlink/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum err netns_open(const char *path, int *out_fd) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* never waits for a pipe's writer */
    if (fd < 0) {
        return netlink_err_of(errno);
    }
    struct statfs info;
    if (fstatfs(fd, &info) != 0 || info.f_type != NSFS_MAGIC) {
        (void)close(fd); /* only read from */
        return ERR_INVALID;
    }
    *out_fd = fd;
    return ERR_OK;
}

enum err netns_open_own(int *out_fd) {
    return netns_open("/proc/thread-self/ns/net", out_fd);
}

bool netns_is_same(int netns_fd, int other_fd) {
    struct stat a;
    struct stat b;
    return fstat(netns_fd, &a) == 0 && fstat(other_fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

enum err netns_run(int netns_fd, netns_cb function, void *context) {
    int own_fd = -1;
    enum err err = netns_open_own(&own_fd);
    if (err != ERR_OK) {
        return err;
    }
    if (setns(netns_fd, CLONE_NEWNET) != 0) {
        err = errno == EINVAL ? ERR_INVALID : netlink_err_of(errno);
    } else {
        err = function(context);
        CHECK(setns(own_fd, CLONE_NEWNET) == 0);
    }
    (void)close(own_fd); /* only read from */
    return err;
}
