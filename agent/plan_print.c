/* The plan as text: iproute2's commands, for logs, for people and for golden tests. */
#include "agent/plan.h"

#include "netlink/route.h"

#include <linux/rtnetlink.h>

static const char *address_text(const struct ip_address *address, char out[IP_TEXT_SIZE]) {
    ip_address_format(address, out);
    return out;
}

static const char *mac_text(const struct mac_address *mac, char out[MAC_TEXT_SIZE]) {
    mac_format(mac, out);
    return out;
}

/* iproute2's word. */
static const char *verb_of(enum plan_verdict verdict) {
    return verdict == PLAN_DELETE ? "delete" : verdict == PLAN_REPLACE ? "replace" : "add";
}

static void print_link(enum plan_verdict verdict, const struct model_link *link, struct buf *out) {
    char mac[MAC_TEXT_SIZE];
    char local[IP_TEXT_SIZE];
    if (verdict == PLAN_DELETE) {
        buf_appendf(out, "ip link delete %s", link->name);
        return;
    }
    if (verdict == PLAN_REPLACE) {
        buf_appendf(out, "ip link set %s mtu %u %s", link->name, link->mtu,
                    link->is_up ? "up" : "down");
        return;
    }
    buf_appendf(out,
                "ip link add %s address %s mtu %u up type vxlan id %u dev %s local %s dstport %u",
                link->name, mac_text(&link->mac, mac), link->mtu, link->vni, link->parent,
                address_text(&link->local, local), link->port);
    buf_append_text(out, link->is_learning ? " learning" : " nolearning");
}

static void print_address(enum plan_verdict verdict, const struct model_address *address,
                          struct buf *out) {
    char text[IP_TEXT_SIZE];
    bool is_v6 = address->address.family == IP_V6;
    buf_appendf(out, "ip address %s %s/%u dev %s%s", verb_of(verdict),
                address_text(&address->address, text), address->length, address->link,
                is_v6 && verdict != PLAN_DELETE ? " nodad" : "");
}

static void print_neighbour(enum plan_verdict verdict, const struct model_neighbour *neighbour,
                            struct buf *out) {
    char text[IP_TEXT_SIZE];
    char mac[MAC_TEXT_SIZE];
    buf_appendf(out, "ip neighbour %s %s lladdr %s dev %s nud permanent", verb_of(verdict),
                address_text(&neighbour->address, text), mac_text(&neighbour->mac, mac),
                neighbour->link);
}

static void print_fdb(enum plan_verdict verdict, const struct model_fdb *fdb, struct buf *out) {
    char text[IP_TEXT_SIZE];
    char mac[MAC_TEXT_SIZE];
    buf_appendf(out, "bridge fdb %s %s dev %s", verb_of(verdict), mac_text(&fdb->mac, mac),
                fdb->link);
    if (fdb->remote.family != IP_NONE) {
        buf_appendf(out, " dst %s", address_text(&fdb->remote, text));
    }
    buf_append_text(out, " self permanent");
}

static const char *route_type_text(uint8_t type) {
    return type == RTN_UNREACHABLE ? "unreachable " : type == RTN_BLACKHOLE ? "blackhole " : "";
}

static void print_route(enum plan_verdict verdict, const struct model_route *route,
                        struct buf *out) {
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&route->destination, '/', text);
    buf_appendf(out, "ip route %s %s%s", verb_of(verdict), route_type_text(route->type), text);
    if (route->gateway.family != IP_NONE) {
        buf_appendf(out, " via %s", address_text(&route->gateway, text));
    }
    if (route->link[0] != 0) {
        buf_appendf(out, " dev %s", route->link);
    }
    buf_appendf(out, " proto %u", route->protocol);
    if (route->metric != 0) {
        buf_appendf(out, " metric %u", route->metric);
    }
    if (route->is_onlink) {
        buf_append_text(out, " onlink");
    }
}

void plan_print_step(const struct plan_step *step, struct buf *out) {
    switch (step->object.class) {
    case MODEL_LINK:
        print_link(step->verdict, &step->object.link, out);
        return;
    case MODEL_ADDRESS:
        print_address(step->verdict, &step->object.address, out);
        return;
    case MODEL_NEIGHBOUR:
        print_neighbour(step->verdict, &step->object.neighbour, out);
        return;
    case MODEL_FDB:
        print_fdb(step->verdict, &step->object.fdb, out);
        return;
    case MODEL_ROUTE:
        print_route(step->verdict, &step->object.route, out);
        return;
    case MODEL_CLASS_COUNT:
        break;
    }
    CHECK(false);
}

void plan_print(const struct plan *plan, struct buf *out) {
    for (size_t i = 0; i < plan->count; i++) {
        plan_print_step(&plan->steps[i], out);
        buf_append_char(out, '\n');
    }
}
