/* A pod's interface: the veth pair between the host and the pod's namespace, and everything inside
 * the namespace. The host route is the agent's.
 *
 * The pod's end: its address as /32 (/128), a default route via the link-local gateway, on-link,
 * and a permanent neighbour for the gateway: the host end's MAC, which is always the same. So the
 * pod needs no bridge, no ARP for its gateway and no proxy. Source: NETWORK.md 1; "The agent" in
 * the architecture document. */
#ifndef WEFT_CNI_WIRING_H
#define WEFT_CNI_WIRING_H

#include "cni/error.h"
#include "wire/attachment.h"

#include <stdbool.h>

/* Opens the pod's namespace. Owns: the caller closes *out_fd. Errors: ERR_NOT_FOUND (code 3),
 * ERR_INVALID (code 8), with `error` filled. */
MUST_USE enum err wiring_open_netns(const char *path, int *out_fd, struct cni_error *error);
/* Whether the namespace has an interface of that name. Errors: ERR_INVALID with `error` filled. */
MUST_USE enum err wiring_has_interface(int netns_fd, const char *ifname, bool *out_has,
                                       struct cni_error *error);

/* Whether the host has a host end of that name. Errors: ERR_INVALID with `error` filled. */
MUST_USE enum err wiring_has_host_end(const char *host_ifname, bool *out_has,
                                      struct cni_error *error);

/* Makes the pair, both ends up, the pod's configured. On failure nothing stays. Errors: ERR_INVALID
 * with `error` filled. */
MUST_USE enum err wiring_make(int netns_fd, const struct attachment *attachment,
                              struct cni_error *error);
/* Removes the pair by its host end's name, which only we give; a pair that is not there is fine. So
 * the namespace may have gone first, and nobody else's interface is touched. Errors: ERR_INVALID
 * with `error` filled. */
MUST_USE enum err wiring_remove(const char *host_ifname, struct cni_error *error);

/* Compares what is there with what ADD made; what later plugins add is tolerated. Errors:
 * ERR_INVALID with `error` filled: the first difference (code 103). */
MUST_USE enum err wiring_check(int netns_fd, const struct attachment *attachment,
                               struct cni_error *error);

#endif
