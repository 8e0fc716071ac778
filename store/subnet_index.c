#include "store/subnet_index.h"

#include "store/key.h"

static void holder_key(struct buf *key, const struct subnet *subnet) {
    buf_init(key);
    key_put_name(key, subnet->network);
    key_put_name(key, subnet->node);
    key_put_prefix(key, &subnet->subnet);
}

static void address_key(struct buf *key, const char *network, const struct ip_address *address) {
    buf_init(key);
    key_put_name(key, network);
    key_put_address(key, address);
}

static void due_key(struct buf *key, const struct subnet *subnet, const char *object_key) {
    buf_init(key);
    buf_put_u64(key, subnet->expires_log_ms);
    buf_append_text(key, object_key);
}

/* Puts the row, or deletes it, and releases the key. */
static void change(struct apply *apply, enum table table, struct buf *key, bool is_add,
                   struct slice value) {
    if (is_add) {
        txn_put(apply->txn, table, buf_slice(key), value);
    } else {
        txn_delete(apply->txn, table, buf_slice(key));
    }
    buf_deinit(key);
}

/* An address belongs to the lease that took it last: one that is over may have lost it. */
static bool is_anothers(struct apply *apply, const struct subnet *subnet,
                        const struct ip_address *address) {
    struct ip_prefix owner;
    return subnet_index_find_address(apply, subnet->network, address, &owner) &&
           ip_prefix_compare(&owner, &subnet->subnet) != 0;
}

static void change_address(struct apply *apply, const struct subnet *subnet,
                           const struct ip_address *address, bool is_add) {
    if (subnet->epoch == 0 || address->family == IP_NONE ||
        (!is_add && is_anothers(apply, subnet, address))) {
        return;
    }
    struct buf key;
    struct buf value;
    buf_init(&value);
    key_put_prefix(&value, &subnet->subnet);
    address_key(&key, subnet->network, address);
    change(apply, TABLE_PUBLIC_IPS, &key, is_add, buf_slice(&value));
    buf_deinit(&value);
}

static void change_all(struct apply *apply, const char *object_key, const struct subnet *subnet,
                       bool is_add) {
    struct buf key;
    holder_key(&key, subnet);
    change(apply, TABLE_HOLDERS, &key, is_add, slice_of(NULL, 0));
    change_address(apply, subnet, &subnet->public_ip, is_add);
    change_address(apply, subnet, &subnet->public_ip_v6, is_add);
    if (subnet->expires_log_ms != 0) {
        due_key(&key, subnet, object_key);
        change(apply, TABLE_DUE, &key, is_add, slice_of(NULL, 0));
    }
}

void subnet_index_add(struct apply *apply, const char *key, const struct subnet *subnet) {
    change_all(apply, key, subnet, true);
}

void subnet_index_remove(struct apply *apply, const char *key, const struct subnet *subnet) {
    change_all(apply, key, subnet, false);
}

struct walk {
    struct slice prefix;
    subnet_index_cb callback;
    void *owner;
};

static bool visit(void *owner, struct slice key, struct slice value) {
    (void)value;
    struct walk *walk = owner;
    if (!slice_starts_with(key, walk->prefix)) {
        return false;
    }
    struct reader reader = reader_of(key.data + walk->prefix.size, key.size - walk->prefix.size);
    struct ip_prefix subnet = key_take_prefix(&reader);
    return walk->callback(walk->owner, &subnet);
}

void subnet_index_of_node(struct apply *apply, const char *network, const char *node,
                          subnet_index_cb callback, void *owner) {
    struct buf prefix;
    buf_init(&prefix);
    key_put_name(&prefix, network);
    key_put_name(&prefix, node);
    struct walk walk = {.prefix = buf_slice(&prefix), .callback = callback, .owner = owner};
    txn_walk(apply->txn, TABLE_HOLDERS, walk.prefix, visit, &walk);
    buf_deinit(&prefix);
}

bool subnet_index_find_address(struct apply *apply, const char *network,
                               const struct ip_address *address, struct ip_prefix *out_subnet) {
    struct buf key;
    struct slice value;
    address_key(&key, network, address);
    bool is_there = txn_get(apply->txn, TABLE_PUBLIC_IPS, buf_slice(&key), &value);
    buf_deinit(&key);
    if (is_there) {
        struct reader reader = reader_of(value.data, value.size);
        *out_subnet = key_take_prefix(&reader);
    }
    return is_there;
}

bool subnet_index_read_due(struct slice row, struct subnet_due *out_due) {
    struct reader reader = reader_of(row.data, row.size);
    out_due->expires_log_ms = reader_u64(&reader);
    out_due->key = slice_of(reader.data, reader.size);
    return !reader.is_broken;
}
