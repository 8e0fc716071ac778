/* A service: one name, and often one address, for a changing set of endpoints (NETWORK.md 7).
 *
 * It stands for the pods of its namespace that a selector chooses, for endpoints that are listed,
 * or for a name elsewhere; exactly one of these. */
#ifndef WEFT_WIRE_KIND_SERVICE_H
#define WEFT_WIRE_KIND_SERVICE_H

#include "wire/kind.h"

struct service_port {
    const char *name;        /* of the SRV record; unique; required beside another port */
    uint64_t port;           /* unique with its protocol */
    struct port target_port; /* never absent in a stored service */
    const char *protocol;    /* "TCP", "UDP", "SCTP"; never NULL in a stored service */
};

/* What a named target port stands for at one endpoint. */
struct service_endpoint_port {
    const char *name;
    uint64_t port;
};

struct service_endpoint {
    struct ip_address address; /* unique in its service */
    const char *hostname;      /* its name below the service's; NULL: the dashed address */
    const char *node;
    bool is_ready;            /* JSON: "ready" */
    struct object_list ports; /* struct service_endpoint_port */
};

struct service {
    const char *namespace_name; /* JSON: "namespace" */
    const char *name;
    struct text_map labels;
    struct text_map selector;     /* empty: none */
    struct object_list endpoints; /* struct service_endpoint; items NULL: none are listed */
    struct object_list ports;     /* struct service_port */
    struct ip_address cluster_ip;
    bool is_headless; /* JSON: "headless"; excludes cluster_ip */
    const char *external_name;
};

extern const struct kind kind_service;
extern const struct shape shape_service;

#endif
