/* The event log: every change by revision, for watches. Key: revision, number within it
 * (big-endian); a revision's events are written in one transaction and so always read together.
 *
 *   event = flags:u8 previous_revision:varint [previous record:bytes] record
 *
 * The object before a change lies in the event that made it. Only when that one is compacted
 * already (an object that rested for long) is it in the change's own event, for the watchers that
 * ask for it and for selectors, which must know whether they knew it. */
#ifndef WEFT_STORE_HISTORY_H
#define WEFT_STORE_HISTORY_H

#include "store/store.h"
#include "store/txn.h"

/* A number of TABLE_NUMBERS: events up to this revision are gone. */
#define HISTORY_COMPACT_REVISION "compact_revision"

/* `previous`, where there is one, is read before anything is written: it may lie in a page. */
void history_append(struct txn *txn, uint64_t revision, uint32_t number, const struct event *event);
/* Whether the event of a revision is gone. */
bool history_is_compacted(struct txn *txn, uint64_t revision);
/* Drops whole revisions <= `revision`, oldest first, about LIMIT_COMPACT_EVENTS_MAX events of them.
 * What is left is again every event after HISTORY_COMPACT_REVISION. */
void history_compact(struct txn *txn, uint64_t revision);
/* The revision up to which history_compact must go so that the oldest `count` events go, or a few
 * less: it parts no revision, but the first one always goes. 0: nothing can go. */
uint64_t history_find_cut(struct txn *txn, uint64_t count);
/* Walks the events with revision > `after`, in order, until the callback returns false. */
void history_walk(struct txn *txn, uint64_t after, store_event_cb callback, void *owner);

#endif
