/* The engine (engine.c, engine_snapshot.c): the only caller of libraft (0.22.1), whose core is a
 * pure function: an event goes in, an update comes out. This file builds the events and hands each
 * part of an update to its owner:
 *
 *   ballot (synced before anything else of the update) -> entries to the log -> messages to the
 *   peers; then the configuration fields are repaired, a leader gets its own-term barrier, and
 *   whoever must know hears of a new role, term, leader or configuration.
 *
 * The engine owns all memory that libraft allocates. It borrows what it is given and lends what it
 * hands out for the time of the call. Hooks must not call back into the engine.
 *
 * Two things libraft 0.22.1 does not do by itself and we rely on here:
 * - a follower that receives a configuration inside a batch of entries, or two of them, loses track
 *   of it (its replication.c records the batch's first index): the fields are set from our own log;
 * - a leader has a barrier of its own term only if its log had uncommitted entries: one is
 * submitted whenever the log's last entry is of an older term. Reads and proposals wait for it;
 * - a follower that is sent entries from before its log's head, which a leader whose log reaches
 *   further back may do, would lose its place: such a message is cut to begin behind the snapshot.
 *
 * A snapshot of a leader is installed in one go, when it lies complete on the disk: engine_install,
 * hooks.install, engine_installed. Until then this server goes on as a follower that lags. */
#ifndef WEFT_RAFT_ENGINE_H
#define WEFT_RAFT_ENGINE_H

#include "raft/ballot.h"
#include "raft/log.h"
#include "raft/member.h"
#include "util/clock.h"

#include <raft.h>

struct engine;

enum role { ROLE_FOLLOWER, ROLE_CANDIDATE, ROLE_LEADER };

struct engine_hooks {
    void *owner;
    /* Term or vote changed: durable before it returns. */
    void (*save_ballot)(void *owner, uint64_t term, uint64_t vote);
    /* Puts entries at `index`, truncating what is there; engine_persisted when they are durable. */
    void (*append)(void *owner, uint64_t index, const struct log_entry *entries, unsigned count);
    /* Sends to a member; may drop. AppendEntries come with their entries filled in. */
    void (*send)(void *owner, uint64_t to, const struct raft_message *message);
    /* A member needs entries that are gone: it is to be offered the newest snapshot. */
    void (*offer_snapshot)(void *owner, uint64_t to, uint64_t term);
    /* The log begins anew behind the snapshot that engine_install named; engine_installed when that
     * is durable and the snapshot is in the store. */
    void (*install)(void *owner, const struct snapshot_point *point);
    /* How many bytes may be sent to a member now; 0: it would be dropped anyway. */
    size_t (*room)(void *owner, uint64_t to);
    /* The log's entry at `index`; data lives as long as the arena or until the log changes. Also
     * asked for the configuration that last_change names, which may be only in the snapshot. */
    void (*get_entry)(void *owner, uint64_t index, struct arena *arena,
                      struct log_entry *out_entry);
    /* The newest ENTRY_CHANGE of snapshot and log at or before `upto`; 0: none. */
    uint64_t (*last_change)(void *owner, uint64_t upto);
    /* Role, term, leader or configuration changed. */
    void (*changed)(void *owner);
};

struct engine_options {
    uint64_t id;
    const char *address; /* the member's text form */
    unsigned heartbeat_ms;
    unsigned election_ms;
    unsigned seed;
};

struct engine *engine_new(const struct engine_options *options, const struct engine_hooks *hooks);
void engine_free(struct engine *engine);

/* Begins with what was on disk. Shape: `entries` are those from `first_index` on, which is at most
 * the one behind the snapshot's last (1 without a snapshot: point NULL); only those of type
 * ENTRY_CHANGE need their data. A lone voter becomes leader at once. */
void engine_start(struct engine *engine, msec_t now, const struct ballot *ballot,
                  const struct snapshot_point *point, uint64_t first_index,
                  const struct log_entry *entries, uint64_t count);

/* A message from a member. Entries are copied. What no honest member sends is dropped and logged.
 */
void engine_receive(struct engine *engine, msec_t now, uint64_t from,
                    const struct raft_message *message);
/* The log is durable up to `index`. */
void engine_persisted(struct engine *engine, msec_t now, uint64_t index);
/* Does what is due. */
void engine_tick(struct engine *engine, msec_t now);
/* When engine_tick is next due. */
msec_t engine_deadline(const struct engine *engine);
/* Appends an entry on the leader. Errors: ERR_NO_LEADER (not this server, or it is handing over),
 * ERR_CONFLICT (another configuration change is under way). */
MUST_USE enum err engine_submit(struct engine *engine, msec_t now, enum entry_type type,
                                struct slice data, uint64_t *out_index);
/* Begins to hand leadership to voter `to` (0: libraft chooses, reachable or not). Errors:
 * ERR_NO_LEADER (not this server, or it is handing over), ERR_NOT_FOUND (no such voter). */
MUST_USE enum err engine_transfer(struct engine *engine, msec_t now, uint64_t to);
/* A hint that the leader is gone (it closed its connection): forget it, and look for a new one
 * within two heartbeats instead of an election timeout. Only timing changes; safety rests on terms
 * and votes. */
void engine_leader_lost(struct engine *engine, msec_t now, uint64_t leader);
/* A hint that a majority is there and no leader is known: asks for an election within two
 * heartbeats. Those who know a leader refuse (pre-vote), so that a healthy one stays. */
void engine_hasten_election(struct engine *engine, msec_t now);
/* The leader of `term` says that `index`, an entry of `index_term`, is committed: the same as its
 * next heartbeat would say. Shape: the log has that entry, of that term. */
void engine_learn_commit(struct engine *engine, msec_t now, uint64_t leader, uint64_t term,
                         uint64_t index, uint64_t index_term);

/* A snapshot of our own is durable. The engine lets go of its entries but for about the newest
 * `trailing` of them: engine_first_index says from where on it may ask for entries. Shape: the
 * point's entry is durable in the log, committed, and newer than the snapshot before. */
void engine_snapshot(struct engine *engine, msec_t now, const struct snapshot_point *point,
                     uint64_t trailing);
uint64_t engine_first_index(const struct engine *engine);
/* A snapshot that the leader offered is complete. False: not now, because no leader is known, or
 * not at all, because the log has its entries (engine_has says so). True: hooks.install was called.
 */
bool engine_install(struct engine *engine, msec_t now, const struct snapshot_point *point);
void engine_installed(struct engine *engine, msec_t now, const struct snapshot_point *point);
bool engine_is_installing(const struct engine *engine);
/* Whether snapshot and log have the entry `index` of `term`, or what replaced it for good. */
bool engine_has(const struct engine *engine, uint64_t index, uint64_t term);

enum role engine_role(const struct engine *engine);
uint64_t engine_term(const struct engine *engine);
/* 0: none known. */
uint64_t engine_leader(const struct engine *engine);
uint64_t engine_commit_index(const struct engine *engine);
uint64_t engine_last_index(const struct engine *engine);
/* What may be applied: committed, and durable here. */
uint64_t engine_apply_index(const struct engine *engine);
bool engine_is_transferring(const struct engine *engine);
/* On the leader: what a member is known to have; 0 elsewhere. */
uint64_t engine_match_index(const struct engine *engine, uint64_t id);
/* The newest configuration in the log, committed or not. Valid until the next event. */
const struct configuration *engine_configuration(const struct engine *engine);
/* Where the committed configuration is in the log. */
uint64_t engine_committed_configuration_index(const struct engine *engine);

#endif
