#include "server/descriptors.h"

#include "util/buf.h"
#include "util/limits.h"
#include "util/log.h"

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>

/* serve/ answers an eighth more connections than it serves, to refuse them. */
#define CONNECTIONS_OPEN_MAX (LIMIT_HTTP_CONNECTIONS_MAX + LIMIT_HTTP_CONNECTIONS_MAX / 8 + 1)
#define CLIENTS_MAX          (CONNECTIONS_OPEN_MAX + LIMIT_WATCHERS_MAX)

/* The soft limit, after raising it as far as it goes. */
static uint64_t raise_limit(uint64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        LOG_WARN("the limit of open files cannot be read", LOG_ERRNO(errno));
        return wanted;
    }
    if (limit.rlim_cur >= wanted) {
        return limit.rlim_cur;
    }
    struct rlimit raised = {.rlim_cur = MIN_OF(wanted, limit.rlim_max), .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
        LOG_WARN("the limit of open files cannot be raised", LOG_ERRNO(errno));
        return limit.rlim_cur;
    }
    return raised.rlim_cur;
}

void descriptors_prepare(struct client_bounds *out_bounds) {
    uint64_t wanted = CLIENTS_MAX + LIMIT_DESCRIPTORS_RESERVED;
    uint64_t limit = raise_limit(wanted);
    *out_bounds = (struct client_bounds){.connections_max = LIMIT_HTTP_CONNECTIONS_MAX,
                                         .watchers_max = LIMIT_WATCHERS_MAX};
    if (limit >= wanted) {
        return;
    }
    uint64_t left = limit - MIN_OF(limit / 2, LIMIT_DESCRIPTORS_RESERVED);
    out_bounds->connections_max =
        (unsigned)MAX_OF(left * LIMIT_HTTP_CONNECTIONS_MAX / CLIENTS_MAX, 1);
    out_bounds->watchers_max = (unsigned)MAX_OF(left * LIMIT_WATCHERS_MAX / CLIENTS_MAX, 1);
    LOG_WARN("too few files may be open (LimitNOFILE, ulimit -n): fewer clients are served",
             LOG_U64("limit", limit), LOG_U64("needed", wanted),
             LOG_U64("connections_max", out_bounds->connections_max),
             LOG_U64("watchers_max", out_bounds->watchers_max));
}
