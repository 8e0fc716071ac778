/* A policy: which traffic pods may have (NETWORK.md 8). In a namespace it is a Kubernetes
 * NetworkPolicy, spec for spec and under Kubernetes' own names, so that manifests pass through
 * unchanged. Below POLICY_CLUSTER_WIDE it chooses pods of all namespaces by a selector in Calico's
 * grammar, has an order, and its rules have an action.
 *
 * A body is the bare spec, with labels beside it, or the whole manifest; what is stored and
 * answered is the bare form. Lists keep the difference between absent and empty. */
#ifndef WEFT_WIRE_KIND_POLICY_H
#define WEFT_WIRE_KIND_POLICY_H

#include "wire/kind.h"
#include "wire/label.h"

/* Stands for the namespace in the key of a cluster-wide policy; no namespace can have this name. */
#define POLICY_CLUSTER_WIDE "_cluster"

struct policy_block {
    struct ip_prefix cidr;
    struct text_list except; /* prefixes inside cidr, in canonical form */
};

/* Either a block, or selectors: pods by label, in namespaces by label (rules 8 and 9). */
struct policy_peer {
    struct label_selector *pod_selector;
    struct label_selector *namespace_selector;
    struct policy_block *ip_block;
};

struct policy_port {
    const char *protocol; /* "TCP", "UDP", "SCTP"; never NULL in a stored policy */
    struct port port;     /* absent: all of the protocol */
    uint64_t end_port;    /* 0: only `port` */
};

/* Peers and ports: both must match, absent or empty matches everything (rule 7). */
struct policy_rule {
    struct object_list peers; /* struct policy_peer; JSON: "from" or "to" */
    struct object_list ports; /* struct policy_port */
    const char *action;       /* cluster-wide, never NULL there: "Allow", "Deny", "Log", "Pass" */
};

struct policy {
    const char *namespace_name; /* JSON: "namespace"; NULL in a cluster-wide policy */
    const char *name;
    struct text_map labels;
    uint64_t order;                      /* cluster-wide: lower first, then by name */
    const char *action;                  /* cluster-wide: of rules that name none */
    const char *selector;                /* cluster-wide, never NULL there */
    struct label_selector *pod_selector; /* in a namespace, never NULL there */
    struct text_list policy_types;       /* "Ingress", "Egress"; never empty in a stored policy */
    struct object_list ingress;          /* struct policy_rule */
    struct object_list egress;           /* struct policy_rule */
};

extern const struct kind kind_policy;
extern const struct shape shape_policy;
/* The whole manifest, for the API document: {apiVersion, kind, metadata, spec, status}. */
extern const struct shape shape_policy_manifest;

#endif
