/* A subnet lease: which node holds which part of a network, and how to reach it (NETWORK.md 3).
 *
 * A PUT on the key makes a reservation: {"node","reserved":true}; all else is ours (FIELD_READONLY)
 * and comes from acquire and renew. */
#ifndef WEFT_WIRE_KIND_SUBNET_H
#define WEFT_WIRE_KIND_SUBNET_H

#include "wire/kind.h"

struct subnet {
    const char *network;
    struct ip_prefix subnet;    /* the key's second name; IPv6 in an IPv6-only network */
    struct ip_prefix subnet_v6; /* dual stack */
    const char *node;
    struct ip_address public_ip;
    struct ip_address public_ip_v6;
    const char *backend_type;
    struct slice backend_data; /* JSON object, the backend's own */
    uint64_t epoch; /* revision of the grant; 0 for a reservation that nobody holds yet */
    uint64_t ttl_s;
    int64_t expires_at; /* wall ms, for people; 0 for a reservation */
    bool reserved;
    /* Log time, for the machine. Hidden. */
    uint64_t expires_log_ms; /* 0: never */
};

/* The bodies of the calls on subnets. */
struct subnet_acquire {
    const char *network; /* from the path */
    const char *node;
    struct ip_address public_ip;
    struct ip_address public_ip_v6;
    struct ip_prefix prefer; /* absent: any */
    const char *backend_type;
    struct slice backend_data;
};

struct subnet_hold { /* renew, release */
    const char *node;
    uint64_t epoch;
};

extern const struct kind kind_subnet;
extern const struct shape shape_subnet;
extern const struct shape shape_subnet_acquire;
extern const struct shape shape_subnet_hold;

#endif
