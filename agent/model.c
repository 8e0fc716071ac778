#include "agent/model.h"

#include "netlink/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VNI_MAX 16777215u /* 24 bits. Source: RFC 7348 section 5 */

void network_state_init(struct network_state *state) {
    *state = (struct network_state){0};
}

void network_state_deinit(struct network_state *state) {
    free(state->objects);
    *state = (struct network_state){0};
}

void network_state_clear(struct network_state *state) {
    state->count = 0;
}

void network_state_add(struct network_state *state, const struct model_object *object) {
    if (state->count == state->capacity) {
        state->capacity = MAX_OF(state->capacity * 2, 64u);
        state->objects = must_realloc(state->objects, state->capacity * sizeof state->objects[0]);
    }
    state->objects[state->count] = *object;
    state->objects[state->count].order = (uint32_t)state->count;
    state->count++;
}

static int compare_number(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

static int compare_mac(const struct mac_address *a, const struct mac_address *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* The first difference decides. */
static int first_of(int first, int second) {
    return first != 0 ? first : second;
}

static int compare_link_key(const struct model_object *a, const struct model_object *b) {
    return strcmp(a->link.name, b->link.name);
}

static int compare_link_rest(const struct model_object *a, const struct model_object *b) {
    const struct model_link *x = &a->link;
    const struct model_link *y = &b->link;
    int kind = first_of(compare_number(x->is_vxlan, y->is_vxlan),
                        compare_number(x->is_learning, y->is_learning));
    int tunnel = first_of(compare_number(x->vni, y->vni), compare_number(x->port, y->port));
    int outer = first_of(strcmp(x->parent, y->parent), ip_address_compare(&x->local, &y->local));
    int set = first_of(compare_number(x->is_up, y->is_up), compare_number(x->mtu, y->mtu));
    int identity = first_of(first_of(kind, tunnel), outer);
    return first_of(identity, first_of(set, compare_mac(&x->mac, &y->mac)));
}

static int compare_address_key(const struct model_object *a, const struct model_object *b) {
    int link = strcmp(a->address.link, b->address.link);
    int address = ip_address_compare(&a->address.address, &b->address.address);
    return first_of(first_of(link, address), compare_number(a->address.length, b->address.length));
}

static int compare_nothing(const struct model_object *a, const struct model_object *b) {
    (void)a;
    (void)b;
    return 0;
}

static int compare_neighbour_key(const struct model_object *a, const struct model_object *b) {
    return first_of(strcmp(a->neighbour.link, b->neighbour.link),
                    ip_address_compare(&a->neighbour.address, &b->neighbour.address));
}

static int compare_neighbour_rest(const struct model_object *a, const struct model_object *b) {
    return compare_mac(&a->neighbour.mac, &b->neighbour.mac);
}

static int compare_fdb_key(const struct model_object *a, const struct model_object *b) {
    return first_of(strcmp(a->fdb.link, b->fdb.link), compare_mac(&a->fdb.mac, &b->fdb.mac));
}

static int compare_fdb_rest(const struct model_object *a, const struct model_object *b) {
    return ip_address_compare(&a->fdb.remote, &b->fdb.remote);
}

static int compare_route_key(const struct model_object *a, const struct model_object *b) {
    return first_of(ip_prefix_compare(&a->route.destination, &b->route.destination),
                    compare_number(a->route.metric, b->route.metric));
}

static int compare_route_rest(const struct model_object *a, const struct model_object *b) {
    const struct model_route *x = &a->route;
    const struct model_route *y = &b->route;
    int kind = first_of(compare_number(x->protocol, y->protocol), compare_number(x->type, y->type));
    int hop = first_of(ip_address_compare(&x->gateway, &y->gateway), strcmp(x->link, y->link));
    return first_of(first_of(kind, hop), compare_number(x->is_onlink, y->is_onlink));
}

typedef int (*compare_cb)(const struct model_object *a, const struct model_object *b);

static const struct {
    compare_cb key;
    compare_cb rest;
} comparisons[MODEL_CLASS_COUNT] = {
    [MODEL_LINK] = {compare_link_key, compare_link_rest},
    [MODEL_ADDRESS] = {compare_address_key, compare_nothing},
    [MODEL_NEIGHBOUR] = {compare_neighbour_key, compare_neighbour_rest},
    [MODEL_FDB] = {compare_fdb_key, compare_fdb_rest},
    [MODEL_ROUTE] = {compare_route_key, compare_route_rest},
};

int model_compare_key(const struct model_object *a, const struct model_object *b) {
    return a->class != b->class ? compare_number(a->class, b->class)
                                : comparisons[a->class].key(a, b);
}

int model_compare(const struct model_object *a, const struct model_object *b) {
    int key = model_compare_key(a, b);
    return key != 0 ? key : comparisons[a->class].rest(a, b);
}

static int compare_for_sort(const void *a, const void *b) {
    const struct model_object *x = a;
    const struct model_object *y = b;
    return first_of(model_compare(x, y), compare_number(x->order, y->order));
}

static int compare_for_settle(const void *a, const void *b) {
    const struct model_object *x = a;
    const struct model_object *y = b;
    return first_of(model_compare_key(x, y), compare_number(x->order, y->order));
}

void network_state_sort(struct network_state *state) {
    if (state->count > 0) {
        qsort(state->objects, state->count, sizeof state->objects[0], compare_for_sort);
    }
}

size_t network_state_settle(struct network_state *state) {
    if (state->count == 0) {
        return 0;
    }
    qsort(state->objects, state->count, sizeof state->objects[0], compare_for_settle);
    size_t kept = 1;
    size_t conflicts = 0;
    for (size_t i = 1; i < state->count; i++) {
        const struct model_object *winner = &state->objects[kept - 1];
        if (model_compare_key(winner, &state->objects[i]) != 0) {
            state->objects[kept++] = state->objects[i];
        } else if (model_compare(winner, &state->objects[i]) != 0) {
            conflicts++;
        }
    }
    state->count = kept;
    return conflicts;
}

const char *model_link_of(const struct model_object *object) {
    switch (object->class) {
    case MODEL_LINK:
        return object->link.name;
    case MODEL_ADDRESS:
        return object->address.link;
    case MODEL_NEIGHBOUR:
        return object->neighbour.link;
    case MODEL_FDB:
        return object->fdb.link;
    case MODEL_ROUTE:
        return object->route.link;
    case MODEL_CLASS_COUNT:
        break;
    }
    CHECK(false);
    return "";
}

bool model_is_ours(const struct model_object *object) {
    return object->class == MODEL_ROUTE ? object->route.protocol == ROUTE_PROTOCOL_WEFT
                                        : model_is_our_link_name(model_link_of(object));
}

void model_link_name(uint32_t vni, char out_name[LINK_NAME_SIZE]) {
    (void)snprintf(out_name, LINK_NAME_SIZE, MODEL_LINK_PREFIX "%u", vni);
}

bool model_is_our_link_name(const char *name) {
    size_t size = strlen(MODEL_LINK_PREFIX);
    if (strncmp(name, MODEL_LINK_PREFIX, size) != 0 || strlen(name) >= LINK_NAME_SIZE) {
        return false;
    }
    const char *digits = name + size;
    unsigned long vni = strtoul(digits, NULL, 10);
    bool is_number =
        digits[0] >= '1' && digits[0] <= '9' && strspn(digits, "0123456789") == strlen(digits);
    return is_number && vni <= VNI_MAX;
}
