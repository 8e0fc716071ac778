#include "agent/feed.h"

#include "util/log.h"

#include <stdio.h>
#include <string.h>

/* ---- the network ---- */

static bool is_our_network(const struct feed *feed, const char *key) {
    static const char prefix[] = "networks/";
    return strncmp(key, prefix, sizeof prefix - 1) == 0 &&
           strcmp(key + sizeof prefix - 1, feed->cache->network_name) == 0;
}

static void take_network(struct feed *feed, const struct follow_item *item) {
    if (cache_set_network(feed->cache, item->object) != ERR_OK) {
        LOG_ERROR("the network is not readable: is the store newer than this agent?",
                  LOG_TEXT("key", item->key));
    }
}

static void networks_reset(void *owner, const struct follow_item *items, size_t count,
                           uint64_t revision) {
    struct feed *feed = owner;
    bool is_there = false;
    (void)revision;
    for (size_t i = 0; i < count; i++) {
        if (is_our_network(feed, items[i].key)) {
            take_network(feed, &items[i]);
            is_there = true;
        }
    }
    if (!is_there) {
        LOG_WARN("the network does not exist: waiting for it",
                 LOG_TEXT("network", feed->cache->network_name));
    }
    feed->handlers->changed(feed->owner);
}

static void network_put(void *owner, const struct follow_item *item) {
    struct feed *feed = owner;
    if (is_our_network(feed, item->key)) {
        take_network(feed, item);
        feed->handlers->changed(feed->owner);
    }
}

/* The copy stays: an operator who deletes a network by mistake must not cut all pods off. */
static void network_removed(void *owner, const char *key, uint64_t revision) {
    struct feed *feed = owner;
    (void)revision;
    if (is_our_network(feed, key)) {
        LOG_ERROR("the network was deleted: this node keeps what it has",
                  LOG_TEXT("network", feed->cache->network_name));
    }
}

static const struct follow_handlers network_handlers = {
    .reset = networks_reset, .put = network_put, .removed = network_removed};

/* ---- the leases ---- */

static bool is_own_key(const struct feed *feed, const char *key) {
    char subnet[IP_PREFIX_TEXT_SIZE];
    if (feed->cache->own == NULL) {
        return false;
    }
    ip_prefix_format(&feed->cache->own->subnet, '-', subnet);
    size_t size = strlen(key);
    size_t tail = strlen(subnet);
    return size > tail && key[size - tail - 1] == '/' && strcmp(key + size - tail, subnet) == 0;
}

static void take_lease(struct feed *feed, const struct follow_item *item) {
    if (cache_put_lease(feed->cache, item->key, item->object) != ERR_OK) {
        LOG_WARN("a lease is not readable, left out", LOG_TEXT("key", item->key));
        cache_remove_lease(feed->cache, item->key);
    }
}

static bool is_ours(const struct feed *feed, const struct follow_item *item) {
    return strcmp(json_find_text(item->object, "node", ""), feed->cache->node_name) == 0;
}

static void subnets_reset(void *owner, const struct follow_item *items, size_t count,
                          uint64_t revision) {
    struct feed *feed = owner;
    bool is_own_shown = feed->cache->own == NULL;
    cache_clear_leases(feed->cache);
    for (size_t i = 0; i < count; i++) {
        take_lease(feed, &items[i]);
        is_own_shown = is_own_shown || (is_own_key(feed, items[i].key) && is_ours(feed, &items[i]));
    }
    feed->cache->revision = revision;
    feed->knows_leases = true;
    feed->handlers->listed(feed->owner);
    feed->handlers->changed(feed->owner);
    if (!is_own_shown) {
        feed->handlers->own_in_doubt(feed->owner);
    }
}

static void subnet_put(void *owner, const struct follow_item *item) {
    struct feed *feed = owner;
    take_lease(feed, item);
    feed->cache->revision = item->revision;
    feed->handlers->changed(feed->owner);
    if (is_own_key(feed, item->key) && !is_ours(feed, item)) {
        feed->handlers->own_in_doubt(feed->owner);
    }
}

static void subnet_removed(void *owner, const char *key, uint64_t revision) {
    struct feed *feed = owner;
    cache_remove_lease(feed->cache, key);
    feed->cache->revision = revision;
    feed->handlers->changed(feed->owner);
    if (is_own_key(feed, key)) {
        feed->handlers->own_in_doubt(feed->owner);
    }
}

static void state_changed(void *owner, bool is_connected, const struct problem *problem) {
    struct feed *feed = owner;
    if (is_connected) {
        LOG_INFO("the store is followed");
        feed->handlers->connected(feed->owner);
    } else {
        LOG_WARN("the store is away: going on with what this node knows",
                 LOG_TEXT("detail", problem != NULL ? problem->detail : ""));
    }
}

static const struct follow_handlers subnet_handlers = {
    .reset = subnets_reset, .put = subnet_put, .removed = subnet_removed, .state = state_changed};

void feed_start(struct feed *feed, struct call_pool *pool, const struct server_list *servers,
                struct cache *cache, const struct feed_handlers *handlers, void *owner) {
    char path[LIMIT_KEY_SIZE_MAX];
    *feed = (struct feed){.cache = cache,
                          .handlers = handlers,
                          .owner = owner,
                          .knows_leases = cache->network != NULL};
    snprintf(path, sizeof path, "/v1/subnets/%s", cache->network_name);
    feed->networks = follow_start(pool, servers, "/v1/networks", &network_handlers, feed);
    feed->subnets = follow_start(pool, servers, path, &subnet_handlers, feed);
}

void feed_stop(struct feed *feed) {
    follow_stop(feed->networks);
    follow_stop(feed->subnets);
}

bool feed_is_connected(const struct feed *feed) {
    return follow_is_connected(feed->networks) && follow_is_connected(feed->subnets);
}
