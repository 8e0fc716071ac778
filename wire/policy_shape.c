#include "wire/policy_shape.h"

static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};
static const char *const policy_types[] = {"Ingress", "Egress", NULL};
static const char *const actions[] = {"Allow", "Deny", "Log", "Pass", NULL};
static const char *const api_versions[] = {"networking.k8s.io/v1", NULL};
static const char *const manifest_kinds[] = {"NetworkPolicy", NULL};

static bool is_prefix(const char *text) {
    struct ip_prefix prefix;
    return ip_prefix_parse(text, '/', &prefix) == ERR_OK;
}

static const struct field_format prefix_format = {
    "a prefix such as \"10.244.0.0/16\", without host bits", is_prefix};

/* clang-format off: a row a field */
static const struct field block_fields[] = {
    {.name = "cidr",
     .number = 1,
     .type = FIELD_PREFIX,
     .offset = offsetof(struct policy_block, cidr),
     .flags = FIELD_REQUIRED,
     .help = "the addresses of the peer"},
    {.name = "except",
     .number = 2,
     .type = FIELD_TEXTS,
     .offset = offsetof(struct policy_block, except),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_PEERS_MAX,
     .format = &prefix_format,
     .help = "prefixes inside cidr that are left out"},
};
static SHAPE(shape_policy_block, policy_block, block_fields);

static const struct field peer_fields[] = {
    {.name = "podSelector",
     .number = 1,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct policy_peer, pod_selector),
     .shape = &shape_label_selector,
     .help =
         "pods by label: of the policy's namespace, or of those that namespaceSelector chooses"},
    {.name = "namespaceSelector",
     .number = 2,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct policy_peer, namespace_selector),
     .shape = &shape_label_selector,
     .help = "namespaces by label; alone: all of their pods"},
    {.name = "ipBlock",
     .number = 3,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct policy_peer, ip_block),
     .shape = &shape_policy_block,
     .help = "addresses; excludes the selectors"},
};
static SHAPE(shape_policy_peer, policy_peer, peer_fields);

static const struct field port_fields[] = {
    {.name = "protocol",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_port, protocol),
     .choices = protocols,
     .help = "TCP by default"},
    {.name = "port",
     .number = 2,
     .type = FIELD_PORT,
     .offset = offsetof(struct policy_port, port),
     .help = "a number, or a name that each pod gives to a port; absent: every port"},
    {.name = "endPort",
     .number = 3,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct policy_port, end_port),
     .min = 1,
     .max = LIMIT_PORT_MAX,
     .help = "the last port of a range that begins at `port`"},
};
static SHAPE(shape_policy_port, policy_port, port_fields);

static const struct field ingress_fields[] = {
    {.name = "from",
     .number = 1,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct policy_rule, peers),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_PEERS_MAX,
     .shape = &shape_policy_peer,
     .help = "who may connect to the pods; absent or empty: everybody"},
    {.name = "ports",
     .number = 2,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct policy_rule, ports),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_PORTS_MAX,
     .shape = &shape_policy_port,
     .help = "absent or empty: all"},
    {.name = "action",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_rule, action),
     .choices = actions,
     .help = "cluster-wide only: what is done with what matches"},
};
/* One struct, two vocabularies: SHAPE would name both after the struct. */
static const struct shape shape_policy_ingress = {.name = "policy_ingress",
                                                  .size = sizeof(struct policy_rule),
                                                  .fields = ingress_fields,
                                                  .field_count = ARRAY_COUNT(ingress_fields)};

static const struct field egress_fields[] = {
    {.name = "to",
     .number = 1,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct policy_rule, peers),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_PEERS_MAX,
     .shape = &shape_policy_peer,
     .help = "whom the pods may connect to; absent or empty: everybody"},
    {.name = "ports",
     .number = 2,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct policy_rule, ports),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_PORTS_MAX,
     .shape = &shape_policy_port,
     .help = "absent or empty: all"},
    {.name = "action",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_rule, action),
     .choices = actions,
     .help = "cluster-wide only: what is done with what matches"},
};
static const struct shape shape_policy_egress = {.name = "policy_egress",
                                                 .size = sizeof(struct policy_rule),
                                                 .fields = egress_fields,
                                                 .field_count = ARRAY_COUNT(egress_fields)};

#define SPEC_BEGINS 3u /* the rows before it are what a manifest has in its metadata */
static const struct field policy_fields[] = {
    {.name = "namespace",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy, namespace_name),
     .flags = FIELD_READONLY,
     .help = "from the path; a cluster-wide policy has none"},
    {.name = "name",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy, name),
     .flags = FIELD_READONLY,
     .help = "from the path"},
    {.name = "labels",
     .number = 3,
     .type = FIELD_MAP,
     .offset = offsetof(struct policy, labels),
     .format = &field_format_label_value,
     .name_format = &field_format_label_name,
     .help = "for ?selector="},
    {.name = "order",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct policy, order),
     .min = 1,
     .max = LIMIT_POLICY_ORDER_MAX,
     .help = "cluster-wide only: lower comes first, then by name; 1000 by default"},
    {.name = "action",
     .number = 5,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy, action),
     .choices = actions,
     .help = "cluster-wide only: of rules that name none; Allow by default"},
    {.name = "selector",
     .number = 6,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy, selector),
     .max = LIMIT_SELECTOR_SIZE_MAX,
     .help = "cluster-wide only: the pods, in Calico's grammar; all() by default"},
    {.name = "podSelector",
     .number = 7,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct policy, pod_selector),
     .shape = &shape_label_selector,
     .help = "the pods of the namespace that the policy is for; {}: all"},
    {.name = "policyTypes",
     .number = 8,
     .type = FIELD_TEXTS,
     .offset = offsetof(struct policy, policy_types),
     .max = 2,
     .choices = policy_types,
     .help = "the directions that are closed but for the rules; by default Ingress, and Egress if "
             "it has rules"},
    {.name = "ingress",
     .number = 9,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct policy, ingress),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_RULES_MAX,
     .shape = &shape_policy_ingress,
     .help = "what may come in; a rule {} matches everything"},
    {.name = "egress",
     .number = 10,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct policy, egress),
     .flags = FIELD_EMPTY,
     .max = LIMIT_POLICY_RULES_MAX,
     .shape = &shape_policy_egress,
     .help = "what may go out; a rule {} matches everything"},
};
SHAPE(shape_policy, policy, policy_fields);
static const struct shape shape_policy_spec = {.name = "policy_spec",
                                               .size = sizeof(struct policy),
                                               .fields = policy_fields + SPEC_BEGINS,
                                               .field_count =
                                                   ARRAY_COUNT(policy_fields) - SPEC_BEGINS};

/* A row that is read by nobody. */
#define PASSED_OVER(at, text, struct_tag)                                                          \
    {                                                                                              \
        .name = (text), .number = (at), .type = FIELD_JSON,                                        \
        .offset = offsetof(struct struct_tag, passed_over), .flags = FIELD_READONLY,               \
        .help = "Kubernetes' own: passed over"                                                     \
    }

static const struct field metadata_fields[] = {
    {.name = "name",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_metadata, name),
     .format = &field_format_dns_subdomain,
     .help = "must be the path's"},
    {.name = "namespace",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_metadata, namespace_name),
     .format = &field_format_dns_label,
     .help = "must be the path's"},
    {.name = "labels",
     .number = 3,
     .type = FIELD_MAP,
     .offset = offsetof(struct policy_metadata, labels),
     .format = &field_format_label_value,
     .name_format = &field_format_label_name,
     .help = "kept"},
    PASSED_OVER(4, "generateName", policy_metadata),
    PASSED_OVER(5, "selfLink", policy_metadata),
    PASSED_OVER(6, "uid", policy_metadata),
    PASSED_OVER(7, "resourceVersion", policy_metadata),
    PASSED_OVER(8, "generation", policy_metadata),
    PASSED_OVER(9, "creationTimestamp", policy_metadata),
    PASSED_OVER(10, "deletionTimestamp", policy_metadata),
    PASSED_OVER(11, "deletionGracePeriodSeconds", policy_metadata),
    PASSED_OVER(12, "annotations", policy_metadata),
    PASSED_OVER(13, "ownerReferences", policy_metadata),
    PASSED_OVER(14, "finalizers", policy_metadata),
    PASSED_OVER(15, "managedFields", policy_metadata),
};
static SHAPE(shape_policy_metadata, policy_metadata, metadata_fields);

static const struct field manifest_fields[] = {
    {.name = "apiVersion",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_manifest, api_version),
     .choices = api_versions,
     .help = "networking.k8s.io/v1"},
    {.name = "kind",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct policy_manifest, kind),
     .choices = manifest_kinds,
     .help = "NetworkPolicy"},
    {.name = "metadata",
     .number = 3,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct policy_manifest, metadata),
     .shape = &shape_policy_metadata,
     .help = "its labels are kept"},
    {.name = "spec",
     .number = 4,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct policy_manifest, spec),
     .flags = FIELD_REQUIRED,
     .shape = &shape_policy_spec,
     .help = "the policy"},
    PASSED_OVER(5, "status", policy_manifest),
};
/* clang-format on */
SHAPE(shape_policy_manifest, policy_manifest, manifest_fields);
