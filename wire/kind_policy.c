#include "wire/kind_policy.h"

#include "wire/policy_shape.h"

#include <string.h>

static const char default_protocol[] = "TCP";
static const char default_action[] = "Allow";

/* One body's checks: where its spec stands, and what its place allows. */
struct check {
    const char *base; /* "" or "/spec" */
    bool is_cluster_wide;
    const char *action; /* of rules that name none; NULL in a namespace */
    struct arena *arena;
    struct problem *problem;
};

static bool is_cluster_wide(const struct kind_key *key) {
    return strcmp(key->segments[0], POLICY_CLUSTER_WIDE) == 0;
}

/* NETWORK.md 8, rules 10 and 11. */
static void complete_port(struct check *check, struct policy_port *port, const char *pointer) {
    if (port->protocol == NULL) {
        port->protocol = default_protocol;
    }
    if (port->end_port == 0) {
        return;
    }
    const char *at = arena_printf(check->arena, "%s/endPort", pointer);
    if (port->port.number == 0) {
        problem_add(check->problem, at, "needs a `port` that is a number");
    } else if (port->end_port < port->port.number) {
        problem_add(check->problem, at, "%llu is below the port, %llu",
                    (unsigned long long)port->end_port, (unsigned long long)port->port.number);
    }
}

/* Rule 9; the texts were checked to be prefixes, and become canonical. */
static void complete_block(struct check *check, struct policy_block *block, const char *pointer) {
    for (size_t i = 0; i < block->except.count; i++) {
        struct ip_prefix except;
        char text[IP_PREFIX_TEXT_SIZE];
        CHECK(ip_prefix_parse(block->except.items[i], '/', &except) == ERR_OK);
        if (!ip_prefix_covers(&block->cidr, &except) || except.length == block->cidr.length) {
            ip_prefix_format(&block->cidr, '/', text);
            problem_add(check->problem, arena_printf(check->arena, "%s/except/%zu", pointer, i),
                        "%s is not a part of the cidr, %s", block->except.items[i], text);
        }
        ip_prefix_format(&except, '/', text);
        block->except.items[i] = arena_strdup(check->arena, text);
    }
}

static void complete_peer(struct check *check, struct policy_peer *peer, const char *pointer) {
    bool has_selector = peer->pod_selector != NULL || peer->namespace_selector != NULL;
    if (peer->ip_block == NULL && !has_selector) {
        problem_add(check->problem, pointer,
                    "names nobody: one of podSelector, namespaceSelector and ipBlock is required");
    } else if (peer->ip_block != NULL && has_selector) {
        problem_add(check->problem, arena_printf(check->arena, "%s/ipBlock", pointer),
                    "excludes podSelector and namespaceSelector");
    }
    if (peer->ip_block != NULL) {
        complete_block(check, peer->ip_block, arena_printf(check->arena, "%s/ipBlock", pointer));
    }
    label_selector_check(peer->pod_selector, arena_printf(check->arena, "%s/podSelector", pointer),
                         check->arena, check->problem);
    label_selector_check(peer->namespace_selector,
                         arena_printf(check->arena, "%s/namespaceSelector", pointer), check->arena,
                         check->problem);
}

static void complete_rule(struct check *check, struct policy_rule *rule, const char *peers_name,
                          const char *pointer) {
    struct policy_peer *peers = rule->peers.items;
    struct policy_port *ports = rule->ports.items;
    for (size_t i = 0; i < rule->peers.count; i++) {
        complete_peer(check, &peers[i],
                      arena_printf(check->arena, "%s/%s/%zu", pointer, peers_name, i));
    }
    for (size_t i = 0; i < rule->ports.count; i++) {
        complete_port(check, &ports[i], arena_printf(check->arena, "%s/ports/%zu", pointer, i));
    }
    if (rule->action == NULL) {
        rule->action = check->action;
    } else if (!check->is_cluster_wide) {
        problem_add(check->problem, arena_printf(check->arena, "%s/action", pointer),
                    "belongs to cluster-wide policies (policies/" POLICY_CLUSTER_WIDE "/...): in a "
                    "namespace all rules allow");
    }
}

static void complete_rules(struct check *check, struct object_list *rules, const char *name,
                           const char *peers_name) {
    struct policy_rule *items = rules->items;
    for (size_t i = 0; i < rules->count; i++) {
        complete_rule(check, &items[i], peers_name,
                      arena_printf(check->arena, "%s/%s/%zu", check->base, name, i));
    }
}

/* Rule 3: Ingress always, Egress when it has rules. */
static void complete_types(struct check *check, struct policy *policy) {
    if (policy->policy_types.count == 0) {
        policy->policy_types.items =
            arena_alloc(check->arena, 2 * sizeof *policy->policy_types.items);
        policy->policy_types.items[policy->policy_types.count++] = "Ingress";
        if (policy->egress.count > 0) {
            policy->policy_types.items[policy->policy_types.count++] = "Egress";
        }
    }
}

static void refuse(struct check *check, const char *name, const char *why) {
    problem_add(check->problem, arena_printf(check->arena, "%s/%s", check->base, name), "%s", why);
}

static void complete_cluster_wide(struct check *check, struct policy *policy) {
    if (policy->pod_selector != NULL) {
        refuse(check, "podSelector", "a cluster-wide policy chooses its pods by `selector`");
    }
    if (policy->selector == NULL) {
        policy->selector = "all()";
    } else {
        label_expression_check(policy->selector,
                               arena_printf(check->arena, "%s/selector", check->base),
                               check->problem);
    }
    policy->order = policy->order != 0 ? policy->order : LIMIT_POLICY_ORDER_DEFAULT;
    policy->action = policy->action != NULL ? policy->action : default_action;
    check->action = policy->action;
}

/* Rules 1 and 4: pods of the namespace, no order, no deny. */
static void complete_namespaced(struct check *check, struct policy *policy) {
    static const char why[] =
        "belongs to cluster-wide policies: policies/" POLICY_CLUSTER_WIDE "/...";
    if (policy->order != 0) {
        refuse(check, "order", why);
    }
    if (policy->action != NULL) {
        refuse(check, "action", why);
    }
    if (policy->selector != NULL) {
        refuse(check, "selector", why);
    }
    if (policy->pod_selector == NULL) {
        policy->pod_selector = arena_alloc(check->arena, sizeof *policy->pod_selector);
    }
    label_selector_check(policy->pod_selector,
                         arena_printf(check->arena, "%s/podSelector", check->base), check->arena,
                         check->problem);
}

static void complete_spec(struct check *check, struct policy *policy) {
    if (check->is_cluster_wide) {
        complete_cluster_wide(check, policy);
    } else {
        complete_namespaced(check, policy);
    }
    complete_types(check, policy);
    complete_rules(check, &policy->ingress, "ingress", "from");
    complete_rules(check, &policy->egress, "egress", "to");
}

static void check_metadata(const struct kind_key *key, const struct policy_metadata *metadata,
                           struct problem *problem) {
    if (metadata->name != NULL && strcmp(metadata->name, key->segments[1]) != 0) {
        problem_add(problem, "/metadata/name", "is '%.60s', and '%.60s' in the path",
                    metadata->name, key->segments[1]);
    }
    if (metadata->namespace_name != NULL &&
        strcmp(metadata->namespace_name, key->segments[0]) != 0) {
        problem_add(problem, "/metadata/namespace", "is '%.60s', and '%.60s' in the path",
                    metadata->namespace_name, key->segments[0]);
    }
}

static enum err read_manifest(const struct kind_key *key, const struct json *json,
                              struct arena *arena, struct policy *out_policy,
                              struct problem *problem) {
    struct policy_manifest manifest;
    enum err err = field_read(&shape_policy_manifest, json, "", arena, &manifest, problem);
    if (err != ERR_OK) {
        return err;
    }
    *out_policy = *manifest.spec;
    if (manifest.metadata != NULL) {
        check_metadata(key, manifest.metadata, problem);
        out_policy->labels = manifest.metadata->labels;
    }
    return problem->err;
}

/* No field of a spec has one of these names. */
static bool is_manifest(const struct json *json) {
    return json_find(json, "spec") != NULL || json_find(json, "metadata") != NULL ||
           json_find(json, "kind") != NULL || json_find(json, "apiVersion") != NULL;
}

static enum err read(const struct kind_key *key, const struct json *json, struct arena *arena,
                     void *out_object, struct problem *problem) {
    bool is_whole = json_type_of(json) == JSON_OBJECT && is_manifest(json);
    enum err err = is_whole ? read_manifest(key, json, arena, out_object, problem)
                            : field_read(&shape_policy, json, "", arena, out_object, problem);
    if (err != ERR_OK) {
        return err;
    }
    struct check check = {.base = is_whole ? "/spec" : "",
                          .is_cluster_wide = is_cluster_wide(key),
                          .arena = arena,
                          .problem = problem};
    complete_spec(&check, out_object);
    return problem->err;
}

static enum err complete(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem) {
    (void)arena;
    struct policy *policy = object;
    policy->namespace_name = is_cluster_wide(key) ? NULL : key->segments[0];
    policy->name = key->segments[1];
    return problem->err;
}

static enum err check_key(const struct kind_key *key, struct problem *problem) {
    if (!is_cluster_wide(key) && !field_format_dns_label.is_valid(key->segments[0])) {
        return problem_add(problem, "",
                           "the namespace '%.60s' is neither %s nor " POLICY_CLUSTER_WIDE,
                           key->segments[0], field_format_dns_label.expects);
    }
    if (!field_format_dns_subdomain.is_valid(key->segments[1])) {
        return problem_add(problem, "", "the policy's name '%.60s' is not %s", key->segments[1],
                           field_format_dns_subdomain.expects);
    }
    return ERR_OK;
}

const struct kind kind_policy = {
    .id = KIND_POLICY,
    .name = "policy",
    .collection = "policies",
    .segments = 2,
    .shape = &shape_policy,
    .check_key = check_key,
    .read = read,
    .complete = complete,
};
