/* Forwarding: a write that came to a follower goes to the leader, once. The call carries a header
 * that says so; a server that is not the leader refuses it (no loops). The leader's answer goes
 * back as it is; where the leader did not take the request, or the request may be repeated, it
 * waits for the next one (leader.h). */
#ifndef WEFT_API_FORWARD_H
#define WEFT_API_FORWARD_H

#include "client/call.h"
#include "util/limits.h"

struct api;
struct list;
struct request;

/* Its value is the name of the server that forwards. */
#define FORWARDED_HEADER "x-weft-forwarded"

/* A leader that we have forwarded to. Calls in flight borrow the list, so it stays. */
struct forward_target {
    char url[288];
    struct server_list servers;
};

struct forwarder {
    struct call_pool *pool;
    struct forward_target *targets[LIMIT_RAFT_MEMBERS_MAX];
    unsigned target_count;
};

void forwarder_init(struct forwarder *forwarder, struct uv_loop_s *loop);
/* No call may be in flight. */
void forwarder_close(struct forwarder *forwarder, void (*closed)(void *owner), void *owner);
/* Sends the request to the leader and answers it with what comes back; or refuses it. The request
 * waits meanwhile. */
void forward_request(struct request *request);
/* Takes calls to a former leader back, where that does no harm: requests to be run again come to
 * `out_requests`, by their leader_node. */
void forward_recall(struct api *api, struct list *out_requests);

#endif
