/* Network devices: looking at them, making VXLAN devices and veth pairs, changing, deleting.
 *
 * The changing functions append one message to a batch (socket.h); nothing happens before
 * netlink_send. */
#ifndef WEFT_NETLINK_LINK_H
#define WEFT_NETLINK_LINK_H

#include "netlink/attr.h"
#include "netlink/socket.h"

#define LINK_KIND_SIZE 16u

/* What makes a VXLAN device the one it is; none of it can be changed in place. Source: "VXLAN",
 * linux/if_link.h. */
struct link_vxlan {
    uint32_t vni;
    uint16_t port;           /* UDP */
    unsigned parent;         /* index of the device that carries the outer packets; 0: any */
    struct ip_address local; /* outer source; its family is the tunnel's */
    bool is_learning;        /* fills the FDB from what comes in: never wanted here */
};

struct link_info {
    unsigned index;
    char name[LINK_NAME_SIZE];
    struct mac_address mac;
    uint32_t mtu;
    bool is_up;                /* as configured (IFF_UP) */
    bool is_running;           /* up and the lower layer too (IFF_LOWER_UP) */
    unsigned lower;            /* IFLA_LINK: a veth's peer (in whichever namespace), a parent */
    char kind[LINK_KIND_SIZE]; /* "vxlan", "veth"; "" for hardware and loopback */
    struct link_vxlan vxlan;   /* kind "vxlan" only */
};

/* Reads one RTM_NEWLINK; false for anything else. A netlink_parse_cb over struct link_info. */
bool link_parse(const struct nlmsghdr *message, void *out_link);
/* All devices of the namespace: struct link_info, sorted by index. */
MUST_USE enum err link_dump(struct netlink *netlink, struct netlink_list *out_links,
                            struct netlink_error *error);
/* One device by name. Errors: ERR_NOT_FOUND. */
MUST_USE enum err link_find(struct netlink *netlink, const char *name, struct link_info *out_link,
                            struct netlink_error *error);

static inline const struct link_info *link_at(const struct netlink_list *links, size_t at) {
    return (const struct link_info *)(const void *)links->bytes.data + at;
}
/* In a list as link_dump leaves it; NULL when absent. */
const struct link_info *link_of_index(const struct netlink_list *links, unsigned index);
/* Sorts the list by name, for link_of_name only. */
void link_sort_by_name(struct netlink_list *links);
/* In a list sorted by link_sort_by_name; NULL when absent. */
const struct link_info *link_of_name(const struct netlink_list *links, const char *name);

/* Creates a VXLAN device and sets it up, in one step. */
void link_add_vxlan(struct netlink_batch *batch, const char *name, const struct link_vxlan *vxlan,
                    const struct mac_address *mac, uint32_t mtu);

/* One end of a veth pair. */
struct link_veth_end {
    const char *name;
    struct mac_address mac; /* zero: the kernel's choice */
    bool has_netns;         /* else the namespace of the socket */
    int netns_fd;
};
/* Creates a veth pair, both ends down, with one MTU; either end may be born in another namespace.
 */
void link_add_veth(struct netlink_batch *batch, const struct link_veth_end *end,
                   const struct link_veth_end *peer, uint32_t mtu);

/* What to change; zero members stay as they are. */
struct link_change {
    const char *name;
    struct mac_address mac;
    uint32_t mtu;
    bool sets_up;
    bool sets_down;
    bool has_netns; /* moves the device */
    int netns_fd;
};
void link_change(struct netlink_batch *batch, unsigned index, const struct link_change *change);
void link_delete(struct netlink_batch *batch, unsigned index);

#endif
