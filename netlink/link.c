#include "netlink/link.h"

#include "util/check.h"

#include <endian.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP (1u << 16) /* linux/if.h, which cannot be included beside net/if.h */
#endif

static void parse_vxlan(const struct nlattr *data, struct link_vxlan *out_vxlan) {
    const struct nlattr *rows[IFLA_VXLAN_LOCAL6 + 1];
    attr_parse_nested(data, rows, IFLA_VXLAN_LOCAL6);
    *out_vxlan = (struct link_vxlan){
        .vni = attr_u32(rows[IFLA_VXLAN_ID]),
        .port = attr_u16_be(rows[IFLA_VXLAN_PORT]),
        .parent = attr_u32(rows[IFLA_VXLAN_LINK]),
        .is_learning = attr_u8(rows[IFLA_VXLAN_LEARNING]) != 0,
        .local = rows[IFLA_VXLAN_LOCAL6] != NULL ? attr_address(rows[IFLA_VXLAN_LOCAL6], AF_INET6)
                                                 : attr_address(rows[IFLA_VXLAN_LOCAL], AF_INET),
    };
}

static void parse_kind(const struct nlattr *info, struct link_info *link) {
    const struct nlattr *rows[IFLA_INFO_DATA + 1];
    attr_parse_nested(info, rows, IFLA_INFO_DATA);
    attr_name(rows[IFLA_INFO_KIND], link->kind);
    if (strcmp(link->kind, "vxlan") == 0) {
        parse_vxlan(rows[IFLA_INFO_DATA], &link->vxlan);
    }
}

bool link_parse(const struct nlmsghdr *message, void *out_link) {
    const struct nlattr *rows[IFLA_LINKINFO + 1];
    if (message->nlmsg_type != RTM_NEWLINK ||
        !attr_parse(message, sizeof(struct ifinfomsg), rows, IFLA_LINKINFO)) {
        return false;
    }
    const struct ifinfomsg *body = mnl_nlmsg_get_payload(message);
    struct link_info *link = out_link;
    link->index = (unsigned)body->ifi_index;
    link->is_up = (body->ifi_flags & IFF_UP) != 0;
    link->is_running = (body->ifi_flags & IFF_LOWER_UP) != 0;
    link->mtu = attr_u32(rows[IFLA_MTU]);
    link->lower = attr_u32(rows[IFLA_LINK]);
    link->mac = attr_mac(rows[IFLA_ADDRESS]);
    attr_name(rows[IFLA_IFNAME], link->name);
    parse_kind(rows[IFLA_LINKINFO], link);
    return link->index != 0 && link->name[0] != 0;
}

/* A question about links, small enough for the stack. */
struct link_request {
    alignas(8) uint8_t bytes[128];
};

static struct nlmsghdr *begin_request(struct link_request *request, unsigned flags) {
    memset(request, 0, sizeof *request);
    struct nlmsghdr *message = mnl_nlmsg_put_header(request->bytes);
    message->nlmsg_type = RTM_GETLINK;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    (void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return message;
}

static int compare_index(const void *a, const void *b) {
    unsigned left = ((const struct link_info *)a)->index;
    unsigned right = ((const struct link_info *)b)->index;
    return left < right ? -1 : left > right;
}

static int compare_name(const void *a, const void *b) {
    return strcmp(((const struct link_info *)a)->name, ((const struct link_info *)b)->name);
}

static void sort(struct netlink_list *links, int (*compare)(const void *, const void *)) {
    if (links->count > 0) {
        qsort(links->bytes.data, links->count, sizeof(struct link_info), compare);
    }
}

static const struct link_info *search(const struct netlink_list *links, const struct link_info *key,
                                      int (*compare)(const void *, const void *)) {
    return links->count == 0
               ? NULL
               : bsearch(key, links->bytes.data, links->count, sizeof(struct link_info), compare);
}

enum err link_dump(struct netlink *netlink, struct netlink_list *out_links,
                   struct netlink_error *error) {
    struct link_request request;
    struct nlmsghdr *message = begin_request(&request, NLM_F_DUMP);
    enum err err =
        netlink_query(netlink, message, link_parse, sizeof(struct link_info), out_links, error);
    if (err == ERR_OK) {
        sort(out_links, compare_index);
    }
    return err;
}

enum err link_find(struct netlink *netlink, const char *name, struct link_info *out_link,
                   struct netlink_error *error) {
    if (strlen(name) >= LINK_NAME_SIZE) {
        return netlink_error_set(error, ENODEV, "");
    }
    struct link_request request;
    struct nlmsghdr *message = begin_request(&request, NLM_F_ACK);
    attr_put_text(message, IFLA_IFNAME, name);
    struct netlink_list links;
    netlink_list_init(&links);
    enum err err =
        netlink_query(netlink, message, link_parse, sizeof(struct link_info), &links, error);
    if (err == ERR_OK && links.count == 1) {
        *out_link = *link_at(&links, 0);
    } else if (err == ERR_OK) {
        err = netlink_error_set(error, ENODEV, "");
    }
    netlink_list_deinit(&links);
    return err;
}

const struct link_info *link_of_index(const struct netlink_list *links, unsigned index) {
    struct link_info key = {.index = index};
    return search(links, &key, compare_index);
}

void link_sort_by_name(struct netlink_list *links) {
    sort(links, compare_name);
}

const struct link_info *link_of_name(const struct netlink_list *links, const char *name) {
    struct link_info key = {0};
    if (strlen(name) >= LINK_NAME_SIZE) {
        return NULL;
    }
    memcpy(key.name, name, strlen(name) + 1);
    return search(links, &key, compare_name);
}

static struct nlmsghdr *begin_change(struct netlink_batch *batch, uint16_t type, unsigned flags,
                                     unsigned index) {
    struct nlmsghdr *message = netlink_batch_begin(batch, type, flags, sizeof(struct ifinfomsg));
    struct ifinfomsg *body = mnl_nlmsg_get_payload(message);
    body->ifi_index = (int)index;
    return message;
}

static void set_admin_state(struct nlmsghdr *message, bool is_up) {
    struct ifinfomsg *body = mnl_nlmsg_get_payload(message);
    body->ifi_change |= IFF_UP;
    body->ifi_flags |= is_up ? IFF_UP : 0;
}

void link_add_vxlan(struct netlink_batch *batch, const char *name, const struct link_vxlan *vxlan,
                    const struct mac_address *mac, uint32_t mtu) {
    uint16_t port = htobe16(vxlan->port);
    bool is_v6 = vxlan->local.family == IP_V6;
    struct nlmsghdr *message = begin_change(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    set_admin_state(message, true);
    attr_put_text(message, IFLA_IFNAME, name);
    attr_put_mac(message, IFLA_ADDRESS, mac);
    attr_put_u32(message, IFLA_MTU, mtu);
    struct nlattr *info = attr_open(message, IFLA_LINKINFO);
    attr_put_text(message, IFLA_INFO_KIND, "vxlan");
    struct nlattr *data = attr_open(message, IFLA_INFO_DATA);
    attr_put_u32(message, IFLA_VXLAN_ID, vxlan->vni);
    attr_put(message, IFLA_VXLAN_PORT, &port, sizeof port);
    attr_put_u32(message, IFLA_VXLAN_LINK, vxlan->parent);
    attr_put_address(message, is_v6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL, &vxlan->local);
    attr_put_u8(message, IFLA_VXLAN_LEARNING, vxlan->is_learning);
    attr_close(message, data);
    attr_close(message, info);
    netlink_batch_end(batch, message);
}

static void put_veth_end(struct nlmsghdr *message, const struct link_veth_end *end, uint32_t mtu) {
    attr_put_text(message, IFLA_IFNAME, end->name);
    attr_put_u32(message, IFLA_MTU, mtu);
    if (!mac_is_zero(&end->mac)) {
        attr_put_mac(message, IFLA_ADDRESS, &end->mac);
    }
    if (end->has_netns) {
        attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)end->netns_fd);
    }
}

void link_add_veth(struct netlink_batch *batch, const struct link_veth_end *end,
                   const struct link_veth_end *peer, uint32_t mtu) {
    struct nlmsghdr *message = begin_change(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    put_veth_end(message, end, mtu);
    struct nlattr *info = attr_open(message, IFLA_LINKINFO);
    attr_put_text(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = attr_open(message, IFLA_INFO_DATA);
    struct nlattr *other = attr_open(message, VETH_INFO_PEER);
    /* The peer's own message: a fixed part without a header, then attributes. */
    CHECK(message->nlmsg_len + sizeof(struct ifinfomsg) <= NETLINK_MESSAGE_SIZE_MAX);
    (void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    put_veth_end(message, peer, mtu);
    attr_close(message, other);
    attr_close(message, data);
    attr_close(message, info);
    netlink_batch_end(batch, message);
}

void link_change(struct netlink_batch *batch, unsigned index, const struct link_change *change) {
    CHECK(index != 0 && !(change->sets_up && change->sets_down));
    struct nlmsghdr *message = begin_change(batch, RTM_NEWLINK, 0, index);
    if (change->sets_up || change->sets_down) {
        set_admin_state(message, change->sets_up);
    }
    if (change->name != NULL) {
        attr_put_text(message, IFLA_IFNAME, change->name);
    }
    if (!mac_is_zero(&change->mac)) {
        attr_put_mac(message, IFLA_ADDRESS, &change->mac);
    }
    if (change->mtu != 0) {
        attr_put_u32(message, IFLA_MTU, change->mtu);
    }
    if (change->has_netns) {
        attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)change->netns_fd);
    }
    netlink_batch_end(batch, message);
}

void link_delete(struct netlink_batch *batch, unsigned index) {
    CHECK(index != 0);
    struct nlmsghdr *message = begin_change(batch, RTM_DELLINK, 0, index);
    netlink_batch_end(batch, message);
}
