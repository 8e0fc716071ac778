/* What a replica counts of its own work, for its metrics: plain integers on the loop's thread,
 * which nothing decides by. They begin at 0 with the process. */
#ifndef WEFT_RAFT_COUNTERS_H
#define WEFT_RAFT_COUNTERS_H

#include "util/histogram.h"

#include <stdint.h>

struct replica_counters {
    uint64_t leader_changes; /* a leader other than the last one became known */
    uint64_t elections;      /* this server stood for */
    uint64_t commands;       /* that were proposed here and applied */
    uint64_t batches;        /* entries that they came in */
    uint64_t applied_entries;
    uint64_t applied_commits;  /* store transactions that they were applied in */
    uint64_t log_writes;       /* each with one sync */
    uint64_t log_entries;      /* appended */
    uint64_t log_bytes;        /* of their data */
    uint64_t reads;            /* confirmed */
    uint64_t queued;           /* now: proposals that wait or are in flight */
    uint64_t reads_waiting;    /* now */
    struct histogram proposal; /* from its arrival until it is applied */
    struct histogram log_write;
    struct histogram apply; /* one store transaction */
    struct histogram read;  /* from its arrival until it is confirmed and applied here */
    struct histogram turn;  /* of the replica's part of a turn of the loop */
};

/* Traffic with one member. */
struct peer_counters {
    uint64_t sent_messages;
    uint64_t sent_bytes;
    uint64_t received_messages;
    uint64_t received_bytes;
    uint64_t dropped_messages; /* found no connection, or no room */
};

#endif
