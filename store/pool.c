#include "store/pool.h"

#include "store/former.h"

#define CURSOR_PREFIX "cursor/"

/* One pool whichever family leads: IPv4 where there is one. */
struct range {
    struct ip_prefix prefix;
    uint8_t subnet_length;
    struct ip_address first, last;
};

static struct range leading_range(const struct network *network) {
    if (network->ipv4.address.family != IP_NONE) {
        return (struct range){.prefix = network->ipv4,
                              .subnet_length = (uint8_t)network->subnet_len,
                              .first = network->subnet_min,
                              .last = network->subnet_max};
    }
    return (struct range){.prefix = network->ipv6,
                          .subnet_length = (uint8_t)network->ipv6_subnet_len,
                          .first = network->ipv6_subnet_min,
                          .last = network->ipv6_subnet_max};
}

char *pool_key(struct arena *arena, const char *network, const struct ip_prefix *subnet) {
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(subnet, '-', text);
    return arena_printf(arena, "subnets/%s/%s", network, text);
}

bool pool_has(const struct network *network, const struct ip_prefix *subnet) {
    struct range range = leading_range(network);
    return subnet->length == range.subnet_length && ip_prefix_covers(&range.prefix, subnet);
}

bool pool_gives(const struct network *network, const struct ip_prefix *subnet) {
    struct range range = leading_range(network);
    if (!pool_has(network, subnet) || ip_address_compare(&subnet->address, &range.first) < 0 ||
        ip_address_compare(&subnet->address, &range.last) > 0) {
        return false;
    }
    bool is_dual =
        network->ipv4.address.family != IP_NONE && network->ipv6.address.family != IP_NONE;
    struct ip_prefix second = pool_second(network, subnet);
    return !is_dual || (second.address.family != IP_NONE &&
                        ip_address_compare(&second.address, &network->ipv6_subnet_min) >= 0 &&
                        ip_address_compare(&second.address, &network->ipv6_subnet_max) <= 0);
}

struct ip_prefix pool_second(const struct network *network, const struct ip_prefix *subnet) {
    struct ip_prefix second = {.length = 0};
    if (network->ipv4.address.family == IP_NONE || network->ipv6.address.family == IP_NONE) {
        return second;
    }
    uint64_t distance = ip_address_distance(&network->ipv4.address, &subnet->address);
    uint64_t place = distance >> (32 - subnet->length);
    struct ip_prefix at = {.address = network->ipv6.address,
                           .length = (uint8_t)network->ipv6_subnet_len};
    if (ip_prefix_next(&at, place, &at) && ip_prefix_covers(&network->ipv6, &at)) {
        second = at;
    }
    return second;
}

static bool has_object(struct apply *apply, const char *network, const struct ip_prefix *subnet) {
    struct object ignored;
    return objects_get(apply->txn, pool_key(apply->arena, network, subnet), &ignored);
}

bool pool_is_free(struct apply *apply, const struct network *network,
                  const struct ip_prefix *subnet, const char *node) {
    struct former_rest ignored;
    return !has_object(apply, network->name, subnet) &&
           !former_find_rest(apply, network->name, subnet, node, &ignored);
}

static bool is_fresh(struct apply *apply, const struct network *network,
                     const struct ip_prefix *subnet) {
    struct former ignored;
    return pool_gives(network, subnet) && !has_object(apply, network->name, subnet) &&
           !former_find(apply, network->name, subnet, &ignored);
}

/* The subnet behind this one, or behind all that the resting one keeps. */
static bool step_over(const struct former_rest *rest, struct ip_prefix *subnet) {
    struct ip_prefix from = *subnet;
    if (rest->until_ms != 0 && rest->subnet.length < subnet->length) {
        struct ip_address last = ip_prefix_last(&rest->subnet);
        from = ip_prefix_around(&last, subnet->length);
    }
    return ip_prefix_next(&from, 1, subnet);
}

/* The lowest subnet that was never used. The cursor moves past what is used, and stays there; it
 * waits before what is fresh and overlaps something that rests. */
static bool next_fresh(struct apply *apply, const struct network *network, const char *node,
                       struct ip_prefix *out_subnet) {
    struct range range = leading_range(network);
    const char *cursor_name = arena_printf(apply->arena, CURSOR_PREFIX "%s", network->name);
    uint64_t from = txn_get_number(apply->txn, cursor_name);
    uint64_t used_until = from;
    struct ip_prefix first = {.address = range.first, .length = range.subnet_length};
    struct ip_prefix subnet;
    bool is_found = false;
    bool is_cursor_moving = true;
    bool is_more = ip_prefix_next(&first, from, &subnet);
    while (is_more && !is_found && ip_address_compare(&subnet.address, &range.last) <= 0) {
        struct former_rest rest = {.until_ms = 0};
        if (is_fresh(apply, network, &subnet)) {
            is_cursor_moving = false;
            is_found = !former_find_rest(apply, network->name, &subnet, node, &rest);
        }
        used_until += is_cursor_moving ? 1 : 0;
        if (is_found) {
            *out_subnet = subnet;
        } else {
            is_more = step_over(&rest, &subnet);
        }
    }
    if (used_until != from) {
        txn_put_number(apply->txn, cursor_name, used_until);
    }
    return is_found;
}

struct freed_search {
    struct apply *apply;
    const struct network *network;
    const char *node;
    struct ip_prefix *out_subnet;
    bool is_found;
};

static bool visit_freed(void *owner, const struct ip_prefix *subnet) {
    struct freed_search *search = owner;
    if (pool_gives(search->network, subnet) &&
        pool_is_free(search->apply, search->network, subnet, search->node)) {
        *search->out_subnet = *subnet;
        search->is_found = true;
    }
    return !search->is_found;
}

bool pool_next(struct apply *apply, const struct network *network, const char *node,
               struct ip_prefix *out_subnet) {
    if (next_fresh(apply, network, node, out_subnet)) {
        return true;
    }
    struct freed_search search = {
        .apply = apply, .network = network, .node = node, .out_subnet = out_subnet};
    former_walk(apply, network->name, visit_freed, &search);
    return search.is_found;
}

static void reset_cursor(struct apply *apply, const char *name) {
    const char *cursor_name = arena_printf(apply->arena, CURSOR_PREFIX "%s", name);
    txn_delete(apply->txn, TABLE_NUMBERS, slice_of_text(cursor_name));
}

void pool_change(struct apply *apply, const char *name, const struct network *shape) {
    former_keep(apply, name, shape);
    reset_cursor(apply, name);
}

void pool_forget(struct apply *apply, const char *name) {
    former_forget(apply, name);
    reset_cursor(apply, name);
}
