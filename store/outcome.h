/* Outcomes as bytes: what an Idempotency-Key keeps, so that a repetition is answered as the first
 * time. Errors stand by their code, since their numbers may change from version to version. */
#ifndef WEFT_STORE_OUTCOME_H
#define WEFT_STORE_OUTCOME_H

#include "store/store.h"

/* Appends all that an answer shows of the outcome: everything but `arena`, `is_replayed`, and the
 * bytes of a KV `object` (a write's answer names a KV item by its revision; `current` and the items
 * of a transaction's gets keep theirs). */
void outcome_encode(const struct outcome *outcome, struct buf *out);
/* Fills all but `arena` and `is_replayed`. Owns: values live in outcome->arena.
 * Errors: ERR_CORRUPT. */
MUST_USE enum err outcome_decode(struct slice bytes, struct outcome *outcome);

#endif
