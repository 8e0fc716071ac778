/* --cleanup: removes all that the agent made on this node: routes, tunnel devices with their
 * entries, the pods' veth pairs that it knows of, subnet.env and its own files. While an agent runs
 * it is refused. */
#ifndef WEFT_AGENT_CLEANUP_H
#define WEFT_AGENT_CLEANUP_H

#include "agent/config.h"

/* Says on the log what goes. Goes on after a failure; returns the first. */
MUST_USE enum err cleanup_run(const struct agent_config *config);

#endif
