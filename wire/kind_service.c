#include "wire/kind_service.h"

#include "wire/label.h"

#include <stdlib.h>
#include <string.h>

static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};

/* clang-format off: a row a field */
static const struct field port_fields[] = {
    {.name = "name",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service_port, name),
     .format = &field_format_dns_label,
     .help = "for SRV records; required when there are several ports"},
    {.name = "port",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct service_port, port),
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = LIMIT_PORT_MAX,
     .help = "that clients connect to"},
    {.name = "target_port",
     .number = 3,
     .type = FIELD_PORT,
     .offset = offsetof(struct service_port, target_port),
     .help = "of the endpoints, by number or by name; `port` by default"},
    {.name = "protocol",
     .number = 4,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service_port, protocol),
     .choices = protocols,
     .help = "TCP by default"},
};
static SHAPE(shape_service_port, service_port, port_fields);

static const struct field endpoint_port_fields[] = {
    {.name = "name",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service_endpoint_port, name),
     .flags = FIELD_REQUIRED,
     .format = &field_format_port_name,
     .help = "as a target_port has it"},
    {.name = "port",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct service_endpoint_port, port),
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = LIMIT_PORT_MAX,
     .help = "its number here"},
};
static SHAPE(shape_service_endpoint_port, service_endpoint_port, endpoint_port_fields);

static const struct field endpoint_fields[] = {
    {.name = "address",
     .number = 1,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct service_endpoint, address),
     .flags = FIELD_REQUIRED,
     .help = "where it is reached"},
    {.name = "hostname",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service_endpoint, hostname),
     .format = &field_format_dns_label,
     .help = "its own name below the service's"},
    {.name = "node",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service_endpoint, node),
     .format = &field_format_dns_subdomain,
     .help = "the node that carries it"},
    {.name = "ready",
     .number = 4,
     .type = FIELD_BOOL,
     .offset = offsetof(struct service_endpoint, is_ready),
     .flags = FIELD_ALWAYS | FIELD_TRUE,
     .help = "true by default; the others get no traffic and no name"},
    {.name = "ports",
     .number = 5,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct service_endpoint, ports),
     .max = LIMIT_SERVICE_PORTS_MAX,
     .shape = &shape_service_endpoint_port,
     .help = "what a target_port's name stands for here"},
};
static SHAPE(shape_service_endpoint, service_endpoint, endpoint_fields);

static const struct field service_fields[] = {
    {.name = "namespace",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service, namespace_name),
     .flags = FIELD_READONLY,
     .help = "from the path"},
    {.name = "name",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service, name),
     .flags = FIELD_READONLY,
     .help = "from the path"},
    {.name = "labels",
     .number = 3,
     .type = FIELD_MAP,
     .offset = offsetof(struct service, labels),
     .format = &field_format_label_value,
     .name_format = &field_format_label_name,
     .help = "for ?selector="},
    {.name = "selector",
     .number = 4,
     .type = FIELD_MAP,
     .offset = offsetof(struct service, selector),
     .format = &field_format_label_value,
     .name_format = &field_format_label_name,
     .help = "labels of the pods of the namespace that are its endpoints"},
    {.name = "endpoints",
     .number = 5,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct service, endpoints),
     .flags = FIELD_EMPTY,
     .max = LIMIT_SERVICE_ENDPOINTS_MAX,
     .shape = &shape_service_endpoint,
     .help = "its endpoints one by one, instead of a selector; [] is a service without any"},
    {.name = "ports",
     .number = 6,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct service, ports),
     .max = LIMIT_SERVICE_PORTS_MAX,
     .shape = &shape_service_port,
     .help = "required but for headless services and external names"},
    {.name = "cluster_ip",
     .number = 7,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct service, cluster_ip),
     .help = "the address that stands for all endpoints"},
    {.name = "headless",
     .number = 8,
     .type = FIELD_BOOL,
     .offset = offsetof(struct service, is_headless),
     .flags = FIELD_ALWAYS,
     .help = "its name stands for the endpoints' addresses"},
    {.name = "external_name",
     .number = 9,
     .type = FIELD_TEXT,
     .offset = offsetof(struct service, external_name),
     .format = &field_format_dns_subdomain,
     .help = "its name is another name for this one"},
};
/* clang-format on */
SHAPE(shape_service, service, service_fields);

static bool has_endpoints(const struct service *service) {
    return service->endpoints.items != NULL;
}

/* What the service stands for: exactly one of three. */
static void check_target(const struct service *service, struct problem *problem) {
    bool has_selector = service->selector.count > 0;
    if (service->external_name != NULL) {
        static const char why[] = "an external_name excludes it";
        if (has_selector) {
            problem_add(problem, "/selector", why);
        }
        if (has_endpoints(service)) {
            problem_add(problem, "/endpoints", why);
        }
        if (service->cluster_ip.family != IP_NONE) {
            problem_add(problem, "/cluster_ip", why);
        }
        if (service->is_headless) {
            problem_add(problem, "/headless", why);
        }
    } else if (has_selector && has_endpoints(service)) {
        problem_add(problem, "/endpoints", "a selector excludes it");
    } else if (!has_selector && !has_endpoints(service)) {
        problem_add(problem, "/selector",
                    "one of selector (not empty), endpoints and external_name is required");
    }
}

/* Why an address cannot stand for a pod or a service; NULL when it can. As Kubernetes' API server
 * sees endpoints (ValidateNonSpecialIP). */
static const char *why_unusable(const struct ip_address *address) {
    static const uint8_t zeroes[15];
    const uint8_t *bytes = address->bytes;
    if (address->family == IP_V4) {
        return bytes[0] == 0                        ? "unspecified"
               : bytes[0] == 127                    ? "a loopback address"
               : bytes[0] == 169 && bytes[1] == 254 ? "link-local"
               : bytes[0] >= 224                    ? "multicast or reserved"
                                                    : NULL;
    }
    if (address->family == IP_V6) {
        return memcmp(bytes, zeroes, 15) == 0 && bytes[15] <= 1
                   ? (bytes[15] == 0 ? "unspecified" : "a loopback address")
               : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 ? "link-local"
               : bytes[0] == 0xff                              ? "multicast"
                                                               : NULL;
    }
    return NULL;
}

static void check_address(const struct ip_address *address, const char *pointer,
                          struct problem *problem) {
    const char *why = why_unusable(address);
    if (why != NULL) {
        char text[IP_TEXT_SIZE];
        ip_address_format(address, text);
        problem_add(problem, pointer, "%s is %s", text, why);
    }
}

static void check_endpoint_ports(const struct service_endpoint *endpoint, size_t at,
                                 struct arena *arena, struct problem *problem) {
    const struct service_endpoint_port *ports = endpoint->ports.items;
    for (size_t i = 0; i < endpoint->ports.count; i++) {
        for (size_t before = 0; before < i; before++) {
            if (strcmp(ports[before].name, ports[i].name) == 0) {
                problem_add(problem, arena_printf(arena, "/endpoints/%zu/ports/%zu/name", at, i),
                            "'%s' is there twice", ports[i].name);
            }
        }
    }
}

struct place {
    struct ip_address address;
    size_t index; /* in the list of endpoints */
};

static int compare_places(const void *a, const void *b) {
    const struct place *one = a;
    const struct place *other = b;
    int order = ip_address_compare(&one->address, &other->address);
    return order != 0 ? order : (one->index > other->index) - (one->index < other->index);
}

static void check_endpoints(const struct service *service, struct arena *arena,
                            struct problem *problem) {
    const struct service_endpoint *items = service->endpoints.items;
    size_t count = service->endpoints.count;
    struct place *sorted = arena_alloc(arena, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct place){.address = items[i].address, .index = i};
        check_address(&items[i].address, arena_printf(arena, "/endpoints/%zu/address", i), problem);
        check_endpoint_ports(&items[i], i, arena, problem);
    }
    qsort(sorted, count, sizeof *sorted, compare_places);
    for (size_t i = 1; i < count; i++) {
        if (ip_address_compare(&sorted[i - 1].address, &sorted[i].address) == 0) {
            problem_add(problem, arena_printf(arena, "/endpoints/%zu/address", sorted[i].index),
                        "is there twice");
        }
    }
}

/* Kubernetes' rules: every port has a name when there are several, names are unique, and so is a
 * number with its protocol. */
static void check_port_pair(const struct service_port *ports, size_t before, size_t at,
                            struct arena *arena, struct problem *problem) {
    const struct service_port *one = &ports[before];
    const struct service_port *other = &ports[at];
    if (one->name != NULL && other->name != NULL && strcmp(one->name, other->name) == 0) {
        problem_add(problem, arena_printf(arena, "/ports/%zu/name", at), "'%s' is there twice",
                    other->name);
    }
    if (one->port == other->port && strcmp(one->protocol, other->protocol) == 0) {
        problem_add(problem, arena_printf(arena, "/ports/%zu/port", at), "%llu/%s is there twice",
                    (unsigned long long)other->port, other->protocol);
    }
}

static void complete_ports(struct service *service, struct arena *arena, struct problem *problem) {
    struct service_port *ports = service->ports.items;
    size_t count = service->ports.count;
    if (count == 0 && !service->is_headless && service->external_name == NULL) {
        problem_add(problem, "/ports", "is required, unless headless or with an external_name");
    }
    for (size_t i = 0; i < count; i++) {
        if (ports[i].protocol == NULL) {
            ports[i].protocol = "TCP";
        }
        if (ports[i].target_port.number == 0 && ports[i].target_port.name == NULL) {
            ports[i].target_port.number = ports[i].port;
        }
        if (ports[i].name == NULL && count > 1) {
            problem_add(problem, arena_printf(arena, "/ports/%zu/name", i),
                        "is required when there are several ports");
        }
        for (size_t before = 0; before < i; before++) {
            check_port_pair(ports, before, i, arena, problem);
        }
    }
}

static enum err complete(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem) {
    struct service *service = object;
    service->namespace_name = key->segments[0];
    service->name = key->segments[1];
    check_target(service, problem);
    if (service->is_headless && service->cluster_ip.family != IP_NONE) {
        problem_add(problem, "/cluster_ip", "a headless service has none");
    }
    check_address(&service->cluster_ip, "/cluster_ip", problem);
    check_endpoints(service, arena, problem);
    complete_ports(service, arena, problem);
    return problem->err;
}

static enum err check_key(const struct kind_key *key, struct problem *problem) {
    static const char *const names[] = {"namespace", "service's name"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        if (!field_format_dns_label.is_valid(key->segments[i])) {
            return problem_add(problem, "", "the %s '%.60s' is not %s", names[i], key->segments[i],
                               field_format_dns_label.expects);
        }
    }
    return ERR_OK;
}

const struct kind kind_service = {
    .id = KIND_SERVICE,
    .name = "service",
    .collection = "services",
    .segments = 2,
    .shape = &shape_service,
    .check_key = check_key,
    .complete = complete,
};
