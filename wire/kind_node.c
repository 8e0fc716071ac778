#include "wire/kind_node.h"

static const char *const statuses[] = {"True", "False", "Unknown", NULL};

/* clang-format off: a row a field */
static const struct field condition_fields[] = {
    {.name = "type",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node_condition, type),
     .flags = FIELD_REQUIRED,
     .format = &field_format_token,
     .help = "what it is about: Ready"},
    {.name = "status",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node_condition, status),
     .flags = FIELD_REQUIRED,
     .choices = statuses,
     .help = "True, False or Unknown"},
    {.name = "reason",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node_condition, reason),
     .max = 1024,
     .help = "why, for people"},
    {.name = "since",
     .number = 4,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node_condition, since),
     .max = 64,
     .help = "RFC 3339"},
};
/* clang-format on */
static SHAPE(shape_node_condition, node_condition, condition_fields);

/* clang-format off: a row a field */
static const struct field node_fields[] = {
    {.name = "name",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node, name),
     .flags = FIELD_READONLY,
     .help = "the node's name, from the path"},
    {.name = "addresses",
     .number = 2,
     .type = FIELD_TEXTS,
     .offset = offsetof(struct node, addresses),
     .help = "where the node is reached"},
    {.name = "labels",
     .number = 3,
     .type = FIELD_MAP,
     .offset = offsetof(struct node, labels),
     .help = "for selectors"},
    {.name = "agent_version",
     .number = 4,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node, agent_version),
     .help = "of weft-agent"},
    {.name = "boot_id",
     .number = 5,
     .type = FIELD_TEXT,
     .offset = offsetof(struct node, boot_id),
     .help = "changes when the machine starts anew"},
    {.name = "conditions",
     .number = 6,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct node, conditions),
     .shape = &shape_node_condition,
     .help = "how it fares"},
};
/* clang-format on */
SHAPE(shape_node, node, node_fields);

static enum err complete(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem) {
    (void)arena;
    struct node *node = object;
    node->name = key->segments[0];
    return problem->err;
}

const struct kind kind_node = {
    .id = KIND_NODE,
    .name = "node",
    .collection = "nodes",
    .segments = 1,
    .shape = &shape_node,
    .complete = complete,
};
