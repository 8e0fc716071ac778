/* Commands: the only way in which the state changes. A log entry carries one or more of them (group
 * commit): a header that the leader stamps, then the commands.
 *
 *   entry   = format:u8 log_time_ms:varint wall_ms:varint count:varint { size:varint command }*
 *   command = number:varint arguments (wire/field bytes)
 */
#ifndef WEFT_STORE_COMMAND_H
#define WEFT_STORE_COMMAND_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/clock.h"
#include "wire/field.h"
#include "wire/kind_subnet.h"

enum command_id {
    COMMAND_NONE = 0,
#define COMMAND(number, SYMBOL, symbol, shape) COMMAND_##SYMBOL = number,
#include "store/command.def"
#undef COMMAND
};

/* Of any kind. The conditions are If-Match and If-None-Match: *; both absent: always. */
struct command_put {
    const char *key;          /* of any kind */
    struct slice payload;     /* kv: the bytes; else field_encode of the kind's checked struct */
    const char *content_type; /* kv */
    uint64_t if_revision;
    bool if_absent;
};

struct command_delete {
    const char *key;
    uint64_t if_revision;
    bool is_forced; /* networks: also with leases */
};

/* KV only. */
struct command_delete_prefix {
    const char *prefix; /* key prefix, "kv/a/" */
    uint64_t confirm;   /* how many keys the caller expects to go; another count is a conflict */
};

/* Acquire's arguments are struct subnet_acquire (wire/kind_subnet.h). */

/* Renew and release. */
struct command_subnet_hold {
    const char *key;
    const char *node;
    uint64_t epoch;
};

/* Proposed by the leader when a lease is due. It names what the leader saw; a renewal in between
 * makes it a no-op (RELIABILITY.md S7). */
struct command_subnet_expire {
    const char *key;
    uint64_t epoch;
    uint64_t expires_log_ms;
    uint64_t quarantine_ms; /* the leader's setting: a replica's own would split the state */
};

/* Appends the encoded command. `arguments` is the command's struct. */
void command_encode(enum command_id id, const void *arguments, struct buf *out);
/* Errors: ERR_CORRUPT. `*out_arguments` lives in the arena. */
MUST_USE enum err command_decode(struct slice command, struct arena *arena, enum command_id *out_id,
                                 void **out_arguments);

/* The header of an entry. */
struct entry_header {
    uint64_t log_time_ms; /* see raft/logtime.h */
    int64_t wall_ms;      /* the leader's wall clock: for expires_at only */
    uint64_t command_count;
};
void entry_begin(const struct entry_header *header, struct buf *out);
void entry_add_command(struct slice command, struct buf *out);
/* Errors: ERR_CORRUPT. `rest` then yields command_count slices by reader_bytes. */
MUST_USE enum err entry_open(struct slice entry, struct entry_header *out_header,
                             struct reader *out_rest);

#endif
