#include "store/resource.h"

static void decode(struct apply *apply, const struct shape *shape, struct slice payload,
                   void *out_object) {
    if (field_decode(shape, payload, apply->arena, out_object) != ERR_OK) {
        apply->txn->status = MDB_CORRUPTED;
    }
}

void network_decode(struct apply *apply, struct slice payload, struct network *out_network) {
    decode(apply, &shape_network, payload, out_network);
}

void subnet_decode(struct apply *apply, struct slice payload, struct subnet *out_subnet) {
    decode(apply, &shape_subnet, payload, out_subnet);
}

struct slice subnet_encode(struct apply *apply, const struct subnet *subnet) {
    struct buf payload;
    buf_init(&payload);
    field_encode(&shape_subnet, subnet, &payload);
    struct slice copy = arena_copy(apply->arena, buf_slice(&payload));
    buf_deinit(&payload);
    return copy;
}

bool network_find(struct apply *apply, const char *name, struct network *out_network) {
    struct object object;
    if (!apply_find(apply, arena_printf(apply->arena, "networks/%s", name), &object)) {
        return false;
    }
    network_decode(apply, object.payload, out_network);
    return apply->txn->status == 0;
}

bool subnet_find(struct apply *apply, const char *key, struct object *out_object,
                 struct subnet *out_subnet) {
    if (!apply_find(apply, key, out_object)) {
        return false;
    }
    subnet_decode(apply, out_object->payload, out_subnet);
    return true;
}
