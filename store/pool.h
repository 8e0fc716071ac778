/* A network's pool: which subnets exist, which are free, and in which order they are given out.
 *
 * A subnet is never used (no object, no former record), held or reserved (an object), or free again
 * (a former record with its place in the least-recently-used order and the log time until which it
 * rests). Never used ones go first, lowest address first; a cursor per network makes that search
 * amortised O(1), since a used subnet never becomes unused. Source: API.md, "Semantics" 2 and 4. */
#ifndef WEFT_STORE_POOL_H
#define WEFT_STORE_POOL_H

#include "store/apply.h"
#include "wire/kind_network.h"

/* A subnet that was used before and is free. */
struct former {
    uint64_t order;         /* place in the least-recently-used order */
    uint64_t rest_until_ms; /* log time; until then only `node` may have it */
    const char *node;       /* the former holder */
};

/* The key text "subnets/<network>/<subnet>". */
char *pool_key(struct arena *arena, const char *network, const struct ip_prefix *subnet);
/* Whether the subnet is one of this network: right length, inside the prefix. */
bool pool_has(const struct network *network, const struct ip_prefix *subnet);
/* ... and inside subnet_min..subnet_max, so that it may be given out unasked. */
bool pool_gives(const struct network *network, const struct ip_prefix *subnet);
/* The IPv6 part that goes with an IPv4 subnet of a dual-stack network: the one at the same place in
 * its range. Absent otherwise. */
struct ip_prefix pool_second(const struct network *network, const struct ip_prefix *subnet);

/* Whether `node` could have the subnet now: no object, and not resting for somebody else. */
bool pool_is_free(struct apply *apply, const struct network *network,
                  const struct ip_prefix *subnet, const char *node);
/* The subnet that is next in order; false when none is free. */
bool pool_next(struct apply *apply, const struct network *network, const char *node,
               struct ip_prefix *out_subnet);
/* The log time until which the subnet rests for its former holder; 0 when it does not. */
uint64_t pool_rests_until(struct apply *apply, const char *network, const struct ip_prefix *subnet,
                          const char *node);
/* Records that the subnet was taken, or that it is free again. */
void pool_take(struct apply *apply, const char *network, const struct ip_prefix *subnet);
void pool_free(struct apply *apply, const char *network, const struct ip_prefix *subnet,
               const char *node, uint64_t rest_until_ms);
/* Forgets all that is known of a network's use: it changed its shape, or is gone. */
void pool_forget(struct apply *apply, const char *network);

#endif
