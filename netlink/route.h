/* Routes of the main table, both families, one next hop each. Changes go into a batch (socket.h).
 *
 * Every route that this software makes carries ROUTE_PROTOCOL_WEFT; whoever manages routes dumps
 * those only, so that routes of anybody else are not even looked at. */
#ifndef WEFT_NETLINK_ROUTE_H
#define WEFT_NETLINK_ROUTE_H

#include "netlink/attr.h"
#include "netlink/socket.h"

/* 'W'. Free in /etc/iproute2/rt_protos; below it the kernel and the routing daemons have theirs. */
#define ROUTE_PROTOCOL_WEFT 87u
/* route_dump: everybody's. */
#define ROUTE_PROTOCOL_ANY 0u
/* What the kernel makes of metric 0 in IPv6 (IP6_RT_PRIO_USER, linux/ipv6_route.h): say it, so that
 * the route reads back as it was written. */
#define ROUTE_METRIC_DEFAULT_V6 1024u

/* Zero is "absent" in every member but destination (length 0: the default route) and metric. */
struct route_entry {
    struct ip_prefix destination;
    uint32_t metric;
    uint8_t type;              /* RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE (linux/rtnetlink.h) */
    uint8_t protocol;          /* who made it */
    struct ip_address gateway; /* same family */
    unsigned link;             /* index; 0 for blackhole and unreachable */
    bool is_onlink;            /* take the gateway to be on the link, whatever the addresses say */
    bool is_scope_link;        /* IPv4: the destination itself is on the link, no gateway */
    struct ip_address source;  /* preferred source address */
};

/* A netlink_parse_cb over struct route_entry; false for anything but an RTM_NEWROUTE of the main
 * table with at most one next hop, for any source and any type of service. */
bool route_parse(const struct nlmsghdr *message, void *out_route);
/* The routes of one protocol (or ROUTE_PROTOCOL_ANY) in the main table, both families. */
MUST_USE enum err route_dump(struct netlink *netlink, uint8_t protocol,
                             struct netlink_list *out_routes, struct netlink_error *error);
static inline const struct route_entry *route_at(const struct netlink_list *routes, size_t at) {
    return (const struct route_entry *)(const void *)routes->bytes.data + at;
}

/* Adds a route. Fails with ERR_EXISTS when one to the same destination with the same metric is
 * there, whoever made it. */
void route_add(struct netlink_batch *batch, const struct route_entry *route);
/* Puts the route in the place of the one with the same destination and metric, without a gap. */
void route_replace(struct netlink_batch *batch, const struct route_entry *route);
/* Deletes the route with this destination, metric, type and protocol (and next hop, where given).
 */
void route_delete(struct netlink_batch *batch, const struct route_entry *route);

#endif
