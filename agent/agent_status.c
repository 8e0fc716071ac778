/* GET /v1/status of agent.h: what an operator asks first. */
#include "agent/agent.h"

static void write_address(struct json_writer *writer, const char *name,
                          const struct ip_address *address) {
    char text[IP_TEXT_SIZE];
    ip_address_format(address, text);
    json_member_text(writer, name, text);
}

static void write_lease(const struct agent *agent, struct json_writer *writer) {
    const struct lease *lease = &agent->lease;
    char subnet[IP_PREFIX_TEXT_SIZE];
    json_key(writer, "lease");
    json_open_object(writer);
    json_member_text(writer, "state", lease_state_name(lease->state));
    if (lease->subnet.address.family != IP_NONE) {
        ip_prefix_format(&lease->subnet, '/', subnet);
        json_member_text(writer, "subnet", subnet);
        json_member_number(writer, "epoch", lease->epoch);
        json_member_number(writer, "ttl_s", lease->ttl_ms / 1000);
        json_member_bool(writer, "is_current", lease_is_current(lease));
        if (lease->is_of_boot) {
            json_member_number(writer, "age_s",
                               (clock_boot_ms(&clock_system) - lease->sent_ms) / 1000);
        }
    }
    if (lease->trouble[0] != 0) {
        json_member_text(writer, "trouble", lease->trouble);
    }
    json_close_object(writer);
}

static void write_parent(const struct agent *agent, struct json_writer *writer) {
    if (!agent->has_parent) {
        return;
    }
    json_key(writer, "parent");
    json_open_object(writer);
    json_member_text(writer, "iface", agent->parent.name);
    write_address(writer, "address", &agent->parent.local);
    json_member_number(writer, "mtu", agent->parent.mtu);
    json_close_object(writer);
}

static void write_kernel(const struct agent *agent, struct json_writer *writer) {
    const struct reconcile *reconcile = &agent->reconcile;
    json_key(writer, "last_look");
    json_open_object(writer);
    json_member_number(writer, "steps", reconcile->step_count);
    json_member_number(writer, "done", reconcile->done.done);
    json_member_number(writer, "waiting", reconcile->done.waiting);
    json_member_number(writer, "failed", reconcile->done.failed);
    json_member_number(writer, "peers", reconcile->found.peers);
    json_member_number(writer, "peers_left_out", reconcile->found.skip_count);
    json_close_object(writer);
}

void agent_write_status(void *owner, struct json_writer *writer) {
    const struct agent *agent = owner;
    const struct ipam *ipam = &agent->ipam;
    json_member_text(writer, "node", agent->config->node);
    json_member_text(writer, "network", agent->config->network);
    json_member_text(writer, "version", WEFT_VERSION);
    json_member_text(writer, "boot_id", agent->boot_id);
    json_member_bool(writer, "store_connected", feed_is_connected(&agent->feed));
    json_member_number(writer, "store_revision", agent->cache.revision);
    json_member_bool(writer, "registered", agent->registration.is_done);
    json_member_bool(writer, "can_attach", ipam_can_give(ipam));
    write_lease(agent, writer);
    write_parent(agent, writer);
    json_member_number(writer, "attachments", ipam->record_count);
    json_member_number(writer, "resting_addresses", ipam->rest_count);
    write_kernel(agent, writer);
}
