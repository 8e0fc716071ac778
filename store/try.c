/* Dry runs: a command is applied in a transaction that is then given up. */
#include "store/apply.h"
#include "store/view.h"

void store_try(struct store *store, const struct store_try *attempt, struct outcome *outcome) {
    store_begin(store);
    struct apply apply = {
        .txn = &store->write,
        .arena = outcome->arena,
        .log_time_ms = MAX_OF(store_log_time_ms(store), attempt->log_time_ms),
        .wall_ms = attempt->wall_ms,
        .revision = store_revision(store) + 1,
        .outcome = outcome,
    };
    apply_command(&apply, attempt->command);
    if (store->write.status != 0) {
        view_fail(store->write.status, "try a command");
    }
    mdb_txn_abort(store->write.txn);
    store->is_writing = false;
}
