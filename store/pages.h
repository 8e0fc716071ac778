/* The pages of LMDB's file, read and checked without LMDB, which believes what it reads.
 *
 * Checked is all that LMDB goes by: both metas; each page's header, and that it is used once, by
 * one tree or one row or as a free page; where each node lies; the order of keys within and across
 * pages, branches included; the list of free pages. The rows must add up to the tally in the row of
 * TABLE_META. So a file that passes answers every question as it did when it was written, whichever
 * of its bytes had changed.
 *
 * Every offset and number is checked before it is followed: no content can lead outside the file or
 * round in a circle.
 *
 * Source: LMDB 0.9, mdb.c: MDB_meta, MDB_db, MDB_page, MDB_node; data version 1. A file of another
 * version does not pass. */
#ifndef WEFT_STORE_PAGES_H
#define WEFT_STORE_PAGES_H

#include "util/buf.h"

/* Whether the file is whole. Shape: at least two pages. */
bool pages_are_whole(struct slice file);

#endif
