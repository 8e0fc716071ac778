/* The manifest that a policy may come in: a Kubernetes object as kubectl and its API write it. Only
 * wire/kind_policy.c reads one; what is kept of it is the spec and the labels. */
#ifndef WEFT_WIRE_POLICY_SHAPE_H
#define WEFT_WIRE_POLICY_SHAPE_H

#include "wire/kind_policy.h"

struct policy_metadata {
    const char *name;
    const char *namespace_name; /* JSON: "namespace" */
    struct text_map labels;
    struct slice passed_over; /* stays absent: the home of what a Kubernetes server sets */
};

struct policy_manifest {
    const char *api_version;
    const char *kind;
    struct policy_metadata *metadata;
    struct policy *spec;
    struct slice passed_over; /* as above */
};

#endif
