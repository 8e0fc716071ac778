/* The ballot: term and vote, and who this server is in which cluster. One small file, replaced
 * whole by write, fsync, rename, fsync of the directory, so that a crash leaves the old one or the
 * new one. It is saved before any message of the same update is sent (Raft, figure 2: persistent
 * state). */
#ifndef WEFT_RAFT_BALLOT_H
#define WEFT_RAFT_BALLOT_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

struct ballot {
    uint64_t term;
    uint64_t vote;      /* 0: none in this term */
    uint64_t cluster;   /* the digest of the members that formed it */
    uint64_t server_id; /* this server */
};

/* Errors: ERR_NOT_FOUND (there is none yet), ERR_CORRUPT (damaged), ERR_IO; the last two are
 * logged. */
MUST_USE enum err ballot_load(const char *directory, struct ballot *out_ballot);
/* Replaces the file, durably. Errors: ERR_IO (logged): the caller must not go on. */
MUST_USE enum err ballot_save(const char *directory, const struct ballot *ballot);

#endif
