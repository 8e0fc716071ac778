#include "cni/wiring.h"

#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/neigh.h"
#include "netlink/netns.h"
#include "netlink/route.h"
#include "netlink/sysctl.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum err fail_kernel(struct cni_error *error, const struct netlink_error *why,
                            const char *what, const char *name) {
    cni_fail(error, CNI_CODE_KERNEL, "%s '%s' failed", what, name);
    cni_set_details(error, "%s%s", why->text,
                    why->err == ERR_FORBIDDEN ? " (the plugin needs CAP_NET_ADMIN)" : "");
    return ERR_INVALID;
}

/* ---- the namespace ---- */

enum err wiring_open_netns(const char *path, int *out_fd, struct cni_error *error) {
    int own_fd;
    enum err err = netns_open(path, out_fd);
    if (err == ERR_NOT_FOUND) {
        cni_fail(error, CNI_CODE_UNKNOWN_CONTAINER,
                 "the network namespace %s does not exist: the container is gone", path);
        return ERR_NOT_FOUND;
    }
    if (err != ERR_OK) {
        return cni_fail(error, CNI_CODE_NETNS, "%s is no network namespace that can be opened (%s)",
                        path, err_code(err));
    }
    if (netns_open_own(&own_fd) != ERR_OK) {
        close(*out_fd);
        return cni_fail(error, CNI_CODE_NETNS, "the own network namespace cannot be opened");
    }
    bool is_own = netns_is_same(*out_fd, own_fd);
    close(own_fd);
    if (is_own) {
        close(*out_fd);
        return cni_fail(error, CNI_CODE_NETNS,
                        "%s is the host's own network namespace: a pod needs one of its own", path);
    }
    return ERR_OK;
}

/* What is done inside a namespace, for netns_run. */
struct inside {
    const struct attachment *attachment;
    const char *ifname;
    struct cni_error *error;
    bool has_interface;
    struct netlink netlink;
};

static enum err run_inside(int netns_fd, netns_cb function, struct inside *inside) {
    inside->error->code = CNI_CODE_OK;
    enum err err = netns_run(netns_fd, function, inside);
    if (err != ERR_OK && inside->error->code == CNI_CODE_OK) {
        return cni_fail(inside->error, CNI_CODE_NETNS,
                        "the pod's network namespace cannot be entered (%s)", err_code(err));
    }
    return err == ERR_OK ? ERR_OK : ERR_INVALID;
}

static enum err open_netlink(struct netlink *netlink, struct cni_error *error) {
    struct netlink_error why;
    if (netlink_open(netlink, &why) != ERR_OK) {
        return fail_kernel(error, &why, "opening a socket", "netlink");
    }
    return ERR_OK;
}

/* Looks in the namespace that the thread is in. */
static enum err has_link(const char *name, bool *out_has, struct cni_error *error) {
    struct netlink netlink;
    struct netlink_error why;
    struct link_info link;
    if (open_netlink(&netlink, error) != ERR_OK) {
        return ERR_INVALID;
    }
    enum err err = link_find(&netlink, name, &link, &why);
    netlink_close(&netlink);
    *out_has = err == ERR_OK;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return fail_kernel(error, &why, "looking for", name);
    }
    return ERR_OK;
}

static enum err look_for_interface(void *context) {
    struct inside *inside = context;
    return has_link(inside->ifname, &inside->has_interface, inside->error);
}

enum err wiring_has_interface(int netns_fd, const char *ifname, bool *out_has,
                              struct cni_error *error) {
    struct inside inside = {.ifname = ifname, .error = error};
    enum err err = run_inside(netns_fd, look_for_interface, &inside);
    *out_has = inside.has_interface;
    return err;
}

/* ---- the host's side ---- */

enum err wiring_has_host_end(const char *host_ifname, bool *out_has, struct cni_error *error) {
    return has_link(host_ifname, out_has, error);
}

static enum err send_batch(struct netlink *netlink, struct netlink_batch *batch, const char *what,
                           const char *name, struct cni_error *error) {
    if (netlink_send(netlink, batch) == ERR_OK) {
        return ERR_OK;
    }
    return fail_kernel(error, netlink_batch_error(batch), what, name);
}

static enum err delete_by_name(struct netlink *netlink, const char *name, struct cni_error *error) {
    struct netlink_batch batch;
    struct netlink_error why;
    struct link_info link;
    enum err err = link_find(netlink, name, &link, &why);
    if (err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return fail_kernel(error, &why, "looking for", name);
    }
    netlink_batch_init(&batch);
    link_delete(&batch, link.index);
    err = netlink_send(netlink, &batch);
    if (err == ERR_OK || err == ERR_NOT_FOUND) { /* the namespace's end took it meanwhile */
        return ERR_OK;
    }
    return fail_kernel(error, netlink_batch_error(&batch), "deleting", name);
}

static enum err make_pair(struct netlink *netlink, int netns_fd,
                          const struct attachment *attachment, struct cni_error *error) {
    struct netlink_batch batch;
    struct link_veth_end host = {.name = attachment->host_ifname, .mac = attachment->host_mac};
    struct link_veth_end pod = {.name = attachment->ifname,
                                .mac = attachment->mac,
                                .has_netns = true,
                                .netns_fd = netns_fd};
    netlink_batch_init(&batch);
    link_add_veth(&batch, &host, &pod, (uint32_t)attachment->mtu);
    return send_batch(netlink, &batch, "making the pod's interface", attachment->ifname, error);
}

static enum err set_host_end_up(struct netlink *netlink, const struct attachment *attachment,
                                struct cni_error *error) {
    struct netlink_batch batch;
    struct netlink_error why;
    struct link_info link;
    struct link_change change = {.sets_up = true};
    if (link_find(netlink, attachment->host_ifname, &link, &why) != ERR_OK) {
        return fail_kernel(error, &why, "looking for", attachment->host_ifname);
    }
    netlink_batch_init(&batch);
    link_change(&batch, link.index, &change);
    return send_batch(netlink, &batch, "setting up", attachment->host_ifname, error);
}

/* ---- the pod's side ---- */

/* One family of the pod: its address, its gateway's MAC, its default route. */
static void add_family(struct netlink_batch *batch, unsigned link, const struct ip_address *ip,
                       const struct ip_address *gateway, const struct mac_address *gateway_mac) {
    if (ip->family == IP_NONE) {
        return;
    }
    bool is_v6 = ip->family == IP_V6;
    struct addr_entry address = {.link = link,
                                 .address = *ip,
                                 .length = (uint8_t)ip_address_bits(ip),
                                 .scope = RT_SCOPE_UNIVERSE,
                                 /* No other pod can have it, and waiting would delay the pod. */
                                 .flags = is_v6 ? IFA_F_NODAD : 0};
    struct neigh_entry neighbour = {.link = link, .address = *gateway, .mac = *gateway_mac};
    struct route_entry route = {
        .destination = {.address = {.family = ip->family}, .length = 0},
        .metric = is_v6 ? ROUTE_METRIC_DEFAULT_V6 : 0,
        .type = RTN_UNICAST,
        .protocol = ROUTE_PROTOCOL_WEFT,
        .gateway = *gateway,
        .link = link,
        .is_onlink = true,
    };
    addr_add(batch, &address);
    neigh_add(batch, &neighbour);
    route_add(batch, &route);
}

static enum err allow_ipv6(const struct attachment *attachment, struct cni_error *error) {
    char name[64];
    snprintf(name, sizeof name, "ipv6/conf/%s/disable_ipv6", attachment->ifname);
    if (attachment->ip_v6.family == IP_NONE || sysctl_ensure(name, "0") == ERR_OK) {
        return ERR_OK;
    }
    return cni_fail(error, CNI_CODE_KERNEL, "the pod's kernel settings forbid IPv6 on '%s'",
                    attachment->ifname);
}

static enum err set_up_pod(struct netlink *netlink, const struct attachment *attachment,
                           struct cni_error *error) {
    struct netlink_batch batch;
    struct netlink_error why;
    struct link_info link, loopback;
    struct link_change change = {.sets_up = true};
    if (link_find(netlink, attachment->ifname, &link, &why) != ERR_OK) {
        return fail_kernel(error, &why, "looking for", attachment->ifname);
    }
    netlink_batch_init(&batch);
    if (link_find(netlink, "lo", &loopback, &why) == ERR_OK) {
        link_change(&batch, loopback.index, &change);
    }
    link_change(&batch, link.index, &change);
    add_family(&batch, link.index, &attachment->ip, &attachment->gateway, &attachment->host_mac);
    add_family(&batch, link.index, &attachment->ip_v6, &attachment->gateway_v6,
               &attachment->host_mac);
    return send_batch(netlink, &batch, "configuring the pod's", attachment->ifname, error);
}

static enum err configure_pod(void *context) {
    struct inside *inside = context;
    enum err err = allow_ipv6(inside->attachment, inside->error);
    if (err == ERR_OK) {
        err = open_netlink(&inside->netlink, inside->error);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = set_up_pod(&inside->netlink, inside->attachment, inside->error);
    netlink_close(&inside->netlink);
    return err;
}

enum err wiring_make(int netns_fd, const struct attachment *attachment, struct cni_error *error) {
    struct netlink netlink;
    struct inside inside = {.attachment = attachment, .error = error};
    enum err err = open_netlink(&netlink, error);
    if (err != ERR_OK) {
        return err;
    }
    err = make_pair(&netlink, netns_fd, attachment, error);
    if (err == ERR_OK) {
        err = set_host_end_up(&netlink, attachment, error);
        if (err == ERR_OK) {
            err = run_inside(netns_fd, configure_pod, &inside);
        }
        if (err != ERR_OK) {
            struct cni_error unused; /* the first fault is the one that counts */
            (void)!delete_by_name(&netlink, attachment->host_ifname, &unused);
        }
    }
    netlink_close(&netlink);
    return err;
}

enum err wiring_remove(const char *host_ifname, struct cni_error *error) {
    struct netlink netlink;
    enum err err = open_netlink(&netlink, error);
    if (err == ERR_OK) {
        err = delete_by_name(&netlink, host_ifname, error);
        netlink_close(&netlink);
    }
    return err;
}
