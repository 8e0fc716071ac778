/* An endpoint: one pod's address in one network. */
#ifndef WEFT_WIRE_KIND_ENDPOINT_H
#define WEFT_WIRE_KIND_ENDPOINT_H

#include "wire/kind.h"

struct endpoint_pod {
    const char *namespace_name; /* JSON: "namespace" */
    const char *name;
    const char *uid;
    struct text_map labels;
};

struct endpoint {
    const char *network;
    struct ip_address ip;
    const char *node;
    const char *container_id;
    const char *ifname;
    struct mac_address mac;
    struct endpoint_pod *pod;
    uint64_t epoch; /* of the subnet lease that the address was given from */
};

extern const struct kind kind_endpoint;
extern const struct shape shape_endpoint;
extern const struct shape shape_endpoint_pod;

#endif
