/* The file subnet.env, as flannel writes it, for its CNI plugin and for scripts. Source:
 * NETWORK.md 3 (order and names). */
#ifndef WEFT_AGENT_SUBNET_ENV_H
#define WEFT_AGENT_SUBNET_ENV_H

#include "util/buf.h"
#include "util/check.h"
#include "util/err.h"
#include "wire/kind_network.h"
#include "wire/kind_subnet.h"

/* Appends the file's text: FLANNEL_NETWORK, FLANNEL_SUBNET (the first address, ".1"),
 * FLANNEL_IPV6_NETWORK, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ; a family that the lease
 * does not have is left out. */
void subnet_env_render(const struct network *network, const struct subnet *own, uint32_t mtu,
                       bool masquerades, struct buf *out);

/* Makes the file hold the text: writes it beside and renames, so that a reader sees the old or the
 * new one whole; a file that holds it already is left alone. The last directory of the path is made
 * when it is missing. Shape: `path` is absolute, at most LIMIT_PATH_SIZE_MAX. Errors: ERR_INVALID
 * for the path, ERR_IO. */
MUST_USE enum err subnet_env_ensure(const char *path, struct slice text);

#endif
