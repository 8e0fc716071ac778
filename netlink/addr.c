#include "netlink/addr.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

bool addr_parse(const struct nlmsghdr *message, void *out_addr) {
    const struct nlattr *rows[IFA_FLAGS + 1];
    if (message->nlmsg_type != RTM_NEWADDR ||
        !attr_parse(message, sizeof(struct ifaddrmsg), rows, IFA_FLAGS)) {
        return false;
    }
    const struct ifaddrmsg *body = mnl_nlmsg_get_payload(message);
    /* On a point-to-point link IFA_ADDRESS is the peer, IFA_LOCAL our side. */
    const struct nlattr *local = rows[IFA_LOCAL] != NULL ? rows[IFA_LOCAL] : rows[IFA_ADDRESS];
    struct addr_entry *addr = out_addr;
    addr->link = body->ifa_index;
    addr->address = attr_address(local, body->ifa_family);
    addr->length = body->ifa_prefixlen;
    addr->scope = body->ifa_scope;
    addr->flags = rows[IFA_FLAGS] != NULL ? attr_u32(rows[IFA_FLAGS]) : body->ifa_flags;
    return addr->address.family != IP_NONE && addr->length <= ip_address_bits(&addr->address);
}

enum err addr_dump(struct netlink *netlink, struct netlink_list *out_addrs,
                   struct netlink_error *error) {
    alignas(8) uint8_t bytes[64] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    message->nlmsg_type = RTM_GETADDR;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    (void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg));
    return netlink_query(netlink, message, addr_parse, sizeof(struct addr_entry), out_addrs, error);
}

static void append(struct netlink_batch *batch, uint16_t type, unsigned flags,
                   const struct addr_entry *addr) {
    struct nlmsghdr *message = netlink_batch_begin(batch, type, flags, sizeof(struct ifaddrmsg));
    struct ifaddrmsg *body = mnl_nlmsg_get_payload(message);
    body->ifa_family = (uint8_t)family_of(&addr->address);
    body->ifa_prefixlen = addr->length;
    body->ifa_scope = addr->scope;
    body->ifa_index = addr->link;
    attr_put_address(message, IFA_LOCAL, &addr->address);
    attr_put_address(message, IFA_ADDRESS, &addr->address);
    if (addr->flags != 0) {
        attr_put_u32(message, IFA_FLAGS, addr->flags);
    }
    netlink_batch_end(batch, message);
}

void addr_add(struct netlink_batch *batch, const struct addr_entry *addr) {
    append(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, addr);
}

void addr_delete(struct netlink_batch *batch, const struct addr_entry *addr) {
    append(batch, RTM_DELADDR, 0, addr);
}
