/* CHECK's part of wiring.h: looks, changes nothing. */
#include "cni/wiring.h"

#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/netns.h"
#include "netlink/route.h"

#include <string.h>

/* What is looked at, in which namespace. */
struct look {
    const struct attachment *attachment;
    struct cni_error *error;
    struct netlink netlink;
    struct netlink_list list;
    unsigned link; /* index of the interface there */
};

static enum err cannot_look(struct look *look, const struct netlink_error *why) {
    cni_fail(look->error, CNI_CODE_KERNEL, "the kernel's tables cannot be read");
    cni_set_details(look->error, "%s", why->text);
    return ERR_INVALID;
}

static enum err check_link(struct look *look, const char *name, const char *where) {
    struct netlink_error why;
    struct link_info link;
    enum err err = link_find(&look->netlink, name, &link, &why);
    if (err == ERR_NOT_FOUND) {
        return cni_fail(look->error, CNI_CODE_DIFFERS, "the interface %s is missing %s", name,
                        where);
    }
    if (err != ERR_OK) {
        return cannot_look(look, &why);
    }
    if (!link.is_up) {
        return cni_fail(look->error, CNI_CODE_DIFFERS, "the interface %s is down %s", name, where);
    }
    look->link = link.index;
    return ERR_OK;
}

static enum err check_address(struct look *look, const struct ip_address *ip) {
    struct netlink_error why;
    char text[IP_TEXT_SIZE];
    if (ip->family == IP_NONE) {
        return ERR_OK;
    }
    if (addr_dump(&look->netlink, &look->list, &why) != ERR_OK) {
        return cannot_look(look, &why);
    }
    for (size_t i = 0; i < look->list.count; i++) {
        const struct addr_entry *entry = addr_at(&look->list, i);
        if (entry->link == look->link && ip_address_compare(&entry->address, ip) == 0) {
            return ERR_OK;
        }
    }
    ip_address_format(ip, text);
    return cni_fail(look->error, CNI_CODE_DIFFERS, "the address %s is missing on %s in the pod",
                    text, look->attachment->ifname);
}

/* A route of ours on the interface, to the destination of `length` bits that contains `ip`. */
static enum err check_route(struct look *look, const struct ip_address *ip, uint8_t length,
                            const char *where) {
    struct netlink_error why;
    if (ip->family == IP_NONE) {
        return ERR_OK;
    }
    if (route_dump(&look->netlink, ROUTE_PROTOCOL_WEFT, &look->list, &why) != ERR_OK) {
        return cannot_look(look, &why);
    }
    struct ip_prefix wanted = ip_prefix_around(ip, length);
    for (size_t i = 0; i < look->list.count; i++) {
        const struct route_entry *entry = route_at(&look->list, i);
        if (entry->link == look->link && ip_prefix_compare(&entry->destination, &wanted) == 0) {
            return ERR_OK;
        }
    }
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&wanted, '/', text);
    return cni_fail(look->error, CNI_CODE_DIFFERS, "the route to %s is missing %s", text, where);
}

static enum err check_pod(struct look *look) {
    const struct attachment *attachment = look->attachment;
    const struct ip_address *addresses[] = {&attachment->ip, &attachment->ip_v6};
    enum err err = check_link(look, attachment->ifname, "in the pod");
    for (size_t i = 0; i < ARRAY_COUNT(addresses) && err == ERR_OK; i++) {
        err = check_address(look, addresses[i]);
        if (err == ERR_OK) {
            err = check_route(look, addresses[i], 0, "in the pod");
        }
    }
    return err;
}

static enum err check_host(struct look *look) {
    const struct attachment *attachment = look->attachment;
    const struct ip_address *addresses[] = {&attachment->ip, &attachment->ip_v6};
    enum err err = check_link(look, attachment->host_ifname, "on the host");
    for (size_t i = 0; i < ARRAY_COUNT(addresses) && err == ERR_OK; i++) {
        err =
            check_route(look, addresses[i], (uint8_t)ip_address_bits(addresses[i]), "on the host");
    }
    return err;
}

static enum err look_with(struct look *look, enum err (*check)(struct look *look)) {
    struct netlink_error why;
    if (netlink_open(&look->netlink, &why) != ERR_OK) {
        return cannot_look(look, &why);
    }
    netlink_list_init(&look->list);
    enum err err = check(look);
    netlink_list_deinit(&look->list);
    netlink_close(&look->netlink);
    return err;
}

static enum err look_inside(void *context) {
    return look_with(context, check_pod);
}

enum err wiring_check(int netns_fd, const struct attachment *attachment, struct cni_error *error) {
    struct look look = {.attachment = attachment, .error = error};
    error->code = CNI_CODE_OK;
    enum err err = netns_run(netns_fd, look_inside, &look);
    if (err != ERR_OK && error->code == CNI_CODE_OK) {
        return cni_fail(error, CNI_CODE_NETNS, "the pod's network namespace cannot be entered (%s)",
                        err_code(err));
    }
    return err == ERR_OK ? look_with(&look, check_host) : ERR_INVALID;
}
