/* Releases that the CNI plugin left behind while the agent was away: one durable file each
 * (util/durable.h) in SOCKET.released/, beside the agent's socket, so that both sides find it from
 * the socket's path alone.
 *
 * A file holds {"container_id","ifname","boot_id","released_ms"}: what was released, and when (boot
 * time). It frees only a record that is older, so reading it twice does no harm, and a pod that
 * came since under the same key keeps its address. */
#ifndef WEFT_AGENT_SPOOL_H
#define WEFT_AGENT_SPOOL_H

#include "agent/ipam.h"
#include "agent/save.h"
#include "wire/json.h"

struct spool {
    char dir[256];
    struct ipam *ipam;
    struct save *save;
    struct save_waiter waiter;
    struct buf names; /* taken and not yet forgotten, each with its NUL */
    bool is_busy;     /* the releases are being saved */
};

/* Errors: ERR_INVALID for a path that is too long. */
MUST_USE enum err spool_init(struct spool *spool, const char *socket_path, struct ipam *ipam,
                             struct save *save);
void spool_deinit(struct spool *spool);
/* Frees what the files name; they are removed once the ipam is saved. Returns how many records were
 * freed. A missing directory is fine, a damaged file is removed with a warning. */
unsigned spool_take(struct spool *spool);

#endif
