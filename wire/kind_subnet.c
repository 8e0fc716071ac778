#include "wire/kind_subnet.h"

#include <string.h>

/* clang-format off: a row a field */
static const struct field subnet_fields[] = {
    {.name = "network",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet, network),
     .flags = FIELD_READONLY,
     .help = "the network that it is part of"},
    {.name = "subnet",
     .number = 2,
     .type = FIELD_PREFIX,
     .offset = offsetof(struct subnet, subnet),
     .flags = FIELD_READONLY,
     .help = "the addresses that the holder gives to its pods"},
    {.name = "subnet_v6",
     .number = 3,
     .type = FIELD_PREFIX,
     .offset = offsetof(struct subnet, subnet_v6),
     .flags = FIELD_READONLY,
     .help = "the IPv6 part in a dual-stack network"},
    {.name = "node",
     .number = 4,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet, node),
     .flags = FIELD_REQUIRED,
     .format = &field_format_dns_subdomain,
     .help = "the holder, or the node that it is reserved for"},
    {.name = "public_ip",
     .number = 5,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct subnet, public_ip),
     .flags = FIELD_READONLY,
     .help = "where the holder is reached"},
    {.name = "public_ip_v6",
     .number = 6,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct subnet, public_ip_v6),
     .flags = FIELD_READONLY,
     .help = "where the holder is reached over IPv6"},
    {.name = "backend_type",
     .number = 7,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet, backend_type),
     .flags = FIELD_READONLY,
     .help = "the holder's backend"},
    {.name = "backend_data",
     .number = 8,
     .type = FIELD_JSON,
     .offset = offsetof(struct subnet, backend_data),
     .flags = FIELD_READONLY,
     .help = "what its backend needs, such as the VTEP's MAC"},
    {.name = "epoch",
     .number = 9,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct subnet, epoch),
     .flags = FIELD_READONLY | FIELD_ALWAYS,
     .help = "revision of the grant; 0 while nobody holds a reservation"},
    {.name = "ttl_s",
     .number = 10,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct subnet, ttl_s),
     .flags = FIELD_READONLY,
     .help = "seconds that the lease lasts after a renewal"},
    {.name = "expires_at",
     .number = 11,
     .type = FIELD_TIME,
     .offset = offsetof(struct subnet, expires_at),
     .flags = FIELD_READONLY,
     .help = "by the leader's wall clock, for people"},
    {.name = "reserved",
     .number = 12,
     .type = FIELD_BOOL,
     .offset = offsetof(struct subnet, reserved),
     .flags = FIELD_ALWAYS,
     .help = "kept for the node for ever"},
    {.name = "expires_log_ms",
     .number = 13,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct subnet, expires_log_ms),
     .flags = FIELD_HIDDEN},
};
/* clang-format on */
SHAPE(shape_subnet, subnet, subnet_fields);

/* clang-format off: a row a field */
static const struct field acquire_fields[] = {
    {.name = "network",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet_acquire, network),
     .flags = FIELD_HIDDEN},
    {.name = "node",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet_acquire, node),
     .flags = FIELD_REQUIRED,
     .format = &field_format_dns_subdomain,
     .help = "who asks"},
    {.name = "public_ip",
     .number = 3,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct subnet_acquire, public_ip),
     .help = "where the node is reached"},
    {.name = "public_ip_v6",
     .number = 4,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct subnet_acquire, public_ip_v6),
     .help = "where the node is reached over IPv6"},
    {.name = "prefer",
     .number = 5,
     .type = FIELD_PREFIX,
     .offset = offsetof(struct subnet_acquire, prefer),
     .help = "a subnet that the node would like to have"},
    {.name = "backend_type",
     .number = 6,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet_acquire, backend_type),
     .format = &field_format_token,
     .help = "the node's backend"},
    {.name = "backend_data",
     .number = 7,
     .type = FIELD_JSON,
     .offset = offsetof(struct subnet_acquire, backend_data),
     .help = "what its backend needs, such as the VTEP's MAC"},
};
/* clang-format on */
SHAPE(shape_subnet_acquire, subnet_acquire, acquire_fields);

/* clang-format off: a row a field */
static const struct field hold_fields[] = {
    {.name = "node",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct subnet_hold, node),
     .flags = FIELD_REQUIRED,
     .format = &field_format_dns_subdomain,
     .help = "the holder"},
    {.name = "epoch",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct subnet_hold, epoch),
     .flags = FIELD_REQUIRED,
     .help = "of the grant that it holds"},
};
/* clang-format on */
SHAPE(shape_subnet_hold, subnet_hold, hold_fields);

static enum err check_key(const struct kind_key *key, struct problem *problem) {
    struct ip_prefix subnet;
    char canonical[IP_PREFIX_TEXT_SIZE];
    if (kind_check_network_name(key, problem) != ERR_OK) {
        return ERR_INVALID;
    }
    enum err err = ip_prefix_parse(key->segments[1], '-', &subnet);
    if (err == ERR_OK) {
        ip_prefix_format(&subnet, '-', canonical);
    }
    if (err != ERR_OK || strcmp(canonical, key->segments[1]) != 0) {
        return problem_add(problem, "", "'%.60s' in the path is not a subnet such as 10.244.7.0-24",
                           key->segments[1]);
    }
    return ERR_OK;
}

static enum err complete(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem) {
    (void)arena;
    struct subnet *subnet = object;
    subnet->network = key->segments[0];
    CHECK(ip_prefix_parse(key->segments[1], '-', &subnet->subnet) == ERR_OK);
    if (!subnet->reserved) {
        problem_add(problem, "/reserved",
                    "must be true: a PUT makes a reservation; a lease comes from POST "
                    "/v1/subnets/%s/acquire",
                    subnet->network);
    }
    return problem->err;
}

const struct kind kind_subnet = {
    .id = KIND_SUBNET,
    .name = "subnet",
    .collection = "subnets",
    .segments = 2,
    .shape = &shape_subnet,
    .check_key = check_key,
    .complete = complete,
};
