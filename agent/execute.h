/* Executes a plan: each step becomes a netlink message, sent in batches, in the plan's order. A
 * step that fails is reported and the others go on; the next look at the kernel sees what is still
 * missing. */
#ifndef WEFT_AGENT_EXECUTE_H
#define WEFT_AGENT_EXECUTE_H

#include "agent/plan.h"
#include "netlink/socket.h"

struct execute_failure {
    size_t step; /* index in the plan */
    struct netlink_error error;
};

struct execute_report {
    size_t done;    /* also deletions of what was gone already */
    size_t waiting; /* routes to a device that is not there or not up (yet): a pod comes or goes */
    size_t failed;  /* all; the first LIMIT_EXECUTE_FAILURES_MAX are below */
    struct execute_failure failures[LIMIT_EXECUTE_FAILURES_MAX];
};

/* Errors: ERR_OK also when steps failed; else the error of reading the links, and `error`, with the
 * steps so far in the report. */
MUST_USE enum err execute_plan(struct netlink *netlink, const struct plan *plan,
                               struct execute_report *out_report, struct netlink_error *error);

/* Logs one line a named failure (warn), with the step as a command. */
void execute_log(const struct plan *plan, const struct execute_report *report);

#endif
