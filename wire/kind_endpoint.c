#include "wire/kind_endpoint.h"

#include <string.h>

/* clang-format off: a row a field */
static const struct field pod_fields[] = {
    {.name = "namespace",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint_pod, namespace_name),
     .format = &field_format_dns_label,
     .help = "the pod's namespace"},
    {.name = "name",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint_pod, name),
     .format = &field_format_dns_subdomain,
     .help = "the pod's name"},
    {.name = "uid",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint_pod, uid),
     .help = "the pod's unique id"},
    {.name = "labels",
     .number = 4,
     .type = FIELD_MAP,
     .offset = offsetof(struct endpoint_pod, labels),
     .help = "for policies and services"},
};
/* clang-format on */
SHAPE(shape_endpoint_pod, endpoint_pod, pod_fields);

/* clang-format off: a row a field */
static const struct field endpoint_fields[] = {
    {.name = "network",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint, network),
     .flags = FIELD_READONLY,
     .help = "the network, from the path"},
    {.name = "ip",
     .number = 2,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct endpoint, ip),
     .flags = FIELD_READONLY,
     .help = "the pod's address, from the path"},
    {.name = "node",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint, node),
     .format = &field_format_dns_subdomain,
     .help = "the node that carries it"},
    {.name = "container_id",
     .number = 4,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint, container_id),
     .format = &field_format_token,
     .help = "CNI_CONTAINERID"},
    {.name = "ifname",
     .number = 5,
     .type = FIELD_TEXT,
     .offset = offsetof(struct endpoint, ifname),
     .max = LIMIT_IFNAME_SIZE_MAX,
     .help = "CNI_IFNAME"},
    {.name = "mac",
     .number = 6,
     .type = FIELD_MAC,
     .offset = offsetof(struct endpoint, mac),
     .help = "of the pod's interface"},
    {.name = "pod",
     .number = 7,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct endpoint, pod),
     .shape = &shape_endpoint_pod,
     .help = "which pod it is"},
    {.name = "epoch",
     .number = 8,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct endpoint, epoch),
     .help = "of the subnet lease that it was given from"},
};
/* clang-format on */
SHAPE(shape_endpoint, endpoint, endpoint_fields);

static enum err check_key(const struct kind_key *key, struct problem *problem) {
    struct ip_address address;
    char canonical[IP_TEXT_SIZE];
    if (kind_check_network_name(key, problem) != ERR_OK) {
        return ERR_INVALID;
    }
    enum err err = ip_address_parse(key->segments[1], &address);
    if (err == ERR_OK) {
        ip_address_format(&address, canonical);
    }
    if (err != ERR_OK || strcmp(canonical, key->segments[1]) != 0) {
        return problem_add(problem, "",
                           "'%.60s' in the path is not an IP address in canonical form",
                           key->segments[1]);
    }
    return ERR_OK;
}

static enum err complete(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem) {
    (void)arena;
    struct endpoint *endpoint = object;
    endpoint->network = key->segments[0];
    CHECK(ip_address_parse(key->segments[1], &endpoint->ip) == ERR_OK);
    return problem->err;
}

const struct kind kind_endpoint = {
    .id = KIND_ENDPOINT,
    .name = "endpoint",
    .collection = "endpoints",
    .segments = 2,
    .shape = &shape_endpoint,
    .check_key = check_key,
    .complete = complete,
};
