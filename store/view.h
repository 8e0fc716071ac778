/* The inside of struct store, for the files of this folder that open, write and read it. */
#ifndef WEFT_STORE_VIEW_H
#define WEFT_STORE_VIEW_H

#include "store/environment.h"
#include "store/mark.h"
#include "store/store.h"

struct store {
    struct environment environment;
    char *directory;
    struct mark mark;
    struct list reads;    /* open ones, struct store_read */
    MDB_txn *idle_reader; /* a reset read transaction, kept for the next read */
    struct txn write;     /* between store_begin and store_commit */
    bool is_writing;
    struct arena scratch;
    struct meta state; /* as of the last commit; while writing, as of the last command, but for what
                        * only a commit knows: the tally and the counts */
};

/* The transaction of an open read. */
static inline struct txn view_txn(const struct store_read *read) {
    return (struct txn){.txn = read->txn, .tables = &read->store->environment.tables};
}

/* Ends the reads that are open: what they look at is about to go. */
void view_end_reads(struct store *store);

/* The state machine cannot go on without its disk, and must not go on wrongly: logs and stops the
 * process. */
NO_RETURN void view_fail(int status, const char *doing);

#endif
