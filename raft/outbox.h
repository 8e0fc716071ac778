/* Messages on their way out: libraft says which entries a member needs, by count; here they are
 * filled in from the log and cut into messages bounded by bytes. */
#ifndef WEFT_RAFT_OUTBOX_H
#define WEFT_RAFT_OUTBOX_H

#include "raft/engine.h"

/* Hands the messages of one update to hooks->send. The arena is used and reset. */
void outbox_send(const struct engine_hooks *hooks, struct arena *arena,
                 const struct raft_message *messages, unsigned count);

#endif
