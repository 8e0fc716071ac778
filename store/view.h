/* The inside of struct store, for the files of this folder that open, write and read it. */
#ifndef WEFT_STORE_VIEW_H
#define WEFT_STORE_VIEW_H

#include "store/mark.h"
#include "store/meta.h"
#include "store/store.h"
#include "store/txn.h"

struct store {
    MDB_env *env;
    char *directory;
    uint64_t map_size;
    size_t page_size;
    struct mark mark;
    struct tables tables;
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
    return (struct txn){.txn = read->txn, .tables = &read->store->tables};
}

/* The row of TABLE_META; all zero in an empty view. */
void view_get_meta(struct txn *txn, struct meta *out_meta);
void view_put_meta(struct txn *txn, const struct meta *meta);

/* Ends the reads that are open: what they look at is about to go. */
void view_end_reads(struct store *store);

/* The state machine cannot go on without its disk, and must not go on wrongly: logs and stops the
 * process. */
NO_RETURN void view_fail(int status, const char *doing);

#endif
