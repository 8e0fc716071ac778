#include "netlink/socket.h"

#include "netlink/attr.h"
#include "util/check.h"
#include "util/limits.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static_assert(NETLINK_BATCH_MAX * NETLINK_MESSAGE_SIZE_MAX <= NETLINK_RECEIVE_SIZE,
              "a batch is one moderate write");

enum err netlink_err_of(int errno_value) {
    switch (errno_value) {
    case 0:
        return ERR_OK;
    case ENODEV:
    case ENOENT:
    case ENXIO:
    case ESRCH:
    case EADDRNOTAVAIL:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EPERM:
    case EACCES:
        return ERR_FORBIDDEN;
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
        return ERR_UNSUPPORTED;
    case EAGAIN:
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_SYSTEM;
    }
}

enum err netlink_error_set(struct netlink_error *error, int errno_value, const char *text) {
    error->err = netlink_err_of(errno_value);
    error->errno_value = errno_value;
    error->text[0] = 0;
    if (errno_value != 0) {
        const char *words = text[0] != 0 ? text : strerrordesc_np(errno_value);
        (void)snprintf(error->text, sizeof error->text, "%s", words != NULL ? words : "unknown");
    }
    return error->err;
}

/* All three exist since Linux 4.20; without them answers are longer, poorer and unfiltered, but
 * right, so a refusal is no failure. */
static void set_options(struct mnl_socket *socket) {
    int on = 1;
    (void)mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on);
    (void)mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof on);
    (void)mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

static int set_timeout(struct mnl_socket *socket) {
    struct timeval timeout = {.tv_sec = LIMIT_NETLINK_TIMEOUT_MS / 1000,
                              .tv_usec = (LIMIT_NETLINK_TIMEOUT_MS % 1000) * 1000};
    return setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

enum err netlink_open(struct netlink *netlink, struct netlink_error *error) {
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == NULL) {
        return netlink_error_set(error, errno, "");
    }
    set_options(socket);
    if (set_timeout(socket) != 0 || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0) {
        (void)netlink_error_set(error, errno, "");
        mnl_socket_close(socket);
        return error->err;
    }
    *netlink = (struct netlink){.socket = socket,
                                .port = mnl_socket_get_portid(socket),
                                .receive = must_alloc(NETLINK_RECEIVE_SIZE)};
    return netlink_error_set(error, 0, "");
}

void netlink_close(struct netlink *netlink) {
    if (netlink->socket != NULL) {
        mnl_socket_close(netlink->socket);
        free(netlink->receive);
    }
    *netlink = (struct netlink){0};
}

void netlink_batch_init(struct netlink_batch *batch) {
    batch->count = 0;
    batch->size = 0;
}

struct nlmsghdr *netlink_batch_begin(struct netlink_batch *batch, uint16_t type, unsigned flags,
                                     size_t body_size) {
    CHECK(!netlink_batch_is_full(batch));
    uint8_t *at = batch->data + batch->size;
    memset(at, 0, NETLINK_MESSAGE_SIZE_MAX);
    struct nlmsghdr *message = mnl_nlmsg_put_header(at);
    message->nlmsg_type = type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    (void)mnl_nlmsg_put_extra_header(message, body_size);
    return message;
}

void netlink_batch_end(struct netlink_batch *batch, const struct nlmsghdr *message) {
    CHECK((const uint8_t *)message == batch->data + batch->size);
    CHECK(message->nlmsg_len <= NETLINK_MESSAGE_SIZE_MAX);
    batch->size += MNL_ALIGN(message->nlmsg_len);
    batch->count++;
}

static void number_messages(struct netlink *netlink, struct netlink_batch *batch) {
    struct nlmsghdr *message = (struct nlmsghdr *)(void *)batch->data;
    int left = (int)batch->size;
    for (unsigned i = 0; i < batch->count; i++) {
        message->nlmsg_seq = ++netlink->sequence;
        message = mnl_nlmsg_next(message, &left);
    }
}

/* The text of an extended acknowledgement; "" without one. Source: netlink(7), NETLINK_EXT_ACK. */
static const char *extended_text(const struct nlmsghdr *message, const struct nlmsgerr *body) {
    size_t skip = sizeof *body;
    if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
        return "";
    }
    if ((message->nlmsg_flags & NLM_F_CAPPED) == 0 && body->msg.nlmsg_len > sizeof body->msg) {
        skip += body->msg.nlmsg_len - sizeof body->msg;
    }
    const struct nlattr *rows[NLMSGERR_ATTR_MSG + 1];
    const struct nlattr *words = NULL;
    if (attr_parse(message, skip, rows, NLMSGERR_ATTR_MSG)) {
        words = rows[NLMSGERR_ATTR_MSG];
    }
    bool is_text = words != NULL && mnl_attr_validate(words, MNL_TYPE_NUL_STRING) == 0;
    return is_text ? mnl_attr_get_str(words) : "";
}

/* What an NLMSG_ERROR (also the good one), or a dump's NLMSG_DONE, says. */
static void read_verdict(const struct nlmsghdr *message, struct netlink_error *error) {
    if (mnl_nlmsg_get_payload_len(message) < sizeof(int)) {
        (void)netlink_error_set(error, message->nlmsg_type == NLMSG_DONE ? 0 : EBADMSG, "");
        return;
    }
    if (message->nlmsg_type == NLMSG_DONE) {
        int code = *(const int *)mnl_nlmsg_get_payload(message);
        (void)netlink_error_set(error, code < 0 ? -code : 0, "");
        return;
    }
    const struct nlmsgerr *body = mnl_nlmsg_get_payload(message);
    if (mnl_nlmsg_get_payload_len(message) < sizeof *body) {
        (void)netlink_error_set(error, EBADMSG, "");
        return;
    }
    int code = body->error < 0 ? -body->error : 0;
    (void)netlink_error_set(error, code, code != 0 ? extended_text(message, body) : "");
}

/* One part of the answer. 0 or errno. */
static int receive_part(struct netlink *netlink, size_t *out_size) {
    ssize_t size = -1;
    do {
        size = mnl_socket_recvfrom(netlink->socket, netlink->receive, NETLINK_RECEIVE_SIZE);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return errno;
    }
    *out_size = (size_t)size;
    return size == 0 ? EBADMSG : 0;
}

/* Files the acknowledgements of one part; returns how many were for this batch. */
static unsigned file_answers(struct netlink *netlink, struct netlink_batch *batch, size_t size,
                             uint32_t first) {
    unsigned filed = 0;
    int left = (int)size;
    const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)netlink->receive;
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        uint32_t index = message->nlmsg_seq - first;
        if (message->nlmsg_type != NLMSG_ERROR || index >= batch->count) {
            continue;
        }
        struct netlink_error *error = &batch->errors[index];
        if (error->errno_value == ETIMEDOUT) {
            read_verdict(message, error);
            filed++;
        }
    }
    return filed;
}

static void collect_answers(struct netlink *netlink, struct netlink_batch *batch, uint32_t first) {
    unsigned answered = 0;
    while (answered < batch->count) {
        size_t size = 0;
        int errno_value = receive_part(netlink, &size);
        if (errno_value != 0) {
            for (unsigned i = 0; i < batch->count; i++) {
                if (batch->errors[i].errno_value == ETIMEDOUT) {
                    (void)netlink_error_set(&batch->errors[i], errno_value, "no answer");
                }
            }
            return;
        }
        answered += file_answers(netlink, batch, size, first);
    }
}

enum err netlink_send(struct netlink *netlink, struct netlink_batch *batch) {
    uint32_t first = netlink->sequence + 1;
    number_messages(netlink, batch);
    /* ETIMEDOUT marks "not answered yet": the kernel's handlers never return it. */
    for (unsigned i = 0; i < batch->count; i++) {
        (void)netlink_error_set(&batch->errors[i], ETIMEDOUT, "no answer");
    }
    if (batch->count > 0) {
        if (mnl_socket_sendto(netlink->socket, batch->data, batch->size) < 0) {
            int errno_value = errno;
            for (unsigned i = 0; i < batch->count; i++) {
                (void)netlink_error_set(&batch->errors[i], errno_value, "");
            }
        } else {
            collect_answers(netlink, batch, first);
        }
    }
    const struct netlink_error *error = netlink_batch_error(batch);
    return error != NULL ? error->err : ERR_OK;
}

const struct netlink_error *netlink_batch_error(const struct netlink_batch *batch) {
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->errors[i].err != ERR_OK) {
            return &batch->errors[i];
        }
    }
    return NULL;
}

void netlink_list_init(struct netlink_list *list) {
    buf_init(&list->bytes);
    list->count = 0;
}

void netlink_list_deinit(struct netlink_list *list) {
    buf_deinit(&list->bytes);
    list->count = 0;
}

/* One try at a query, while its answers come in. */
struct query {
    uint32_t sequence;
    netlink_parse_cb parse;
    size_t item_size;
    struct netlink_list *list;
    struct netlink_error *error;
    bool is_done;
    bool is_interrupted;
};

static void take_row(struct query *query, const struct nlmsghdr *message) {
    struct buf *bytes = &query->list->bytes;
    uint8_t *item = buf_reserve(bytes, query->item_size);
    memset(item, 0, query->item_size);
    if (query->parse(message, item)) {
        bytes->size += query->item_size;
        query->list->count++;
    }
}

static void take_part(struct query *query, const uint8_t *data, size_t size) {
    int left = (int)size;
    const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)data;
    for (; !query->is_done && mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
        if (message->nlmsg_seq != query->sequence) {
            continue;
        }
        query->is_interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
            read_verdict(message, query->error);
            query->is_done = true;
        } else if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
            take_row(query, message);
        }
    }
}

static enum err query_once(struct netlink *netlink, struct nlmsghdr *request, struct query *query) {
    buf_clear(&query->list->bytes);
    query->list->count = 0;
    query->sequence = ++netlink->sequence;
    request->nlmsg_seq = query->sequence;
    if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0) {
        return netlink_error_set(query->error, errno, "");
    }
    while (!query->is_done) {
        size_t size = 0;
        int errno_value = receive_part(netlink, &size);
        if (errno_value != 0) {
            return netlink_error_set(query->error, errno_value, "no answer");
        }
        take_part(query, netlink->receive, size);
    }
    return query->error->err;
}

enum err netlink_query(struct netlink *netlink, struct nlmsghdr *request, netlink_parse_cb parse,
                       size_t item_size, struct netlink_list *out_list,
                       struct netlink_error *error) {
    for (unsigned i = 0; i < LIMIT_NETLINK_DUMP_TRIES; i++) {
        struct query query = {
            .parse = parse, .item_size = item_size, .list = out_list, .error = error};
        enum err err = query_once(netlink, request, &query);
        if (err != ERR_OK || !query.is_interrupted) {
            return err;
        }
    }
    return netlink_error_set(error, ETIMEDOUT, "the tables changed under every dump");
}

enum err netlink_monitor_open(struct netlink_monitor *monitor, struct netlink_error *error) {
    static const int groups[] = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                 RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH};
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket == NULL) {
        return netlink_error_set(error, errno, "");
    }
    bool is_bound = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0;
    for (size_t i = 0; is_bound && i < ARRAY_COUNT(groups); i++) {
        int group = groups[i];
        is_bound = mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
    }
    if (!is_bound) {
        (void)netlink_error_set(error, errno, "");
        mnl_socket_close(socket);
        return error->err;
    }
    *monitor =
        (struct netlink_monitor){.socket = socket, .receive = must_alloc(NETLINK_RECEIVE_SIZE)};
    return netlink_error_set(error, 0, "");
}

void netlink_monitor_close(struct netlink_monitor *monitor) {
    if (monitor->socket != NULL) {
        mnl_socket_close(monitor->socket);
        free(monitor->receive);
    }
    *monitor = (struct netlink_monitor){0};
}

int netlink_monitor_fd(const struct netlink_monitor *monitor) {
    return mnl_socket_get_fd(monitor->socket);
}

/* ARP and ND move learned neighbours all the time; only the permanent ones and FDB entries are
 * anybody's configuration. A deletion does not say what state the entry was in. */
static bool is_worth_a_look(const struct nlmsghdr *message) {
    if (message->nlmsg_type != RTM_NEWNEIGH) {
        return true;
    }
    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ndmsg)) {
        return true;
    }
    const struct ndmsg *neighbour = mnl_nlmsg_get_payload(message);
    return neighbour->ndm_family == AF_BRIDGE || (neighbour->ndm_state & NUD_PERMANENT) != 0;
}

bool netlink_monitor_drain(struct netlink_monitor *monitor) {
    bool has_changed = false;
    for (unsigned i = 0; i < LIMIT_NETLINK_DRAIN_MAX; i++) {
        ssize_t size = mnl_socket_recvfrom(monitor->socket, monitor->receive, NETLINK_RECEIVE_SIZE);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        }
        if (size < 0) {
            has_changed = true; /* ENOBUFS: something was lost */
            continue;
        }
        int left = (int)size;
        const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)monitor->receive;
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            has_changed |= is_worth_a_look(message);
        }
    }
    return has_changed;
}
