/* A node: one machine that carries pods. */
#ifndef WEFT_WIRE_KIND_NODE_H
#define WEFT_WIRE_KIND_NODE_H

#include "wire/kind.h"

struct node_condition {
    const char *type;   /* "Ready", "NetworkUnavailable" */
    const char *status; /* "True", "False", "Unknown" */
    const char *reason;
    const char *since; /* RFC 3339, as the client said it */
};

struct node {
    const char *name;
    struct text_list addresses;
    struct text_map labels;
    const char *agent_version;
    const char *boot_id;
    struct object_list conditions; /* struct node_condition */
};

extern const struct kind kind_node;
extern const struct shape shape_node;

#endif
