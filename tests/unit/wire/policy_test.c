/* Policies: what Kubernetes' API server takes and refuses, and the cluster-wide form. */
#include "wire/kind_policy.h"

#include "tests/unit/wire/kind_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "policies/shop/db";
static const char cluster_key[] = "policies/_cluster/db";

/* The stored form has `expected` in it. */
static void expect_stored(struct fixture *fixture, const char *at, const char *body,
                          const char *expected) {
    const char *text = complete(fixture, at, body);
    if (text == NULL || strstr(text, expected) == NULL) {
        fail_msg("%s: %s %s instead of %s", body, fixture->problem.detail, text, expected);
    }
}

/* A spec below a rule: {"ingress":[{"from":[ ... ]}]}. */
static const char *with_peer(struct fixture *fixture, const char *peer) {
    return arena_printf(&fixture->arena, "{\"ingress\":[{},{\"from\":[{\"podSelector\":{}},%s]}]}",
                        peer);
}

static const char *with_port(struct fixture *fixture, const char *port) {
    return arena_printf(&fixture->arena, "{\"egress\":[{\"ports\":[%s]}]}", port);
}

static void expect_peer_refused(struct fixture *fixture, const char *peer, const char *pointer) {
    char whole_pointer[160];
    snprintf(whole_pointer, sizeof whole_pointer, "/ingress/1/from/1%s", pointer);
    struct refused_body row = {must_strdup(with_peer(fixture, peer)), whole_pointer};
    expect_refused(fixture, key, &row, 1);
    free((void *)(uintptr_t)row.body);
}

static void expect_port_refused(struct fixture *fixture, const char *port, const char *pointer) {
    char whole_pointer[160];
    snprintf(whole_pointer, sizeof whole_pointer, "/egress/0/ports/0%s", pointer);
    struct refused_body row = {must_strdup(with_port(fixture, port)), whole_pointer};
    expect_refused(fixture, key, &row, 1);
    free((void *)(uintptr_t)row.body);
}

/* NETWORK.md 8, rule 3. */
static void absent_policy_types_follow_the_rules(void **state) {
    struct fixture *fixture = *state;
    expect_stored(fixture, key, "{}", "\"policyTypes\":[\"Ingress\"]");
    expect_stored(fixture, key, "{\"policyTypes\":[]}", "\"policyTypes\":[\"Ingress\"]");
    expect_stored(fixture, key, "{\"egress\":[]}", "\"policyTypes\":[\"Ingress\"]");
    expect_stored(fixture, key, "{\"egress\":[{}]}", "\"policyTypes\":[\"Ingress\",\"Egress\"]");
    expect_stored(fixture, key, "{\"policyTypes\":[\"Egress\"],\"ingress\":[{}]}",
                  "\"policyTypes\":[\"Egress\"]");
    expect_stored(fixture, cluster_key, "{\"egress\":[{}]}",
                  "\"policyTypes\":[\"Ingress\",\"Egress\"]");
}

/* Rules 6, 7 and 8: an empty list, an absent one, {} and an absent object are four things. */
static void absent_and_empty_stay_apart(void **state) {
    struct fixture *fixture = *state;
    static const char *const parts[] = {
        "\"ingress\":[]",
        "\"ingress\":[{}]",
        "\"ingress\":[{\"from\":[]}]",
        "\"ingress\":[{\"from\":[],\"ports\":[]}]",
        "\"ingress\":[{\"ports\":[]}]",
        "\"ingress\":[{\"from\":[{\"podSelector\":{}}]}]",
        "\"ingress\":[{\"from\":[{\"namespaceSelector\":{}}]}]",
        "\"ingress\":[{\"from\":[{\"podSelector\":{},\"namespaceSelector\":{}}]}]",
        "\"ingress\":[{\"from\":[{\"podSelector\":{\"matchLabels\":{}}}]}]",
        "\"ingress\":[{\"from\":[{\"podSelector\":{\"matchExpressions\":[]}}]}]",
        "\"ingress\":[{\"from\":[{\"ipBlock\":{\"cidr\":\"0.0.0.0/0\",\"except\":[]}}]}]",
        "\"ingress\":[{\"from\":[{\"ipBlock\":{\"cidr\":\"0.0.0.0/0\"}}]}]",
        "\"ingress\":[],\"egress\":[]",
        "\"egress\":[{},{}]",
    };
    for (unsigned i = 0; i < ARRAY_COUNT(parts); i++) {
        const char *head = "\"podSelector\":{},\"policyTypes\":[\"Ingress\",\"Egress\"]";
        const char *body = arena_printf(&fixture->arena, "{%s,%s}", head, parts[i]);
        const char *stored = arena_printf(
            &fixture->arena, "{\"namespace\":\"shop\",\"name\":\"db\",%s,%s}", head, parts[i]);
        assert_string_equal(complete(fixture, key, body), stored);
    }
    const char *none = complete(fixture, key, "{\"podSelector\":{}}");
    assert_null(strstr(none, "ingress"));
}

static void a_manifest_is_as_good_as_its_spec(void **state) {
    struct fixture *fixture = *state;
    const char *bare = complete(fixture, key, "{\"podSelector\":{},\"ingress\":[{}]}");
    static const char *const bodies[] = {
        "{\"spec\":{\"podSelector\":{},\"ingress\":[{}]}}",
        "{\"metadata\":{},\"spec\":{\"podSelector\":{},\"ingress\":[{}]}}",
        "{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":"
        "{\"name\":\"db\",\"namespace\":\"shop\",\"creationTimestamp\":null},"
        "\"spec\":{\"podSelector\":{},\"ingress\":[{}]},\"status\":{\"conditions\":[]}}",
    };
    for (unsigned i = 0; i < ARRAY_COUNT(bodies); i++) {
        assert_string_equal(complete(fixture, key, bodies[i]), bare);
    }
}

static void a_manifest_of_something_else_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const struct refused_body rows[] = {
        {"{\"kind\":\"NetworkPolicy\"}", "/spec"},
        {"{\"metadata\":{\"name\":\"db\"}}", "/spec"},
        {"{\"spec\":[]}", "/spec"},
        {"{\"kind\":\"List\",\"spec\":{}}", "/kind"},
        {"{\"apiVersion\":\"v1\",\"spec\":{}}", "/apiVersion"},
        {"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"spec\":{}}", "/kind"},
        {"{\"metadata\":{\"name\":\"web\"},\"spec\":{}}", "/metadata/name"},
        {"{\"metadata\":{\"name\":\"Web\"},\"spec\":{}}", "/metadata/name"},
        {"{\"metadata\":{\"namespace\":\"default\"},\"spec\":{}}", "/metadata/namespace"},
        {"{\"metadata\":{\"labels\":{\"a\":\"b c\"}},\"spec\":{}}", "/metadata/labels/a"},
        {"{\"metadata\":{\"labelz\":{}},\"spec\":{}}", "/metadata/labelz"},
        {"{\"spec\":{},\"podSelector\":{}}", "/podSelector"},
        {"{\"spec\":{\"labels\":{}}}", "/spec/labels"},
        {"{\"spec\":{\"podSelectors\":{}}}", "/spec/podSelectors"},
        {"{\"spec\":{\"order\":1}}", "/spec/order"},
        {"{\"spec\":{\"ingress\":[{\"from\":[{}]}]}}", "/spec/ingress/0/from/0"},
        {"{\"spec\":{\"egress\":[{\"to\":[{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\",\"except\":"
         "[\"11.0.0.0/8\"]}}]}]}}",
         "/spec/egress/0/to/0/ipBlock/except/0"},
        {"{\"spec\":{\"podSelector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}}"
         "}",
         "/spec/podSelector/matchExpressions/0/values"},
    };
    expect_refused(fixture, key, rows, ARRAY_COUNT(rows));
}

static void a_spec_that_cannot_be_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const struct refused_body rows[] = {
        {"[]", ""},
        {"{\"pod_selector\":{}}", "/pod_selector"},
        {"{\"podSelector\":[]}", "/podSelector"},
        {"{\"podSelector\":\"app == 'a'\"}", "/podSelector"},
        {"{\"podSelector\":{\"app\":\"a\"}}", "/podSelector/app"},
        {"{\"policyTypes\":[\"ingress\"]}", "/policyTypes/0"},
        {"{\"policyTypes\":[\"Ingress\",\"Both\"]}", "/policyTypes/1"},
        {"{\"policyTypes\":[\"Ingress\",\"Egress\",\"Ingress\"]}", "/policyTypes"},
        {"{\"policyTypes\":\"Ingress\"}", "/policyTypes"},
        {"{\"ingress\":{}}", "/ingress"},
        {"{\"ingress\":[{\"to\":[]}]}", "/ingress/0/to"},
        {"{\"egress\":[{\"from\":[]}]}", "/egress/0/from"},
        {"{\"labels\":{\"-a\":\"b\"}}", "/labels/-a"},
        {"{\"labels\":{\"a\":\"-\"}}", "/labels/a"},
    };
    expect_refused(fixture, key, rows, ARRAY_COUNT(rows));
}

static void a_peer_names_somebody_in_one_way(void **state) {
    struct fixture *fixture = *state;
    expect_peer_refused(fixture, "{}", "");
    expect_peer_refused(fixture, "{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\"},\"podSelector\":{}}",
                        "/ipBlock");
    expect_peer_refused(fixture, "{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\"},\"namespaceSelector\":{}}",
                        "/ipBlock");
    expect_peer_refused(fixture, "{\"ipBlock\":{}}", "/ipBlock/cidr");
    expect_peer_refused(fixture, "{\"ipBlock\":{\"cidr\":\"10.0.0.0\"}}", "/ipBlock/cidr");
    expect_peer_refused(fixture, "{\"ipBlock\":{\"cidr\":\"10.0.0.0/33\"}}", "/ipBlock/cidr");
    expect_peer_refused(fixture, "{\"ipBlock\":{\"cidr\":\"10.0.0.1/8\"}}", "/ipBlock/cidr");
    expect_peer_refused(fixture, "{\"ipBlock\":{\"cidr\":\"2001:db8::/129\"}}", "/ipBlock/cidr");
    expect_peer_refused(fixture,
                        "{\"namespaceSelector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":"
                        "\"Exists\",\"values\":[\"b\"]}]}}",
                        "/namespaceSelector/matchExpressions/0/values");
}

/* Rule 9, and Kubernetes' own check: a strict subset. */
static void exceptions_lie_strictly_inside_their_block(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *cidr, *except;
        bool is_legal;
    } rows[] = {
        {"10.0.0.0/8", "10.1.0.0/16", true},
        {"10.0.0.0/8", "10.0.0.0/9", true},
        {"10.0.0.0/8", "10.0.0.0/8", false},
        {"10.0.0.0/8", "10.0.0.0/7", false},
        {"10.0.0.0/8", "11.0.0.0/16", false},
        {"0.0.0.0/0", "255.255.255.255/32", true},
        {"2001:db8::/32", "2001:db8:1::/48", true},
        {"2001:db8::/32", "2001:db9::/48", false},
        {"::/0", "10.0.0.0/8", false},
        {"10.0.0.0/8", "10.1.0.0", false},
        {"10.0.0.0/8", "10.1.0.1/16", false},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        char peer[160];
        snprintf(peer, sizeof peer, "{\"ipBlock\":{\"cidr\":\"%s\",\"except\":[\"%s\"]}}",
                 rows[i].cidr, rows[i].except);
        if (rows[i].is_legal) {
            expect_stored(fixture, key, with_peer(fixture, peer), rows[i].except);
        } else {
            expect_peer_refused(fixture, peer, "/ipBlock/except/0");
        }
    }
}

/* Rules 10 and 11. */
static void ports_are_numbers_names_or_ranges(void **state) {
    struct fixture *fixture = *state;
    static const char *const legal[][2] = {
        {"{}", "{\"protocol\":\"TCP\"}"},
        {"{\"protocol\":\"SCTP\"}", "{\"protocol\":\"SCTP\"}"},
        {"{\"port\":1}", "{\"protocol\":\"TCP\",\"port\":1}"},
        {"{\"port\":65535,\"endPort\":65535}",
         "{\"protocol\":\"TCP\",\"port\":65535,\"endPort\":65535}"},
        {"{\"port\":\"http\",\"protocol\":\"UDP\"}", "{\"protocol\":\"UDP\",\"port\":\"http\"}"},
        {"{\"port\":\"a-1\"}", "\"port\":\"a-1\""},
        {"{\"port\":\"8080a\"}", "\"port\":\"8080a\""},
        {"{\"port\":\"fifteen-letters\"}", "\"port\":\"fifteen-letters\""},
        {"{\"port\":null,\"endPort\":null}", "{\"protocol\":\"TCP\"}"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(legal); i++) {
        expect_stored(fixture, key, with_port(fixture, legal[i][0]), legal[i][1]);
    }
    static const char *const illegal[][2] = {
        {"{\"protocol\":\"tcp\"}", "/protocol"},
        {"{\"protocol\":\"ICMP\"}", "/protocol"},
        {"{\"port\":0}", "/port"},
        {"{\"port\":65536}", "/port"},
        {"{\"port\":-1}", "/port"},
        {"{\"port\":80.5}", "/port"},
        {"{\"port\":true}", "/port"},
        {"{\"port\":\"80\"}", "/port"},
        {"{\"port\":\"\"}", "/port"},
        {"{\"port\":\"HTTP\"}", "/port"},
        {"{\"port\":\"a--b\"}", "/port"},
        {"{\"port\":\"-a\"}", "/port"},
        {"{\"port\":\"a_b\"}", "/port"},
        {"{\"port\":\"sixteen-letters-\"}", "/port"},
        {"{\"port\":\"sixteen-letters1\"}", "/port"},
        {"{\"endPort\":80}", "/endPort"},
        {"{\"port\":\"http\",\"endPort\":80}", "/endPort"},
        {"{\"port\":81,\"endPort\":80}", "/endPort"},
        {"{\"port\":80,\"endPort\":65536}", "/endPort"},
        {"{\"port\":80,\"endPort\":0}", "/endPort"},
        {"{\"port\":80,\"endPort\":\"http\"}", "/endPort"},
        {"{\"port\":80,\"end_port\":81}", "/end_port"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(illegal); i++) {
        expect_port_refused(fixture, illegal[i][0], illegal[i][1]);
    }
}

static void what_is_cluster_wide_stays_there(void **state) {
    struct fixture *fixture = *state;
    static const struct refused_body in_namespace[] = {
        {"{\"order\":1}", "/order"},
        {"{\"action\":\"Deny\"}", "/action"},
        {"{\"selector\":\"all()\"}", "/selector"},
        {"{\"ingress\":[{},{\"action\":\"Allow\"}]}", "/ingress/1/action"},
    };
    expect_refused(fixture, key, in_namespace, ARRAY_COUNT(in_namespace));
    static const struct refused_body cluster_wide[] = {
        {"{\"podSelector\":{}}", "/podSelector"},
        {"{\"order\":0}", "/order"},
        {"{\"order\":1000001}", "/order"},
        {"{\"order\":1.5}", "/order"},
        {"{\"action\":\"allow\"}", "/action"},
        {"{\"egress\":[{\"action\":\"Drop\"}]}", "/egress/0/action"},
        {"{\"selector\":\"app = 'a'\"}", "/selector"},
        {"{\"selector\":\"\"}", "/selector"},
        {"{\"spec\":{\"selector\":\"all(\"}}", "/spec/selector"},
        {"{\"metadata\":{\"namespace\":\"shop\"},\"spec\":{}}", "/metadata/namespace"},
    };
    expect_refused(fixture, cluster_key, cluster_wide, ARRAY_COUNT(cluster_wide));
    assert_non_null(complete(fixture, cluster_key, "{\"order\":1}"));
    assert_non_null(complete(fixture, cluster_key, "{\"order\":1000000}"));
}

static void rules_without_an_action_take_the_policys(void **state) {
    struct fixture *fixture = *state;
    expect_stored(fixture, cluster_key, "{\"ingress\":[{}]}",
                  "\"ingress\":[{\"action\":\"Allow\"}]");
    expect_stored(fixture, cluster_key,
                  "{\"action\":\"Pass\",\"egress\":[{},{\"action\":\"Log\"}]}",
                  "\"egress\":[{\"action\":\"Pass\"},{\"action\":\"Log\"}]");
}

/* `count` times `item` between `head` and `tail`. */
static const char *repeat(struct fixture *fixture, const char *head, const char *item, size_t count,
                          const char *tail) {
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, head);
    for (size_t i = 0; i < count; i++) {
        buf_appendf(&text, "%s%s", i > 0 ? "," : "", item);
    }
    buf_append_text(&text, tail);
    char *copy = arena_strdup(&fixture->arena, buf_text(&text));
    buf_deinit(&text);
    return copy;
}

static void lists_are_bounded(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *head, *item, *tail, *pointer;
        size_t max;
    } rows[] = {
        {"{\"ingress\":[", "{}", "]}", "/ingress", LIMIT_POLICY_RULES_MAX},
        {"{\"egress\":[", "{}", "]}", "/egress", LIMIT_POLICY_RULES_MAX},
        {"{\"ingress\":[{\"from\":[", "{\"podSelector\":{}}", "]}]}", "/ingress/0/from",
         LIMIT_POLICY_PEERS_MAX},
        {"{\"ingress\":[{\"ports\":[", "{}", "]}]}", "/ingress/0/ports", LIMIT_POLICY_PORTS_MAX},
        {"{\"egress\":[{\"to\":[{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\",\"except\":[",
         "\"10.1.0.0/16\"", "]}}]}]}", "/egress/0/to/0/ipBlock/except", LIMIT_POLICY_PEERS_MAX},
        {"{\"podSelector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[",
         "\"v\"", "]}]}}", "/podSelector/matchExpressions/0/values", LIMIT_SELECTOR_VALUES_MAX},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *fits = repeat(fixture, rows[i].head, rows[i].item, rows[i].max, rows[i].tail);
        const char *more =
            repeat(fixture, rows[i].head, rows[i].item, rows[i].max + 1, rows[i].tail);
        if (complete(fixture, key, fits) == NULL) {
            fail_msg("%s %s", rows[i].pointer, fixture->problem.detail);
        }
        assert_null(complete(fixture, key, more));
        assert_string_equal(fixture->problem.errors[0].pointer, rows[i].pointer);
    }
}

static void mutated_policies_are_stored_or_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const names[][2] = {
        {"policy_whole", "policies/shop/db"},
        {"policy_bare", "policies/shop/dns.only"},
        {"policy_empty", "policies/shop/empty"},
        {"policy_cluster", "policies/_cluster/no-metadata"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        char *body = must_strdup(read_golden(fixture, names[i][0], ".request.json"));
        unsigned taken = mutate(fixture, names[i][1], body, 7 + i, 20000);
        free(body);
        assert_in_range(taken, 20, 19999);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEANLY(absent_policy_types_follow_the_rules),
        CLEANLY(absent_and_empty_stay_apart),
        CLEANLY(a_manifest_is_as_good_as_its_spec),
        CLEANLY(a_manifest_of_something_else_is_refused),
        CLEANLY(a_spec_that_cannot_be_is_refused),
        CLEANLY(a_peer_names_somebody_in_one_way),
        CLEANLY(exceptions_lie_strictly_inside_their_block),
        CLEANLY(ports_are_numbers_names_or_ranges),
        CLEANLY(what_is_cluster_wide_stays_there),
        CLEANLY(rules_without_an_action_take_the_policys),
        CLEANLY(lists_are_bounded),
        CLEANLY(mutated_policies_are_stored_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
