/* A route netlink socket: batches of changes with an answer to each, queries whose answer is a
 * list, and a monitor that says "look again".
 *
 * Flow: open in the namespace of the calling thread; fill a batch by the functions of link.h,
 * addr.h, route.h and neigh.h and send it, or ask for a list; close. Everything blocks, never
 * longer than LIMIT_NETLINK_TIMEOUT_MS an answer: the kernel answers within the system call, save
 * when somebody else holds its one lock. Invariants: an answer is matched by its sequence number,
 * so a late one of an earlier batch is passed over; a dump that the kernel marks as interrupted
 * (NLM_F_DUMP_INTR) is thrown away and taken again. */
#ifndef WEFT_NETLINK_SOCKET_H
#define WEFT_NETLINK_SOCKET_H

#include "util/buf.h"
#include "util/err.h"

#include <libmnl/libmnl.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#define NETLINK_BATCH_MAX        64u  /* messages */
#define NETLINK_MESSAGE_SIZE_MAX 512u /* our largest, a veth pair, needs about 200 */
#define NETLINK_ERROR_TEXT_SIZE  128u
#define NETLINK_RECEIVE_SIZE                                                                       \
    (64u * 1024u) /* the kernel's dumps come in parts of at most 32 KiB                            \
                   */

/* Why the kernel refused. */
struct netlink_error {
    enum err err;
    int errno_value;                    /* 0 when err is ERR_OK */
    char text[NETLINK_ERROR_TEXT_SIZE]; /* the kernel's own words (extended ack), else strerror's */
};

struct netlink {
    struct mnl_socket *socket;
    unsigned port;
    uint32_t sequence; /* of the last message sent */
    uint8_t *receive;  /* NETLINK_RECEIVE_SIZE bytes */
};

/* Opens a socket in the calling thread's network namespace. Owns: netlink_close. Errors:
 * ERR_SYSTEM, ERR_FORBIDDEN; `error` says more. */
MUST_USE enum err netlink_open(struct netlink *netlink, struct netlink_error *error);
void netlink_close(struct netlink *netlink);

/* The err that an errno of the kernel means: ERR_NOT_FOUND for ENODEV, ENOENT, ESRCH and the like,
 * ERR_EXISTS, ERR_FORBIDDEN, ERR_UNSUPPORTED, ERR_TIMEOUT, else ERR_SYSTEM. */
enum err netlink_err_of(int errno_value);
/* Fills `error` from an errno and a text ("" takes strerror's); returns error->err. */
enum err netlink_error_set(struct netlink_error *error, int errno_value, const char *text);

/* Changes, collected. Lifetime: netlink_batch_init, fill, send, read the errors, init again. */
struct netlink_batch {
    unsigned count;
    size_t size;
    struct netlink_error errors[NETLINK_BATCH_MAX]; /* after netlink_send: a verdict a message */
    alignas(8) uint8_t data[NETLINK_BATCH_MAX * NETLINK_MESSAGE_SIZE_MAX];
};

void netlink_batch_init(struct netlink_batch *batch);
static inline bool netlink_batch_is_full(const struct netlink_batch *batch) {
    return batch->count == NETLINK_BATCH_MAX;
}
/* Begins a message with a zeroed fixed part of `body_size` bytes; NLM_F_REQUEST and NLM_F_ACK are
 * added to `flags`. The batch must not be full. The caller fills the body and puts attributes
 * (attr.h), then calls netlink_batch_end. */
struct nlmsghdr *netlink_batch_begin(struct netlink_batch *batch, uint16_t type, unsigned flags,
                                     size_t body_size);
void netlink_batch_end(struct netlink_batch *batch, const struct nlmsghdr *message);
/* Sends all messages in order and collects an answer for each in batch->errors; one that fails does
 * not stop the others. Errors: the first failed message's; ERR_TIMEOUT or ERR_SYSTEM when answers
 * did not come (then those messages carry it, and may or may not have been applied). */
MUST_USE enum err netlink_send(struct netlink *netlink, struct netlink_batch *batch);
/* The first failed message's error; NULL when none failed. */
const struct netlink_error *netlink_batch_error(const struct netlink_batch *batch);

/* What a query found: `count` structs of one type, side by side. Lifetime: netlink_list_init ..
 * netlink_list_deinit; a query replaces the content. */
struct netlink_list {
    struct buf bytes;
    size_t count;
};

void netlink_list_init(struct netlink_list *list);
void netlink_list_deinit(struct netlink_list *list);

/* Reads one message into `out_item` (zeroed before); false leaves the message out. Messages come
 * from the kernel and are checked all the same. */
typedef bool (*netlink_parse_cb)(const struct nlmsghdr *message, void *out_item);

/* Sends `request` (with NLM_F_DUMP: a dump, else a question about one object) and parses all
 * answers into the list. Errors: ERR_TIMEOUT also when every one of LIMIT_NETLINK_DUMP_TRIES dumps
 * was interrupted. */
MUST_USE enum err netlink_query(struct netlink *netlink, struct nlmsghdr *request,
                                netlink_parse_cb parse, size_t item_size,
                                struct netlink_list *out_list, struct netlink_error *error);

/* Hears of changes to links, addresses, routes, neighbours and FDB entries. What it hears is only a
 * hint to look. */
struct netlink_monitor {
    struct mnl_socket *socket;
    uint8_t *receive;
};

/* Opens a non-blocking monitor in the calling thread's namespace. Owns: netlink_monitor_close. */
MUST_USE enum err netlink_monitor_open(struct netlink_monitor *monitor,
                                       struct netlink_error *error);
void netlink_monitor_close(struct netlink_monitor *monitor);
/* The descriptor to poll for reading. */
int netlink_monitor_fd(const struct netlink_monitor *monitor);
/* Reads what is there, at most LIMIT_NETLINK_DRAIN_MAX parts; true when something changed that is
 * worth a look. Messages that the kernel had to drop (ENOBUFS) count as a change. */
MUST_USE bool netlink_monitor_drain(struct netlink_monitor *monitor);

#endif
