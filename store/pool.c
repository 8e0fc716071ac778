#include "store/pool.h"

#include "store/key.h"

#define CURSOR_PREFIX "cursor/"
#define ORDER_COUNTER "freed_order"

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

static void former_key(struct buf *key, const char *network, const struct ip_prefix *subnet) {
    buf_init(key);
    key_put_name(key, network);
    key_put_prefix(key, subnet);
}

static void freed_key(struct buf *key, const char *network, uint64_t order) {
    buf_init(key);
    key_put_name(key, network);
    buf_put_u64(key, order);
}

static bool find_former(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                        struct former *out_former) {
    struct buf key;
    struct slice value;
    former_key(&key, network, subnet);
    bool is_there = txn_get(apply->txn, TABLE_FORMER, buf_slice(&key), &value);
    buf_deinit(&key);
    if (is_there) {
        struct reader reader = reader_of(value.data, value.size);
        out_former->order = reader_u64(&reader);
        out_former->rest_until_ms = reader_u64(&reader);
        out_former->node = arena_strndup(apply->arena, reader.data, reader.size);
    }
    return is_there;
}

uint64_t pool_rests_until(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                          const char *node) {
    struct former former;
    bool is_resting = find_former(apply, network, subnet, &former) &&
                      former.rest_until_ms > apply->log_time_ms && strcmp(former.node, node) != 0;
    return is_resting ? former.rest_until_ms : 0;
}

static bool has_object(struct apply *apply, const char *network, const struct ip_prefix *subnet) {
    struct object ignored;
    return objects_get(apply->txn, pool_key(apply->arena, network, subnet), &ignored);
}

bool pool_is_free(struct apply *apply, const struct network *network,
                  const struct ip_prefix *subnet, const char *node) {
    return !has_object(apply, network->name, subnet) &&
           pool_rests_until(apply, network->name, subnet, node) == 0;
}

/* The lowest subnet that was never used. The cursor moves past what is used, and stays there. */
static bool next_fresh(struct apply *apply, const struct network *network,
                       struct ip_prefix *out_subnet) {
    struct range range = leading_range(network);
    const char *cursor_name = arena_printf(apply->arena, CURSOR_PREFIX "%s", network->name);
    uint64_t from = txn_get_number(apply->txn, cursor_name);
    struct ip_prefix first = {.address = range.first, .length = range.subnet_length};
    struct ip_prefix subnet;
    uint64_t place = from;
    bool is_found = false;
    while (!is_found && ip_prefix_next(&first, place, &subnet) &&
           ip_address_compare(&subnet.address, &range.last) <= 0) {
        struct former ignored;
        is_found = pool_gives(network, &subnet) && !has_object(apply, network->name, &subnet) &&
                   !find_former(apply, network->name, &subnet, &ignored);
        place += is_found ? 0 : 1;
    }
    if (place != from) {
        txn_put_number(apply->txn, cursor_name, place);
    }
    if (is_found) {
        *out_subnet = subnet;
    }
    return is_found;
}

struct freed_walk {
    struct apply *apply;
    const struct network *network;
    const char *node;
    struct slice prefix;
    struct ip_prefix *out_subnet;
    bool is_found;
};

static bool visit_freed(void *owner, struct slice key, struct slice value) {
    struct freed_walk *walk = owner;
    if (!slice_starts_with(key, walk->prefix)) {
        return false;
    }
    struct reader reader = reader_of(value.data, value.size);
    struct ip_prefix subnet = key_take_prefix(&reader);
    if (pool_gives(walk->network, &subnet) &&
        pool_is_free(walk->apply, walk->network, &subnet, walk->node)) {
        *walk->out_subnet = subnet;
        walk->is_found = true;
    }
    return !walk->is_found;
}

bool pool_next(struct apply *apply, const struct network *network, const char *node,
               struct ip_prefix *out_subnet) {
    if (next_fresh(apply, network, out_subnet)) {
        return true;
    }
    struct buf prefix;
    buf_init(&prefix);
    key_put_name(&prefix, network->name);
    struct freed_walk walk = {.apply = apply,
                              .network = network,
                              .node = node,
                              .prefix = buf_slice(&prefix),
                              .out_subnet = out_subnet};
    txn_walk(apply->txn, TABLE_FREED, walk.prefix, visit_freed, &walk);
    buf_deinit(&prefix);
    return walk.is_found;
}

void pool_take(struct apply *apply, const char *network, const struct ip_prefix *subnet) {
    struct former former;
    if (!find_former(apply, network, subnet, &former)) {
        return;
    }
    struct buf key;
    former_key(&key, network, subnet);
    txn_delete(apply->txn, TABLE_FORMER, buf_slice(&key));
    buf_deinit(&key);
    freed_key(&key, network, former.order);
    txn_delete(apply->txn, TABLE_FREED, buf_slice(&key));
    buf_deinit(&key);
}

void pool_free(struct apply *apply, const char *network, const struct ip_prefix *subnet,
               const char *node, uint64_t rest_until_ms) {
    uint64_t order = txn_get_number(apply->txn, ORDER_COUNTER) + 1;
    txn_put_number(apply->txn, ORDER_COUNTER, order);
    struct buf key;
    struct buf value;
    former_key(&key, network, subnet);
    buf_init(&value);
    buf_put_u64(&value, order);
    buf_put_u64(&value, rest_until_ms);
    buf_append_text(&value, node);
    txn_put(apply->txn, TABLE_FORMER, buf_slice(&key), buf_slice(&value));
    buf_deinit(&key);
    buf_clear(&value);
    freed_key(&key, network, order);
    key_put_prefix(&value, subnet);
    txn_put(apply->txn, TABLE_FREED, buf_slice(&key), buf_slice(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

void pool_forget(struct apply *apply, const char *network) {
    struct buf prefix;
    buf_init(&prefix);
    key_put_name(&prefix, network);
    txn_delete_prefix(apply->txn, TABLE_FORMER, buf_slice(&prefix));
    txn_delete_prefix(apply->txn, TABLE_FREED, buf_slice(&prefix));
    buf_deinit(&prefix);
    const char *cursor_name = arena_printf(apply->arena, CURSOR_PREFIX "%s", network);
    txn_delete(apply->txn, TABLE_NUMBERS, slice_of_text(cursor_name));
}
