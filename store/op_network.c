#include "store/op_network.h"

#include "store/pool.h"
#include "store/resource.h"
#include "store/subnet_index.h"

#include <string.h>

static bool has_same_pool(const struct network *a, const struct network *b) {
    return ip_prefix_compare(&a->ipv4, &b->ipv4) == 0 &&
           ip_prefix_compare(&a->ipv6, &b->ipv6) == 0 && a->subnet_len == b->subnet_len &&
           a->ipv6_subnet_len == b->ipv6_subnet_len &&
           ip_address_compare(&a->subnet_min, &b->subnet_min) == 0 &&
           ip_address_compare(&a->subnet_max, &b->subnet_max) == 0 &&
           ip_address_compare(&a->ipv6_subnet_min, &b->ipv6_subnet_min) == 0 &&
           ip_address_compare(&a->ipv6_subnet_max, &b->ipv6_subnet_max) == 0;
}

/* Collects the network's leases before anything is written. */
struct leases {
    struct apply *apply;
    const struct network *network; /* the new shape; NULL: none fits */
    struct list_of_objects {
        struct object *items;
        size_t count, capacity;
    } all;
    const char *outside; /* key of the first that does not fit */
};

static void keep(struct leases *leases, const struct object *object) {
    struct list_of_objects *all = &leases->all;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity > 0 ? all->capacity * 2 : 16;
        struct object *items = arena_alloc(leases->apply->arena, capacity * sizeof *items);
        if (all->count > 0) {
            memcpy(items, all->items, all->count * sizeof *items);
        }
        all->items = items;
        all->capacity = capacity;
    }
    struct object *copy = &all->items[all->count++];
    *copy = *object;
    copy->key = arena_strdup(leases->apply->arena, object->key);
    copy->payload = arena_copy(leases->apply->arena, object->payload);
}

static bool fits(const struct network *network, const struct subnet *subnet) {
    struct ip_prefix second = pool_second(network, &subnet->subnet);
    bool is_inside = subnet->reserved ? pool_has(network, &subnet->subnet)
                                      : pool_gives(network, &subnet->subnet);
    return is_inside && ip_prefix_compare(&second, &subnet->subnet_v6) == 0;
}

static bool visit_lease(void *owner, const struct object *object) {
    struct leases *leases = owner;
    struct subnet subnet;
    keep(leases, object);
    subnet_decode(leases->apply, object->payload, &subnet);
    if (leases->network != NULL && !fits(leases->network, &subnet)) {
        leases->outside = leases->all.items[leases->all.count - 1].key;
    }
    return leases->outside == NULL;
}

static void walk_leases(struct leases *leases, const char *name) {
    const char *prefix = arena_printf(leases->apply->arena, "subnets/%s/", name);
    objects_walk(leases->apply->txn, prefix, NULL, visit_lease, leases);
}

void network_put(struct apply *apply, const struct command_put *put, const struct object *found) {
    struct network network;
    struct network old;
    network_decode(apply, put->payload, &network);
    if (found != NULL) {
        network_decode(apply, found->payload, &old);
        struct leases leases = {.apply = apply, .network = &network};
        if (!has_same_pool(&network, &old)) {
            walk_leases(&leases, network.name);
        }
        if (leases.outside != NULL) {
            problem_set(&apply->outcome->problem, ERR_CONFLICT,
                        "the change would leave the lease %s outside the network", leases.outside);
            problem_set_hint(&apply->outcome->problem,
                             "Keep a range that covers all leases, or delete that lease first.");
            return;
        }
    }
    if (found == NULL || !has_same_pool(&network, &old)) {
        pool_change(apply, network.name, &network);
    }
    apply_put(apply,
              &(struct object){.kind = KIND_NETWORK, .key = put->key, .payload = put->payload});
}

void network_remove(struct apply *apply, const struct command_delete *delete,
                    const struct object *found) {
    struct network network;
    network_decode(apply, found->payload, &network);
    struct leases leases = {.apply = apply};
    walk_leases(&leases, network.name);
    if (leases.all.count > 0 && !delete->is_forced) {
        problem_set(&apply->outcome->problem, ERR_CONFLICT,
                    "%zu subnets of %s are held or reserved", leases.all.count, found->key);
        problem_set_hint(&apply->outcome->problem,
                         "Release them first, or repeat with ?force=true: its nodes lose them.");
        return;
    }
    for (size_t i = 0; i < leases.all.count; i++) {
        struct subnet subnet;
        subnet_decode(apply, leases.all.items[i].payload, &subnet);
        subnet_index_remove(apply, leases.all.items[i].key, &subnet);
        apply_delete(apply, &leases.all.items[i]);
    }
    if (delete->is_forced) {
        pool_forget(apply, network.name);
    } else {
        pool_change(apply, network.name, NULL);
    }
    apply_delete(apply, found);
}
