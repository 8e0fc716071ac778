/* The agent's local socket: the /v1 vocabulary for the CNI plugin and for people with curl.
 *
 *     POST   /v1/attachments                     reserve: 201 new, 200 the same again
 *     GET    /v1/attachments                     all of this node
 *     GET    /v1/attachments/{id}/{ifname}       one: 404 when unknown
 *     POST   /v1/attachments/{id}/{ifname}/ready the interface is made: answers once the host route
 *                                                is in the kernel
 *     DELETE /v1/attachments/{id}/{ifname}       free: 404 when there is nothing to free
 *     GET    /v1/status                          how the agent fares
 *
 * Nothing here waits for the store. A change is answered only when it is durable (agent/save.h).
 * Errors are problems (RFC 9457), as the store's. */
#ifndef WEFT_AGENT_LOCAL_H
#define WEFT_AGENT_LOCAL_H

#include "agent/ipam.h"
#include "agent/save.h"
#include "util/list.h"
#include "wire/json.h"

struct server;
struct server_options;

/* What the local socket needs of the agent. */
struct local_hooks {
    /* Takes up releases that were left behind: before an address is given. */
    void (*refresh)(void *owner);
    /* The desired state changed: look soon, then call local_looked. */
    void (*changed)(void *owner);
    /* Whether the kernel has the pod's host routes. */
    bool (*sees_pod)(void *owner, const struct attachment *attachment);
    /* Writes the members of the status object. */
    void (*write_status)(void *owner, struct json_writer *writer);
};

struct local {
    struct ipam *ipam;
    struct save *save;
    const struct local_hooks *hooks;
    void *owner;
    struct server *server;
    struct list looking; /* requests that wait for the next look */
    struct list saving;  /* requests that wait for their save */
};

/* Listens on the unix socket `path`, mode 0660. Errors: those of stream_listen, logged. */
MUST_USE enum err local_open(struct local *local, void *loop, const char *path, struct ipam *ipam,
                             struct save *save, const struct local_hooks *hooks, void *owner);
/* Stops to serve; `closed` comes from the loop, and no save of ours may still be on its way when
 * the local is freed after it. */
void local_close(struct local *local, void (*closed)(void *owner), void *owner);
/* A look is over: who waited for it is answered. */
void local_looked(struct local *local);

#endif
