/* The plugin's side of the agent's local socket (wire/attachment.h), and what stands in for it
 * while the agent is away: a release is left behind as a durable file for the agent to find.
 *
 * Errors that runtimes understand: nobody answers, or the agent says "later": code 11; the subnet
 * is used up: 100; any other refusal: 104 with the agent's own words. */
#ifndef WEFT_CNI_AGENT_CALL_H
#define WEFT_CNI_AGENT_CALL_H

#include "client/client.h"
#include "cni/error.h"
#include "wire/attachment.h"

struct agent_call {
    const char *socket;
    struct client *client;
    struct arena arena;      /* what the answers hold */
    bool is_outcome_unknown; /* of the last call: no answer came, and it may have been done */
};

/* Connects to nothing yet. `socket` is borrowed: a path that fits a unix address. Owns:
 * agent_call_close. */
void agent_call_open(struct agent_call *agent, const char *socket);
void agent_call_close(struct agent_call *agent);

/* Asks for addresses. `out_attachment` is the whole answer; its texts live until the close. When no
 * answer comes to what was sent, a release is left behind: on failure nothing stays reserved. */
MUST_USE enum err agent_call_reserve(struct agent_call *agent, const struct attachment *request,
                                     struct attachment *out_attachment, struct cni_error *error);
/* Says that the interface is made; returns once the host route is in the kernel. */
MUST_USE enum err agent_call_ready(struct agent_call *agent, const char *container_id,
                                   const char *ifname, struct cni_error *error);
/* Errors: ERR_NOT_FOUND (code 3) when the agent knows no such attachment. */
MUST_USE enum err agent_call_find(struct agent_call *agent, const char *container_id,
                                  const char *ifname, struct attachment *out_attachment,
                                  struct cni_error *error);
/* Frees the addresses; nothing to free is fine. Without the agent the release is left behind. */
MUST_USE enum err agent_call_release(struct agent_call *agent, const char *container_id,
                                     const char *ifname, struct cni_error *error);
/* All attachments of the node, in the arena. */
MUST_USE enum err agent_call_list(struct agent_call *agent, struct attachment **out_items,
                                  size_t *out_count, struct cni_error *error);
/* Errors: code 50 with the reason when an ADD would fail now. */
MUST_USE enum err agent_call_status(struct agent_call *agent, struct cni_error *error);

#endif
