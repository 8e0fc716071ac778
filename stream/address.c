/* Socket addresses as text: "127.0.0.1:7480", "[::1]:7480", "name.example:7480", "unix:/path". */
#include "stream/stream.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_PREFIX     "unix:"
#define PORT_DIGITS_MAX 5u

static enum err parse_unix(const char *path, struct socket_address *out_address) {
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof out_address->path) {
        return ERR_INVALID;
    }
    *out_address = (struct socket_address){0};
    memcpy(out_address->path, path, size);
    return ERR_OK;
}

static bool parse_port(const char *text, uint16_t *out_port) {
    uint32_t port = 0;
    size_t size = strlen(text);
    if (size == 0 || size > PORT_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *out_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* A name or dotted quad: letters, digits, dots, dashes, underscores. */
static bool is_host(const char *host) {
    for (const char *at = host; *at != 0; at++) {
        if (!isascii(*at) || (!isalnum((unsigned char)*at) && strchr(".-_", *at) == NULL)) {
            return false;
        }
    }
    return host[0] != 0;
}

static bool is_ipv6(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET6, host, &address) == 1;
}

enum err socket_address_parse(const char *text, struct socket_address *out_address) {
    struct socket_address address = {0};
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        return parse_unix(text + strlen(UNIX_PREFIX), out_address);
    }
    bool is_bracketed = text[0] == '[';
    const char *host = is_bracketed ? text + 1 : text;
    const char *host_end = is_bracketed ? strchr(host, ']') : strrchr(host, ':');
    if (host_end == NULL || (size_t)(host_end - host) >= sizeof address.host) {
        return ERR_INVALID;
    }
    memcpy(address.host, host, (size_t)(host_end - host));
    const char *colon = is_bracketed ? host_end + 1 : host_end;
    if (*colon != ':' || !parse_port(colon + 1, &address.port) ||
        !(is_bracketed ? is_ipv6(address.host) : is_host(address.host))) {
        return ERR_INVALID;
    }
    *out_address = address;
    return ERR_OK;
}

void socket_address_format(const struct socket_address *address, struct buf *out) {
    if (address->path[0] != 0) {
        buf_appendf(out, UNIX_PREFIX "%s", address->path);
        return;
    }
    bool is_v6 = strchr(address->host, ':') != NULL;
    buf_appendf(out, is_v6 ? "[%s]:%u" : "%s:%u", address->host, (unsigned)address->port);
}

bool socket_address_is_local(const struct socket_address *address) {
    struct in_addr v4;
    struct in6_addr v6;
    if (address->path[0] != 0) {
        return true;
    }
    if (inet_pton(AF_INET, address->host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, address->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
