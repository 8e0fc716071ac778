/* Compaction: old events go, by a command, so that every replica has the same history. It changes
 * no object and uses up no revision. */
#include "store/apply.h"
#include "store/history.h"

void op_compact(struct apply *apply, const void *arguments) {
    const struct command_compact *compact = arguments;
    history_compact(apply->txn, compact->revision);
}
