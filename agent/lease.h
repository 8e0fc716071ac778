/* The node's subnet lease: acquire, renew, lose, acquire again.
 *
 * The moment that counts is the one before the request was sent: from there the lease is ours for
 * 0.9 of its TTL at most (RELIABILITY.md S8). While the store is away the lease stays HELD and the
 * tries go on; what the node does on its own goes on too.
 *
 *     IDLE -> ACQUIRING -> HELD -> RENEWING -> HELD
 *                 ^  |             |  |
 *                 |  v             |  v
 *               PAUSED <-----------+ LOST (lease_lost) -> ACQUIRING
 *
 * A state's allowed successors are a table in lease.c; any other move stops the process. Times are
 * CLOCK_BOOTTIME, so that suspend counts. */
#ifndef WEFT_AGENT_LEASE_H
#define WEFT_AGENT_LEASE_H

#include "agent/pause.h"
#include "client/call.h"
#include "wire/json.h"
#include "wire/kind_subnet.h"

enum lease_state {
    LEASE_IDLE,      /* nothing to ask for yet: the network or our address is not known */
    LEASE_ACQUIRING, /* POST .../acquire is on its way */
    LEASE_HELD,      /* ours; the next renewal is set */
    LEASE_RENEWING,  /* ours; POST .../renew is on its way */
    LEASE_LOST,      /* the store gave it away; passed through */
    LEASE_PAUSED,    /* the last try failed; the next is set */
    LEASE_STATE_COUNT
};

struct lease_handlers {
    /* Granted, maybe another subnet than before. `json` is the subnet object. */
    void (*granted)(void *owner, const struct json *json, msec_t sent_ms);
    void (*renewed)(void *owner, msec_t sent_ms);
    /* The store says that it is no longer ours. */
    void (*lost)(void *owner);
};

struct lease {
    struct call_pool *pool;
    struct server_list *servers;
    const struct clock *clock;
    const char *network;
    const struct lease_handlers *handlers;
    void *owner;
    enum lease_state state;
    struct call call;
    struct alarm alarm;
    struct rand rand;
    struct pause pause;
    struct buf wanted; /* the request, encoded; empty: nothing to ask for */
    struct buf asked;  /* the one that was granted last, or is on its way; empty: none */
    char node[LIMIT_NAME_SIZE_MAX + 1];
    struct ip_prefix subnet; /* IP_NONE: none is held */
    struct ip_prefix prefer; /* the one held last */
    uint64_t epoch;
    msec_t ttl_ms;          /* 0: a reservation, which never ends */
    msec_t sent_ms;         /* before the grant or renewal that was answered last */
    bool is_of_boot;        /* sent_ms is of this boot */
    msec_t request_sent_ms; /* of the call on its way */
    bool is_overdue;        /* 0.9 TTL have gone by, and the alarm was logged */
    char trouble[200];      /* why the last try failed; "" when it did not */
};

/* All pointers are borrowed for the lease's life. */
void lease_init(struct lease *lease, struct call_pool *pool, struct server_list *servers,
                const struct clock *clock, const char *network,
                const struct lease_handlers *handlers, void *owner);
void lease_deinit(struct lease *lease);
/* Takes up a lease from the local copy: it is held until the store says otherwise. `is_of_boot`:
 * sent_ms is of this boot; else nobody knows how long ago it was, and it counts as overdue. */
void lease_resume(struct lease *lease, const struct subnet *own, msec_t sent_ms, bool is_of_boot);
/* What to ask for, now and when it changes. The first request, and one that differs from what was
 * granted, leads to an acquire. `prefer` is filled in here, from the lease held last. */
void lease_want(struct lease *lease, const struct subnet_acquire *request);
/* Something says that now is the time to look: the store shows our lease as gone or another's, or
 * it can be reached again. */
void lease_hurry(struct lease *lease);
/* Looks at the clock: after a suspend alarms are late. */
void lease_tick(struct lease *lease);
/* The subnet may be used between nodes: it is held and 0.9 TTL have not gone by. */
bool lease_is_current(const struct lease *lease);
const char *lease_state_name(enum lease_state state);

#endif
