/* What the store tells: follows the networks and the network's subnets, and keeps the cache equal
 * to them. Says when something changed; decides nothing. */
#ifndef WEFT_AGENT_FEED_H
#define WEFT_AGENT_FEED_H

#include "agent/cache.h"
#include "client/follow.h"

struct feed_handlers {
    void (*changed)(void *owner);      /* network or leases: look again, save the copy */
    void (*own_in_doubt)(void *owner); /* the store does not show our lease as ours */
    void (*connected)(void *owner);    /* the store is back: try what waits */
    void (*listed)(void *owner);       /* a new start: it may have forgotten what we wrote */
};

struct feed {
    struct cache *cache;
    const struct feed_handlers *handlers;
    void *owner;
    struct follow *networks;
    struct follow *subnets;
    bool knows_leases; /* from the store or from the local copy */
};

void feed_start(struct feed *feed, struct call_pool *pool, const struct server_list *servers,
                struct cache *cache, const struct feed_handlers *handlers, void *owner);
void feed_stop(struct feed *feed);
bool feed_is_connected(const struct feed *feed);

#endif
