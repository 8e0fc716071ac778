#include "netlink/neigh.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* The fixed part of a neighbour message of one family (AF_BRIDGE or not); NULL for others. */
static const struct ndmsg *parse_message(const struct nlmsghdr *message, bool is_bridge,
                                         const struct nlattr **rows) {
    if (message->nlmsg_type != RTM_NEWNEIGH ||
        !attr_parse(message, sizeof(struct ndmsg), rows, NDA_LLADDR)) {
        return NULL;
    }
    const struct ndmsg *body = mnl_nlmsg_get_payload(message);
    return (body->ndm_family == AF_BRIDGE) == is_bridge ? body : NULL;
}

bool neigh_parse(const struct nlmsghdr *message, void *out_neigh) {
    const struct nlattr *rows[NDA_LLADDR + 1];
    const struct ndmsg *body = parse_message(message, false, rows);
    if (body == NULL) {
        return false;
    }
    struct neigh_entry *neigh = out_neigh;
    neigh->link = (unsigned)body->ndm_ifindex;
    neigh->address = attr_address(rows[NDA_DST], body->ndm_family);
    neigh->mac = attr_mac(rows[NDA_LLADDR]);
    neigh->state = body->ndm_state;
    return neigh->address.family != IP_NONE;
}

/* The message says AF_BRIDGE, so the size of the address tells its family. */
static struct ip_address parse_remote(const struct nlattr *attr) {
    bool is_v6 = attr != NULL && mnl_attr_get_payload_len(attr) == 16;
    return attr_address(attr, is_v6 ? AF_INET6 : AF_INET);
}

bool fdb_parse(const struct nlmsghdr *message, void *out_fdb) {
    const struct nlattr *rows[NDA_LLADDR + 1];
    const struct ndmsg *body = parse_message(message, true, rows);
    if (body == NULL || rows[NDA_LLADDR] == NULL) {
        return false;
    }
    struct fdb_entry *fdb = out_fdb;
    fdb->link = (unsigned)body->ndm_ifindex;
    fdb->mac = attr_mac(rows[NDA_LLADDR]);
    fdb->remote = parse_remote(rows[NDA_DST]);
    fdb->state = body->ndm_state;
    return true;
}

static enum err dump(struct netlink *netlink, uint8_t family, unsigned link, netlink_parse_cb parse,
                     size_t item_size, struct netlink_list *out_list, struct netlink_error *error) {
    alignas(8) uint8_t bytes[64] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    message->nlmsg_type = RTM_GETNEIGH;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct ndmsg *body = mnl_nlmsg_put_extra_header(message, sizeof *body);
    body->ndm_family = family;
    attr_put_u32(message, NDA_IFINDEX, link);
    return netlink_query(netlink, message, parse, item_size, out_list, error);
}

/* Drops what a kernel that does not filter sends of other links. Shape: each item begins with the
 * link's index. */
static void keep_link(struct netlink_list *list, size_t item_size, unsigned link) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        unsigned item_link;
        const uint8_t *item = list->bytes.data + i * item_size;
        memcpy(&item_link, item, sizeof item_link);
        if (item_link == link) {
            memmove(list->bytes.data + kept * item_size, item, item_size);
            kept++;
        }
    }
    list->count = kept;
    list->bytes.size = kept * item_size;
}

enum err neigh_dump(struct netlink *netlink, unsigned link, struct netlink_list *out_neighs,
                    struct netlink_error *error) {
    enum err err =
        dump(netlink, AF_UNSPEC, link, neigh_parse, sizeof(struct neigh_entry), out_neighs, error);
    keep_link(out_neighs, sizeof(struct neigh_entry), link);
    return err;
}

enum err fdb_dump(struct netlink *netlink, unsigned link, struct netlink_list *out_fdbs,
                  struct netlink_error *error) {
    enum err err =
        dump(netlink, AF_BRIDGE, link, fdb_parse, sizeof(struct fdb_entry), out_fdbs, error);
    keep_link(out_fdbs, sizeof(struct fdb_entry), link);
    return err;
}

static void append(struct netlink_batch *batch, uint16_t type, unsigned flags,
                   const struct ndmsg *fixed, const struct ip_address *address,
                   const struct mac_address *mac) {
    struct nlmsghdr *message = netlink_batch_begin(batch, type, flags, sizeof *fixed);
    memcpy(mnl_nlmsg_get_payload(message), fixed, sizeof *fixed);
    if (address->family != IP_NONE) {
        attr_put_address(message, NDA_DST, address);
    }
    attr_put_mac(message, NDA_LLADDR, mac);
    netlink_batch_end(batch, message);
}

static struct ndmsg neigh_fixed(const struct neigh_entry *neigh) {
    return (struct ndmsg){.ndm_family = (uint8_t)family_of(&neigh->address),
                          .ndm_ifindex = (int)neigh->link,
                          .ndm_state = NUD_PERMANENT};
}

static struct ndmsg fdb_fixed(const struct fdb_entry *fdb) {
    return (struct ndmsg){.ndm_family = AF_BRIDGE,
                          .ndm_ifindex = (int)fdb->link,
                          .ndm_flags = NTF_SELF,
                          .ndm_state = NUD_NOARP | NUD_PERMANENT};
}

void neigh_add(struct netlink_batch *batch, const struct neigh_entry *neigh) {
    struct ndmsg fixed = neigh_fixed(neigh);
    append(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &fixed, &neigh->address, &neigh->mac);
}

void neigh_delete(struct netlink_batch *batch, const struct neigh_entry *neigh) {
    struct ndmsg fixed = neigh_fixed(neigh);
    append(batch, RTM_DELNEIGH, 0, &fixed, &neigh->address, &neigh->mac);
}

void fdb_add(struct netlink_batch *batch, const struct fdb_entry *fdb) {
    struct ndmsg fixed = fdb_fixed(fdb);
    append(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &fixed, &fdb->remote, &fdb->mac);
}

void fdb_delete(struct netlink_batch *batch, const struct fdb_entry *fdb) {
    struct ndmsg fixed = fdb_fixed(fdb);
    append(batch, RTM_DELNEIGH, 0, &fixed, &fdb->remote, &fdb->mac);
}
