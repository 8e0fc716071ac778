/* Inside a replica: what raft/replica.c (life), raft/turn.c (what happens), raft/turn_hooks.c
 * (what its parts ask of each other), raft/replica_snapshot.c (own snapshots) and raft/status.c
 * (what is told) share. Nobody else includes it. */
#ifndef WEFT_RAFT_REPLICA_PARTS_H
#define WEFT_RAFT_REPLICA_PARTS_H

#include "raft/engine.h"
#include "raft/expire.h"
#include "raft/fetch.h"
#include "raft/fsm.h"
#include "raft/logtime.h"
#include "raft/loop.h"
#include "raft/peer.h"
#include "raft/propose.h"
#include "raft/readindex.h"
#include "raft/ship.h"

enum replica_phase {
    PHASE_OPENING,      /* turns do nothing yet */
    PHASE_OPEN,         /* all is served */
    PHASE_HANDING_OVER, /* closing, and another member is asked to lead first */
    PHASE_STOPPING,     /* the log's worker may still be out; requests are decided */
    PHASE_CLOSING       /* connections and handles end; no more turns */
};

struct take;

/* A replica's own snapshots (raft/replica_snapshot.c). */
struct snapshots {
    struct snapshot_point point; /* where the newest ends; index 0: there is none */
    struct buf configuration;    /* the point's */
    uint64_t cluster;            /* whose it is, as found when opening */
    uint64_t size;               /* of its file */
    uint64_t appended_size;      /* log_appended_size when it was taken */
    uint64_t taken_count;        /* since the start */
    bool is_received;            /* while opening: the log may not begin behind it yet */
    bool is_taking;
    bool is_damaged;    /* the newest, as found after the start: the next is due */
    msec_t verify_at;   /* when all of the newest is read; 0: it was */
    struct take *taken; /* the worker has ended; NULL: it has not */
    msec_t next_at;     /* after a failure: not before */
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
    struct snapshots snapshots;
    struct ship ship;
    struct fetch fetch;
    char view_path[SHELF_PATH_SIZE]; /* where a fetched snapshot's view is built */
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
extern const struct ship_hooks turn_ship_hooks;
extern const struct fetch_hooks turn_fetch_hooks;

void snapshots_init(struct snapshots *snapshots);
void snapshots_deinit(struct snapshots *snapshots);
/* Makes `point` the newest; copies. */
void snapshots_set(struct snapshots *snapshots, const struct snapshot_point *point, uint64_t size);
/* The newest ENTRY_CHANGE of snapshot and log at or before `upto`; 0: none. */
uint64_t snapshots_last_change(const struct replica *replica, uint64_t upto);
/* The snapshot's configuration as an entry, where the log has it no more. False: it is not that. */
bool snapshots_get_change(const struct replica *replica, uint64_t index,
                          struct log_entry *out_entry);
/* Opening, in this order: finds the newest whole snapshot; the log is opened; */
MUST_USE enum err snapshots_find(struct replica *replica);
/* makes sure that they belong together; the state machine is opened; */
MUST_USE enum err snapshots_join_log(struct replica *replica);
/* restores the store when it is behind the snapshot. */
MUST_USE enum err snapshots_restore(struct replica *replica);
/* Takes a snapshot when one is due, and finishes the one that a worker has written; when stopping
 * too. */
void snapshots_turn(struct replica *replica, msec_t now);
/* Removes the log's files before `segment`, on a worker. */
void snapshots_remove_log(struct replica *replica, uint64_t segment);

/* Applies what this server had applied in an earlier life, where its store no longer has it. */
void turn_replay(struct replica *replica);
/* Everything that is due, then the callbacks. */
void replica_turn(void *owner);
/* PHASE_STOPPING and all quiet: ends what turn.c does not own (raft/replica.c). */
void replica_end(struct replica *replica);

#endif
