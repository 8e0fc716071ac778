#include "netlink/sysctl.h"

#include "util/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYSCTL_ROOT "/proc/sys/net/"

static bool is_good(const char *name, const char *value) {
    return name[0] != 0 && name[0] != '/' && strstr(name, "..") == NULL &&
           strlen(name) <= LIMIT_SYSCTL_NAME_SIZE_MAX && value[0] != 0 &&
           strlen(value) <= LIMIT_SYSCTL_VALUE_SIZE_MAX && strchr(value, '\n') == NULL;
}

static enum err err_of_open(int errno_value) {
    switch (errno_value) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_FORBIDDEN;
    default:
        return ERR_IO;
    }
}

static enum err read_value(const char *path, char *out_value, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_of_open(errno);
    }
    ssize_t got = read(fd, out_value, size - 1);
    (void)close(fd); /* only read from */
    if (got < 0) {
        return ERR_IO;
    }
    out_value[got] = 0;
    out_value[strcspn(out_value, "\n")] = 0;
    return ERR_OK;
}

static enum err write_value(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_of_open(errno);
    }
    bool is_written = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    bool is_closed = close(fd) == 0;
    return is_written && is_closed ? ERR_OK : ERR_IO;
}

enum err sysctl_ensure(const char *name, const char *value) {
    if (!is_good(name, value)) {
        return ERR_INVALID;
    }
    char path[sizeof SYSCTL_ROOT + LIMIT_SYSCTL_NAME_SIZE_MAX];
    (void)snprintf(path, sizeof path, SYSCTL_ROOT "%s", name);
    char now[LIMIT_SYSCTL_VALUE_SIZE_MAX + 2] = {0};
    enum err err = read_value(path, now, sizeof now);
    if (err != ERR_OK || strcmp(now, value) == 0) {
        return err;
    }
    return write_value(path, value);
}
