/* A network: the address pool of subnets, and how nodes reach each other (NETWORK.md 2). */
#ifndef WEFT_WIRE_KIND_NETWORK_H
#define WEFT_WIRE_KIND_NETWORK_H

#include "wire/kind.h"

/* The backend's options; a key that this type does not know is refused. */
struct network_backend {
    const char *type; /* "vxlan", "host-gw" */
    uint64_t vni;
    uint64_t port;
    uint64_t mtu; /* 0: derived from the parent device */
    bool direct_routing;
};

struct network {
    const char *name;
    struct ip_prefix ipv4; /* at least one of ipv4 and ipv6 is there */
    struct ip_prefix ipv6;
    uint64_t subnet_len;                      /* 0 without ipv4 */
    struct ip_address subnet_min, subnet_max; /* first addresses of the first and the last subnet */
    uint64_t ipv6_subnet_len;
    struct ip_address ipv6_subnet_min, ipv6_subnet_max;
    uint64_t lease_ttl_s;
    struct network_backend *backend; /* never NULL in a stored network */
};

extern const struct kind kind_network;
extern const struct shape shape_network;
extern const struct shape shape_network_backend;

#endif
