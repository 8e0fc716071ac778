/* host-gw: a route to each peer's subnet by way of the peer itself, no tunnel. Every peer must be a
 * direct neighbour on the parent device; who is not gets no route, and the agent says so. Source:
 * NETWORK.md 4. */
#ifndef WEFT_AGENT_BACKEND_HOSTGW_H
#define WEFT_AGENT_BACKEND_HOSTGW_H

#include "agent/backend.h"

extern const struct backend backend_hostgw;

#endif
