/* Network namespaces: open one by its path, work inside one for the time of a call. */
#ifndef WEFT_NETLINK_NETNS_H
#define WEFT_NETLINK_NETNS_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>

/* Opens "/run/netns/x", "/proc/PID/ns/net" and the like. Owns: the caller closes *out_fd. Errors:
 * ERR_NOT_FOUND; ERR_INVALID when the path is no namespace (a leftover of a lost mount);
 * ERR_FORBIDDEN; ERR_SYSTEM. */
MUST_USE enum err netns_open(const char *path, int *out_fd);
/* Opens the calling thread's own. */
MUST_USE enum err netns_open_own(int *out_fd);
/* Whether two descriptors are one namespace. */
bool netns_is_same(int netns_fd, int other_fd);

typedef enum err (*netns_cb)(void *context);
/* Calls `function` with the calling thread inside the namespace, and brings the thread back.
 * Sockets opened inside stay there. Errors: the function's; ERR_FORBIDDEN, ERR_SYSTEM when the
 * namespace cannot be entered. A thread that cannot come back stops the process: all that it did
 * from then on would be done to somebody else's network. */
MUST_USE enum err netns_run(int netns_fd, netns_cb function, void *context);

#endif
