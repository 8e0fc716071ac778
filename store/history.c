#include "store/history.h"

#include "store/objects.h"

void history_append(struct txn *txn, uint64_t revision, uint32_t number,
                    const struct event *event) {
    struct buf key;
    struct buf value;
    buf_init(&key);
    buf_init(&value);
    buf_put_u64(&key, revision);
    buf_put_u32(&key, number);
    buf_put_u8(&value, event->is_delete ? 1 : 0);
    buf_put_varint(&value, event->previous_revision);
    object_encode(&event->object, &value);
    txn_put(txn, TABLE_EVENTS, buf_slice(&key), buf_slice(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

struct walk {
    store_event_cb callback;
    void *owner;
    bool is_broken;
};

static bool visit(void *owner, struct slice key, struct slice value) {
    (void)key;
    struct walk *walk = owner;
    struct reader reader = reader_of(value.data, value.size);
    struct event event = {.is_delete = reader_u8(&reader) != 0,
                          .previous_revision = reader_varint(&reader)};
    if (reader.is_broken ||
        object_decode(slice_of(reader.data, reader.size), &event.object) != ERR_OK) {
        walk->is_broken = true;
        return false;
    }
    return walk->callback(walk->owner, &event);
}

void history_walk(struct txn *txn, uint64_t after, store_event_cb callback, void *owner) {
    struct walk walk = {.callback = callback, .owner = owner};
    struct buf from;
    buf_init(&from);
    buf_put_u64(&from, after + 1);
    txn_walk(txn, TABLE_EVENTS, buf_slice(&from), visit, &walk);
    buf_deinit(&from);
    if (walk.is_broken && txn->status == 0) {
        txn->status = MDB_CORRUPTED;
    }
}
