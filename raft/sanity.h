/* What an honest member can have sent: checked before a message reaches libraft, whose own checks
 * are assertions that the packaged library is built without. */
#ifndef WEFT_RAFT_SANITY_H
#define WEFT_RAFT_SANITY_H

#include "raft/engine.h"

/* Whether the message makes sense for a server in this role and term. `is_settled`: everything in
 * its log is durable. */
bool message_is_sane(const struct raft_message *message, uint64_t from, enum role role,
                     uint64_t term, bool is_settled);

#endif
