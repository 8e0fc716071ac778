/* The choke point: every change of the state goes through here, on every replica, in the log's
 * order.
 *
 * An operation gets a struct apply and its command's arguments. It reads through the transaction,
 * decides, and either writes (apply_put, apply_delete) or refuses (problem_set on
 * apply->outcome->problem) before its first write. It uses no clock but apply->log_time_ms and
 * apply->wall_ms, no randomness, no environment: the same entry must do the same everywhere. */
#ifndef WEFT_STORE_APPLY_H
#define WEFT_STORE_APPLY_H

#include "store/command.h"
#include "store/objects.h"
#include "store/store.h"
#include "store/txn.h"

struct apply {
    struct txn *txn;
    struct arena *arena; /* scratch of this command; outcomes' texts too */
    uint64_t log_time_ms;
    int64_t wall_ms;         /* for people only */
    uint64_t revision;       /* that this command has if it changes something */
    uint32_t event_count;    /* changes so far; 0 at the end: the revision is not used up */
    struct outcome *outcome; /* never NULL */
};

/* Runs one command; the outcome says what came of it. */
void apply_command(struct apply *apply, struct slice command);
/* Clears all of the outcome but its arena. */
void apply_clear_outcome(struct apply *apply);

/* Writes `content` (its kind, key, content_type, payload and lease) as the next version of what is
 * there, with an event, and makes it the outcome's object. It is then attached to that lease, which
 * must exist, and to no other. */
void apply_put(struct apply *apply, const struct object *content);
/* Deletes what is there, with an event; nothing of it stays attached to a lease. */
void apply_delete(struct apply *apply, const struct object *object);
/* Writes new content under the same revision, version and lease, without an event: renewals. */
void apply_touch(struct apply *apply, const struct object *object, struct slice payload);

/* The object as it is now, copied into the arena. */
bool apply_find(struct apply *apply, const char *key, struct object *out_object);
/* Refuses with 412 unless the conditions hold for `found` (NULL: absent). */
MUST_USE bool apply_check_condition(struct apply *apply, const struct object *found,
                                    uint64_t if_revision, bool if_absent);
/* Makes `object` the outcome's. */
void apply_show(struct apply *apply, const struct object *object);

/* The operations, one a row of store/command.def. */
#define COMMAND(number, SYMBOL, symbol, shape)                                                     \
    void op_##symbol(struct apply *apply, const void *arguments);
#include "store/command.def"
#undef COMMAND

#endif
