/* Linearizable reads without a log write (Raft dissertation, 6.4), as libraft 0.22.1 allows them:
 *
 * 1. The leader has applied an entry of its own term, else its commit index may be behind.
 * 2. It notes its commit index, then asks the voters with a fresh nonce which term they are in.
 * 3. A majority of the voters of the current configuration, itself included, answers exactly its
 *    term. A newer leader needs a majority of raised terms, so there was none when step 2 began.
 * 4. It is still leader of that term. The read may be served once the noted index is applied.
 *
 * Reads that come while a round is under way join the next one: the round's index is older than
 * they are. A follower asks the leader for an index, one ask at a time for all that waits, and
 * waits until it has applied it. */
#ifndef WEFT_RAFT_READINDEX_H
#define WEFT_RAFT_READINDEX_H

#include "raft/codec.h"

/* What is true now. */
struct readindex_view {
    enum role role;
    bool is_ready; /* leader: an entry of its own term is applied */
    uint64_t self;
    uint64_t leader; /* 0: none known */
    uint64_t term;
    uint64_t commit_index;
    uint64_t commit_term; /* of the entry at commit_index */
    uint64_t applied_index;
    const struct configuration *configuration;
};

struct readindex_hooks {
    void *owner;
    void (*look)(void *owner, struct readindex_view *out_view);
    /* Sends to a member; may drop. */
    void (*send)(void *owner, uint64_t to, const struct frame *frame);
    /* A leader said that this entry is committed: engine_learn_commit. */
    void (*learn_commit)(void *owner, uint64_t leader, const struct frame_read_answer *answer);
};

/* A follower's ask, on the leader. */
struct readindex_ask {
    uint64_t from;
    uint64_t nonce;
};

/* Something sent that waits for answers: the leader's round, or a follower's ask. */
struct readindex_round {
    bool is_open;
    bool is_ask;
    uint64_t nonce;
    uint64_t term;   /* that it was opened in */
    uint64_t leader; /* ask: whom */
    uint64_t index;  /* round: the commit index noted before anything was sent */
    uint64_t index_term;
    msec_t sent;
    struct list requests;
    unsigned answer_count;
    uint64_t answers[LIMIT_RAFT_MEMBERS_MAX]; /* round: who answered our term */
    unsigned ask_count;
    struct readindex_ask asks[LIMIT_RAFT_MEMBERS_MAX];
};

struct readindex {
    struct readindex_hooks hooks;
    unsigned resend_ms;  /* an unanswered frame is sent again */
    unsigned timeout_ms; /* a read that is older is given up */
    uint64_t nonce;      /* the last one used */
    unsigned count;      /* reads that wait anywhere */
    struct list waiting; /* for the next round */
    unsigned ask_count;  /* followers' asks for the next round */
    struct readindex_ask asks[LIMIT_RAFT_MEMBERS_MAX];
    struct readindex_round round;
    struct list confirmed; /* for the index to be applied */
    struct list decided;   /* for the callback */
};

/* `nonce` begins anywhere, by chance, so that an earlier life's answers do not fit. */
void readindex_init(struct readindex *readindex, const struct readindex_hooks *hooks,
                    unsigned heartbeat_ms, unsigned election_ms, uint64_t nonce);
void readindex_add(struct readindex *readindex, struct read_request *request, msec_t now);
/* Decides it without waiting. */
void readindex_refuse(struct readindex *readindex, struct read_request *request, enum err err);
/* Takes a request back; harmless when it is already decided. */
void readindex_cancel(struct readindex *readindex, struct read_request *request);
/* A confirm, its reply, an ask or an answer from a member. */
void readindex_receive(struct readindex *readindex, uint64_t from, const struct frame *frame);
/* Does what the present situation asks for. Called at the end of every turn. */
void readindex_turn(struct readindex *readindex, msec_t now);
/* When readindex_turn must be called at the latest. */
msec_t readindex_deadline(const struct readindex *readindex, msec_t now);
/* Gives all reads up. */
void readindex_fail(struct readindex *readindex, enum err err);
void readindex_call_back(struct readindex *readindex);
bool readindex_has_work(const struct readindex *readindex);

#endif
