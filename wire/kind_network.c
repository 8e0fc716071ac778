#include "wire/kind_network.h"

#include <string.h>

static const char *const backend_types[] = {"vxlan", "host-gw", NULL};

/* clang-format off: a row a field */
static const struct field backend_fields[] = {
    {.name = "type",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct network_backend, type),
     .flags = FIELD_REQUIRED,
     .choices = backend_types,
     .help = "how nodes reach each other"},
    {.name = "vni",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct network_backend, vni),
     .min = 1,
     .max = 16777215,
     .help = "vxlan: the network identifier"},
    {.name = "port",
     .number = 3,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct network_backend, port),
     .min = 1,
     .max = 65535,
     .help = "vxlan: the UDP port"},
    {.name = "mtu",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct network_backend, mtu),
     .min = 576,
     .max = 65535,
     .help = "of pods; left out: derived from the parent device"},
    {.name = "direct_routing",
     .number = 5,
     .type = FIELD_BOOL,
     .offset = offsetof(struct network_backend, direct_routing),
     .help = "vxlan: route directly to nodes on the same link"},
};
/* clang-format on */
SHAPE(shape_network_backend, network_backend, backend_fields);

/* clang-format off: a row a field */
static const struct field network_fields[] = {
    {.name = "name",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct network, name),
     .flags = FIELD_READONLY,
     .help = "the network's name, from the path"},
    {.name = "ipv4",
     .number = 2,
     .type = FIELD_PREFIX,
     .offset = offsetof(struct network, ipv4),
     .help = "the IPv4 pool"},
    {.name = "ipv6",
     .number = 3,
     .type = FIELD_PREFIX,
     .offset = offsetof(struct network, ipv6),
     .help = "the IPv6 pool"},
    {.name = "subnet_len",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct network, subnet_len),
     .min = 1,
     .max = 30,
     .help = "prefix length of a node's IPv4 subnet"},
    {.name = "subnet_min",
     .number = 5,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct network, subnet_min),
     .help = "the first subnet that is given out"},
    {.name = "subnet_max",
     .number = 6,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct network, subnet_max),
     .help = "the last subnet that is given out"},
    {.name = "ipv6_subnet_len",
     .number = 7,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct network, ipv6_subnet_len),
     .min = 1,
     .max = 126,
     .help = "prefix length of a node's IPv6 subnet"},
    {.name = "ipv6_subnet_min",
     .number = 8,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct network, ipv6_subnet_min),
     .help = "the first IPv6 subnet that is given out"},
    {.name = "ipv6_subnet_max",
     .number = 9,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct network, ipv6_subnet_max),
     .help = "the last IPv6 subnet that is given out"},
    {.name = "lease_ttl_s",
     .number = 10,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct network, lease_ttl_s),
     .min = LIMIT_SUBNET_TTL_MIN_S,
     .max = LIMIT_LEASE_TTL_MAX_S,
     .help = "seconds that a lease lasts without renewal"},
    {.name = "backend",
     .number = 11,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct network, backend),
     .shape = &shape_network_backend,
     .help = "how pods' packets travel between nodes"},
};
/* clang-format on */
SHAPE(shape_network, network, network_fields);

/* One family's pool: the same rules for both (NETWORK.md 2). */
struct pool {
    const char *family_field, *length_field, *min_field, *max_field; /* JSON pointers */
    const struct ip_prefix *range;
    uint64_t *length;
    struct ip_address *first, *last;
    unsigned usual_length; /* of a subnet in a wide network */
    unsigned length_max;
};

static void complete_length(const struct pool *pool, struct problem *problem) {
    unsigned range_length = pool->range->length;
    if (range_length + 2 > pool->length_max) {
        problem_add(problem, pool->family_field, "a /%u is too small: /%u is the smallest network",
                    range_length, pool->length_max - 2);
        return;
    }
    if (*pool->length == 0) {
        bool is_wide = range_length + 2 <= pool->usual_length;
        *pool->length = is_wide ? pool->usual_length : range_length + 2;
    }
    if (*pool->length <= range_length) {
        problem_add(problem, pool->length_field, "%llu is not longer than the network's /%u",
                    (unsigned long long)*pool->length, range_length);
    } else if (*pool->length < range_length + 2) {
        problem_add(problem, pool->length_field,
                    "%llu makes two subnets of a /%u; a network has at least four",
                    (unsigned long long)*pool->length, range_length);
    }
}

/* A bound must be the first address of a subnet inside the network. */
static void check_bound(const struct pool *pool, const char *pointer,
                        const struct ip_address *bound, struct problem *problem) {
    char range[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(pool->range, '/', range);
    if (!ip_prefix_contains(pool->range, bound)) {
        problem_add(problem, pointer, "is outside the network's %s", range);
        return;
    }
    struct ip_prefix subnet = ip_prefix_around(bound, (uint8_t)*pool->length);
    if (ip_address_compare(&subnet.address, bound) != 0) {
        char aligned[IP_TEXT_SIZE];
        ip_address_format(&subnet.address, aligned);
        problem_add(problem, pointer, "is not the first address of a /%llu subnet; %s is",
                    (unsigned long long)*pool->length, aligned);
    }
}

static void complete_bounds(const struct pool *pool, struct problem *problem) {
    uint8_t length = (uint8_t)*pool->length;
    struct ip_prefix subnet = {.address = pool->range->address, .length = length};
    if (pool->first->family == IP_NONE) {
        CHECK(ip_prefix_next(&subnet, 1, &subnet)); /* the second: .0.0 stays free, as in flannel */
        *pool->first = subnet.address;
    }
    if (pool->last->family == IP_NONE) {
        struct ip_address last = ip_prefix_last(pool->range);
        *pool->last = ip_prefix_around(&last, length).address;
    }
    check_bound(pool, pool->min_field, pool->first, problem);
    check_bound(pool, pool->max_field, pool->last, problem);
    if (problem->err == ERR_OK && ip_address_compare(pool->first, pool->last) > 0) {
        problem_add(problem, pool->min_field, "lies behind %s", pool->max_field + 1);
    }
}

static void complete_pool(const struct pool *pool, enum ip_family family, struct problem *problem) {
    if (pool->range->address.family == IP_NONE) {
        if (*pool->length != 0) {
            problem_add(problem, pool->length_field, "needs %s", pool->family_field + 1);
        }
        if (pool->first->family != IP_NONE || pool->last->family != IP_NONE) {
            problem_add(problem, pool->min_field, "needs %s", pool->family_field + 1);
        }
        return;
    }
    if (pool->range->address.family != family) {
        problem_add(problem, pool->family_field, "is of the other address family");
        return;
    }
    complete_length(pool, problem);
    if (problem->err == ERR_OK) {
        complete_bounds(pool, problem);
    }
}

static void complete_backend(struct network *network, struct arena *arena,
                             struct problem *problem) {
    if (network->backend == NULL) {
        network->backend = arena_alloc(arena, sizeof *network->backend);
        network->backend->type = "vxlan";
    }
    struct network_backend *backend = network->backend;
    bool is_vxlan = backend->type != NULL && strcmp(backend->type, "vxlan") == 0;
    if (is_vxlan) {
        backend->vni = backend->vni != 0 ? backend->vni : 1;
        backend->port = backend->port != 0 ? backend->port : 8472;
    } else if (backend->vni != 0 || backend->port != 0 || backend->direct_routing) {
        problem_add(problem, "/backend", "vni, port and direct_routing belong to vxlan");
    }
}

static enum err complete(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem) {
    struct network *network = object;
    network->name = key->segments[0];
    if (network->ipv4.address.family == IP_NONE && network->ipv6.address.family == IP_NONE) {
        return problem_add(problem, "/ipv4", "one of ipv4 and ipv6 is required");
    }
    /* clang-format off: a row a family */
    const struct pool pools[] = {
        {"/ipv4", "/subnet_len", "/subnet_min", "/subnet_max", &network->ipv4, &network->subnet_len,
         &network->subnet_min, &network->subnet_max, 24, 30},
        {"/ipv6", "/ipv6_subnet_len", "/ipv6_subnet_min", "/ipv6_subnet_max", &network->ipv6,
         &network->ipv6_subnet_len, &network->ipv6_subnet_min, &network->ipv6_subnet_max, 64, 126},
    };
    /* clang-format on */
    complete_pool(&pools[0], IP_V4, problem);
    complete_pool(&pools[1], IP_V6, problem);
    if (network->lease_ttl_s == 0) {
        network->lease_ttl_s = LIMIT_SUBNET_TTL_DEFAULT_S;
    }
    complete_backend(network, arena, problem);
    return problem->err;
}

const struct kind kind_network = {
    .id = KIND_NETWORK,
    .name = "network",
    .collection = "networks",
    .segments = 1,
    .shape = &shape_network,
    .check_key = kind_check_network_name,
    .complete = complete,
};
