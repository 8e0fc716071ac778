/* The forms of answers that no kind has a table for, as field tables: for the API document alone,
 * so there is no struct behind them. What they say is what the handlers write; the end-to-end tests
 * hold the two together. */
#ifndef WEFT_API_ANSWERS_H
#define WEFT_API_ANSWERS_H

#include "wire/field.h"

/* Lacks its code, which is util/err.def's. */
extern const struct shape answer_problem;
extern const struct shape answer_event;
extern const struct shape answer_kv_item;
/* Beside its kind's fields, what every object carries. */
extern const struct shape answer_envelope;
extern const struct shape answer_written;
extern const struct shape answer_deleted;
extern const struct shape answer_cluster;
extern const struct shape answer_lease;
extern const struct shape answer_lease_list;
extern const struct shape answer_revoked;
extern const struct shape answer_txn;

#endif
