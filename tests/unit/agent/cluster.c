#include "tests/unit/agent/cluster.h"

#include "tests/unit/netlink/namespace.h"
#include "util/check.h"

#include <stdlib.h>
#include <string.h>

void cluster_set_mac(struct cluster *cluster, size_t node, const char *text) {
    char *data = arena_printf(&cluster->arena, "{\"vni\":%u,\"vtep_mac\":\"%s\"}",
                              (unsigned)cluster->backend.vni, text);
    cluster->leases[node].backend_data = slice_of_text(data);
}

static void fill_lease(struct cluster *cluster, size_t i) {
    struct subnet *lease = &cluster->leases[i];
    struct ip_prefix first = prefix("10.128.0.0/24");
    struct ip_address public_ip = ip("192.0.2.0");
    *lease = (struct subnet){
        .network = "default",
        .node = arena_printf(&cluster->arena, "node-%zu", i),
        .backend_type = "vxlan",
        .epoch = 101 + i,
        .ttl_s = 86400,
    };
    CHECK(ip_prefix_next(&first, i + 1, &lease->subnet));
    CHECK(ip_address_add(&public_ip, i + 1, &lease->public_ip));
    unsigned number = (unsigned)i + 1;
    cluster_set_mac(
        cluster, i,
        arena_printf(&cluster->arena, "02:00:00:00:%02x:%02x", number >> 8, number & 0xffu));
}

void cluster_init(struct cluster *cluster, size_t count) {
    *cluster = (struct cluster){
        .network = {.name = "default",
                    .ipv4 = prefix("10.128.0.0/10"),
                    .subnet_len = 24,
                    .lease_ttl_s = 86400},
        .backend = {.type = "vxlan", .vni = 1, .port = 8472},
        .leases = must_alloc_zeroed(count, sizeof(struct subnet)),
        .pointers = must_alloc_zeroed(count, sizeof(struct subnet *)),
        .count = count,
        .parent = {.name = "up0",
                   .mtu = 1500,
                   .local = ip("192.0.2.1"),
                   .on_link = prefix("192.0.2.0/24")},
    };
    arena_init(&cluster->arena);
    cluster->network.backend = &cluster->backend;
    for (size_t i = 0; i < count; i++) {
        fill_lease(cluster, i);
        cluster->pointers[i] = &cluster->leases[i];
    }
    cluster->input = (struct desired_input){.node = "node-0",
                                            .network = &cluster->network,
                                            .own = &cluster->leases[0],
                                            .leases = cluster->pointers,
                                            .lease_count = count,
                                            .parent = &cluster->parent,
                                            .vtep_mac = mac("02:00:00:00:00:01"),
                                            .pods = cluster->pods};
}

void cluster_deinit(struct cluster *cluster) {
    free(cluster->leases);
    free(cluster->pointers);
    arena_deinit(&cluster->arena);
}

void cluster_add_v6(struct cluster *cluster) {
    struct ip_prefix first = prefix("fd00::/64");
    cluster->network.ipv6 = prefix("fd00::/48");
    cluster->network.ipv6_subnet_len = 64;
    for (size_t i = 0; i < cluster->count; i++) {
        CHECK(ip_prefix_next(&first, i + 1, &cluster->leases[i].subnet_v6));
    }
}

void cluster_add_pod(struct cluster *cluster, const char *address, const char *link) {
    CHECK(cluster->input.pod_count < CLUSTER_PODS_MAX);
    cluster->pods[cluster->input.pod_count++] =
        (struct desired_pod){.address = ip(address), .link = link};
}

void cluster_remove(struct cluster *cluster, size_t node) {
    size_t kept = 0;
    for (size_t i = 0; i < cluster->input.lease_count; i++) {
        if (cluster->pointers[i] != &cluster->leases[node]) {
            cluster->pointers[kept++] = cluster->pointers[i];
        }
    }
    cluster->input.lease_count = kept;
}

void cluster_build(struct cluster *cluster, struct network_state *out_state,
                   struct desired_report *out_report) {
    desired_build(&cluster->input, out_state, out_report);
}
