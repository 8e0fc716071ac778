/* Real replicas with real stores on one loop over loopback: what the tests of whole replicas share.
 * Everything is in a directory of its own and ends with the test. */
#ifndef WEFT_TESTS_UNIT_RAFT_CLUSTER_H
#define WEFT_TESTS_UNIT_RAFT_CLUSTER_H

#include "raft/replica.h"
#include "store/store.h"

#include <uv.h>

#define CLUSTER_MAX 5u

struct node {
    struct cluster *cluster;
    struct member member;
    char log_directory[160];
    char store_directory[160];
    struct store *store;     /* NULL: not running */
    struct replica *replica; /* NULL: not running */
    unsigned applied_calls;
    unsigned changed_calls;
};

struct cluster {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
    char directory[64];
    unsigned count;
    uint64_t snapshot_entries; /* 0: the default */
    struct node nodes[CLUSTER_MAX];
};

void cluster_open(struct cluster *cluster, unsigned count);
/* With a snapshot after so many entries. */
void cluster_open_snapshots(struct cluster *cluster, unsigned count, uint64_t snapshot_entries);
/* Closes what runs and removes the files. */
void cluster_close(struct cluster *cluster);
void node_start(struct node *node);
/* Also without a handover: the listener and the connections just end. */
void node_stop(struct node *node);

/* Runs the loop until `is_done(context)`; fails the test after `limit_ms`. */
void cluster_run_until(struct cluster *cluster, bool (*is_done)(void *context), void *context,
                       unsigned limit_ms);
/* Runs until one running node leads and is ready, and all running nodes know it. */
struct node *cluster_wait_leader(struct cluster *cluster);
/* Runs until all running nodes have applied the same index, everything that the leader has. */
void cluster_wait_equal(struct cluster *cluster);

/* Proposes "kv/NAME" = `value` and waits for the decision. */
enum err node_put(struct node *node, const char *name, const char *value,
                  struct outcome *out_outcome);
/* A linearizable read of "kv/NAME". The text is the caller's memory. */
enum err node_get(struct node *node, const char *name, char *out, size_t out_size);

#endif
