/* Backends: how pods' packets travel from node to node. One row a type; the type is the network's
 * `backend.type` and each lease's `backend_type`.
 *
 * A row's functions are pure: they read the input and append objects to a state. A new backend is a
 * new file and a row in backend.c. */
#ifndef WEFT_AGENT_BACKEND_H
#define WEFT_AGENT_BACKEND_H

#include "agent/desired.h"

struct backend {
    const char *type; /* "vxlan" */
    /* Bytes of each packet that the tunnel's own headers take. `local` is the outer address. */
    uint32_t (*overhead)(const struct ip_address *local);
    /* Writes our `backend_data`, a JSON object, for the lease. */
    void (*write_data)(const struct network *network, const struct mac_address *vtep_mac,
                       struct buf *out);
    /* Appends our own end: devices and their addresses. */
    void (*add_own)(const struct desired_input *input, struct network_state *state);
    /* Appends what leads to one peer. Returns NULL, or (static) why the lease cannot be used; then
     * nothing was appended. */
    const char *(*add_peer)(const struct desired_input *input, const struct subnet *peer,
                            struct network_state *state);
};

/* NULL for an unknown type (a newer agent's). */
const struct backend *backend_find(const char *type);

/* The peer's address of the tunnel's outer family; IP_NONE when it has none. Peers of one address
 * family reach each other; which one is our parent device's. */
struct ip_address backend_peer_address(const struct desired_input *input,
                                       const struct subnet *peer);

#endif
