/* One look: desired against actual, a plan, its execution. And the ear at the kernel that says when
 * to look again. Level-triggered: what a look misses or cannot do, the next one sees.
 *
 * Owns the netlink socket, the monitor and the states between looks. Blocks only as netlink/ does.
 */
#ifndef WEFT_AGENT_RECONCILE_H
#define WEFT_AGENT_RECONCILE_H

#include "agent/actual.h"
#include "agent/desired.h"
#include "agent/execute.h"
#include "agent/plan.h"
#include "netlink/socket.h"

#include <uv.h>

/* The kernel's tables changed. From the loop. */
typedef void (*reconcile_hint_cb)(void *owner);

struct reconcile {
    struct netlink netlink;
    struct netlink_monitor monitor;
    uv_poll_t poll;
    reconcile_hint_cb hinted;
    void *owner;
    struct network_state desired;
    struct network_state actual;
    struct plan plan;
    /* Of the last look, for the status. */
    struct desired_report found;
    struct execute_report done;
    size_t step_count;
    bool failed; /* the kernel could not be read; logged once a spell */
};

/* Opens the sockets in the calling thread's namespace and begins to listen. Errors: those of
 * netlink_open, logged. */
MUST_USE enum err reconcile_open(struct reconcile *reconcile, uv_loop_t *loop,
                                 reconcile_hint_cb hinted, void *owner);
/* Lets the loop's handle go and closes the sockets; what is in the kernel stays. */
void reconcile_close(struct reconcile *reconcile);

/* Looks once. With `input` NULL nothing is desired: what is ours goes away. Errors: the kernel
 * could not be read or written at all; logged. */
MUST_USE enum err reconcile_look(struct reconcile *reconcile, const struct desired_input *input);
/* Whether the kernel has the pod's host route now; reads it again. */
bool reconcile_sees_pod(struct reconcile *reconcile, const struct ip_address *address,
                        const char *link);

#endif
