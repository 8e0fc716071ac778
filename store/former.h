/* Subnets that were used before and are free: in which order they are used again, and which of them
 * rest, that is, may be had by their former holder only: after the end of a lease (the quarantine),
 * or because an operator removed a lease whose holder may not know it yet.
 *
 * When a network changes its shape or goes, what fits no more is forgotten, but not while it rests:
 * its former holder may be alive, so nobody gets a subnet that overlaps it. Such rows are strays;
 * one number of the network says until when there may be any. Source: API.md, "Semantics" 2 and 4;
 * RELIABILITY.md S8. */
#ifndef WEFT_STORE_FORMER_H
#define WEFT_STORE_FORMER_H

#include "store/apply.h"
#include "wire/kind_network.h"

struct former {
    uint64_t order;         /* place in the least-recently-used order */
    uint64_t rest_until_ms; /* log time; until then only `node` may have it */
    const char *node;       /* the former holder */
};

/* False when the subnet was never used, or is held or reserved. */
bool former_find(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                 struct former *out_former);
/* It is free from now on, as the most recently used one. */
void former_add(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                const char *node, uint64_t rest_until_ms);
/* It is taken. */
void former_remove(struct apply *apply, const char *network, const struct ip_prefix *subnet);

/* What keeps a subnet from `node`. */
struct former_rest {
    uint64_t until_ms;       /* log time */
    struct ip_prefix subnet; /* that rests: the same, or a stray that overlaps it */
};
/* Whether the subnet, or one that overlaps it, rests for another node than `node`. */
bool former_find_rest(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                      const char *node, struct former_rest *out_rest);

/* Walks the network's free subnets, the least recently used first. The callback must not write. */
typedef bool (*former_cb)(void *owner, const struct ip_prefix *subnet);
void former_walk(struct apply *apply, const char *network, former_cb callback, void *owner);

/* Keeps what fits the shape (NULL: nothing does) and what rests. */
void former_keep(struct apply *apply, const char *network, const struct network *shape);
void former_forget(struct apply *apply, const char *network);

#endif
