/* Inside a replica: what raft/replica.c (life), raft/turn.c (what happens) and raft/status.c (what
 * is told) share. Nobody else includes it. */
#ifndef WEFT_RAFT_REPLICA_PARTS_H
#define WEFT_RAFT_REPLICA_PARTS_H

#include "raft/engine.h"
#include "raft/expire.h"
#include "raft/fsm.h"
#include "raft/logtime.h"
#include "raft/loop.h"
#include "raft/peer.h"
#include "raft/propose.h"
#include "raft/readindex.h"

enum replica_phase {
    PHASE_OPENING,      /* turns do nothing yet */
    PHASE_OPEN,         /* all is served */
    PHASE_HANDING_OVER, /* closing, and another member is asked to lead first */
    PHASE_STOPPING,     /* the log's worker may still be out; requests are decided */
    PHASE_CLOSING       /* connections and handles end; no more turns */
};

struct replica {
    struct replica_options options;
    char *name;
    char *directory;
    enum replica_phase phase;
    struct ballot ballot;
    struct rand rand;
    struct log *log;
    struct fsm *fsm;
    struct engine *engine;
    struct peers *peers;
    struct loop *loop;
    struct propose propose;
    struct readindex readindex;
    struct expire *expire;
    struct logtime logtime;
    struct replica_counters counters;
    enum role role;          /* as hook_changed saw it last */
    uint64_t last_leader;    /* the last one that was known; 0: none yet */
    uint64_t write_since_us; /* of the log's job that is out */
    struct arena arena;      /* entries that are being applied */
    bool work_is_out;        /* the log's job */
    bool has_changed;        /* options.changed is due */
    bool has_applied;        /* options.applied is due */
    uint64_t lead_term;      /* the last term that this server led, in this life */
    uint64_t lead_index;     /* its barrier: once applied, the leader is ready */
    bool has_log_time;       /* of lead_term: log time runs */
    uint64_t seen_log_ms;    /* the newest log time that was applied, */
    msec_t seen_log_at;      /* and when */
    msec_t opened_ms;
    msec_t heard_ms; /* when the leader last spoke */
    msec_t handover_until;
    void (*closed)(void *owner);
    void *closed_owner;
};

static inline msec_t replica_now(const struct replica *replica) {
    return clock_boot_ms(replica->options.clock);
}

/* Leader, and the barrier of its own term is applied. */
bool replica_is_ready(const struct replica *replica);

/* The hooks that join the parts; `owner` is the replica. */
extern const struct engine_hooks turn_engine_hooks;
extern const struct propose_hooks turn_propose_hooks;
extern const struct readindex_hooks turn_readindex_hooks;
extern const struct expire_hooks turn_expire_hooks;
extern const struct peers_hooks turn_peers_hooks;

/* Applies what this server had applied in an earlier life, where its store no longer has it. */
void turn_replay(struct replica *replica);
/* Everything that is due, then the callbacks. */
void replica_turn(void *owner);
/* PHASE_STOPPING and all quiet: ends what turn.c does not own (raft/replica.c). */
void replica_end(struct replica *replica);

#endif
