/* A cluster as an agent sees it, for tests: node 0 is ours, the others are peers. Node i (from 0)
 * has the subnet 10.128.(i+1).0/24, the public address 192.0.2.(i+1) (continuing beyond), the VTEP
 * MAC 02:00:00:00:xx:xx of i+1, and the epoch 101+i. */
#ifndef WEFT_TESTS_AGENT_CLUSTER_H
#define WEFT_TESTS_AGENT_CLUSTER_H

#include "agent/desired.h"

#define CLUSTER_PODS_MAX 8u

struct cluster {
    struct network network;
    struct network_backend backend;
    struct subnet *leases; /* `count`, ours first; change at will, then cluster_build */
    const struct subnet **pointers;
    size_t count;
    struct desired_parent parent;
    struct desired_pod pods[CLUSTER_PODS_MAX];
    struct desired_input input;
    struct arena arena; /* names and backend_data */
};

/* Lifetime: cluster_init .. cluster_deinit. `count` nodes, ours included. */
void cluster_init(struct cluster *cluster, size_t count);
void cluster_deinit(struct cluster *cluster);
/* Gives node i an IPv6 subnet too, fd00:0:0:<i+1>::/64. */
void cluster_add_v6(struct cluster *cluster);
void cluster_set_mac(struct cluster *cluster, size_t node, const char *mac);
void cluster_add_pod(struct cluster *cluster, const char *address, const char *link);
/* Takes peer `node` out of the list. */
void cluster_remove(struct cluster *cluster, size_t node);
/* desired_build over what the cluster now is. */
void cluster_build(struct cluster *cluster, struct network_state *out_state,
                   struct desired_report *out_report);

#endif
