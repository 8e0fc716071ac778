/* The store: the state machine's state, in LMDB. The Raft log is the truth, this is its view: LMDB
 * runs without syncs of its own, the applied index is written in the same transaction as the data,
 * and a view that cannot prove that it is whole (store/mark.h, store/verify.h) is thrown away and
 * built again from snapshot and log.
 *
 * Writing happens only through store_begin, store_apply..., store_commit (the choke point), by one
 * thread. Apply decides, it never fails: a conflict is an outcome; a broken disk or a log that
 * cannot be decoded stops the process. Reading happens in a store_read, an LMDB snapshot at one
 * revision. */
#ifndef WEFT_STORE_STORE_H
#define WEFT_STORE_STORE_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/list.h"
#include "wire/kind.h"
#include "wire/problem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

struct store_options {
    const char *directory; /* made when absent; holds the view and its mark and nothing else */
    uint64_t map_size;     /* bytes that LMDB maps at first; 0: default. It grows by itself */
    const char *boot_id;   /* what tells one run of the machine from the next; NULL: the kernel's */
};

/* Errors: ERR_SYSTEM, ERR_IO, ERR_CORRUPT; the log says what. Owns: the caller, store_close. */
MUST_USE enum err store_open(const struct store_options *options, struct store **out_store);
void store_close(struct store *store);

/* Of the last commit. */
uint64_t store_applied_index(const struct store *store);
uint64_t store_applied_term(const struct store *store);
uint64_t store_revision(const struct store *store);
uint64_t store_log_time_ms(const struct store *store);
/* Events up to here are gone; a watch can begin at this revision and no earlier. */
uint64_t store_compact_revision(const struct store *store);
uint64_t store_event_count(const struct store *store);
/* Bytes of all records, history and indexes included: what a quota bounds. The file is larger, by
 * what its pages do not fill, and does not shrink. */
uint64_t store_size(const struct store *store);
/* A digest of the whole state, equal on replicas that applied the same index. Costs nothing. */
uint64_t store_digest(const struct store *store);
/* The same, from a walk over every record. */
uint64_t store_digest_walk(struct store *store);

/* How far this server has ever applied the log, in this view or one that is gone: those entries are
 * committed, and a log that does not have them has lost them. 0: nothing is known. */
uint64_t store_known_index(const struct store *store);
uint64_t store_known_term(const struct store *store);

/* An object as the store keeps it. Lifetime: that of the read or arena that it came from. */
struct object {
    const char *key;
    enum kind_id kind;
    uint64_t revision; /* of its last change */
    uint64_t created_revision;
    uint64_t version;         /* changes since its creation, from 1 */
    uint64_t lease;           /* TTL lease that it is attached to; 0: none */
    const char *content_type; /* kv; may be NULL */
    struct slice payload;     /* kv: the bytes; else field_encode of the kind's struct */
};

/* A TTL lease, to which keys are attached: they go when it ends. */
struct lease {
    uint64_t id;
    uint64_t ttl_s;
    uint64_t expires_log_ms; /* log time: it ends no sooner */
    int64_t expires_at;      /* wall ms, for people */
};

/* What one operation of a transaction did. */
struct txn_result {
    unsigned type;              /* enum txn_operation_type (store/command.h) */
    uint64_t revision, version; /* put */
    uint64_t deleted;           /* delete */
    size_t item_count;          /* get */
    const struct object *items;
};

/* What a command did. `problem.err` is ERR_OK when it changed (or renewed) what it was asked to. */
struct outcome {
    struct arena *arena; /* in: the requester's, where the texts of `object` and `current` go */
    struct problem problem;
    uint64_t revision;      /* the write's own; 0 when nothing changed */
    uint64_t seen_revision; /* of the state after it: its own, or the one that it left as it was */
    bool is_created;        /* 201 instead of 200 */
    bool has_object;        /* `object` is the state after it */
    struct object object;
    bool has_current; /* precondition failed: `current` is what is there */
    struct object current;
    uint64_t deleted; /* keys that went */
    bool has_lease;   /* grant, renew */
    struct lease lease;
    bool is_txn;       /* the results, one for each operation of the branch that ran */
    bool is_succeeded; /* the compares held */
    size_t result_count;
    const struct txn_result *results;
    bool is_replayed; /* an Idempotency-Key was seen before: this is the outcome of then */
};

/* One write transaction for all entries of a turn of the loop. */
void store_begin(struct store *store);
/* Applies one entry. `outcomes` has one pointer per command, NULL where nobody waits (any more), or
 * is NULL altogether on a replica that did not propose it. An index that was applied already is
 * passed over, and its outcomes are left as they were. An entry without commands (barrier,
 * configuration) is an empty slice: only the index moves. */
void store_apply(struct store *store, uint64_t index, uint64_t term, struct slice entry,
                 struct outcome *const *outcomes);
void store_commit(struct store *store);

struct store_try {
    uint64_t log_time_ms; /* the leader's; an older one counts as the last applied */
    int64_t wall_ms;
    struct slice command; /* encoded */
};
/* What a command would do if it were applied now, at that log time: nothing changes. Not between
 * store_begin and store_commit. */
void store_try(struct store *store, const struct store_try *attempt, struct outcome *outcome);

/* A consistent view for reading. Lifetime: store_read_begin .. store_read_end, at one address. It
 * should be short: an open view keeps old pages alive, and LMDB's map from growing. */
struct store_read {
    struct store *store;
    void *txn; /* NULL: the store was replaced (store_replace), which ended it */
    uint64_t revision;
    uint64_t compact_revision; /* events up to here are gone */
    struct list link;
    pthread_mutex_t
        *lock; /* of a read that another thread uses: held there during each use. NULL */
};
MUST_USE enum err store_read_begin(struct store *store, struct store_read *out_read);
void store_read_end(struct store_read *read);
/* Whether it still stands. A read that lasts longer than one turn of the loop asks before each use:
 * in one that was ended nothing is found. */
bool store_read_is_open(const struct store_read *read);

/* Errors: ERR_NOT_FOUND, ERR_CLOSED (the read was ended). The object borrows from the view. */
MUST_USE enum err store_get(struct store_read *read, const char *key, struct object *out_object);

/* How many records there are; costs nothing. */
struct store_counts {
    uint64_t objects;       /* keys of all kinds */
    uint64_t subnets;       /* held, or reserved */
    uint64_t freed_subnets; /* that were held before, and are free or resting */
    uint64_t leases;        /* TTL leases */
    uint64_t lease_keys;    /* that are attached to them */
    uint64_t once;          /* Idempotency-Keys that are remembered */
};
void store_count(struct store_read *read, struct store_counts *out_counts);

/* Walks the keys that begin with `prefix`, from the first key > `after` (NULL: from the start), in
 * order, until the callback returns false. */
typedef bool (*store_object_cb)(void *owner, const struct object *object);
void store_list(struct store_read *read, const char *prefix, const char *after,
                store_object_cb callback, void *owner);

/* One change. `object` is what was written (its payload empty on a delete); its revision is the
 * event's. */
struct event {
    bool is_delete;
    struct object object;
    uint64_t previous_revision; /* 0: there was none */
    /* What was there, when it was compacted already and is not too large to be kept here; borrowed.
     * NULL: ask store_get_at. */
    const struct object *previous;
};
/* Walks the events with revision > `after`, in order. */
typedef bool (*store_event_cb)(void *owner, const struct event *event);
void store_events(struct store_read *read, uint64_t after, store_event_cb callback, void *owner);
/* The object as it was written at `revision`. Errors: ERR_NOT_FOUND (compacted), ERR_CLOSED. */
MUST_USE enum err store_get_at(struct store_read *read, const char *key, uint64_t revision,
                               struct object *out_object);

/* TTL leases. Errors: ERR_NOT_FOUND, ERR_CLOSED. */
MUST_USE enum err store_lease_get(struct store_read *read, uint64_t id, struct lease *out_lease);
/* Walks the leases with an id > `after`, in order, until the callback returns false. */
typedef bool (*store_lease_cb)(void *owner, const struct lease *lease);
void store_lease_walk(struct store_read *read, uint64_t after, store_lease_cb callback,
                      void *owner);
/* Walks the keys that are attached to a lease, in order, until the callback returns false. */
typedef bool (*store_lease_key_cb)(void *owner, const char *key);
void store_lease_keys(struct store_read *read, uint64_t id, store_lease_key_cb callback,
                      void *owner);

/* What the leader looks after. */
struct store_upkeep {
    uint64_t log_time_ms;    /* now */
    uint64_t quarantine_ms;  /* of subnets whose lease ran out */
    uint64_t history_events; /* kept; older ones are compacted away. 0: never */
    uint64_t quota_size;     /* bytes: from three quarters of it, less history is kept. 0: none */
    unsigned command_count_max;
};
/* Encoded commands for the leader to propose now, each appended as buf_put_bytes: the end of leases
 * that are due, soonest first, and a compaction when there is too much history. Returns how many;
 * `*out_next_ms` is the log time at which there is more to do (UINT64_MAX: nothing is foreseen). */
unsigned store_upkeep(struct store *store, const struct store_upkeep *upkeep, struct buf *out,
                      uint64_t *out_next_ms);

/* Puts the view in `directory` (snapshot_build_view) into the place of this one, whose open reads
 * it ends. The directory is on the same file system, and empty afterwards. Not while writing.
 * Errors: ERR_SYSTEM: nothing has changed, the log says why. */
MUST_USE enum err store_replace(struct store *store, const char *directory);

#endif
