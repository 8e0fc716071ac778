#include "agent/desired.h"

#include "agent/backend.h"
#include "netlink/route.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind every route that anybody else may have to our subnet, such as a bridge's. */
#define METRIC_UNREACHABLE 4096u

/* A lease in the contest for its subnets. */
struct contender {
    const struct subnet *lease;
    bool is_own;
    bool is_beaten;
};

/* One of its prefixes. */
struct claim {
    struct ip_prefix prefix;
    struct contender *contender;
};

void desired_add_route(struct network_state *state, const struct ip_prefix *destination,
                       const struct ip_address *gateway, const char *link, bool is_onlink) {
    bool is_v6 = destination->address.family == IP_V6;
    struct model_object object = {
        .class = MODEL_ROUTE,
        .route = {.destination = *destination,
                  .metric = is_v6 ? ROUTE_METRIC_DEFAULT_V6 : 0,
                  .protocol = ROUTE_PROTOCOL_WEFT,
                  .type = RTN_UNICAST,
                  .is_onlink = is_onlink},
    };
    if (gateway != NULL) {
        object.route.gateway = *gateway;
    }
    (void)snprintf(object.route.link, LINK_NAME_SIZE, "%s", link);
    network_state_add(state, &object);
}

static void add_unreachable(struct network_state *state, const struct ip_prefix *subnet) {
    struct model_object object = {
        .class = MODEL_ROUTE,
        .route = {.destination = *subnet,
                  .metric = METRIC_UNREACHABLE,
                  .protocol = ROUTE_PROTOCOL_WEFT,
                  .type = RTN_UNREACHABLE},
    };
    if (subnet->address.family != IP_NONE) {
        network_state_add(state, &object);
    }
}

static void add_pods(const struct desired_input *input, struct network_state *state) {
    for (size_t i = 0; i < input->pod_count; i++) {
        const struct desired_pod *pod = &input->pods[i];
        struct ip_prefix host =
            ip_prefix_around(&pod->address, (uint8_t)ip_address_bits(&pod->address));
        desired_add_route(state, &host, NULL, pod->link, false);
    }
}

static void skip(struct desired_report *report, const struct subnet *lease, const char *reason) {
    if (report->skip_count < LIMIT_DESIRED_SKIPS_MAX) {
        report->skips[report->skip_count] = (struct desired_skip){.lease = lease, .reason = reason};
    }
    report->skip_count++;
}

/* Fills `out` (room for one more than the leases); returns how many. A reservation that nobody
 * holds has no epoch and is nobody's peer. */
static size_t gather(const struct desired_input *input, struct contender *out) {
    size_t count = 0;
    if (input->own != NULL) {
        out[count++] = (struct contender){.lease = input->own, .is_own = true};
    }
    for (size_t i = 0; i < input->lease_count; i++) {
        const struct subnet *lease = input->leases[i];
        if (lease->epoch != 0 && lease->node != NULL && strcmp(lease->node, input->node) != 0) {
            out[count++] = (struct contender){.lease = lease};
        }
    }
    return count;
}

/* By prefix, the wider first: what covers a prefix comes before it. */
static int compare_claims(const void *a, const void *b) {
    return ip_prefix_compare(&((const struct claim *)a)->prefix,
                             &((const struct claim *)b)->prefix);
}

/* The higher epoch comes first, names decide among equals. */
static int compare_leases(const struct subnet *a, const struct subnet *b) {
    if (a->epoch != b->epoch) {
        return a->epoch > b->epoch ? -1 : 1;
    }
    int subnet = ip_prefix_compare(&a->subnet, &b->subnet);
    return subnet != 0 ? subnet : strcmp(a->node, b->node);
}

static int compare_contenders(const void *a, const void *b) {
    return compare_leases(((const struct contender *)a)->lease,
                          ((const struct contender *)b)->lease);
}

static void fight(struct contender *a, struct contender *b) {
    if (a != b) {
        bool a_wins = compare_leases(a->lease, b->lease) < 0;
        (a_wins ? b : a)->is_beaten = true;
    }
}

/* Two prefixes overlap only if one covers the other, so each claim meets those that cover it: the
 * stack, at most one a length and then some of equal length. Shape: `stack` has room for `count`.
 *
 * A claim that repeats the one below it on the stack fights with it and replaces it there only when
 * it wins, so the stack holds each length once. */
static void settle_claims(struct claim *claims, size_t count, struct claim **stack) {
    size_t depth = 0;
    qsort(claims, count, sizeof claims[0], compare_claims);
    for (size_t i = 0; i < count; i++) {
        struct claim *claim = &claims[i];
        while (depth > 0 && !ip_prefix_covers(&stack[depth - 1]->prefix, &claim->prefix)) {
            depth--;
        }
        for (size_t k = 0; k < depth; k++) {
            fight(stack[k]->contender, claim->contender);
        }
        bool repeats =
            depth > 0 && ip_prefix_compare(&stack[depth - 1]->prefix, &claim->prefix) == 0;
        if (!repeats) {
            stack[depth++] = claim;
        } else if (compare_leases(claim->contender->lease, stack[depth - 1]->contender->lease) <
                   0) {
            stack[depth - 1] = claim;
        }
    }
}

static void hold_contest(struct contender *contenders, size_t count) {
    struct claim *claims = must_alloc_zeroed(2 * count + 1, sizeof *claims);
    struct claim **stack = must_alloc_zeroed(2 * count + 1, sizeof(struct claim *));
    size_t claim_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ip_prefix *prefixes[] = {&contenders[i].lease->subnet,
                                              &contenders[i].lease->subnet_v6};
        for (size_t k = 0; k < ARRAY_COUNT(prefixes); k++) {
            if (prefixes[k]->address.family != IP_NONE) {
                claims[claim_count++] =
                    (struct claim){.prefix = *prefixes[k], .contender = &contenders[i]};
            }
        }
    }
    settle_claims(claims, claim_count, stack);
    free(stack);
    free(claims);
}

static bool is_understood(const struct desired_input *input, const struct subnet *lease) {
    return lease->backend_type != NULL &&
           strcmp(lease->backend_type, input->network->backend->type) == 0;
}

static void add_peers(const struct desired_input *input, const struct backend *backend,
                      const struct contender *contenders, size_t count, struct network_state *state,
                      struct desired_report *report) {
    for (size_t i = 0; i < count; i++) {
        const struct contender *contender = &contenders[i];
        const char *fault = NULL;
        if (contender->is_own) {
            continue;
        }
        if (contender->is_beaten) {
            fault = "a lease with a higher epoch has its subnet";
        } else if (!is_understood(input, contender->lease)) {
            fault = "another backend than the network's";
        } else {
            fault = backend->add_peer(input, contender->lease, state);
        }
        if (fault != NULL) {
            skip(report, contender->lease, fault);
        } else {
            report->peers++;
        }
    }
}

static const struct contender *find_own(const struct contender *contenders, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (contenders[i].is_own) {
            return &contenders[i];
        }
    }
    return NULL;
}

void desired_build(const struct desired_input *input, struct network_state *out_state,
                   struct desired_report *out_report) {
    const struct backend *backend = backend_find(input->network->backend->type);
    CHECK(backend != NULL);
    *out_report = (struct desired_report){0};
    network_state_clear(out_state);
    struct contender *contenders = must_alloc_zeroed(input->lease_count + 1, sizeof *contenders);
    size_t count = gather(input, contenders);
    hold_contest(contenders, count);
    /* The highest epoch first: the first claim on a MAC is then the one that is kept. */
    qsort(contenders, count, sizeof contenders[0], compare_contenders);
    const struct contender *own = find_own(contenders, count);
    out_report->own_is_beaten = own != NULL && own->is_beaten;
    if (own != NULL && !own->is_beaten) {
        backend->add_own(input, out_state);
        add_unreachable(out_state, &own->lease->subnet);
        add_unreachable(out_state, &own->lease->subnet_v6);
        add_peers(input, backend, contenders, count, out_state, out_report);
    }
    add_pods(input, out_state);
    out_report->conflicts = network_state_settle(out_state);
    free(contenders);
}

uint32_t desired_mtu(const struct network *network, const struct desired_parent *parent) {
    const struct backend *backend = backend_find(network->backend->type);
    CHECK(backend != NULL);
    uint32_t overhead = backend->overhead(&parent->local);
    if (network->backend->mtu != 0) {
        return (uint32_t)network->backend->mtu;
    }
    return MAX_OF(parent->mtu, overhead + LIMIT_MTU_MIN) - overhead;
}
