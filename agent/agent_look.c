/* One look of agent.h: gathers the desired state's input from the parts, reconciles, and tells
 * those who depend on the result. */
#include "agent/agent.h"

#include "agent/backend.h"
#include "agent/subnet_env.h"
#include "netlink/link.h"
#include "netlink/sysctl.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COLLECT_AFTER_MS 60000u /* an ADD in progress has no interface yet */

/* ---- what the kernel says about the way to the other nodes ---- */

static void find_parent(struct agent *agent) {
    struct desired_parent parent;
    struct netlink_error error;
    enum err err = actual_find_parent(&agent->reconcile.netlink, agent->config->iface,
                                      &agent->config->public_ip, &parent, &error);
    if (err != ERR_OK) {
        if (agent->has_parent || !agent->has_looked) {
            LOG_WARN("no device with an address to reach other nodes by",
                     LOG_TEXT("iface", agent->config->iface), LOG_TEXT("detail", error.text));
        }
        agent->has_parent = false;
        return;
    }
    if (!agent->has_parent || ip_address_compare(&parent.local, &agent->parent.local) != 0 ||
        parent.mtu != agent->parent.mtu) {
        char address[IP_TEXT_SIZE];
        ip_address_format(&parent.local, address);
        LOG_INFO("other nodes are reached by", LOG_TEXT("iface", parent.name),
                 LOG_TEXT("address", address), LOG_U64("mtu", parent.mtu));
    }
    agent->parent = parent;
    agent->has_parent = true;
}

static const struct ip_address *public_address(const struct agent *agent) {
    return agent->config->public_ip.family != IP_NONE ? &agent->config->public_ip
                                                      : &agent->parent.local;
}

/* ---- who depends on network, parent and lease ---- */

static void want_lease(struct agent *agent, const struct backend *backend) {
    const struct ip_address *address = public_address(agent);
    struct buf data;
    buf_init(&data);
    backend->write_data(agent->cache.network, &agent->vtep_mac, &data);
    struct subnet_acquire request = {.node = agent->config->node,
                                     .backend_type = backend->type,
                                     .backend_data = buf_slice(&data)};
    if (address->family == IP_V4) {
        request.public_ip = *address;
    } else {
        request.public_ip_v6 = *address;
    }
    lease_want(&agent->lease, &request);
    registration_set_address(&agent->registration, address);
    buf_deinit(&data);
}

/* A node is a router. Written only when it differs, so somebody else's reset is undone too. */
static void ensure_forwarding(const char *setting, const struct ip_prefix *subnet) {
    enum err err = subnet->address.family != IP_NONE ? sysctl_ensure(setting, "1") : ERR_OK;
    if (err != ERR_OK) {
        LOG_ERROR("the kernel does not forward and cannot be told to: pods reach nobody",
                  LOG_TEXT("setting", setting), LOG_ERR(err));
    }
}

/* New addresses come from the lease that is held; without one there are none to give. */
static void set_pool(struct agent *agent) {
    struct ipam_pool pool = {.mtu = 0};
    const struct subnet *own = agent->cache.own;
    if (own != NULL && agent->has_parent) {
        bool is_v6_only = own->subnet.address.family == IP_V6;
        snprintf(pool.network, sizeof pool.network, "%s", agent->config->network);
        pool.subnet = is_v6_only ? own->subnet_v6 : own->subnet;
        pool.subnet_v6 = is_v6_only ? own->subnet : own->subnet_v6;
        pool.mtu = desired_mtu(agent->cache.network, &agent->parent);
        pool.epoch = own->epoch;
    }
    ipam_set_pool(&agent->ipam, &pool);
    ensure_forwarding("ipv4/ip_forward", &pool.subnet);
    ensure_forwarding("ipv6/conf/all/forwarding", &pool.subnet_v6);
}

static void write_subnet_env(struct agent *agent) {
    const char *path = agent->config->subnet_env;
    struct buf text;
    if (path[0] == 0 || agent->cache.own == NULL || !agent->has_parent) {
        return;
    }
    buf_init(&text);
    subnet_env_render(agent->cache.network, agent->cache.own,
                      desired_mtu(agent->cache.network, &agent->parent), false, &text);
    if (subnet_env_ensure(path, buf_slice(&text)) != ERR_OK) {
        LOG_WARN("subnet.env not written", LOG_TEXT("path", path), LOG_ERRNO(errno));
    }
    buf_deinit(&text);
}

/* ---- the look ---- */

static size_t gather_pods(const struct agent *agent, struct desired_pod *pods) {
    size_t count = 0;
    LIST_FOR_EACH(&agent->ipam.records, node) {
        const struct ipam_record *record = CONTAINER_OF(node, struct ipam_record, node);
        const struct attachment *attachment = &record->attachment;
        const struct ip_address *addresses[] = {&attachment->ip, &attachment->ip_v6};
        for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
            if (addresses[i]->family != IP_NONE) {
                pods[count++] =
                    (struct desired_pod){.address = *addresses[i], .link = attachment->host_ifname};
            }
        }
    }
    return count;
}

static void reconcile_once(struct agent *agent) {
    struct desired_pod *pods =
        must_alloc_zeroed(2 * (size_t)agent->ipam.record_count + 1, sizeof *pods);
    const struct subnet **leases =
        must_alloc_zeroed(agent->cache.lease_count + 1, sizeof(struct subnet *));
    size_t lease_count = 0;
    LIST_FOR_EACH(&agent->cache.leases, node) {
        leases[lease_count++] = &CONTAINER_OF(node, struct cache_lease, node)->subnet;
    }
    struct desired_input input = {.node = agent->config->node,
                                  .network = agent->cache.network,
                                  .own = agent->has_parent ? agent->cache.own : NULL,
                                  .leases = leases,
                                  .lease_count = lease_count,
                                  .parent = &agent->parent,
                                  .vtep_mac = agent->vtep_mac,
                                  .pods = pods,
                                  .pod_count = gather_pods(agent, pods)};
    bool was_beaten = agent->reconcile.found.own_is_beaten;
    enum err err = reconcile_look(&agent->reconcile, &input);
    if (err == ERR_OK && agent->reconcile.found.own_is_beaten && !was_beaten) {
        LOG_ERROR("another node holds our subnet with a newer grant: traffic on this node goes on");
        lease_hurry(&agent->lease);
    }
    free(pods);
    free(leases);
}

void agent_look(struct agent *agent) {
    const struct network *network = agent->cache.network;
    const struct backend *backend = network != NULL ? backend_find(network->backend->type) : NULL;
    find_parent(agent);
    if (network != NULL && backend == NULL && !agent->has_looked) {
        LOG_ERROR("the network's backend is unknown to this agent: nothing is programmed",
                  LOG_TEXT("type", network->backend->type));
    }
    agent->has_looked = true;
    if (backend != NULL) {
        set_pool(agent);
        write_subnet_env(agent);
    }
    if (backend != NULL && agent->has_parent) {
        want_lease(agent, backend);
    }
    if (backend != NULL && agent->feed.knows_leases && agent->is_own_settled) {
        reconcile_once(agent);
    }
    local_looked(&agent->local);
    publish_hint(&agent->publish);
}

/* ---- pods that went without a DEL ---- */

static bool is_gone(struct agent *agent, const struct attachment *attachment) {
    struct stat status;
    struct link_info link;
    struct netlink_error error;
    bool is_young = clock_boot_ms(&clock_system) < attachment->reserved_ms + COLLECT_AFTER_MS;
    return !is_young && stat(attachment->netns, &status) != 0 && errno == ENOENT &&
           link_find(&agent->reconcile.netlink, attachment->host_ifname, &link, &error) ==
               ERR_NOT_FOUND;
}

void agent_collect(struct agent *agent) {
    unsigned count = 0;
    LIST_FOR_EACH(&agent->ipam.records, node) {
        struct ipam_record *record = CONTAINER_OF(node, struct ipam_record, node);
        if (is_gone(agent, &record->attachment)) {
            LOG_WARN("pod is gone without a DEL, its address is freed",
                     LOG_TEXT("container_id", record->attachment.container_id),
                     LOG_TEXT("netns", record->attachment.netns));
            ipam_release(&agent->ipam, record);
            count++;
        }
    }
    if (count > 0) {
        save_request(&agent->address_save, NULL);
    }
}
