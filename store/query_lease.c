/* Reading TTL leases. */
#include "store/lease_index.h"
#include "store/view.h"

static void check_read(const struct txn *txn) {
    if (txn->status != 0) {
        view_fail(txn->status, "read a lease");
    }
}

enum err store_lease_get(struct store_read *read, uint64_t id, struct lease *out_lease) {
    if (!store_read_is_open(read)) {
        return ERR_CLOSED;
    }
    struct txn txn = view_txn(read);
    bool is_there = lease_find(&txn, id, out_lease);
    check_read(&txn);
    return is_there ? ERR_OK : ERR_NOT_FOUND;
}

void store_lease_walk(struct store_read *read, uint64_t after, store_lease_cb callback,
                      void *owner) {
    if (!store_read_is_open(read)) {
        return;
    }
    struct txn txn = view_txn(read);
    lease_walk(&txn, after, callback, owner);
    check_read(&txn);
}

void store_lease_keys(struct store_read *read, uint64_t id, store_lease_key_cb callback,
                      void *owner) {
    if (!store_read_is_open(read)) {
        return;
    }
    struct txn txn = view_txn(read);
    lease_walk_keys(&txn, id, callback, owner);
    check_read(&txn);
}
