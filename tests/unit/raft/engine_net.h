/* Engines in one process, joined by an in-memory network that speaks real frames: what the tests of
 * the engine share. Each step checks that a term has one leader, that nobody votes twice in a term,
 * and that all apply the same. */
#ifndef WEFT_TESTS_UNIT_RAFT_ENGINE_NET_H
#define WEFT_TESTS_UNIT_RAFT_ENGINE_NET_H

#include "raft/engine.h"
#include "util/list.h"
#include "util/rand.h"

#define NODE_MAX 5u
#define LOG_MAX  4096u

struct entry {
    uint64_t term;
    enum entry_type type;
    struct buf data;
};

struct node {
    struct net *net;
    struct engine *engine; /* NULL: down */
    struct ballot ballot;
    struct entry log[LOG_MAX]; /* index - 1 */
    uint64_t first;            /* the log's; what is before is gone */
    uint64_t last;
    uint64_t durable;
    uint64_t applied;
    bool is_cut;
    struct snapshot_point point; /* of its newest snapshot; index 0: none */
    struct buf configuration;    /* the point's */
    uint64_t offered_to;         /* whom the engine wanted to have the snapshot, last; 0: nobody */
};

struct net {
    msec_t now;
    unsigned count;
    struct node nodes[NODE_MAX];
    struct list wire;
    struct rand rand;
    bool is_lossy;
    unsigned stray_count; /* messages to members that the network does not have */
    struct buf trace;
    uint64_t committed_terms[LOG_MAX]; /* term of each applied index: all must agree */
    uint64_t leaders[LOG_MAX];         /* of each term */
};

struct node *node_of(struct net *net, uint64_t id);
uint64_t node_id(const struct node *node);
/* Starts from what was durable. */
void node_start(struct node *node);
void node_crash(struct node *node);
/* Makes the log durable, then applies what is committed. */
void node_sync(struct node *node);
/* Takes a snapshot of what is applied. */
void node_snapshot(struct node *node, uint64_t trailing);
void node_set_point(struct node *node, const struct snapshot_point *point);

void net_open(struct net *net, unsigned count);
void net_close(struct net *net);
/* One millisecond: timeouts, then messages until the wire is quiet, disks in between. */
void net_step(struct net *net);
void net_run(struct net *net, unsigned ms);
/* The leader of the highest term; NULL: there is none. */
struct node *net_leader(struct net *net);
struct node *net_elect(struct net *net);
/* Returns the entry's index. */
uint64_t net_put(struct node *node, const char *text);
void net_assert_all_applied(struct net *net, uint64_t index);
/* The members with ids 1..count. */
void net_make_configuration(unsigned count, struct buf *out);

#endif
