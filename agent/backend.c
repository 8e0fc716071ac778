#include "agent/backend.h"

#include "agent/backend_hostgw.h"
#include "agent/backend_vxlan.h"

#include <string.h>

static const struct backend *const backends[] = {
    &backend_vxlan,
    &backend_hostgw,
};

const struct backend *backend_find(const char *type) {
    for (size_t i = 0; type != NULL && i < ARRAY_COUNT(backends); i++) {
        if (strcmp(backends[i]->type, type) == 0) {
            return backends[i];
        }
    }
    return NULL;
}

struct ip_address backend_peer_address(const struct desired_input *input,
                                       const struct subnet *peer) {
    uint8_t family = input->parent->local.family;
    if (peer->public_ip.family == family) {
        return peer->public_ip;
    }
    return peer->public_ip_v6.family == family ? peer->public_ip_v6 : (struct ip_address){0};
}
