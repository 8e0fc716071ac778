/* The columns of each kind: a row a column. */
#include "ctl/table.h"

#include <string.h>

static const struct column networks[] = {
    {"NAME", "key", COLUMN_NAME, false},
    {"IPV4", "ipv4", COLUMN_PLAIN, false},
    {"LEN", "subnet_len", COLUMN_PLAIN, false},
    {"IPV6", "ipv6", COLUMN_PLAIN, true},
    {"LEN6", "ipv6_subnet_len", COLUMN_PLAIN, true},
    {"BACKEND", "backend.type", COLUMN_PLAIN, false},
    {"VNI", "backend.vni", COLUMN_PLAIN, true},
    {"TTL-S", "lease_ttl_s", COLUMN_PLAIN, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column subnets[] = {
    {"NETWORK", "network", COLUMN_PLAIN, false},
    {"SUBNET", "subnet", COLUMN_PLAIN, false},
    {"SUBNET-V6", "subnet_v6", COLUMN_PLAIN, true},
    {"NODE", "node", COLUMN_PLAIN, false},
    {"PUBLIC-IP", "public_ip", COLUMN_PLAIN, false},
    {"PUBLIC-IP-V6", "public_ip_v6", COLUMN_PLAIN, true},
    {"BACKEND", "backend_type", COLUMN_PLAIN, false},
    {"RESERVED", "reserved", COLUMN_PLAIN, true},
    {"EXPIRES", "expires_at", COLUMN_SECOND, false},
    {"EPOCH", "epoch", COLUMN_PLAIN, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column nodes[] = {
    {"NAME", "key", COLUMN_NAME, false},           {"ADDRESSES", "addresses", COLUMN_PLAIN, false},
    {"LABELS", "labels", COLUMN_PLAIN, false},     {"AGENT", "agent_version", COLUMN_PLAIN, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column endpoints[] = {
    {"NETWORK", "network", COLUMN_PLAIN, false},
    {"IP", "ip", COLUMN_PLAIN, false},
    {"NODE", "node", COLUMN_PLAIN, false},
    {"NAMESPACE", "pod.namespace", COLUMN_PLAIN, false},
    {"POD", "pod.name", COLUMN_PLAIN, false},
    {"INTERFACE", "ifname", COLUMN_PLAIN, false},
    {"CONTAINER", "container_id", COLUMN_SHORT, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column policies[] = {
    {"NAMESPACE", "namespace", COLUMN_PLAIN, false},
    {"NAME", "name", COLUMN_PLAIN, false},
    {"ORDER", "order", COLUMN_PLAIN, true},
    {"ACTION", "action", COLUMN_PLAIN, true},
    {"SELECTOR", "selector", COLUMN_PLAIN, true},
    {"POD-LABELS", "podSelector.matchLabels", COLUMN_PLAIN, true},
    {"TYPES", "policyTypes", COLUMN_PLAIN, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column services[] = {
    {"NAMESPACE", "namespace", COLUMN_PLAIN, false},
    {"NAME", "name", COLUMN_PLAIN, false},
    {"CLUSTER-IP", "cluster_ip", COLUMN_PLAIN, false},
    {"HEADLESS", "headless", COLUMN_PLAIN, true},
    {"EXTERNAL-NAME", "external_name", COLUMN_PLAIN, true},
    {"SELECTOR", "selector", COLUMN_PLAIN, true},
    {"PORTS", "ports", COLUMN_PORTS, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column values[] = {
    {"KEY", "key", COLUMN_PLAIN, false},           {"SIZE", "value_b64", COLUMN_SIZE, false},
    {"TYPE", "content_type", COLUMN_PLAIN, false}, {"LEASE", "lease", COLUMN_PLAIN, true},
    {"VERSION", "version", COLUMN_PLAIN, false},   {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct column leases[] = {
    {"ID", "id", COLUMN_PLAIN, false},
    {"TTL-S", "ttl_s", COLUMN_PLAIN, false},
    {"REMAINING-S", "remaining_s", COLUMN_PLAIN, false},
    {"EXPIRES", "expires_at", COLUMN_SECOND, false},
    {"KEYS", "keys", COLUMN_PLAIN, false},
};

static const struct column members[] = {
    {"NAME", "name", COLUMN_PLAIN, false},       {"ROLE", "role", COLUMN_PLAIN, false},
    {"STATE", "state", COLUMN_PLAIN, false},     {"MATCH", "match_index", COLUMN_PLAIN, false},
    {"LAG", "lag_entries", COLUMN_PLAIN, false}, {"RTT-MS", "rtt_ms", COLUMN_PLAIN, false},
    {"VERSION", "version", COLUMN_PLAIN, false}, {"API-URL", "api_url", COLUMN_PLAIN, false},
};

static const struct column others[] = {
    {"KEY", "key", COLUMN_PLAIN, false},
    {"VERSION", "version", COLUMN_PLAIN, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
};

static const struct columns all[] = {
    {"networks", networks, ARRAY_COUNT(networks)}, {"subnets", subnets, ARRAY_COUNT(subnets)},
    {"nodes", nodes, ARRAY_COUNT(nodes)},          {"endpoints", endpoints, ARRAY_COUNT(endpoints)},
    {"kv", values, ARRAY_COUNT(values)},           {"leases", leases, ARRAY_COUNT(leases)},
    {"members", members, ARRAY_COUNT(members)},    {"policies", policies, ARRAY_COUNT(policies)},
    {"services", services, ARRAY_COUNT(services)},
};

static const struct columns unknown = {"", others, ARRAY_COUNT(others)};

const struct columns *columns_find(const char *collection, size_t collection_size) {
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        if (strlen(all[i].collection) == collection_size &&
            memcmp(all[i].collection, collection, collection_size) == 0) {
            return &all[i];
        }
    }
    return &unknown;
}
