/* Inside the engine: what raft/engine.c and raft/engine_snapshot.c share. Nobody else includes it.
 */
#ifndef WEFT_RAFT_ENGINE_PARTS_H
#define WEFT_RAFT_ENGINE_PARTS_H

#include "raft/engine.h"

/* What was last told with hooks.changed. */
struct told {
    enum role role;
    uint64_t term;
    uint64_t leader;
    uint64_t configuration_index;
};

struct engine {
    struct raft raft;
    struct engine_hooks hooks;
    struct arena arena; /* entries on their way out */
    struct told told;
    struct configuration configuration;
    uint64_t last_index;
    uint64_t last_term;
    uint64_t leader_term;                   /* the last term whose leader spoke to us */
    const struct snapshot_point *installed; /* during engine_install */
};

/* One step of libraft. Returns its code, which is 0 or one that a caller may answer. */
int engine_step(struct engine *engine, struct raft_event *event, msec_t now);
/* What an event leaves to do. Each part settles at most once an event. */
void engine_settle(struct engine *engine, msec_t now);

/* libraft's form of a point. Owns: whoever gets the metadata frees its configuration. */
void engine_fill_metadata(const struct snapshot_point *point,
                          struct raft_snapshot_metadata *out_metadata);
/* An update says that the snapshot of engine_install is to be installed. */
void engine_begin_install(struct engine *engine, struct raft_update *update);
/* Lets a message begin behind our snapshot when it begins before our log's head. */
void engine_cut_to_snapshot(const struct engine *engine, struct raft_append_entries *args);

#endif
