/* An attachment: one pod's interface on one node. The vocabulary of the agent's local socket, which
 * the CNI plugin speaks, and a line of the agent's own record of addresses.
 *
 * The plugin says what it attaches (the request's fields); the agent answers with what to make of
 * it. The key is (container_id, ifname). */
#ifndef WEFT_WIRE_ATTACHMENT_H
#define WEFT_WIRE_ATTACHMENT_H

#include "util/limits.h"
#include "wire/field.h"
#include "wire/kind_endpoint.h"

#define ATTACHMENT_RESERVED "reserved" /* the address is given, the interface is being made */
#define ATTACHMENT_READY    "ready"    /* the host route was seen in the kernel */

struct attachment {
    /* The request. */
    const char *container_id; /* CNI_CONTAINERID */
    const char *ifname;       /* CNI_IFNAME, inside the pod */
    const char *netns;        /* path of the pod's namespace */
    const char *cni_network;  /* the CNI configuration's name: GC acts within it */
    struct endpoint_pod *pod; /* NULL: unknown */
    /* The agent's answer. */
    const char *network; /* weft's */
    struct ip_address ip;
    struct ip_address ip_v6;
    struct ip_address gateway;
    struct ip_address gateway_v6;
    struct mac_address mac; /* of the pod's interface */
    const char *host_ifname;
    struct mac_address host_mac; /* the gateway's, on the host's end */
    uint64_t mtu;
    const char *state;    /* ATTACHMENT_RESERVED, ATTACHMENT_READY */
    const char *boot_id;  /* of the node, when the address was given */
    uint64_t epoch;       /* of the subnet lease that the address was given from */
    uint64_t reserved_ms; /* when it was asked for last: milliseconds since that boot */
};

extern const struct shape shape_attachment;

/* CNI_CONTAINERID. Source: CNI 1.1.0, "Parameters". */
bool attachment_is_container_id(const char *text);
/* CNI_IFNAME: 1 to 15 bytes, no '/', ':' or white space, not "." or "..". Source: as above, and
 * dev_valid_name in the kernel's net/core/dev.c. */
bool attachment_is_ifname(const char *text);

/* A number for the key (container_id, ifname): the same whoever computes it, spread well enough to
 * name things by. FNV-1a, 64 bits. */
uint64_t attachment_hash(const char *container_id, const char *ifname);

/* The name of the host's end: the same for the same attachment, so that a retry and a DEL find it
 * without asking anybody. Shape: LIMIT_IFNAME_SIZE_MAX bytes and a NUL. */
void attachment_host_ifname(const char *container_id, const char *ifname,
                            char out[LIMIT_IFNAME_SIZE_MAX + 1]);

#endif
