/* Neighbours (address -> MAC) and forwarding entries of VXLAN devices (MAC -> outer address).
 * Changes go into a batch (socket.h); both kinds are permanent when we make them. */
#ifndef WEFT_NETLINK_NEIGH_H
#define WEFT_NETLINK_NEIGH_H

#include "netlink/attr.h"
#include "netlink/socket.h"

struct neigh_entry {
    unsigned link; /* index */
    struct ip_address address;
    struct mac_address mac;
    uint16_t state; /* NUD_PERMANENT, NUD_REACHABLE, ... (linux/neighbour.h); not for adding */
};

/* A row of a VXLAN device's own forwarding database ("self"). */
struct fdb_entry {
    unsigned link;
    struct mac_address mac;
    struct ip_address remote; /* outer destination */
    uint16_t state;           /* not for adding */
};

/* netlink_parse_cbs; false for anything but an RTM_NEWNEIGH of the right family. */
bool neigh_parse(const struct nlmsghdr *message, void *out_neigh);
bool fdb_parse(const struct nlmsghdr *message, void *out_fdb);

/* The neighbours on one link, all states, both families. Errors: ERR_NOT_FOUND without the link. */
MUST_USE enum err neigh_dump(struct netlink *netlink, unsigned link,
                             struct netlink_list *out_neighs, struct netlink_error *error);
/* The forwarding entries of one VXLAN device. */
MUST_USE enum err fdb_dump(struct netlink *netlink, unsigned link, struct netlink_list *out_fdbs,
                           struct netlink_error *error);
static inline const struct neigh_entry *neigh_at(const struct netlink_list *neighs, size_t at) {
    return (const struct neigh_entry *)(const void *)neighs->bytes.data + at;
}
static inline const struct fdb_entry *fdb_at(const struct netlink_list *fdbs, size_t at) {
    return (const struct fdb_entry *)(const void *)fdbs->bytes.data + at;
}

/* Adds a permanent neighbour, or makes the one with this address so. */
void neigh_add(struct netlink_batch *batch, const struct neigh_entry *neigh);
void neigh_delete(struct netlink_batch *batch, const struct neigh_entry *neigh);
/* Adds a permanent forwarding entry, or turns the one with this MAC to the new remote. */
void fdb_add(struct netlink_batch *batch, const struct fdb_entry *fdb);
void fdb_delete(struct netlink_batch *batch, const struct fdb_entry *fdb);

#endif
