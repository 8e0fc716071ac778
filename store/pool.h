/* A network's pool: which subnets exist, which are free, and which is next.
 *
 * A subnet is never used (no object, no row in store/former), held or reserved (an object), or free
 * again (a row in store/former). Never used ones go first, lowest address first; a cursor per
 * network makes that search amortised O(1), since a used subnet never becomes unused. Source:
 * API.md, "Semantics" 2. */
#ifndef WEFT_STORE_POOL_H
#define WEFT_STORE_POOL_H

#include "store/apply.h"
#include "wire/kind_network.h"

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

/* The network changed its shape, or is gone (NULL): forgets what is known of its use, but for what
 * rests and what fits. */
void pool_change(struct apply *apply, const char *name, const struct network *shape);
/* Forgets all: whoever may be using a subnet is no concern any more. */
void pool_forget(struct apply *apply, const char *name);

#endif
