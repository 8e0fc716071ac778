/* Kernel settings of the calling thread's network namespace, below /proc/sys/net. */
#ifndef WEFT_NETLINK_SYSCTL_H
#define WEFT_NETLINK_SYSCTL_H

#include "util/check.h"
#include "util/err.h"

/* Makes a setting what it should be: reads it, and writes only when it differs (so that it works
 * where /proc/sys is read-only and already right). Shape: `name` is relative, with slashes,
 * "ipv4/conf/eth0/forwarding", without "..", at most LIMIT_SYSCTL_NAME_SIZE_MAX; `value` is one
 * line of at most LIMIT_SYSCTL_VALUE_SIZE_MAX. Errors: ERR_INVALID for those; ERR_NOT_FOUND for an
 * unknown setting; ERR_FORBIDDEN; ERR_IO when the kernel refuses the value. */
MUST_USE enum err sysctl_ensure(const char *name, const char *value);

#endif
