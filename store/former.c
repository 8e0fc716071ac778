#include "store/former.h"

#include "store/key.h"
#include "store/pool.h"

#define ORDER_COUNTER "freed_order"
#define STRAY_PREFIX  "strays/" /* and the network: log time until which one may rest */

/* ---- rows ---- */

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

static struct former read_former(struct apply *apply, struct slice value) {
    struct reader reader = reader_of(value.data, value.size);
    struct former former = {.order = reader_u64(&reader), .rest_until_ms = reader_u64(&reader)};
    former.node = arena_strndup(apply->arena, reader.data, reader.size);
    return former;
}

bool former_find(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                 struct former *out_former) {
    struct buf key;
    struct slice value;
    former_key(&key, network, subnet);
    bool is_there = txn_get(apply->txn, TABLE_FORMER, buf_slice(&key), &value);
    buf_deinit(&key);
    if (is_there) {
        *out_former = read_former(apply, value);
    }
    return is_there;
}

static void put_row(struct apply *apply, enum table table, struct buf *key, struct buf *value) {
    txn_put(apply->txn, table, buf_slice(key), buf_slice(value));
    buf_deinit(key);
    buf_deinit(value);
}

void former_add(struct apply *apply, const char *network, const struct ip_prefix *subnet,
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
    put_row(apply, TABLE_FORMER, &key, &value);
    freed_key(&key, network, order);
    buf_init(&value);
    key_put_prefix(&value, subnet);
    put_row(apply, TABLE_FREED, &key, &value);
}

static void delete_row(struct apply *apply, enum table table, struct buf *key) {
    txn_delete(apply->txn, table, buf_slice(key));
    buf_deinit(key);
}

static void delete_both(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                        uint64_t order) {
    struct buf key;
    former_key(&key, network, subnet);
    delete_row(apply, TABLE_FORMER, &key);
    freed_key(&key, network, order);
    delete_row(apply, TABLE_FREED, &key);
}

void former_remove(struct apply *apply, const char *network, const struct ip_prefix *subnet) {
    struct former former;
    if (former_find(apply, network, subnet, &former)) {
        delete_both(apply, network, subnet, former.order);
    }
}

/* ---- walks ---- */

struct order_walk {
    struct slice prefix;
    former_cb callback;
    void *owner;
};

static bool visit_freed(void *owner, struct slice key, struct slice value) {
    struct order_walk *walk = owner;
    if (!slice_starts_with(key, walk->prefix)) {
        return false;
    }
    struct reader reader = reader_of(value.data, value.size);
    struct ip_prefix subnet = key_take_prefix(&reader);
    return walk->callback(walk->owner, &subnet);
}

void former_walk(struct apply *apply, const char *network, former_cb callback, void *owner) {
    struct buf prefix;
    buf_init(&prefix);
    key_put_name(&prefix, network);
    struct order_walk walk = {.prefix = buf_slice(&prefix), .callback = callback, .owner = owner};
    txn_walk(apply->txn, TABLE_FREED, walk.prefix, visit_freed, &walk);
    buf_deinit(&prefix);
}

/* The rows of a network by subnet, lowest address first. */
struct row_walk {
    struct apply *apply;
    struct slice prefix; /* of the network's rows */
    bool (*visit)(struct row_walk *walk, const struct ip_prefix *subnet,
                  const struct former *former);
    /* former_find_rest */
    const struct ip_prefix *wanted;
    const char *node;
    struct former_rest rest; /* the longest */
    /* former_keep */
    const struct network *shape;
    struct misfit {
        struct misfit *next;
        struct ip_prefix subnet;
        uint64_t order;
    } * misfits;
    uint64_t strays_until;
};

static bool visit_row(void *owner, struct slice key, struct slice value) {
    struct row_walk *walk = owner;
    if (!slice_starts_with(key, walk->prefix)) {
        return false;
    }
    struct reader reader = reader_of(key.data + walk->prefix.size, key.size - walk->prefix.size);
    struct ip_prefix subnet = key_take_prefix(&reader);
    struct former former = read_former(walk->apply, value);
    return walk->visit(walk, &subnet, &former);
}

/* From the first row that is not before `first` (NULL: all). */
static void walk_rows(struct row_walk *walk, const char *network, const struct ip_prefix *first) {
    struct buf prefix;
    struct buf from;
    buf_init(&prefix);
    buf_init(&from);
    key_put_name(&prefix, network);
    key_put_name(&from, network);
    if (first != NULL) {
        key_put_prefix(&from, first);
    }
    walk->prefix = buf_slice(&prefix);
    txn_walk(walk->apply->txn, TABLE_FORMER, buf_slice(&from), visit_row, walk);
    buf_deinit(&prefix);
    buf_deinit(&from);
}

/* ---- rest ---- */

static void note_rest(struct row_walk *walk, const struct ip_prefix *subnet,
                      const struct former *former) {
    if (former->rest_until_ms > walk->apply->log_time_ms &&
        former->rest_until_ms > walk->rest.until_ms && strcmp(former->node, walk->node) != 0) {
        walk->rest = (struct former_rest){.until_ms = former->rest_until_ms, .subnet = *subnet};
    }
}

static void note_row(struct row_walk *walk, const char *network, const struct ip_prefix *subnet) {
    struct former former;
    if (former_find(walk->apply, network, subnet, &former)) {
        note_rest(walk, subnet, &former);
    }
}

static bool visit_inside(struct row_walk *walk, const struct ip_prefix *subnet,
                         const struct former *former) {
    bool is_inside = ip_prefix_covers(walk->wanted, subnet);
    if (is_inside) {
        note_rest(walk, subnet, former);
    }
    return is_inside;
}

static void note_strays(struct row_walk *walk, const char *network) {
    for (uint8_t length = 0; length < walk->wanted->length; length++) {
        struct ip_prefix around = ip_prefix_around(&walk->wanted->address, length);
        note_row(walk, network, &around);
    }
    walk_rows(walk, network, walk->wanted);
}

static const char *stray_name(struct apply *apply, const char *network) {
    return arena_printf(apply->arena, STRAY_PREFIX "%s", network);
}

bool former_find_rest(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                      const char *node, struct former_rest *out_rest) {
    struct row_walk walk = {.apply = apply, .visit = visit_inside, .wanted = subnet, .node = node};
    if (txn_get_number(apply->txn, stray_name(apply, network)) > apply->log_time_ms) {
        note_strays(&walk, network);
    } else {
        note_row(&walk, network, subnet);
    }
    *out_rest = walk.rest;
    return walk.rest.until_ms != 0;
}

/* ---- a changed shape ---- */

static bool visit_misfit(struct row_walk *walk, const struct ip_prefix *subnet,
                         const struct former *former) {
    if (walk->shape != NULL && pool_has(walk->shape, subnet)) {
        return true;
    }
    if (former->rest_until_ms > walk->apply->log_time_ms) {
        walk->strays_until = MAX_OF(walk->strays_until, former->rest_until_ms);
        return true;
    }
    struct misfit *misfit = arena_alloc(walk->apply->arena, sizeof *misfit);
    *misfit = (struct misfit){.next = walk->misfits, .subnet = *subnet, .order = former->order};
    walk->misfits = misfit;
    return true;
}

void former_keep(struct apply *apply, const char *network, const struct network *shape) {
    struct row_walk walk = {.apply = apply, .visit = visit_misfit, .shape = shape};
    walk_rows(&walk, network, NULL);
    for (const struct misfit *misfit = walk.misfits; misfit != NULL; misfit = misfit->next) {
        delete_both(apply, network, &misfit->subnet, misfit->order);
    }
    const char *name = stray_name(apply, network);
    if (walk.strays_until > 0) {
        txn_put_number(apply->txn, name, walk.strays_until);
    } else {
        txn_delete(apply->txn, TABLE_NUMBERS, slice_of_text(name));
    }
}

void former_forget(struct apply *apply, const char *network) {
    struct buf prefix;
    buf_init(&prefix);
    key_put_name(&prefix, network);
    txn_delete_prefix(apply->txn, TABLE_FORMER, buf_slice(&prefix));
    txn_delete_prefix(apply->txn, TABLE_FREED, buf_slice(&prefix));
    buf_deinit(&prefix);
    txn_delete(apply->txn, TABLE_NUMBERS, slice_of_text(stray_name(apply, network)));
}
