/* Connections to the other members. Each server dials every other one and sends only on the
 * connection that it opened; it receives on those that the others opened. A connection's first
 * frame is a hello; from then on its sender is the member that the hello names, which must be in
 * the configuration, of this cluster, and mean this server. Anything malformed closes the
 * connection.
 *
 * Sending never waits: what does not fit the bounded queue, or finds no connection, is dropped;
 * Raft asks again. A lost connection is dialled again after 20 ms, then up to 1 s.
 *
 * Lifetime: peers_open .. the callback of peers_close. Callbacks come from the loop. */
#ifndef WEFT_RAFT_PEER_H
#define WEFT_RAFT_PEER_H

#include "raft/codec.h"
#include "raft/counters.h"
#include "stream/stream.h"
#include "util/rand.h"

struct peers;

struct peers_hooks {
    void *owner;
    /* What the frame points to lives for the call. */
    void (*received)(void *owner, uint64_t from, const struct frame *frame);
    /* A member is connected both ways. */
    void (*joined)(void *owner, uint64_t id);
    /* A member closed the connection that it sends on. */
    void (*lost)(void *owner, uint64_t id);
};

struct peers_options {
    struct uv_loop_s *loop;
    const struct clock *clock;
    struct rand *rand;
    const char *listen;
    uint64_t self;
    const char *name;
    uint64_t cluster;
    unsigned ping_ms;
};

struct peer_status {
    bool is_connected; /* both ways */
    msec_t heard_ms;   /* when a frame came last; 0: never */
    uint64_t rtt_us;   /* 0: not measured */
    const char *version;
    struct peer_counters traffic;
};

/* Errors: ERR_INVALID (the address), ERR_EXISTS (the port is taken), ERR_SYSTEM; logged. Copies the
 * texts. Owns: the caller, peers_close. */
MUST_USE enum err peers_open(const struct peers_options *options, const struct peers_hooks *hooks,
                             struct peers **out_peers);
void peers_close(struct peers *peers, void (*closed)(void *owner), void *owner);
/* The port that was bound. */
uint16_t peers_port(const struct peers *peers);

/* Dials those that are new, drops those that are gone. */
void peers_set_members(struct peers *peers, const struct configuration *configuration);
void peers_send(struct peers *peers, uint64_t to, const struct frame *frame);
/* Bytes that peers_send would queue for a member now; 0: it would drop. */
size_t peers_room(const struct peers *peers, uint64_t to);
/* Dials, pings and gives up what is due. */
void peers_tick(struct peers *peers, msec_t now);
msec_t peers_deadline(const struct peers *peers);
/* False: no such member. */
bool peers_find(const struct peers *peers, uint64_t id, struct peer_status *out_status);

#endif
