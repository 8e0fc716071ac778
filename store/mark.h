/* The mark: a small file beside LMDB's that vouches for the view. It says how far this server has
 * applied the log, in which run of the machine the view was opened, and after a clean close what
 * the view's file must look like, byte for byte.
 *
 * LMDB neither syncs here nor has checksums. A view is used again when it is what was sealed, or
 * when the machine has not been restarted since it was opened (so that all that was written to it
 * is there) and it proves to be whole (store/verify.h). Any other is thrown away and built again
 * from snapshot and log. The applied index outlives it: those entries are committed for certain.
 *
 * Two slots are written in turns, each in a sector of its own with its own checksum: a torn or
 * damaged one leaves the other, which is older and still true. */
#ifndef WEFT_STORE_MARK_H
#define WEFT_STORE_MARK_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

#define MARK_NAME "mark"

struct mark_state {
    uint64_t applied_index; /* 0: nothing is known */
    uint64_t applied_term;
    uint64_t boot;  /* of the machine, when the view was opened (mark_boot) */
    bool is_sealed; /* closed; the view's file has this size and CRC32C */
    uint64_t view_size;
    uint32_t view_crc;
};

struct mark {
    int fd;
    uint64_t sequence; /* of the newest slot */
    struct mark_state state;
};

/* Opens DIRECTORY/mark, made when absent, and reads it into `out_mark->state`.
 * Owns: mark_close. Errors: ERR_SYSTEM (logged). */
MUST_USE enum err mark_open(const char *directory, struct mark *out_mark);
void mark_close(struct mark *mark);
/* Writes mark->state; `is_synced`: returns once it is on the disk. Returns 0 or an errno. */
MUST_USE int mark_write(struct mark *mark, bool is_synced);
/* A number for this run of the machine, from the boot id that the kernel gives it or from
 * `boot_id`; 0 when there is none, which is no number of any. */
uint64_t mark_boot(const char *boot_id);
/* Size and CRC32C of a file. Returns 0 or an errno. */
MUST_USE int mark_measure(const char *path, uint64_t *out_size, uint32_t *out_crc);

#endif
