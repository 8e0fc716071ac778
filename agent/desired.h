/* The desired state: what the kernel should hold, from what the store says and where the node
 * stands. Pure: no clock, no kernel, no randomness.
 *
 * The peers' part is a backend's (backend.h); here is what all backends share: whose leases count,
 * the unreachable route of our own subnet (so that traffic for absent pods does not loop;
 * NETWORK.md 4), and the pods' host routes.
 *
 * Invariants. Of leases that overlap, only the one with the highest epoch counts: all others, our
 * own included, have lost their subnet (RELIABILITY.md S8). A lease that counts is a node's with a
 * subnet, an epoch and an outer address. Without an own lease that counts there are no peers and no
 * tunnel, and the pods' routes stay: node-local traffic goes on. One broken lease costs its own
 * peer only.
 *
 * The leases must be one revision of the store, and never an older one than last time: a route then
 * never goes back to a lower epoch. A caller that has not yet read its own lease or its pods must
 * not execute a plan, which would take away what it has not read. */
#ifndef WEFT_AGENT_DESIRED_H
#define WEFT_AGENT_DESIRED_H

#include "agent/model.h"
#include "wire/kind_network.h"
#include "wire/kind_subnet.h"

/* The device that carries traffic between nodes. */
struct desired_parent {
    char name[LINK_NAME_SIZE];
    uint32_t mtu;
    struct ip_address local;  /* its address that peers are reached from */
    struct ip_prefix on_link; /* the prefix around it: who is a direct neighbour */
};

/* A pod's address and the host's end of its veth pair. */
struct desired_pod {
    struct ip_address address;
    const char *link;
};

struct desired_input {
    const char *node;              /* our name */
    const struct network *network; /* complete: with a backend of a type that backend_find knows */
    const struct subnet *own;      /* our lease; NULL: none */
    const struct subnet *const *leases; /* of the network, in any order; ours may be among them */
    size_t lease_count;
    const struct desired_parent *parent;
    struct mac_address vtep_mac; /* ours */
    const struct desired_pod *pods;
    size_t pod_count;
};

/* A peer left out, and why. */
struct desired_skip {
    const struct subnet *lease; /* the caller's */
    const char *reason;         /* static */
};

/* What was odd; for the log and the status. */
struct desired_report {
    bool own_is_beaten; /* another node holds our subnet, with a higher epoch */
    size_t peers;       /* that count and were understood */
    size_t conflicts;   /* claims on one MAC or address by two peers: the higher epoch's is taken */
    size_t skip_count;  /* all; the first LIMIT_DESIRED_SKIPS_MAX are below */
    struct desired_skip skips[LIMIT_DESIRED_SKIPS_MAX];
};

/* Fills the state, settled (model.h). Links of other nodes' making are the backend's. */
void desired_build(const struct desired_input *input, struct network_state *out_state,
                   struct desired_report *out_report);

/* The MTU of pods: the network's, or what the parent leaves after the tunnel's headers. */
uint32_t desired_mtu(const struct network *network, const struct desired_parent *parent);

/* Appends a route with our protocol and the metric that this family's kernel code has as default.
 * Shared with the backends. Shape: `gateway` NULL: the destination is on the link. */
void desired_add_route(struct network_state *state, const struct ip_prefix *destination,
                       const struct ip_address *gateway, const char *link, bool is_onlink);

#endif
