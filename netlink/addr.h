/* Addresses of links, both families. Changes go into a batch (socket.h). */
#ifndef WEFT_NETLINK_ADDR_H
#define WEFT_NETLINK_ADDR_H

#include "netlink/attr.h"
#include "netlink/socket.h"

struct addr_entry {
    unsigned link; /* index */
    struct ip_address address;
    uint8_t length; /* of the prefix on the link */
    uint8_t scope;  /* RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, ... (linux/rtnetlink.h) */
    uint32_t flags; /* IFA_F_PERMANENT, IFA_F_NODAD, ... (linux/if_addr.h) */
};

/* A netlink_parse_cb over struct addr_entry; false for anything but an RTM_NEWADDR. */
bool addr_parse(const struct nlmsghdr *message, void *out_addr);
/* All addresses of the namespace, in the kernel's order. */
MUST_USE enum err addr_dump(struct netlink *netlink, struct netlink_list *out_addrs,
                            struct netlink_error *error);
static inline const struct addr_entry *addr_at(const struct netlink_list *addrs, size_t at) {
    return (const struct addr_entry *)(const void *)addrs->bytes.data + at;
}

/* Adds the address; one that is there already gets the flags. */
void addr_add(struct netlink_batch *batch, const struct addr_entry *addr);
void addr_delete(struct netlink_batch *batch, const struct addr_entry *addr);

#endif
