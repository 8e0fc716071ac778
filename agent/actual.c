#include "agent/actual.h"

#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/neigh.h"
#include "netlink/route.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The name of a link; "" for 0 and for one that is not in the list. */
static void copy_name(const struct netlink_list *links, unsigned index,
                      char out_name[LINK_NAME_SIZE]) {
    const struct link_info *link = link_of_index(links, index);
    memset(out_name, 0, LINK_NAME_SIZE);
    if (link != NULL) {
        memcpy(out_name, link->name, LINK_NAME_SIZE);
    }
}

static bool is_our_link(const struct netlink_list *links, unsigned index) {
    const struct link_info *link = link_of_index(links, index);
    return link != NULL && model_is_our_link_name(link->name);
}

static void take_link(const struct netlink_list *links, const struct link_info *link,
                      struct network_state *state) {
    struct model_object object = {
        .class = MODEL_LINK,
        .link = {.is_vxlan = strcmp(link->kind, "vxlan") == 0,
                 .is_learning = link->vxlan.is_learning,
                 .port = link->vxlan.port,
                 .vni = link->vxlan.vni,
                 .local = link->vxlan.local,
                 .is_up = link->is_up,
                 .mtu = link->mtu,
                 .mac = link->mac},
    };
    memcpy(object.link.name, link->name, LINK_NAME_SIZE);
    copy_name(links, link->vxlan.parent, object.link.parent);
    network_state_add(state, &object);
}

/* Link-local addresses are the kernel's, and those with a lifetime a router's. */
static enum err read_addresses(struct netlink *netlink, const struct netlink_list *links,
                               struct netlink_list *list, struct network_state *state,
                               struct netlink_error *error) {
    enum err err = addr_dump(netlink, list, error);
    for (size_t i = 0; err == ERR_OK && i < list->count; i++) {
        const struct addr_entry *addr = addr_at(list, i);
        if (addr->scope != RT_SCOPE_UNIVERSE || (addr->flags & IFA_F_PERMANENT) == 0 ||
            !is_our_link(links, addr->link)) {
            continue;
        }
        struct model_object object = {
            .class = MODEL_ADDRESS, .address = {.address = addr->address, .length = addr->length}};
        copy_name(links, addr->link, object.address.link);
        network_state_add(state, &object);
    }
    return err;
}

static enum err read_neighbours(struct netlink *netlink, const struct link_info *link,
                                struct netlink_list *list, struct network_state *state,
                                struct netlink_error *error) {
    enum err err = neigh_dump(netlink, link->index, list, error);
    for (size_t i = 0; err == ERR_OK && i < list->count; i++) {
        const struct neigh_entry *neigh = neigh_at(list, i);
        if (neigh->state != NUD_PERMANENT) {
            continue; /* the kernel's own finds */
        }
        struct model_object object = {.class = MODEL_NEIGHBOUR,
                                      .neighbour = {.address = neigh->address, .mac = neigh->mac}};
        memcpy(object.neighbour.link, link->name, LINK_NAME_SIZE);
        network_state_add(state, &object);
    }
    return err;
}

static enum err read_fdb(struct netlink *netlink, const struct link_info *link,
                         struct netlink_list *list, struct network_state *state,
                         struct netlink_error *error) {
    enum err err = fdb_dump(netlink, link->index, list, error);
    for (size_t i = 0; err == ERR_OK && i < list->count; i++) {
        const struct fdb_entry *fdb = fdb_at(list, i);
        struct model_object object = {.class = MODEL_FDB,
                                      .fdb = {.mac = fdb->mac, .remote = fdb->remote}};
        memcpy(object.fdb.link, link->name, LINK_NAME_SIZE);
        network_state_add(state, &object);
    }
    return err;
}

static enum err read_links(struct netlink *netlink, const struct netlink_list *links,
                           struct netlink_list *list, struct network_state *state,
                           struct netlink_error *error) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < links->count; i++) {
        const struct link_info *link = link_at(links, i);
        if (!model_is_our_link_name(link->name)) {
            continue;
        }
        take_link(links, link, state);
        err = read_neighbours(netlink, link, list, state, error);
        if (err == ERR_OK) {
            err = read_fdb(netlink, link, list, state, error);
        }
        err = err == ERR_NOT_FOUND ? ERR_OK : err; /* deleted since the dump of links */
    }
    return err;
}

static enum err read_routes(struct netlink *netlink, const struct netlink_list *links,
                            struct netlink_list *list, struct network_state *state,
                            struct netlink_error *error) {
    enum err err = route_dump(netlink, ROUTE_PROTOCOL_WEFT, list, error);
    for (size_t i = 0; err == ERR_OK && i < list->count; i++) {
        const struct route_entry *route = route_at(list, i);
        struct model_object object = {.class = MODEL_ROUTE,
                                      .route = {.destination = route->destination,
                                                .metric = route->metric,
                                                .protocol = route->protocol,
                                                .type = route->type,
                                                .is_onlink = route->is_onlink,
                                                .gateway = route->gateway}};
        copy_name(links, route->link, object.route.link);
        network_state_add(state, &object);
    }
    return err;
}

enum err actual_read(struct netlink *netlink, struct network_state *out_state,
                     struct netlink_error *error) {
    struct netlink_list links;
    struct netlink_list list;
    netlink_list_init(&links);
    netlink_list_init(&list);
    network_state_clear(out_state);
    enum err err = link_dump(netlink, &links, error);
    if (err == ERR_OK) {
        err = read_links(netlink, &links, &list, out_state, error);
    }
    if (err == ERR_OK) {
        err = read_addresses(netlink, &links, &list, out_state, error);
    }
    if (err == ERR_OK) {
        err = read_routes(netlink, &links, &list, out_state, error);
    }
    network_state_sort(out_state);
    netlink_list_deinit(&list);
    netlink_list_deinit(&links);
    return err;
}

/* The index of the device of the default route with the lowest metric, IPv4's first; 0 for none. */
static enum err find_default(struct netlink *netlink, unsigned *out_index,
                             struct netlink_error *error) {
    struct netlink_list routes;
    const struct route_entry *best = NULL;
    netlink_list_init(&routes);
    enum err err = route_dump(netlink, ROUTE_PROTOCOL_ANY, &routes, error);
    for (size_t i = 0; err == ERR_OK && i < routes.count; i++) {
        const struct route_entry *route = route_at(&routes, i);
        bool is_default = route->destination.length == 0 && route->link != 0;
        bool is_same_family =
            best != NULL && route->destination.address.family == best->destination.address.family;
        if (is_default && (best == NULL || (is_same_family && route->metric < best->metric))) {
            best = route;
        }
    }
    *out_index = best != NULL ? best->link : 0;
    netlink_list_deinit(&routes);
    return err;
}

/* How well an address suits; 0 not at all. */
static int rank(const struct addr_entry *addr, const struct ip_address *prefer) {
    if (addr->scope != RT_SCOPE_UNIVERSE || (addr->flags & IFA_F_TENTATIVE) != 0) {
        return 0;
    }
    if (prefer->family == IP_NONE) {
        return addr->address.family == IP_V4 ? 2 : 1;
    }
    if (ip_address_compare(&addr->address, prefer) == 0) {
        return 2;
    }
    return addr->address.family == prefer->family ? 1 : 0;
}

static enum err find_local(struct netlink *netlink, unsigned index, const struct ip_address *prefer,
                           struct desired_parent *parent, struct netlink_error *error) {
    struct netlink_list addrs;
    int best = 0;
    netlink_list_init(&addrs);
    enum err err = addr_dump(netlink, &addrs, error);
    for (size_t i = 0; err == ERR_OK && i < addrs.count; i++) {
        const struct addr_entry *addr = addr_at(&addrs, i);
        if (addr->link == index && rank(addr, prefer) > best) {
            best = rank(addr, prefer);
            parent->local = addr->address;
            parent->on_link = ip_prefix_around(&addr->address, addr->length);
        }
    }
    netlink_list_deinit(&addrs);
    return err == ERR_OK && best == 0
               ? netlink_error_set(error, EADDRNOTAVAIL, "the device has no usable address")
               : err;
}

static enum err find_link(struct netlink *netlink, const char *name, struct link_info *out_link,
                          struct netlink_error *error) {
    if (name[0] != 0) {
        return link_find(netlink, name, out_link, error);
    }
    unsigned index = 0;
    enum err err = find_default(netlink, &index, error);
    if (err != ERR_OK) {
        return err;
    }
    struct netlink_list links;
    netlink_list_init(&links);
    err = link_dump(netlink, &links, error);
    const struct link_info *link = err == ERR_OK ? link_of_index(&links, index) : NULL;
    if (link != NULL) {
        *out_link = *link;
    } else if (err == ERR_OK) {
        err = netlink_error_set(error, ENODEV, "there is no default route: name the device");
    }
    netlink_list_deinit(&links);
    return err;
}

enum err actual_find_parent(struct netlink *netlink, const char *name,
                            const struct ip_address *prefer, struct desired_parent *out_parent,
                            struct netlink_error *error) {
    struct link_info link = {0};
    struct desired_parent parent = {0};
    enum err err = find_link(netlink, name, &link, error);
    if (err == ERR_OK) {
        err = find_local(netlink, link.index, prefer, &parent, error);
    }
    if (err == ERR_OK) {
        memcpy(parent.name, link.name, LINK_NAME_SIZE);
        parent.mtu = link.mtu;
        *out_parent = parent;
    }
    return err;
}
