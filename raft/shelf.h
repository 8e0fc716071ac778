/* The shelf: the snapshot files in the replica's directory. Their names say where they end, and how
 * far they have come:
 *
 *   incoming-<index>-<term>     being received; its size is how much is there
 *   received-<index>-<term>     complete and verified; the log may not begin behind it yet
 *   snapshot-<index>-<term>     in use; the newest is what log and store build on
 *
 * A file gets the next name only when it is durable, and with its directory. Calls block:
 * on a worker thread, or while the replica opens. */
#ifndef WEFT_RAFT_SHELF_H
#define WEFT_RAFT_SHELF_H

#include "util/check.h"
#include "util/err.h"

#include <stdint.h>

enum shelf_kind { SHELF_INCOMING, SHELF_RECEIVED, SHELF_SNAPSHOT };

#define SHELF_NAME_SIZE 64u
#define SHELF_ITEMS_MAX 64u
#define SHELF_PATH_SIZE 4096u

struct shelf_item {
    enum shelf_kind kind;
    uint64_t index;
    uint64_t term;
};

/* DIRECTORY/NAME of an item. Shape: `out` has SHELF_PATH_SIZE. */
void shelf_path(const char *directory, const struct shelf_item *item, char *out);
/* What lies there, the newest first, at most SHELF_ITEMS_MAX. A directory that is absent is empty.
 * Errors: ERR_SYSTEM (logged). */
MUST_USE enum err shelf_list(const char *directory, struct shelf_item items[SHELF_ITEMS_MAX],
                             unsigned *out_count);

/* Gives an item another name, durably. Returns an errno. */
MUST_USE int shelf_move(const char *directory, const struct shelf_item *item, enum shelf_kind to);
void shelf_remove(const char *directory, const struct shelf_item *item);
/* Removes all snapshots but the newest LIMIT_SNAPSHOT_KEPT. */
void shelf_prune(const char *directory);

#endif
