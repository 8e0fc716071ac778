#include "store/op_subnet.h"

#include "store/former.h"
#include "store/pool.h"
#include "store/resource.h"
#include "store/subnet_index.h"

#include <string.h>

/* A lease ends TTL after the log time of this command, but no sooner than it would have (`old`,
 * NULL: there was none): the network's TTL may be shorter now, and the holder may not have heard of
 * it (RELIABILITY.md S7). A reservation does not end. */
static void set_term(const struct apply *apply, struct subnet *subnet, uint64_t ttl_s,
                     const struct subnet *old) {
    subnet->ttl_s = ttl_s;
    subnet->expires_log_ms = apply->log_time_ms + ttl_s * 1000;
    subnet->expires_at = apply->wall_ms + (int64_t)(ttl_s * 1000);
    if (old != NULL && old->expires_log_ms > subnet->expires_log_ms) {
        subnet->expires_log_ms = old->expires_log_ms;
        subnet->expires_at = old->expires_at;
    }
    if (subnet->reserved) {
        subnet->expires_log_ms = 0;
        subnet->expires_at = 0;
    }
}

/* It is past its end, and the command that ends it has not come yet. */
static bool is_over(const struct apply *apply, const struct subnet *subnet) {
    return subnet->expires_log_ms != 0 && subnet->expires_log_ms <= apply->log_time_ms;
}

static void put_subnet(struct apply *apply, const char *key, const struct subnet *subnet) {
    apply_put(apply, &(struct object){
                         .kind = KIND_SUBNET, .key = key, .payload = subnet_encode(apply, subnet)});
}

/* ---- acquire ---- */

/* What the node has in this network already. */
struct own {
    struct apply *apply;
    const struct subnet_acquire *acquire;
    bool is_held, is_reserved,
        is_preferred; /* is_preferred: of several reservations the wished one */
    struct subnet subnet;
};

static bool visit_own(void *owner, const struct ip_prefix *prefix) {
    struct own *own = owner;
    struct object object;
    struct subnet subnet;
    const char *key = pool_key(own->apply->arena, own->acquire->network, prefix);
    if (!subnet_find(own->apply, key, &object, &subnet)) {
        return true;
    }
    if (subnet.epoch != 0) {
        own->is_held = true;
        own->subnet = subnet;
        return false;
    }
    bool is_wish = ip_prefix_compare(prefix, &own->acquire->prefer) == 0;
    if (!own->is_reserved || (is_wish && !own->is_preferred)) {
        own->is_reserved = true;
        own->is_preferred = is_wish;
        own->subnet = subnet;
    }
    return true;
}

/* Who gets which subnet: the node's current lease; else a reservation for it (the wished one, else
 * the lowest); else the wish, if free; else the least recently used free one (API.md, "Semantics"
 * 2). */
static bool choose_subnet(struct apply *apply, const struct network *network,
                          const struct subnet_acquire *acquire, const struct own *own,
                          struct ip_prefix *out_prefix) {
    if (own->is_held || own->is_reserved) {
        *out_prefix = own->subnet.subnet;
        return true;
    }
    if (acquire->prefer.address.family != IP_NONE && pool_gives(network, &acquire->prefer) &&
        pool_is_free(apply, network, &acquire->prefer, acquire->node)) {
        *out_prefix = acquire->prefer;
        return true;
    }
    return pool_next(apply, network, acquire->node, out_prefix);
}

/* True (and refused) when another node holds an unexpired lease of this network with that address.
 */
static bool is_address_taken(struct apply *apply, const struct subnet_acquire *acquire,
                             const struct ip_address *address) {
    struct ip_prefix prefix;
    struct object object;
    struct subnet other;
    if (address->family == IP_NONE ||
        !subnet_index_find_address(apply, acquire->network, address, &prefix) ||
        !subnet_find(apply, pool_key(apply->arena, acquire->network, &prefix), &object, &other) ||
        strcmp(other.node, acquire->node) == 0 || is_over(apply, &other)) {
        return false;
    }
    char text[IP_TEXT_SIZE];
    ip_address_format(address, text);
    problem_set(&apply->outcome->problem, ERR_ADDRESS_IN_USE,
                "node %s holds %s with the public address %s", other.node, object.key, text);
    return true;
}

static bool check_acquire(struct apply *apply, const struct network *network,
                          const struct subnet_acquire *acquire) {
    struct problem *problem = &apply->outcome->problem;
    const struct ip_prefix *prefer = &acquire->prefer;
    if (prefer->address.family != IP_NONE && !pool_has(network, prefer)) {
        char text[IP_PREFIX_TEXT_SIZE];
        ip_prefix_format(prefer, '/', text);
        problem_add(problem, "/prefer", "%s is not a subnet of the network %s", text,
                    network->name);
    }
    if (acquire->backend_data.size > 0 && acquire->backend_data.data[0] != '{') {
        problem_add(problem, "/backend_data", "must be an object");
    }
    return problem->err == ERR_OK && !is_address_taken(apply, acquire, &acquire->public_ip) &&
           !is_address_taken(apply, acquire, &acquire->public_ip_v6);
}

static void grant(struct apply *apply, const struct network *network,
                  const struct subnet_acquire *acquire, const struct own *own,
                  const struct ip_prefix *prefix) {
    const char *key = pool_key(apply->arena, acquire->network, prefix);
    if (own->is_held || own->is_reserved) {
        subnet_index_remove(apply, key, &own->subnet);
    } else {
        former_remove(apply, acquire->network, prefix);
    }
    struct subnet subnet = {
        .network = acquire->network,
        .subnet = *prefix,
        .subnet_v6 = pool_second(network, prefix),
        .node = acquire->node,
        .public_ip = acquire->public_ip,
        .public_ip_v6 = acquire->public_ip_v6,
        .backend_type =
            acquire->backend_type != NULL ? acquire->backend_type : network->backend->type,
        .backend_data = acquire->backend_data,
        .epoch = apply->revision,
        .reserved = (own->is_held || own->is_reserved) && own->subnet.reserved,
    };
    set_term(apply, &subnet, network->lease_ttl_s, own->is_held ? &own->subnet : NULL);
    put_subnet(apply, key, &subnet);
    subnet_index_add(apply, key, &subnet);
    apply->outcome->is_created = !own->is_held;
}

void op_subnet_acquire(struct apply *apply, const void *arguments) {
    const struct subnet_acquire *acquire = arguments;
    struct problem *problem = &apply->outcome->problem;
    struct network network;
    if (!network_find(apply, acquire->network, &network)) {
        problem_set(problem, ERR_NOT_FOUND, "there is no network %s", acquire->network);
        return;
    }
    if (!check_acquire(apply, &network, acquire)) {
        return;
    }
    struct own own = {.apply = apply, .acquire = acquire};
    subnet_index_of_node(apply, acquire->network, acquire->node, visit_own, &own);
    struct ip_prefix prefix;
    if (!choose_subnet(apply, &network, acquire, &own, &prefix)) {
        problem_set(problem, ERR_POOL_EXHAUSTED,
                    "every subnet of the network %s is held, reserved or resting", network.name);
        return;
    }
    grant(apply, &network, acquire, &own, &prefix);
}

/* ---- renew, release, expire ---- */

/* Whether another lease took one of its public addresses: it was over then, and comes too late now.
 */
static bool has_lost_address(struct apply *apply, const struct subnet *subnet) {
    const struct ip_address *const addresses[] = {&subnet->public_ip, &subnet->public_ip_v6};
    bool is_lost = false;
    for (unsigned i = 0; i < ARRAY_COUNT(addresses); i++) {
        struct ip_prefix owner;
        is_lost =
            is_lost || (addresses[i]->family != IP_NONE &&
                        subnet_index_find_address(apply, subnet->network, addresses[i], &owner) &&
                        ip_prefix_compare(&owner, &subnet->subnet) != 0);
    }
    return is_lost;
}

/* The subnet, if that node holds it under that epoch; else refused with lease_lost. */
static bool find_held(struct apply *apply, const struct command_subnet_hold *hold,
                      struct object *out_object, struct subnet *out_subnet) {
    struct problem *problem = &apply->outcome->problem;
    if (!subnet_find(apply, hold->key, out_object, out_subnet) || out_subnet->epoch == 0) {
        problem_set(problem, ERR_LEASE_LOST, "%s is free", hold->key);
        return false;
    }
    if (strcmp(out_subnet->node, hold->node) != 0) {
        problem_set(problem, ERR_LEASE_LOST, "%s is held by %s", hold->key, out_subnet->node);
        return false;
    }
    if (out_subnet->epoch != hold->epoch) {
        problem_set(problem, ERR_LEASE_LOST, "%s was granted again: its epoch is %llu, not %llu",
                    hold->key, (unsigned long long)out_subnet->epoch,
                    (unsigned long long)hold->epoch);
        return false;
    }
    return true;
}

void op_subnet_renew(struct apply *apply, const void *arguments) {
    const struct command_subnet_hold *hold = arguments;
    struct object object;
    struct subnet subnet;
    if (!find_held(apply, hold, &object, &subnet)) {
        return;
    }
    if (has_lost_address(apply, &subnet)) {
        problem_set(&apply->outcome->problem, ERR_LEASE_LOST,
                    "%s ended, and another node has its public address since", hold->key);
        return;
    }
    struct network network;
    uint64_t ttl_s =
        network_find(apply, subnet.network, &network) ? network.lease_ttl_s : subnet.ttl_s;
    struct subnet old = subnet;
    set_term(apply, &subnet, ttl_s, &old);
    subnet_index_remove(apply, hold->key, &old);
    subnet_index_add(apply, hold->key, &subnet);
    apply_touch(apply, &object, subnet_encode(apply, &subnet));
}

/* A reservation outlives its holder: it goes back to waiting for its node. */
static void wait_for_node(struct apply *apply, const char *key, const struct subnet *held) {
    struct subnet subnet = {.network = held->network,
                            .subnet = held->subnet,
                            .subnet_v6 = held->subnet_v6,
                            .node = held->node,
                            .reserved = true};
    put_subnet(apply, key, &subnet);
    subnet_index_add(apply, key, &subnet);
}

void op_subnet_release(struct apply *apply, const void *arguments) {
    const struct command_subnet_hold *hold = arguments;
    struct object object;
    struct subnet subnet;
    if (!find_held(apply, hold, &object, &subnet)) {
        return;
    }
    subnet_index_remove(apply, hold->key, &subnet);
    if (subnet.reserved) {
        wait_for_node(apply, hold->key, &subnet);
        apply->outcome->deleted = 1;
        return;
    }
    former_add(apply, subnet.network, &subnet.subnet, subnet.node, 0);
    apply_delete(apply, &object);
}

void op_subnet_expire(struct apply *apply, const void *arguments) {
    const struct command_subnet_expire *expire = arguments;
    struct object object;
    struct subnet subnet;
    bool is_as_seen = subnet_find(apply, expire->key, &object, &subnet) &&
                      subnet.epoch == expire->epoch &&
                      subnet.expires_log_ms == expire->expires_log_ms;
    if (!is_as_seen || subnet.expires_log_ms > apply->log_time_ms) {
        return; /* renewed, released or granted anew in between: nothing ends (S7) */
    }
    subnet_index_remove(apply, expire->key, &subnet);
    former_add(apply, subnet.network, &subnet.subnet, subnet.node,
               apply->log_time_ms + expire->quarantine_ms);
    apply_delete(apply, &object);
}

/* ---- reservations and removal ---- */

/* On the node's own lease: it stays held under the same epoch and no longer ends. */
static void reserve_own(struct apply *apply, const char *key, const struct subnet *old) {
    struct subnet subnet = *old;
    subnet.reserved = true;
    set_term(apply, &subnet, old->ttl_s, old);
    subnet_index_remove(apply, key, old);
    put_subnet(apply, key, &subnet);
    subnet_index_add(apply, key, &subnet);
}

static bool check_reservation(struct apply *apply, const struct network *network,
                              const struct subnet *wish) {
    struct problem *problem = &apply->outcome->problem;
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&wish->subnet, '/', text);
    if (!pool_has(network, &wish->subnet)) {
        problem_add(problem, "/subnet", "%s is not a subnet of the network %s", text,
                    network->name);
        return false;
    }
    struct former_rest rest;
    if (former_find_rest(apply, network->name, &wish->subnet, wish->node, &rest)) {
        problem_set(problem, ERR_CONFLICT, "%s rests for its former holder for another %llu s",
                    text, (unsigned long long)((rest.until_ms - apply->log_time_ms + 999) / 1000));
        return false;
    }
    return true;
}

void subnet_reserve(struct apply *apply, const struct command_put *put,
                    const struct object *found) {
    struct problem *problem = &apply->outcome->problem;
    struct subnet wish;
    struct network network;
    subnet_decode(apply, put->payload, &wish);
    if (!network_find(apply, wish.network, &network)) {
        problem_set(problem, ERR_NOT_FOUND, "there is no network %s", wish.network);
        return;
    }
    if (found != NULL) {
        struct subnet old;
        subnet_decode(apply, found->payload, &old);
        if (strcmp(old.node, wish.node) != 0) {
            problem_set(problem, ERR_CONFLICT, "%s is %s by %s", put->key,
                        old.epoch != 0 ? "held" : "reserved", old.node);
            return;
        }
        if (has_lost_address(apply, &old)) {
            problem_set(problem, ERR_CONFLICT,
                        "%s ended, and another node has its public address since", put->key);
            return;
        }
        reserve_own(apply, put->key, &old);
        return;
    }
    if (!check_reservation(apply, &network, &wish)) {
        return;
    }
    former_remove(apply, network.name, &wish.subnet);
    struct subnet subnet = {.network = wish.network,
                            .subnet = wish.subnet,
                            .subnet_v6 = pool_second(&network, &wish.subnet),
                            .node = wish.node,
                            .reserved = true};
    put_subnet(apply, put->key, &subnet);
    subnet_index_add(apply, put->key, &subnet);
}

void subnet_remove(struct apply *apply, const struct command_delete *delete,
                   const struct object *found) {
    struct subnet subnet;
    subnet_decode(apply, found->payload, &subnet);
    uint64_t rest_until_ms = 0;
    if (subnet.epoch != 0 && !delete->is_forced) {
        rest_until_ms =
            subnet.reserved ? apply->log_time_ms + subnet.ttl_s * 1000 : subnet.expires_log_ms;
    }
    subnet_index_remove(apply, found->key, &subnet);
    former_add(apply, subnet.network, &subnet.subnet, subnet.node, rest_until_ms);
    apply_delete(apply, found);
}
