/* The inside of struct store, for the files of this folder that open, write and read it. */
#ifndef WEFT_STORE_VIEW_H
#define WEFT_STORE_VIEW_H

#include "store/mark.h"
#include "store/store.h"
#include "store/txn.h"

/* Numbers in TABLE_META. */
#define VIEW_REVISION         "revision"
#define VIEW_APPLIED_INDEX    "applied_index"
#define VIEW_APPLIED_TERM     "applied_term"
#define VIEW_LOG_TIME_MS      "log_time_ms"
#define VIEW_COMPACT_REVISION "compact_revision"

struct store {
    MDB_env *env;
    char *directory;
    struct mark mark;
    struct tables tables;
    MDB_txn *idle_reader; /* a reset read transaction, kept for the next read */
    struct txn write;     /* between store_begin and store_commit */
    bool is_writing;
    struct arena scratch;
    /* As of the last commit; while writing, as of the last command. */
    uint64_t revision, applied_index, applied_term, log_time_ms;
};

/* The transaction of an open read. */
static inline struct txn view_txn(const struct store_read *read) {
    return (struct txn){.txn = read->txn, .tables = &read->store->tables};
}

/* The state machine cannot go on without its disk, and must not go on wrongly: logs and stops the
 * process. */
NO_RETURN void view_fail(int status, const char *doing);

#endif
