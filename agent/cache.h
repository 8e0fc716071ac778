/* What this node knows from the store: the network, its own lease, all leases of the network; and
 * the verified local copy of it on disk, from which the agent starts while the store is away.
 *
 * Owns the objects. Invariants: the leases are one revision of the store; the network is complete
 * (it has a backend). The file is a JSON object a line inside util/durable.h's envelope; a damaged
 * one is refused as a whole. Times since boot count only within their boot. */
#ifndef WEFT_AGENT_CACHE_H
#define WEFT_AGENT_CACHE_H

#include "util/clock.h"
#include "util/list.h"
#include "wire/kind_network.h"
#include "wire/kind_subnet.h"

/* Any object of the store with the memory that its texts live in. */
struct cache_lease {
    struct list node;
    struct arena arena;
    const char *key; /* "subnets/default/10.244.7.0-24" */
    struct subnet subnet;
};

struct cache {
    const char *node_name;    /* whose it is */
    const char *network_name; /* of which network */
    const char *boot_id;
    struct arena network_arena;
    struct network *network; /* NULL: not known */
    struct arena own_arena;
    struct subnet *own;  /* our lease; NULL: none */
    msec_t own_sent_ms;  /* boot time before the grant or renewal that was answered last was sent */
    bool own_is_of_boot; /* own_sent_ms is of this boot; else how long it holds is unknown */
    struct list leases;  /* cache_lease; all of the network, ours too */
    size_t lease_count;
    uint64_t revision; /* the leases' */
};

/* The texts are borrowed for the cache's life. */
void cache_init(struct cache *cache, const char *node_name, const char *network_name,
                const char *boot_id);
void cache_deinit(struct cache *cache);

/* Takes a network, subnet or lease over from a server's answer. Errors: ERR_INVALID when it is not
 * one (then nothing changed). */
MUST_USE enum err cache_set_network(struct cache *cache, const struct json *json);
void cache_clear_network(struct cache *cache);
MUST_USE enum err cache_set_own(struct cache *cache, const struct json *json, msec_t sent_ms);
void cache_set_own_sent(struct cache *cache, msec_t sent_ms);
void cache_clear_own(struct cache *cache);
MUST_USE enum err cache_put_lease(struct cache *cache, const char *key, const struct json *json);
void cache_remove_lease(struct cache *cache, const char *key);
void cache_clear_leases(struct cache *cache);

/* The file's content. */
void cache_encode(const struct cache *cache, struct buf *out);
/* Fills a fresh cache. Errors: ERR_CORRUPT; ERR_NOT_FOUND when the content is another node's or
 * network's. The cache is empty then. */
MUST_USE enum err cache_decode(struct cache *cache, struct slice content);

#endif
