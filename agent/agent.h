/* The agent: joins its parts and runs the level-triggered loop.
 *
 *     store event, kernel event, local attach or detach, every resync-s
 *        -> look: desired (cache, ipam, parent) x actual (kernel) -> plan -> execute
 *
 * Hints that come close together share a look. Owns all parts; one libuv loop, one thread; files
 * are written on worker threads (save.h).
 *
 * Invariants: no look before the leases and our own lease are known, from the store or from the
 * local copy, because a plan would take away what was not read; stopping leaves the kernel as it
 * is, so pods keep talking. */
#ifndef WEFT_AGENT_AGENT_H
#define WEFT_AGENT_AGENT_H

#include "agent/cache.h"
#include "agent/config.h"
#include "agent/feed.h"
#include "agent/ipam.h"
#include "agent/lease.h"
#include "agent/local.h"
#include "agent/publish.h"
#include "agent/reconcile.h"
#include "agent/registration.h"
#include "agent/save.h"
#include "agent/single.h"
#include "agent/spool.h"

#include <uv.h>

struct agent {
    const struct agent_config *config;
    uv_loop_t *loop;
    struct single single;
    char boot_id[CLOCK_BOOT_ID_SIZE];
    struct mac_address vtep_mac;
    struct server_list servers; /* `first` moves */
    struct call_pool *pool;

    struct cache cache;
    struct feed feed;
    struct lease lease;
    struct registration registration;
    struct ipam ipam;
    struct publish publish;
    struct save address_save;
    struct save cache_save;
    struct spool spool;
    struct local local;
    struct reconcile reconcile;

    struct desired_parent parent; /* as seen last */
    bool has_parent;
    bool is_own_settled; /* the store or the local copy said what we hold, maybe nothing */
    bool is_stopping;
    bool has_looked;
    uv_timer_t look_timer;
    uv_timer_t cache_timer;
    uv_timer_t resync_timer;
};

/* Opens everything and begins. Errors: logged; nothing is left open that the process's end would
 * not close. */
MUST_USE enum err agent_start(struct agent *agent, uv_loop_t *loop,
                              const struct agent_config *config);
/* Begins to stop; the loop ends by itself. */
void agent_stop(struct agent *agent);
/* After the loop has ended. */
void agent_deinit(struct agent *agent);

/* agent_status.c: the members of GET /v1/status. */
void agent_write_status(void *owner, struct json_writer *writer);
/* agent_look.c: one look with all that surrounds it. */
void agent_look(struct agent *agent);
/* Frees records whose pod is gone: no host interface, no namespace. */
void agent_collect(struct agent *agent);

#endif
