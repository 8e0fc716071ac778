/* Every bound of the house, in one place. A queue, loop, string, nesting, connection, retry or
 * timeout that has no line here is a bug. Units are in the names. Source: docs of the HTTP contract
 * (API.md, "Limits") and RELIABILITY.md ("Security") where a number is part of the contract. */
#ifndef WEFT_UTIL_LIMITS_H
#define WEFT_UTIL_LIMITS_H

#include <assert.h>

/* HTTP, as clients see it (docs/api.md, "Limits"). */
#define LIMIT_HTTP_HEAD_SIZE_MAX       (16u * 1024u)   /* request line and headers; 431 */
#define LIMIT_HTTP_HEADER_COUNT_MAX    64u             /* 431 */
#define LIMIT_HTTP_BODY_SIZE_MAX       (1024u * 1024u) /* 413 */
#define LIMIT_HTTP_HEAD_TIMEOUT_MS     10000u
#define LIMIT_HTTP_BODY_TIMEOUT_MS     10000u
#define LIMIT_HTTP_IDLE_TIMEOUT_MS     75000u
#define LIMIT_HTTP_PIPELINE_MAX        16u
#define LIMIT_HTTP_CONNECTIONS_MAX     4096u
#define LIMIT_HTTP_READ_AHEAD_SIZE     (64u * 1024u) /* of a connection whose request waits */
#define LIMIT_HTTP_STREAM_INPUT_SIZE   4096u         /* what a client may send to a long stream */
#define LIMIT_HTTP_REST_TIMEOUT_MS     2000u /* an idle connection's memory is kept so long */
#define LIMIT_HTTP_HELD_SIZE_MAX       (256u * 1024u * 1024u) /* waiting, of all connections */
#define LIMIT_HTTP_CLOSE_TIMEOUT_MS    2000u /* for answers in progress when a server closes */
#define LIMIT_HTTP_REQUEST_ID_SIZE_MAX 64u
#define LIMIT_HTTP_OUTPUT_HIGH_SIZE    (1024u * 1024u) /* a watcher with more queued is ended */

/* For what is no client: files, the other members, calls to the leader. */
#define LIMIT_DESCRIPTORS_RESERVED 1024u

/* Byte streams. */
#define LIMIT_STREAM_READ_SIZE         (64u * 1024u)
#define LIMIT_STREAM_PIECE_SIZE        (16u * 1024u)
#define LIMIT_STREAM_WRITE_PIECES      16u   /* buffers that one system call takes */
#define LIMIT_STREAM_FLUSH_TIMEOUT_MS  5000u /* for what is queued when a stream is closed */
#define LIMIT_STREAM_LINGER_TIMEOUT_MS 1000u /* for the peer's end after ours */
#define LIMIT_STREAM_USER_TIMEOUT_MS   10000u
#define LIMIT_STREAM_UNSENT_SIZE       (128u * 1024u) /* that the kernel holds beyond the window */
#define LIMIT_STREAM_KEEPALIVE_S       15u
#define LIMIT_STREAM_BACKLOG           1024u

#define LIMIT_CALL_TIMEOUT_DEFAULT_MS 5000u
#define LIMIT_CALL_TIMEOUT_MAX_MS     60000u
#define LIMIT_LONG_POLL_MAX_MS        60000u
#define LIMIT_LEADER_LOOK_MS          50u /* a request that nobody takes is tried again */

/* Keys and values. */
#define LIMIT_KEY_SIZE_MAX          1024u /* whole key, `kv/` included */
#define LIMIT_VALUE_SIZE_MAX        (512u * 1024u)
#define LIMIT_CONTENT_TYPE_SIZE_MAX 256u
#define LIMIT_NAME_SIZE_MAX         253u /* RFC 1123 DNS subdomain */
#define LIMIT_LABEL_COUNT_MAX       64u
#define LIMIT_LABEL_NAME_SIZE_MAX   317u /* a DNS subdomain, a slash, and 63 more */
#define LIMIT_LABEL_VALUE_SIZE_MAX  63u
#define LIMIT_REVISION_MAX          ((UINT64_C(1) << 53) - 1) /* stays exact in every JSON reader */
#define LIMIT_LIST_DEFAULT          500u
#define LIMIT_LIST_MAX              10000u
#define LIMIT_LIST_WALK_MAX         20000u /* objects looked at in one turn of the loop */

/* Policies and services (docs/api.md, "Policies", "Services"). */
#define LIMIT_POLICY_RULES_MAX      256u  /* a direction */
#define LIMIT_POLICY_PEERS_MAX      1024u /* a rule; and exceptions of an ipBlock */
#define LIMIT_POLICY_PORTS_MAX      256u  /* a rule */
#define LIMIT_POLICY_ORDER_MAX      1000000u
#define LIMIT_POLICY_ORDER_DEFAULT  1000u
#define LIMIT_SELECTOR_VALUES_MAX   256u  /* of one In or NotIn */
#define LIMIT_SELECTOR_SIZE_MAX     4096u /* as text */
#define LIMIT_SELECTOR_DEPTH_MAX    16u   /* parentheses, as text */
#define LIMIT_SERVICE_PORTS_MAX     128u
#define LIMIT_SERVICE_ENDPOINTS_MAX 1000u
#define LIMIT_PORT_MAX              65535u

/* JSON (docs/api.md, "Conventions"). */
#define LIMIT_JSON_DEPTH_MAX     32u
#define LIMIT_JSON_VALUES_MAX    20000u
#define LIMIT_PROBLEM_ERRORS_MAX 16u

/* Watches. */
#define LIMIT_WATCHERS_MAX          10000u
#define LIMIT_WATCH_PREFIXES_MAX    16u
#define LIMIT_WATCH_QUEUE_SIZE_MAX  (1024u * 1024u)
#define LIMIT_WATCH_QUEUE_SIZE_MIN  (16u * 1024u) /* of a watcher, whatever the others have */
#define LIMIT_WATCH_QUEUES_SIZE_MAX (256u * 1024u * 1024u) /* of all watchers */
#define LIMIT_WATCH_BOOKMARK_MS     10000u
#define LIMIT_WATCH_RETRY_MS        1000u /* a server-sent event stream's reader comes back */
#define LIMIT_WATCH_LIVE_EVENTS                                                                    \
    16384u /* read for all live watchers at once; then they catch up                               \
            */
#define LIMIT_WATCH_CATCH_UP_EVENTS   100u /* read for one watcher in one turn of the loop */
#define LIMIT_WATCH_CATCH_UP_SIZE     (1024u * 1024u) /* about, in one turn */
#define LIMIT_WATCH_CATCH_UP_WATCHERS 16u             /* that catch up in one turn */
#define LIMIT_LIST_BODY_SIZE_MAX      (1024u * 1024u) /* a page that is larger ends early */
#define LIMIT_BODY_CHUNK_SIZE         (64u * 1024u)   /* of a streamed answer, in one turn */
#define LIMIT_BODY_STREAMS_TURN       4u              /* streamed answers that go on in one turn */
#define LIMIT_WATCH_STALE_MS          10000u /* without a leader: watchers are sent elsewhere */
#define LIMIT_HISTORY_EVENTS_DEFAULT  100000u
#define LIMIT_HISTORY_EVENTS_MAX      100000000u
/* What was there before lies in the event itself when its own event is compacted, up to this size:
 * a delete must make room, not move it. */
#define LIMIT_EVENT_PREVIOUS_SIZE_MAX 4096u
#define LIMIT_HISTORY_EVENTS_LEAST                                                                 \
    1000u /* kept though the store is nearly full, if so many are wanted */
#define LIMIT_HISTORY_SLACK_MAX  1000u /* events beyond what is kept before a compaction */
#define LIMIT_COMPACT_EVENTS_MAX 4096u /* that go by one command; one revision goes whole */

/* The view and its snapshots. */
#define LIMIT_SNAPSHOT_CHUNK_SIZE    (64u * 1024u) /* of records; one more record may end in it */
#define LIMIT_SNAPSHOT_DOWNLOADS_MAX 4u            /* at once; each holds a view of the store */
#define LIMIT_SNAPSHOT_NOTE_SIZE_MAX (64u * 1024u)
#define LIMIT_VIEW_BUILD_SIZE        (16u * 1024u * 1024u) /* of records in one transaction */
#define LIMIT_VIEW_VERIFY_TIMEOUT_S  60u

/* Raft. */
#define LIMIT_RAFT_MEMBERS_MAX         16u
#define LIMIT_RAFT_VOTERS_MAX          5u
#define LIMIT_RAFT_INFLIGHT_ENTRIES    256u
#define LIMIT_RAFT_FRAME_SIZE_MAX      (16u * 1024u * 1024u)
#define LIMIT_RAFT_FRAME_ENTRIES_MAX   1024u
#define LIMIT_RAFT_PEER_QUEUE_SIZE_MAX (64u * 1024u * 1024u)
#define LIMIT_RAFT_SEGMENT_SIZE        (8u * 1024u * 1024u)
#define LIMIT_RAFT_LOG_CACHE_SIZE_MAX  (1024u * 1024u)      /* newest entries kept in memory */
#define LIMIT_RAFT_MESSAGE_SIZE_MAX    (8u * 1024u * 1024u) /* entries' bytes in one AppendEntries */
#define LIMIT_RAFT_APPLY_SIZE_MAX      (16u * 1024u * 1024u) /* applied in one transaction */
#define LIMIT_RAFT_APPLY_ENTRIES_MAX   1024u
#define LIMIT_RAFT_INBOUND_MAX         64u /* connections that other members opened */
#define LIMIT_RAFT_HELLO_TIMEOUT_MS    5000u
#define LIMIT_RAFT_CONNECT_TIMEOUT_MS  2000u
#define LIMIT_RAFT_RECONNECT_MIN_MS    20u
#define LIMIT_RAFT_RECONNECT_MAX_MS    1000u
#define LIMIT_RAFT_TURN_ROUNDS_MAX     8u

/* Snapshots. One is due after so many entries, or bytes of them. */
#define LIMIT_SNAPSHOT_ENTRIES_DEFAULT 100000u
#define LIMIT_SNAPSHOT_ENTRIES_MAX     100000000u
#define LIMIT_SNAPSHOT_LOG_SIZE        (64u * 1024u * 1024u)
#define LIMIT_SNAPSHOT_VERIFY_DELAY_MS 2000u /* after a start that did not need to read it */
#define LIMIT_SNAPSHOT_KEPT            2u    /* files: the newest, and one in case it is damaged */
#define LIMIT_RAFT_CHUNK_SIZE_MAX      (256u * 1024u) /* of a snapshot on its way to a member */
#define LIMIT_RAFT_CHUNK_ASK_MS        500u           /* without an answer: asked again */
#define LIMIT_RAFT_SHIP_IDLE_MS        10000u         /* then a member is no longer waited for */
#define LIMIT_RAFT_SHIP_PAUSE_MS       5u /* while its connection is busy with other things */
#define LIMIT_QUOTA_DEFAULT            (UINT64_C(2) << 30) /* bytes of the store; then 507 */

#define LIMIT_PROPOSALS_MAX                                                                        \
    16384u /* waiting and in flight; more is 429 before anything is logged */
#define LIMIT_PROPOSE_ENTRY_SIZE_MAX     (4u * 1024u * 1024u)
#define LIMIT_PROPOSE_ENTRY_COMMANDS_MAX 4096u
#define LIMIT_PROPOSE_QUEUE_SIZE_MAX     (64u * 1024u * 1024u) /* bytes of commands waiting; 429 */
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
#define LIMIT_EXPIRE_CHECK_MS      250u /* the leader looks for due leases at least so often */

/* Transactions. */
#define LIMIT_TXN_COMPARES_MAX   128u
#define LIMIT_TXN_OPERATIONS_MAX 128u /* in each branch */
#define LIMIT_TXN_RESULT_SIZE_MAX                                                                  \
    (8u * 1024u * 1024u) /* of the objects that its gets found; 413                                \
                          */

/* Idempotency keys. */
#define LIMIT_ONCE_CLIENT_SIZE_MAX      253u
#define LIMIT_ONCE_KEY_SIZE_MAX         64u
#define LIMIT_ONCE_FINGERPRINT_SIZE_MAX 64u
#define LIMIT_ONCE_KEPT_MS              600000u /* log time */
#define LIMIT_ONCE_RECORDS_MAX          100000u
#define LIMIT_ONCE_RECORD_SIZE_MIN      671u /* a smaller record counts as so many bytes */
#define LIMIT_ONCE_SIZE_MAX             (LIMIT_ONCE_RECORDS_MAX * LIMIT_ONCE_RECORD_SIZE_MIN)
#define LIMIT_ONCE_FORGET_MAX           16u /* records that are too old, with each new one */

/* Local machine. */
#define LIMIT_IFNAME_SIZE_MAX    15u
#define LIMIT_CNI_STDIN_SIZE_MAX (1024u * 1024u)
#define LIMIT_NODES_MAX          8192u

#define LIMIT_CNI_AGENT_TIMEOUT_MS 10000u /* one call of the plugin to the agent */
#define LIMIT_NETNS_PATH_SIZE_MAX  1024u
#define LIMIT_DURABLE_SIZE_MAX     (64u * 1024u * 1024u)
#define LIMIT_ATTACHMENTS_MAX      4096u /* pods of a node */
#define LIMIT_ADDRESS_REST_DEFAULT_S                                                               \
    60u /* before a freed pod address is used again; the cool-down of NETWORK.md 9, pain 12 */

#define LIMIT_AGENT_PAUSE_MIN_MS  250u /* before the store is tried again; doubles */
#define LIMIT_AGENT_PAUSE_MAX_MS  15000u
#define LIMIT_AGENT_CACHE_WAIT_MS 1000u /* changes that come within it share one write */

/* The kernel's network tables. */
#define LIMIT_NETLINK_TIMEOUT_MS    5000u /* an answer of the kernel */
#define LIMIT_NETLINK_DUMP_TRIES    8u    /* when the tables change under each dump */
#define LIMIT_NETLINK_DRAIN_MAX     64u   /* parts read in one turn of the loop */
#define LIMIT_SYSCTL_NAME_SIZE_MAX  128u
#define LIMIT_SYSCTL_VALUE_SIZE_MAX 64u
#define LIMIT_MTU_MIN               576u /* RFC 791: what every IPv4 link carries */

/* The agent's data plane: how many faults are named; all are counted. */
#define LIMIT_DESIRED_SKIPS_MAX    32u
#define LIMIT_EXECUTE_FAILURES_MAX 32u
#define LIMIT_SUBNET_ENV_SIZE_MAX  512u
#define LIMIT_PATH_SIZE_MAX        4000u /* with room for a suffix below PATH_MAX */

/* The client's side of the API. */
#define LIMIT_SERVERS_MAX             16u /* in one --server list */
#define LIMIT_CLIENT_HEADERS_MAX      8u  /* that a caller adds to a request */
#define LIMIT_CLIENT_ANSWER_SIZE_MAX  (64u * 1024u * 1024u)
#define LIMIT_CLIENT_LINE_SIZE_MAX    (2u * 1024u * 1024u) /* of a watch; an item of a list */
#define LIMIT_CLIENT_REASONS_SIZE     320u /* why each server failed, in a message */
#define LIMIT_CLIENT_PAUSE_MIN_MS     50u  /* between two tries; doubles */
#define LIMIT_CLIENT_PAUSE_MAX_MS     1000u
#define LIMIT_CLIENT_TRY_MIN_MS       500u   /* the least that one server of several is given */
#define LIMIT_CALL_CONNECTIONS_MAX    256u   /* an address */
#define LIMIT_CALL_QUEUE_MAX          4096u  /* calls that wait for one of them */
#define LIMIT_CALL_CONNECTION_IDLE_MS 30000u /* kept; below the servers' idle timeout */
#define LIMIT_FOLLOW_SILENCE_MS       25000u
#define LIMIT_FOLLOW_PAUSE_MIN_MS     100u
#define LIMIT_FOLLOW_PAUSE_MAX_MS     2000u
#define LIMIT_FOLLOW_LIST_TIMEOUT_MS  30000u
#define LIMIT_FOLLOW_ITEMS_MAX        262144u

static_assert(LIMIT_LABEL_NAME_SIZE_MAX == LIMIT_NAME_SIZE_MAX + 1 + LIMIT_LABEL_VALUE_SIZE_MAX,
              "a label's name may have a DNS subdomain in front");
static_assert(LIMIT_VALUE_SIZE_MAX < LIMIT_HTTP_BODY_SIZE_MAX, "a value fits a body");
static_assert(LIMIT_HTTP_BODY_SIZE_MAX * 2 < LIMIT_PROPOSE_ENTRY_SIZE_MAX, "a body fits an entry");
static_assert(LIMIT_PROPOSE_ENTRY_SIZE_MAX * 2 < LIMIT_RAFT_FRAME_SIZE_MAX,
              "an entry fits a frame");
static_assert(LIMIT_PROPOSE_ENTRY_SIZE_MAX < LIMIT_RAFT_SEGMENT_SIZE, "an entry fits a segment");
static_assert(LIMIT_RAFT_MESSAGE_SIZE_MAX + LIMIT_PROPOSE_ENTRY_SIZE_MAX <
                  LIMIT_RAFT_FRAME_SIZE_MAX,
              "a message that stops after its bound still fits a frame");
static_assert(LIMIT_ONCE_SIZE_MAX <= 64u * 1024u * 1024u, "what idempotency keys may take");
static_assert(LIMIT_TXN_RESULT_SIZE_MAX * 4 < LIMIT_ONCE_SIZE_MAX, "an answer can be kept");
static_assert(LIMIT_CALL_QUEUE_MAX >= LIMIT_HTTP_CONNECTIONS_MAX,
              "what all clients of a server ask at once can be forwarded");
static_assert(LIMIT_CALL_CONNECTION_IDLE_MS < LIMIT_HTTP_IDLE_TIMEOUT_MS,
              "we let a kept connection go before the server does");
static_assert(LIMIT_FOLLOW_SILENCE_MS > 2 * LIMIT_WATCH_BOOKMARK_MS, "two bookmarks may be late");

#endif
