/* Every bound of the house, in one place. A queue, loop, string, nesting, connection, retry or
 * timeout that has no line here is a bug. Units are in the names. Source: docs of the HTTP contract
 * (API.md, "Limits") and RELIABILITY.md ("Security") where a number is part of the contract. */
#ifndef WEFT_UTIL_LIMITS_H
#define WEFT_UTIL_LIMITS_H

#include <assert.h>

/* HTTP, as clients see it (docs/api.md, "Limits"). */
#define LIMIT_HTTP_HEAD_SIZE_MAX    (16u * 1024u)   /* request line and headers; 431 */
#define LIMIT_HTTP_HEADER_COUNT_MAX 64u             /* 431 */
#define LIMIT_HTTP_BODY_SIZE_MAX    (1024u * 1024u) /* 413 */
#define LIMIT_HTTP_HEAD_TIMEOUT_MS  10000u
#define LIMIT_HTTP_BODY_TIMEOUT_MS  10000u
#define LIMIT_HTTP_IDLE_TIMEOUT_MS  75000u
#define LIMIT_HTTP_PIPELINE_MAX     16u
#define LIMIT_HTTP_CONNECTIONS_MAX  4096u
#define LIMIT_HTTP_OUTPUT_HIGH_SIZE (1024u * 1024u) /* a watcher with more queued is ended */

#define LIMIT_CALL_TIMEOUT_DEFAULT_MS 5000u
#define LIMIT_CALL_TIMEOUT_MAX_MS     60000u
#define LIMIT_LONG_POLL_MAX_MS        60000u

/* Keys and values. */
#define LIMIT_KEY_SIZE_MAX          1024u /* whole key, `kv/` included */
#define LIMIT_VALUE_SIZE_MAX        (512u * 1024u)
#define LIMIT_CONTENT_TYPE_SIZE_MAX 256u
#define LIMIT_NAME_SIZE_MAX         253u /* RFC 1123 DNS subdomain */
#define LIMIT_LABEL_COUNT_MAX       64u
#define LIMIT_REVISION_MAX          ((UINT64_C(1) << 53) - 1) /* stays exact in every JSON reader */
#define LIMIT_LIST_DEFAULT          500u
#define LIMIT_LIST_MAX              10000u

/* JSON (docs/api.md, "Conventions"). */
#define LIMIT_JSON_DEPTH_MAX     32u
#define LIMIT_JSON_VALUES_MAX    20000u
#define LIMIT_PROBLEM_ERRORS_MAX 16u

/* Watches. */
#define LIMIT_WATCHERS_MAX           10000u
#define LIMIT_WATCH_PREFIXES_MAX     16u
#define LIMIT_WATCH_QUEUE_SIZE_MAX   (1024u * 1024u)
#define LIMIT_WATCH_BOOKMARK_MS      10000u
#define LIMIT_HISTORY_EVENTS_DEFAULT 100000u

/* Raft. */
#define LIMIT_RAFT_MEMBERS_MAX         16u
#define LIMIT_RAFT_VOTERS_MAX          5u
#define LIMIT_RAFT_INFLIGHT_ENTRIES    256u
#define LIMIT_RAFT_FRAME_SIZE_MAX      (16u * 1024u * 1024u)
#define LIMIT_RAFT_FRAME_ENTRIES_MAX   1024u
#define LIMIT_RAFT_PEER_QUEUE_SIZE_MAX (64u * 1024u * 1024u)
#define LIMIT_RAFT_SEGMENT_SIZE        (8u * 1024u * 1024u)
#define LIMIT_PROPOSALS_MAX                                                                        \
    16384u /* waiting and in flight; more is 429 before anything is logged */
#define LIMIT_PROPOSE_ENTRY_SIZE_MAX     (4u * 1024u * 1024u)
#define LIMIT_PROPOSE_ENTRY_COMMANDS_MAX 4096u
#define LIMIT_READS_MAX                  16384u
#define LIMIT_HEARTBEAT_DEFAULT_MS       100u
#define LIMIT_ELECTION_DEFAULT_MS        1000u

/* Leases. */
#define LIMIT_LEASE_TTL_MIN_S      1u
#define LIMIT_LEASE_TTL_MAX_S      (30u * 86400u)
#define LIMIT_SUBNET_TTL_MIN_S     5u
#define LIMIT_SUBNET_TTL_DEFAULT_S 86400u
#define LIMIT_QUARANTINE_DEFAULT_S 60u
#define LIMIT_EXPIRE_BATCH_MAX     256u

/* Local machine. */
#define LIMIT_IFNAME_SIZE_MAX    15u
#define LIMIT_CNI_STDIN_SIZE_MAX (1024u * 1024u)
#define LIMIT_NODES_MAX          8192u

static_assert(LIMIT_VALUE_SIZE_MAX < LIMIT_HTTP_BODY_SIZE_MAX, "a value fits a body");
static_assert(LIMIT_HTTP_BODY_SIZE_MAX * 2 < LIMIT_PROPOSE_ENTRY_SIZE_MAX, "a body fits an entry");
static_assert(LIMIT_PROPOSE_ENTRY_SIZE_MAX * 2 < LIMIT_RAFT_FRAME_SIZE_MAX,
              "an entry fits a frame");
static_assert(LIMIT_PROPOSE_ENTRY_SIZE_MAX < LIMIT_RAFT_SEGMENT_SIZE, "an entry fits a segment");

#endif
