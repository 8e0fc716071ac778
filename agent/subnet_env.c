#include "agent/subnet_env.h"

#include "util/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_family(const char *infix, const struct ip_prefix *network,
                       const struct ip_prefix *subnet, struct buf *out) {
    char whole[IP_PREFIX_TEXT_SIZE];
    char first[IP_TEXT_SIZE];
    struct ip_address address;
    if (network->address.family == IP_NONE || subnet->address.family == IP_NONE ||
        !ip_address_add(&subnet->address, 1, &address)) {
        return;
    }
    ip_prefix_format(network, '/', whole);
    ip_address_format(&address, first);
    buf_appendf(out, "FLANNEL_%sNETWORK=%s\nFLANNEL_%sSUBNET=%s/%u\n", infix, whole, infix, first,
                subnet->length);
}

void subnet_env_render(const struct network *network, const struct subnet *own, uint32_t mtu,
                       bool masquerades, struct buf *out) {
    /* In an IPv6-only network `subnet` itself is of IPv6. */
    bool is_v6_only = own->subnet.address.family == IP_V6;
    const struct ip_prefix none = {0};
    add_family("", &network->ipv4, is_v6_only ? &none : &own->subnet, out);
    add_family("IPV6_", &network->ipv6, is_v6_only ? &own->subnet : &own->subnet_v6, out);
    buf_appendf(out, "FLANNEL_MTU=%u\nFLANNEL_IPMASQ=%s\n", mtu, masquerades ? "true" : "false");
}

/* Whether the file is there with just this text. */
static bool holds(const char *path, struct slice text) {
    char now[LIMIT_SUBNET_ENV_SIZE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t size = read(fd, now, sizeof now);
    (void)close(fd); /* only read from */
    return size >= 0 && slice_equal(slice_of(now, (size_t)size), text);
}

static enum err make_directory(const char *path) {
    char directory[LIMIT_PATH_SIZE_MAX + 1];
    const char *slash = strrchr(path, '/');
    size_t size = (size_t)(slash - path);
    if (size == 0) {
        return ERR_OK;
    }
    memcpy(directory, path, size);
    directory[size] = 0;
    return mkdir(directory, 0755) == 0 || errno == EEXIST ? ERR_OK : ERR_IO;
}

static enum err write_file(const char *path, struct slice text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return ERR_IO;
    }
    bool is_written = write(fd, text.data, text.size) == (ssize_t)text.size && fsync(fd) == 0;
    bool is_closed = close(fd) == 0;
    return is_written && is_closed ? ERR_OK : ERR_IO;
}

enum err subnet_env_ensure(const char *path, struct slice text) {
    char beside[LIMIT_PATH_SIZE_MAX + sizeof ".new"];
    if (path[0] != '/' || strlen(path) > LIMIT_PATH_SIZE_MAX) {
        return ERR_INVALID;
    }
    CHECK(text.size < LIMIT_SUBNET_ENV_SIZE_MAX);
    if (holds(path, text)) {
        return ERR_OK;
    }
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    enum err err = make_directory(path);
    if (err == ERR_OK) {
        err = write_file(beside, text);
    }
    if (err == ERR_OK && rename(beside, path) != 0) {
        err = ERR_IO;
    }
    if (err != ERR_OK) {
        (void)unlink(beside); /* what is left of a failed try */
    }
    return err;
}
