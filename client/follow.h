/* Follows one collection of the store: list, watch, resume, for ever. What the agent's desired
 * state is fed from.
 *
 * Flow: list (limit=all, one revision) -> reset -> watch from that revision -> put, removed ... On
 * a broken connection the watch resumes from the last revision seen (bookmarks count) on the next
 * server; when the history is compacted it lists again and delivers `reset`. Without any server it
 * tries again after 100 ms, doubling to 2 s, for ever. A watch that is silent for
 * LIMIT_FOLLOW_SILENCE_MS (bookmarks come every 10 s) is taken for dead.
 *
 * Invariants: after the first reset, events come in revision order, none twice, none missing; a
 * reset replaces everything known before. Callbacks come from the loop; each may follow_stop. */
#ifndef WEFT_CLIENT_FOLLOW_H
#define WEFT_CLIENT_FOLLOW_H

#include "client/call.h"
#include "client/url.h"
#include "wire/json.h"

struct follow;

/* One object of the collection. Lifetime: the callback's. */
struct follow_item {
    const char *key; /* "subnets/default/10.244.7.0-24" */
    uint64_t revision;
    const struct json *object; /* as API.md describes the kind, with key and revision */
};

struct follow_handlers {
    /* The whole collection at `revision`; everything known before is void. */
    void (*reset)(void *owner, const struct follow_item *items, size_t count, uint64_t revision);
    void (*put)(void *owner, const struct follow_item *item);
    void (*removed)(void *owner, const char *key, uint64_t revision);
    /* All up to `revision` has been delivered: a bookmark. May be NULL. */
    void (*reached)(void *owner, uint64_t revision);
    /* The watch stands, or it does not; comes at each change. `problem` tells why not, NULL when
     * connected. May be NULL. */
    void (*state)(void *owner, bool is_connected, const struct problem *problem);
};

/* Starts to follow `path` ("/v1/subnets/default", "/v1/kv/a/": a list's path, escaped). `servers`
 * is copied, `handlers` and `pool` are borrowed until follow_stop. Owns: the caller, follow_stop.
 */
MUST_USE struct follow *follow_start(struct call_pool *pool, const struct server_list *servers,
                                     const char *path, const struct follow_handlers *handlers,
                                     void *owner);
/* Ends it; no callback comes afterwards. NULL is fine. */
void follow_stop(struct follow *follow);
/* The last revision that was delivered whole; 0 before the first reset. */
uint64_t follow_revision(const struct follow *follow);
bool follow_is_connected(const struct follow *follow);

#endif
