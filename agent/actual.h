/* The actual state: what the kernel holds of ours, read through netlink/ in the calling thread's
 * namespace. What is not ours is left out while reading, so that a machine's other routes and
 * links, however many, cost nothing. */
#ifndef WEFT_AGENT_ACTUAL_H
#define WEFT_AGENT_ACTUAL_H

#include "agent/desired.h"
#include "agent/model.h"
#include "netlink/socket.h"

/* Fills the state, sorted (model.h). A device that vanishes while it is read counts as without
 * neighbours and forwarding entries: the next look sees it gone. Errors: those of netlink_query. */
MUST_USE enum err actual_read(struct netlink *netlink, struct network_state *out_state,
                              struct netlink_error *error);

/* Looks at the device that is to carry the traffic between nodes. Shape: `name` "" takes that of
 * the default route; `prefer` names one of its addresses (the node's public address), IP_NONE any.
 * The address is `prefer` when the device has it; else the first global one of its family (of IPv4,
 * then IPv6, when `prefer` is IP_NONE). Errors: ERR_NOT_FOUND without device or address; those of
 * netlink_query. */
MUST_USE enum err actual_find_parent(struct netlink *netlink, const char *name,
                                     const struct ip_address *prefer,
                                     struct desired_parent *out_parent,
                                     struct netlink_error *error);

#endif
