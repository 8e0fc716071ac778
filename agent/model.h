/* The model: what the kernel should hold (desired) and what it does hold (actual), in one form, so
 * that they can be compared.
 *
 * A network_state is one array of tagged objects, sorted by class and key. Objects name links by
 * name, never by index: an index is the kernel's and changes when a device is made again. A key
 * says which object it is, the rest says how it should look. Plain values; no clock, no pointers,
 * no order of allocation (plan.h is a pure function of two states). */
#ifndef WEFT_AGENT_MODEL_H
#define WEFT_AGENT_MODEL_H

#include "netlink/attr.h"
#include "util/check.h"
#include "util/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are built up: an object stands on objects of earlier classes. */
enum model_class {
    MODEL_LINK,
    MODEL_ADDRESS,
    MODEL_NEIGHBOUR,
    MODEL_FDB,
    MODEL_ROUTE,
    MODEL_CLASS_COUNT
};

/* A tunnel device of ours. Key: name. */
struct model_link {
    char name[LINK_NAME_SIZE]; /* "weft.<vni>" */
    /* What it is: a difference means delete and make again. */
    bool is_vxlan; /* false: somebody made another kind of device by our name */
    bool is_learning;
    uint16_t port;
    uint32_t vni;
    char parent[LINK_NAME_SIZE];
    struct ip_address local;
    struct mac_address
        mac; /* with it the kernel would flush all neighbours, and peers send to it */
    /* How it is set: changed in place. */
    bool is_up;
    uint32_t mtu;
};

/* An address of global scope on a device of ours. Key: all of it. */
struct model_address {
    char link[LINK_NAME_SIZE];
    struct ip_address address;
    uint8_t length;
};

/* A permanent neighbour on a device of ours. Key: link, address. */
struct model_neighbour {
    char link[LINK_NAME_SIZE];
    struct ip_address address;
    struct mac_address mac;
};

/* A permanent forwarding entry of a device of ours. Key: link, mac. */
struct model_fdb {
    char link[LINK_NAME_SIZE];
    struct mac_address mac;
    struct ip_address remote;
};

/* A route of the main table. Key: destination, metric. */
struct model_route {
    struct ip_prefix destination;
    uint32_t metric;
    uint8_t protocol; /* ROUTE_PROTOCOL_WEFT (netlink/route.h) is ours */
    uint8_t type;     /* RTN_UNICAST, RTN_UNREACHABLE, RTN_BLACKHOLE (linux/rtnetlink.h) */
    bool is_onlink;
    struct ip_address gateway; /* IP_NONE: the destination is on the link, or nowhere */
    char link[LINK_NAME_SIZE]; /* "": nowhere */
};

struct model_object {
    enum model_class class;
    uint32_t order; /* when it was added; no part of a comparison between states */
    union {
        struct model_link link;
        struct model_address address;
        struct model_neighbour neighbour;
        struct model_fdb fdb;
        struct model_route route;
    };
};

/* Lifetime: network_state_init .. network_state_deinit. */
struct network_state {
    struct model_object *objects;
    size_t count;
    size_t capacity;
};

void network_state_init(struct network_state *state);
void network_state_deinit(struct network_state *state);
/* Forgets the objects and keeps the memory. */
void network_state_clear(struct network_state *state);
/* Appends a copy; the state is unsorted until network_state_sort. */
void network_state_add(struct network_state *state, const struct model_object *object);
/* Sorts by class, key, rest, order. */
void network_state_sort(struct network_state *state);
/* Sorts, and keeps of each key the object that was added first. Returns how many were dropped that
 * differed from the kept one: claims that cannot both hold. */
size_t network_state_settle(struct network_state *state);

/* Class, then key. */
int model_compare_key(const struct model_object *a, const struct model_object *b);
/* Class, key, then the rest. */
int model_compare(const struct model_object *a, const struct model_object *b);
/* Whether an object of the kernel is recognisable as the agent's own: a device by its name, what
 * stands on it by the device, a route by its protocol. */
bool model_is_ours(const struct model_object *object);
/* The device that the object is or stands on; "" for none. */
const char *model_link_of(const struct model_object *object);

/* Device names: "weft.<vni>". */
#define MODEL_LINK_PREFIX "weft."
void model_link_name(uint32_t vni, char out_name[LINK_NAME_SIZE]);
/* Whether a name is exactly what model_link_name makes for some VNI. */
bool model_is_our_link_name(const char *name);

#endif
