#include "agent/backend_hostgw.h"

static uint32_t overhead(const struct ip_address *local) {
    (void)local;
    return 0;
}

static void write_data(const struct network *network, const struct mac_address *vtep_mac,
                       struct buf *out) {
    (void)network;
    (void)vtep_mac;
    buf_append_text(out, "{}");
}

static void add_own(const struct desired_input *input, struct network_state *state) {
    (void)input;
    (void)state;
}

static const char *check_peer(const struct desired_input *input, const struct subnet *peer,
                              const struct ip_address *remote) {
    if (remote->family == IP_NONE) {
        return "no public address of our parent device's family";
    }
    if (ip_address_compare(remote, &input->parent->local) == 0) {
        return "its public address is our own";
    }
    if (!ip_prefix_contains(&input->parent->on_link, remote)) {
        return "not on our link: host-gw needs all nodes on one, vxlan does not";
    }
    if (peer->subnet.address.family != remote->family ||
        peer->subnet_v6.address.family != IP_NONE) {
        return "host-gw routes pods of the nodes' own address family only";
    }
    return NULL;
}

static const char *add_peer(const struct desired_input *input, const struct subnet *peer,
                            struct network_state *state) {
    struct ip_address remote = backend_peer_address(input, peer);
    const char *fault = check_peer(input, peer, &remote);
    if (fault == NULL) {
        desired_add_route(state, &peer->subnet, &remote, input->parent->name, false);
    }
    return fault;
}

const struct backend backend_hostgw = {
    .type = "host-gw",
    .overhead = overhead,
    .write_data = write_data,
    .add_own = add_own,
    .add_peer = add_peer,
};
