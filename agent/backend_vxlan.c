#include "agent/backend_vxlan.h"

#include "util/rand.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

/* Outer IP, UDP, VXLAN, inner Ethernet. Source: RFC 7348 section 5. */
#define OVERHEAD_V4 (20u + 8u + 8u + 14u)
#define OVERHEAD_V6 (40u + 8u + 8u + 14u)

static uint32_t overhead(const struct ip_address *local) {
    return local->family == IP_V6 ? OVERHEAD_V6 : OVERHEAD_V4;
}

static void write_data(const struct network *network, const struct mac_address *vtep_mac,
                       struct buf *out) {
    char mac[MAC_TEXT_SIZE];
    mac_format(vtep_mac, mac);
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    json_member_number(&writer, "vni", network->backend->vni);
    json_member_text(&writer, "vtep_mac", mac);
    json_close_object(&writer);
}

struct mac_address backend_vxlan_new_mac(void) {
    struct mac_address mac;
    rand_os(mac.bytes, sizeof mac.bytes);
    mac.bytes[0] = (uint8_t)((mac.bytes[0] & ~0x01u) | 0x02u);
    return mac;
}

static void set_link(const struct desired_input *input, char out_name[LINK_NAME_SIZE]) {
    model_link_name((uint32_t)input->network->backend->vni, out_name);
}

static void add_device(const struct desired_input *input, struct network_state *state) {
    const struct network_backend *options = input->network->backend;
    struct model_object object = {
        .class = MODEL_LINK,
        .link = {.is_vxlan = true,
                 .vni = (uint32_t)options->vni,
                 .port = (uint16_t)options->port,
                 .local = input->parent->local,
                 .is_up = true,
                 .mtu = desired_mtu(input->network, input->parent),
                 .mac = input->vtep_mac},
    };
    set_link(input, object.link.name);
    (void)snprintf(object.link.parent, LINK_NAME_SIZE, "%s", input->parent->name);
    network_state_add(state, &object);
}

static void add_address(const struct desired_input *input, const struct ip_prefix *subnet,
                        struct network_state *state) {
    struct model_object object = {
        .class = MODEL_ADDRESS,
        .address = {.address = subnet->address,
                    .length = (uint8_t)ip_address_bits(&subnet->address)},
    };
    if (subnet->address.family != IP_NONE) {
        set_link(input, object.address.link);
        network_state_add(state, &object);
    }
}

static void add_own(const struct desired_input *input, struct network_state *state) {
    add_device(input, state);
    add_address(input, &input->own->subnet, state);
    add_address(input, &input->own->subnet_v6, state);
}

/* What a peer's lease says of its tunnel's end. */
struct peer_data {
    struct mac_address mac;
    uint64_t vni;
};

static const char *check_mac(const struct desired_input *input, const struct mac_address *mac) {
    if (mac_is_zero(mac) || (mac->bytes[0] & 0x01u) != 0) {
        return "backend_data: vtep_mac is no unicast address";
    }
    if (memcmp(mac->bytes, input->vtep_mac.bytes, sizeof mac->bytes) == 0) {
        return "backend_data: vtep_mac is our own";
    }
    return NULL;
}

/* NULL, or what is wrong. */
static const char *parse_data(const struct desired_input *input, struct slice text,
                              struct peer_data *out_data) {
    struct json *json = NULL;
    struct json_fault fault;
    if (json_parse(text, &json, &fault) != ERR_OK) {
        return "backend_data is no JSON";
    }
    const char *mac = json_find_text(json, "vtep_mac", "");
    bool has_mac = mac_parse(mac, &out_data->mac) == ERR_OK;
    out_data->vni = json_find_number(json, "vni", 0);
    json_free(json);
    if (!has_mac) {
        return "backend_data has no vtep_mac";
    }
    if (out_data->vni != input->network->backend->vni) {
        return "backend_data: another vni than the network's";
    }
    return check_mac(input, &out_data->mac);
}

static void add_fdb(const char *link, const struct mac_address *mac,
                    const struct ip_address *remote, struct network_state *state) {
    struct model_object object = {.class = MODEL_FDB, .fdb = {.mac = *mac, .remote = *remote}};
    memcpy(object.fdb.link, link, LINK_NAME_SIZE);
    network_state_add(state, &object);
}

static void add_subnet(const char *link, const struct ip_prefix *subnet,
                       const struct mac_address *mac, struct network_state *state) {
    if (subnet->address.family == IP_NONE) {
        return;
    }
    struct model_object object = {.class = MODEL_NEIGHBOUR,
                                  .neighbour = {.address = subnet->address, .mac = *mac}};
    memcpy(object.neighbour.link, link, LINK_NAME_SIZE);
    network_state_add(state, &object);
    desired_add_route(state, subnet, &subnet->address, link, true);
}

/* Without a tunnel: the peer is the parent device's direct neighbour (NETWORK.md 4). */
static bool is_direct(const struct desired_input *input, const struct ip_address *remote,
                      const struct ip_prefix *subnet) {
    return input->network->backend->direct_routing && subnet->address.family == remote->family &&
           ip_prefix_contains(&input->parent->on_link, remote);
}

static const char *add_peer(const struct desired_input *input, const struct subnet *peer,
                            struct network_state *state) {
    struct peer_data data;
    const char *fault = parse_data(input, peer->backend_data, &data);
    struct ip_address remote = backend_peer_address(input, peer);
    if (fault != NULL) {
        return fault;
    }
    if (remote.family == IP_NONE) {
        return "no public address of our parent device's family";
    }
    if (ip_address_compare(&remote, &input->parent->local) == 0) {
        return "its public address is our own";
    }
    char link[LINK_NAME_SIZE];
    set_link(input, link);
    const struct ip_prefix *subnets[] = {&peer->subnet, &peer->subnet_v6};
    bool needs_tunnel = false;
    for (size_t i = 0; i < ARRAY_COUNT(subnets); i++) {
        if (is_direct(input, &remote, subnets[i])) {
            desired_add_route(state, subnets[i], &remote, input->parent->name, false);
        } else {
            needs_tunnel |= subnets[i]->address.family != IP_NONE;
            add_subnet(link, subnets[i], &data.mac, state);
        }
    }
    if (needs_tunnel) {
        add_fdb(link, &data.mac, &remote, state);
    }
    return NULL;
}

const struct backend backend_vxlan = {
    .type = "vxlan",
    .overhead = overhead,
    .write_data = write_data,
    .add_own = add_own,
    .add_peer = add_peer,
};
