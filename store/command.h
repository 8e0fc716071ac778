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
    uint64_t lease; /* TTL lease that it is attached to from now on; 0: none */
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

/* TTL leases. The id is drawn by the proposer, and is not 0. */
struct command_lease_grant {
    uint64_t id;
    uint64_t ttl_s; /* LIMIT_LEASE_TTL_MIN_S..LIMIT_LEASE_TTL_MAX_S */
};

/* Renew and revoke. */
struct command_lease {
    uint64_t id;
};

/* Proposed by the leader, as struct command_subnet_expire. */
struct command_lease_expire {
    uint64_t id;
    uint64_t expires_log_ms;
};

/* Numbers are in the log. */
enum txn_target {
    TXN_TARGET_VERSION = 1,
    TXN_TARGET_REVISION = 2,
    TXN_TARGET_CREATED_REVISION = 3,
    TXN_TARGET_VALUE = 4
};

enum txn_relation { TXN_EQUAL = 1, TXN_NOT_EQUAL = 2, TXN_LESS = 3, TXN_GREATER = 4 };

/* Holds when what the key has stands in the relation to what is given. Of an absent key every
 * number is 0, and no comparison of its value holds. */
struct txn_compare {
    const char *key;
    uint64_t target;    /* enum txn_target */
    uint64_t relation;  /* enum txn_relation */
    uint64_t number;    /* all targets but the value */
    struct slice value; /* compared byte by byte, a proper prefix is less */
};

enum txn_operation_type { TXN_PUT = 1, TXN_GET = 2, TXN_DELETE = 3 };

struct txn_operation {
    uint64_t type;        /* enum txn_operation_type */
    const char *key;      /* of any kind; NULL when a prefix is given (get, delete) */
    const char *prefix;   /* "": everything */
    struct slice payload; /* put, as in struct command_put */
    const char *content_type;
    uint64_t lease;
};

/* If all compares hold, `then_operations` in order, else `else_operations`: whole or not at all. */
struct command_txn {
    struct object_list compares;                         /* struct txn_compare */
    struct object_list then_operations, else_operations; /* struct txn_operation */
};

/* Any command but the leader's own, at most once for each client and key: a repetition gets the
 * outcome that the first one had. */
struct command_once {
    const char *client;
    const char *key;          /* the Idempotency-Key */
    struct slice fingerprint; /* of method, path and body */
    struct slice command;     /* encoded */
};

/* Proposed by the leader when there is more history than it keeps. */
struct command_compact {
    uint64_t revision; /* events up to here go, as many as one command may take */
};

/* Appends the encoded command. `arguments` is the command's struct. */
void command_encode(enum command_id id, const void *arguments, struct buf *out);
/* Errors: ERR_CORRUPT (a ONCE that carries a ONCE or a leader's command, too). `*out_arguments`
 * lives in the arena. */
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
