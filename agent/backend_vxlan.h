/* The VXLAN backend: one device "weft.<vni>" above the parent, and for each peer a permanent
 * neighbour, a forwarding entry and a route. On the wire it is flannel's (NETWORK.md 4), so both
 * can share a network.
 *
 * A peer is known by its subnet's first address (".0"), which is on its device: the route to its
 * subnet goes via that address, on-link; the neighbour turns it into the peer's VTEP MAC; the
 * forwarding entry turns that into the peer's outer address. Nothing is learned from traffic. One
 * device carries IPv4 and IPv6 inside; its outer family is the parent address's. */
#ifndef WEFT_AGENT_BACKEND_VXLAN_H
#define WEFT_AGENT_BACKEND_VXLAN_H

#include "agent/backend.h"

extern const struct backend backend_vxlan;

/* A new VTEP MAC: random, unicast, locally administered. The caller keeps it for the node's life:
 * peers send to it. */
struct mac_address backend_vxlan_new_mac(void);

#endif
