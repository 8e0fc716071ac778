#include "netlink/route.h"

#include <linux/rtnetlink.h>
#include <string.h>

static bool parse_destination(const struct rtmsg *body, const struct nlattr *attr,
                              struct ip_prefix *out_prefix) {
    struct ip_address address = attr_address(attr, body->rtm_family);
    if (attr == NULL && body->rtm_dst_len == 0) {
        address.family = body->rtm_family == AF_INET ? IP_V4 : IP_V6;
    }
    if (address.family == IP_NONE || body->rtm_dst_len > ip_address_bits(&address)) {
        return false;
    }
    *out_prefix = ip_prefix_around(&address, body->rtm_dst_len);
    return true;
}

bool route_parse(const struct nlmsghdr *message, void *out_route) {
    const struct nlattr *rows[RTA_TABLE + 1];
    if (message->nlmsg_type != RTM_NEWROUTE ||
        !attr_parse(message, sizeof(struct rtmsg), rows, RTA_TABLE)) {
        return false;
    }
    const struct rtmsg *body = mnl_nlmsg_get_payload(message);
    struct route_entry *route = out_route;
    uint32_t table = rows[RTA_TABLE] != NULL ? attr_u32(rows[RTA_TABLE]) : body->rtm_table;
    if (table != RT_TABLE_MAIN || rows[RTA_MULTIPATH] != NULL ||
        (body->rtm_flags & RTM_F_CLONED) != 0 || body->rtm_tos != 0 || body->rtm_src_len != 0 ||
        !parse_destination(body, rows[RTA_DST], &route->destination)) {
        return false;
    }
    route->metric = attr_u32(rows[RTA_PRIORITY]);
    route->type = body->rtm_type;
    route->protocol = body->rtm_protocol;
    route->source = attr_address(rows[RTA_PREFSRC], body->rtm_family);
    if (route->type == RTN_UNICAST) {
        /* IPv6 shows routes to nowhere on the loopback device; they have no next hop all the same.
         */
        route->gateway = attr_address(rows[RTA_GATEWAY], body->rtm_family);
        route->link = attr_u32(rows[RTA_OIF]);
        route->is_onlink = (body->rtm_flags & RTNH_F_ONLINK) != 0;
        route->is_scope_link = body->rtm_scope == RT_SCOPE_LINK;
    }
    return true;
}

static enum err dump_family(struct netlink *netlink, int family, uint8_t protocol,
                            struct netlink_list *out_routes, struct netlink_error *error) {
    alignas(8) uint8_t bytes[64] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    message->nlmsg_type = RTM_GETROUTE;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof *body);
    body->rtm_family = (uint8_t)family;
    body->rtm_protocol = protocol;
    return netlink_query(netlink, message, route_parse, sizeof(struct route_entry), out_routes,
                         error);
}

static void append_matching(struct netlink_list *to, const struct netlink_list *from, int family,
                            uint8_t protocol) {
    for (size_t i = 0; i < from->count; i++) {
        /* A kernel that does not filter sends everything; one without IPv6 sends IPv4 for it. */
        const struct route_entry *route = route_at(from, i);
        bool is_asked = protocol == ROUTE_PROTOCOL_ANY || route->protocol == protocol;
        if (is_asked && family_of(&route->destination.address) == family) {
            buf_append(&to->bytes, route, sizeof *route);
            to->count++;
        }
    }
}

enum err route_dump(struct netlink *netlink, uint8_t protocol, struct netlink_list *out_routes,
                    struct netlink_error *error) {
    static const int families[] = {AF_INET, AF_INET6};
    struct netlink_list part;
    netlink_list_init(&part);
    buf_clear(&out_routes->bytes);
    out_routes->count = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(families); i++) {
        err = dump_family(netlink, families[i], protocol, &part, error);
        if (err == ERR_OK) {
            append_matching(out_routes, &part, families[i], protocol);
        }
    }
    netlink_list_deinit(&part);
    return err;
}

static uint8_t scope_of(const struct route_entry *route) {
    bool is_v4 = route->destination.address.family == IP_V4;
    return is_v4 && route->is_scope_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

static void append(struct netlink_batch *batch, uint16_t type, unsigned flags,
                   const struct route_entry *route) {
    struct nlmsghdr *message = netlink_batch_begin(batch, type, flags, sizeof(struct rtmsg));
    struct rtmsg *body = mnl_nlmsg_get_payload(message);
    body->rtm_family = (uint8_t)family_of(&route->destination.address);
    body->rtm_dst_len = route->destination.length;
    body->rtm_table = RT_TABLE_MAIN;
    body->rtm_protocol = route->protocol;
    body->rtm_type = route->type;
    body->rtm_scope = scope_of(route);
    body->rtm_flags = route->is_onlink ? RTNH_F_ONLINK : 0;
    attr_put_address(message, RTA_DST, &route->destination.address);
    attr_put_u32(message, RTA_PRIORITY, route->metric);
    if (route->gateway.family != IP_NONE) {
        attr_put_address(message, RTA_GATEWAY, &route->gateway);
    }
    if (route->link != 0) {
        attr_put_u32(message, RTA_OIF, route->link);
    }
    if (route->source.family != IP_NONE) {
        attr_put_address(message, RTA_PREFSRC, &route->source);
    }
    netlink_batch_end(batch, message);
}

void route_add(struct netlink_batch *batch, const struct route_entry *route) {
    append(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

void route_replace(struct netlink_batch *batch, const struct route_entry *route) {
    append(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

void route_delete(struct netlink_batch *batch, const struct route_entry *route) {
    append(batch, RTM_DELROUTE, 0, route);
}
