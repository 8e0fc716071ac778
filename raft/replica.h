/* A replica: this server's copy of the replicated state machine, and its part in keeping all copies
 * equal. It owns the engine, the log, the ballot, the peers, the queue of proposals and the rounds
 * of reads.
 *
 * Everything happens on one libuv loop; the log's writes happen on a worker thread. A proposal and
 * a read are requests that the caller embeds; their callbacks come from the loop, never from inside
 * the call.
 *
 *   proposal: QUEUED -> IN_FLIGHT -> decided(ERR_OK)            applied, outcome filled
 *                    \            \-> decided(ERR_COMMIT_TIMEOUT) leadership lost: outcome unknown
 *                     \-> decided(ERR_NO_LEADER, ERR_OVERLOADED)   it never entered the log
 *   Late: replica_abandon takes it back while the entry stays in flight; no callback comes then. */
#ifndef WEFT_RAFT_REPLICA_H
#define WEFT_RAFT_REPLICA_H

#include "raft/counters.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/limits.h"
#include "util/list.h"

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct store;
struct outcome;
struct propose_batch;
struct replica;
struct snapshot_writer;

#define MEMBER_NAME_SIZE    64u
#define MEMBER_ADDRESS_SIZE 272u
#define MEMBER_URL_SIZE     288u

struct member {
    uint64_t id;
    char name[MEMBER_NAME_SIZE];
    char raft_address[MEMBER_ADDRESS_SIZE]; /* "127.0.0.1:7481" */
    char api_url[MEMBER_URL_SIZE];          /* "http://127.0.0.1:7480" */
};
/* "s1,127.0.0.1:7481,http://127.0.0.1:7480": the value of --member and, in the Raft configuration,
 * a server's address. The id is left 0. Errors: ERR_INVALID. */
MUST_USE enum err member_parse(const char *text, struct member *out_member);
void member_format(const struct member *member, struct buf *out);

struct replica_options {
    struct uv_loop_s *loop;
    const struct clock *clock;
    struct store *store;   /* borrowed; open */
    const char *name;      /* this server's; one of the members on the first start */
    const char *directory; /* log and ballot; made when absent */
    const char *raft_listen;
    const struct member
        *members; /* the first start forms the cluster from them; later starts read the log */
    unsigned member_count;
    unsigned heartbeat_ms;
    unsigned election_ms;
    uint64_t quarantine_ms;
    uint64_t snapshot_entries; /* a snapshot is due after so many, and so many stay in the log; 0:
                                * LIMIT_SNAPSHOT_ENTRIES_DEFAULT */
    uint64_t history_events;   /* kept for watches; 0: LIMIT_HISTORY_EVENTS_DEFAULT */
    uint64_t quota_size;       /* bytes of the store; 0: none */
    uint64_t seed;             /* of all chance in here; 0: from the kernel */
    void *owner;
    /* After each commit of applied entries. */
    void (*applied)(void *owner, uint64_t revision);
    /* Role or known leader changed. */
    void (*changed)(void *owner);
};

/* Opens the log, replays what the store has not seen when it is known to be committed, begins to
 * listen. Errors: ERR_INVALID (the name is no member, members disagree with the directory),
 * ERR_CORRUPT (log or ballot), ERR_EXISTS (the port is taken), ERR_SYSTEM, ERR_IO; the log says
 * what to do. */
MUST_USE enum err replica_open(const struct replica_options *options, struct replica **out_replica);
/* Hands leadership over when it can (bounded by one election timeout), stops and frees everything,
 * then calls back from the loop. Pending requests are decided before. */
void replica_close(struct replica *replica, void (*closed)(void *owner), void *owner);

enum proposal_state { PROPOSAL_IDLE, PROPOSAL_QUEUED, PROPOSAL_IN_FLIGHT, PROPOSAL_DECIDED };

struct proposal {
    struct slice command;    /* encoded (store/command.h); the caller keeps it until decided */
    struct outcome *outcome; /* the caller's, its arena set; filled when decided with ERR_OK;
                              * NULL: not wanted */
    void (*decided)(struct proposal *proposal, enum err err);
    /* private */
    enum proposal_state state;
    enum err err;                /* what `decided` will say */
    struct propose_batch *batch; /* the entry that it is in, while in flight */
    uint64_t since_us;           /* when it came */
    unsigned slot;               /* its place there */
    struct list link;
};
/* Only on the leader; elsewhere it is decided with ERR_NO_LEADER: forward instead. */
void replica_propose(struct replica *replica, struct proposal *proposal);
void replica_abandon(struct replica *replica, struct proposal *proposal);

/* A linearizable read: `ready(ERR_OK)` when the local store reflects everything acknowledged before
 * the call. Works on any member. Errors: ERR_NO_LEADER, ERR_NO_QUORUM, ERR_READ_TIMEOUT (this term
 * cannot confirm it). The owner adds its own deadline with replica_cancel_read. */
struct read_request {
    void (*ready)(struct read_request *request, enum err err);
    /* private */
    uint64_t index;    /* the store must have applied this much */
    msec_t since;      /* when it was asked */
    uint64_t since_us; /* the same, for the counters */
    enum err err;      /* what `ready` will say */
    struct list link;  /* empty when not waiting */
};
void replica_read(struct replica *replica, struct read_request *request);
void replica_cancel_read(struct replica *replica, struct read_request *request);

enum member_role { MEMBER_VOTER, MEMBER_STANDBY, MEMBER_SPARE };
enum member_state { MEMBER_FOLLOWER, MEMBER_LEADER, MEMBER_UNREACHABLE };

struct member_status {
    struct member member;
    enum member_role role;
    enum member_state state;
    uint64_t match_index; /* known on the leader; 0 elsewhere */
    uint64_t lag_entries;
    uint64_t rtt_us; /* 0: not measured */
    struct peer_counters traffic;
    char version[32];
};

struct replica_status {
    char cluster_id[17]; /* 16 hex digits */
    uint64_t id;
    uint64_t term;
    uint64_t commit_index;
    uint64_t applied_index;
    uint64_t last_index;
    uint64_t first_index;     /* of the log */
    uint64_t snapshot_index;  /* where the newest snapshot ends; 0: none */
    uint64_t snapshot_size;   /* bytes of its file */
    uint64_t snapshots_taken; /* since the start */
    uint64_t snapshots_fetched;
    uint64_t chunks_shipped; /* to other members */
    bool is_fetching;        /* a snapshot is on its way here */
    bool is_leader;
    bool is_ready;      /* leader: the barrier of its own term is applied */
    uint64_t leader_id; /* 0: none known */
    char leader_name[MEMBER_NAME_SIZE];
    char leader_url[MEMBER_URL_SIZE];
    unsigned voters;
    unsigned reachable; /* voters that answered lately, self included */
    unsigned needed;    /* a majority */
    unsigned member_count;
    struct member_status members[LIMIT_RAFT_MEMBERS_MAX];
};
void replica_status(struct replica *replica, struct replica_status *out_status);
void replica_counters(const struct replica *replica, struct replica_counters *out_counters);
/* The time of leases, as far as it is known here: exact on a ready leader, else as it would be if
 * the leader lived; never ahead of a living leader's. Units: milliseconds. */
uint64_t replica_log_time_ms(struct replica *replica);
/* Begins a snapshot of the last commit for whoever wants one (store/snapshot.h), with what this
 * replica adds to its own ones. Owns: the caller, snapshot_writer_close. Errors: ERR_IO. */
MUST_USE enum err replica_snapshot_begin(struct replica *replica,
                                         struct snapshot_writer **out_writer);
/* Cheap parts of the above, for every answer's headers. */
bool replica_is_leader(const struct replica *replica);
/* A majority of the voters has been silent for longer than an election timeout: no ordinary
 * election, and nothing to wait for. */
bool replica_has_lost_quorum(const struct replica *replica);
uint64_t replica_term(const struct replica *replica);
/* NULL when none is known. Valid until the loop goes on. */
const struct member *replica_leader(const struct replica *replica);
/* Milliseconds since this member last heard of the leader (0 on a leader with a quorum):
 * X-Stale-Ms. */
msec_t replica_stale_ms(const struct replica *replica);

#endif
