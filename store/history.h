/* The event log: every change by revision, for watches. Key: revision, number within it
 * (big-endian); a revision's events are written in one transaction and so always read together.
 *
 *   event = is_delete:u8 previous_revision:varint record */
#ifndef WEFT_STORE_HISTORY_H
#define WEFT_STORE_HISTORY_H

#include "store/store.h"
#include "store/txn.h"

void history_append(struct txn *txn, uint64_t revision, uint32_t number, const struct event *event);
/* Walks the events with revision > `after`, in order, until the callback returns false. */
void history_walk(struct txn *txn, uint64_t after, store_event_cb callback, void *owner);

#endif
