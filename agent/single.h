/* One agent a host: two would take each other's kernel objects for leftovers, and two on one state
 * directory would give the same addresses.
 *
 * Two claims, which the kernel ends with the process, however it ends: the abstract unix address
 * "weft-agent", of which a network namespace has one, and a lock on the state directory, which
 * agents of two namespaces could share. */
#ifndef WEFT_AGENT_SINGLE_H
#define WEFT_AGENT_SINGLE_H

#include "util/check.h"
#include "util/err.h"

struct single {
    int host_fd;  /* -1: not claimed */
    int state_fd; /* -1: not claimed */
};

/* Claims host and state directory; a directory that is not there has nothing to claim. Errors:
 * ERR_EXISTS, ERR_SYSTEM, logged; nothing is claimed then. */
MUST_USE enum err single_claim(struct single *single, const char *state_dir);
void single_release(struct single *single);

#endif
