/* Connections to the other members. See peer.h.
 *
 * A peer is a member that we dial; an inbound is a connection that somebody opened to us. */
#include "raft/peer.h"

#include "util/limits.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>

struct peer {
    struct list link;
    struct peers *peers;
    struct member member;
    struct socket_address address;
    bool is_gone;          /* no member any more; freed when its stream is closed */
    struct stream *stream; /* NULL: not dialled */
    bool is_connected;
    msec_t backoff_ms;
    msec_t dial_at;
    msec_t ping_at;
    msec_t heard_ms;
    uint64_t rtt_us;
    struct peer_counters traffic;
    char version[CODEC_VERSION_SIZE];
    struct inbound *inbound; /* where it sends; NULL: nowhere */
};

struct inbound {
    struct list link;
    struct peers *peers;
    struct stream *stream;
    struct buf bytes;
    uint64_t from; /* 0: no hello yet */
    msec_t opened_at;
    bool is_closing;
};

struct peers {
    struct peers_options options;
    struct peers_hooks hooks;
    char *name;
    struct list peers;
    struct list inbounds;
    unsigned inbound_count;
    struct stream_listener *listener;
    struct arena arena;  /* of the frame being decoded */
    unsigned open_count; /* listener and streams whose end has not come */
    bool is_closing;
    void (*closed)(void *owner);
    void *closed_owner;
};

static msec_t clock_now(const struct peers *peers) {
    return clock_boot_ms(peers->options.clock);
}

static struct peer *find_peer(const struct peers *peers, uint64_t id) {
    LIST_FOR_EACH(&peers->peers, node) {
        struct peer *peer = CONTAINER_OF(node, struct peer, link);
        if (peer->member.id == id && !peer->is_gone) {
            return peer;
        }
    }
    return NULL;
}

static void peer_free(struct peer *peer) {
    list_remove(&peer->link);
    free(peer);
}

/* The last one out ends the whole. */
static void count_down(struct peers *peers) {
    peers->open_count--;
    if (!peers->is_closing || peers->open_count > 0) {
        return;
    }
    LIST_FOR_EACH(&peers->peers, node) {
        peer_free(CONTAINER_OF(node, struct peer, link));
    }
    void (*closed)(void *owner) = peers->closed;
    void *owner = peers->closed_owner;
    arena_deinit(&peers->arena);
    free(peers->name);
    free(peers);
    closed(owner);
}

static void tell_joined(struct peer *peer) {
    struct peers *peers = peer->peers;
    if (peer->is_connected && peer->inbound != NULL && !peers->is_closing) {
        peers->hooks.joined(peers->hooks.owner, peer->member.id);
    }
}

/* ---- sending ---- */

static void write_frame(struct peer *peer, const struct frame *frame) {
    struct buf bytes;
    buf_init(&bytes);
    codec_encode(frame, &bytes);
    peer->traffic.sent_messages++;
    peer->traffic.sent_bytes += bytes.size;
    stream_write_buf(peer->stream, &bytes);
    buf_deinit(&bytes);
}

static void peer_connected(struct stream *stream, void *owner) {
    struct peer *peer = owner;
    struct peers *peers = peer->peers;
    (void)stream;
    peer->is_connected = true;
    peer->backoff_ms = LIMIT_RAFT_RECONNECT_MIN_MS;
    peer->ping_at = clock_now(peers);
    struct frame frame = {.type = FRAME_HELLO};
    frame.hello.version = CODEC_VERSION;
    frame.hello.cluster = peers->options.cluster;
    frame.hello.from = peers->options.self;
    frame.hello.to = peer->member.id;
    memcpy(frame.hello.name, peers->name, strlen(peers->name) + 1);
    static_assert(sizeof WEFT_VERSION <= CODEC_VERSION_SIZE, "the version fits a hello");
    memcpy(frame.hello.program, WEFT_VERSION, sizeof WEFT_VERSION);
    write_frame(peer, &frame);
    LOG_INFO("connected to member", LOG_TEXT("member", peer->member.name));
    tell_joined(peer);
}

/* The other side has nothing to say on a connection that we opened. */
static void peer_received(struct stream *stream, void *owner, struct slice bytes) {
    struct peer *peer = owner;
    LOG_WARN("member speaks out of turn", LOG_TEXT("member", peer->member.name),
             LOG_U64("size", bytes.size));
    stream_close(stream);
}

static void peer_closed(struct stream *stream, void *owner, enum err reason) {
    struct peer *peer = owner;
    struct peers *peers = peer->peers;
    (void)stream;
    if (peer->is_connected && !peers->is_closing) {
        LOG_WARN("connection to member lost", LOG_TEXT("member", peer->member.name),
                 LOG_ERR(reason));
    }
    peer->stream = NULL;
    peer->is_connected = false;
    /* Chance keeps members from dialling each other in step. */
    peer->dial_at =
        clock_now(peers) + peer->backoff_ms / 2 + rand_below(peers->options.rand, peer->backoff_ms);
    peer->backoff_ms = MIN_OF(peer->backoff_ms * 2, (msec_t)LIMIT_RAFT_RECONNECT_MAX_MS);
    if (peer->is_gone) {
        peer_free(peer);
    }
    count_down(peers);
}

static void dial(struct peer *peer) {
    static const struct stream_handlers handlers = {
        .connected = peer_connected, .received = peer_received, .closed = peer_closed};
    struct peers *peers = peer->peers;
    peers->open_count++;
    peer->stream = stream_connect(peers->options.loop, &peer->address,
                                  LIMIT_RAFT_CONNECT_TIMEOUT_MS, &handlers, peer);
}

size_t peers_room(const struct peers *peers, uint64_t to) {
    const struct peer *peer = find_peer(peers, to);
    if (peer == NULL || !peer->is_connected) {
        return 0;
    }
    size_t queued = stream_queued_size(peer->stream);
    return queued < LIMIT_RAFT_PEER_QUEUE_SIZE_MAX ? LIMIT_RAFT_PEER_QUEUE_SIZE_MAX - queued : 0;
}

void peers_send(struct peers *peers, uint64_t to, const struct frame *frame) {
    struct peer *peer = find_peer(peers, to);
    if (peers_room(peers, to) > 0) {
        write_frame(peer, frame);
    } else if (peer != NULL) {
        peer->traffic.dropped_messages++;
    }
}

/* ---- receiving ---- */

/* Why a hello is not welcome; NULL: it is. */
static const char *refusal(const struct peers *peers, const struct frame_hello *hello) {
    const struct peer *peer = find_peer(peers, hello->from);
    if (hello->version != CODEC_VERSION) {
        return "another version of the protocol";
    }
    if (hello->cluster != peers->options.cluster) {
        return "another cluster";
    }
    if (hello->to != peers->options.self) {
        return "it looks for another member at this address";
    }
    if (peer == NULL || strcmp(peer->member.name, hello->name) != 0) {
        return "no member";
    }
    return NULL;
}

static void inbound_close(struct inbound *inbound) {
    if (!inbound->is_closing) {
        inbound->is_closing = true;
        stream_close(inbound->stream);
    }
}

static void receive_hello(struct inbound *inbound, const struct frame_hello *hello) {
    struct peers *peers = inbound->peers;
    const char *reason = refusal(peers, hello);
    if (reason != NULL) {
        LOG_WARN("refusing a connection", LOG_TEXT("reason", reason), LOG_TEXT("name", hello->name),
                 LOG_U64("id", hello->from));
        inbound_close(inbound);
        return;
    }
    struct peer *peer = find_peer(peers, hello->from);
    if (peer->inbound != NULL) {
        struct inbound *old = peer->inbound;
        peer->inbound = NULL;
        inbound_close(old);
    }
    peer->inbound = inbound;
    inbound->from = hello->from;
    memcpy(peer->version, hello->program, sizeof peer->version);
    if (peer->stream == NULL) {
        peer->dial_at = 0; /* it is there: no reason to wait */
    }
    tell_joined(peer);
}

static void receive_pong(struct peer *peer, uint64_t time_ms, msec_t now) {
    if (time_ms > now || now - time_ms > LIMIT_RAFT_HELLO_TIMEOUT_MS) {
        return;
    }
    /* The clock counts whole milliseconds; the mean of many samples resolves finer. */
    uint64_t sample_us = (now - time_ms) * 1000;
    uint64_t mean_us = peer->rtt_us == 0 ? sample_us : (peer->rtt_us * 7 + sample_us) / 8;
    peer->rtt_us = MAX_OF(mean_us, UINT64_C(1));
}

static void receive_frame(struct inbound *inbound, const struct frame *frame, size_t size) {
    struct peers *peers = inbound->peers;
    struct peer *peer = inbound->from == 0 ? NULL : find_peer(peers, inbound->from);
    if ((peer == NULL) != (frame->type == FRAME_HELLO)) {
        LOG_WARN("refusing a connection", LOG_TEXT("reason", "no hello, or a second one"));
        inbound_close(inbound);
        return;
    }
    if (frame->type == FRAME_HELLO) {
        receive_hello(inbound, &frame->hello);
        return;
    }
    msec_t now = clock_now(peers);
    peer->heard_ms = now;
    peer->traffic.received_messages++;
    peer->traffic.received_bytes += size;
    if (frame->type == FRAME_PING) {
        struct frame pong = {.type = FRAME_PONG, .time_ms = frame->time_ms};
        peers_send(peers, inbound->from, &pong);
    } else if (frame->type == FRAME_PONG) {
        receive_pong(peer, frame->time_ms, now);
    } else {
        peers->hooks.received(peers->hooks.owner, inbound->from, frame);
    }
}

static void inbound_received(struct stream *stream, void *owner, struct slice bytes) {
    struct inbound *inbound = owner;
    struct peers *peers = inbound->peers;
    (void)stream;
    buf_append(&inbound->bytes, bytes.data, bytes.size);
    size_t done = 0;
    size_t size = 1;
    while (size > 0 && !inbound->is_closing) {
        struct slice rest = slice_of(inbound->bytes.data + done, inbound->bytes.size - done);
        struct frame frame;
        arena_reset(&peers->arena);
        enum err err = codec_decode(rest, &peers->arena, &frame, &size);
        if (err != ERR_OK) {
            LOG_WARN("malformed frame: closing the connection", LOG_ERR(err),
                     LOG_U64("member", inbound->from));
            inbound_close(inbound);
            return;
        }
        if (size > 0) {
            receive_frame(inbound, &frame, size);
            done += size;
        }
    }
    buf_consume(&inbound->bytes, done);
}

static void inbound_closed(struct stream *stream, void *owner, enum err reason) {
    struct inbound *inbound = owner;
    struct peers *peers = inbound->peers;
    struct peer *peer = inbound->from == 0 ? NULL : find_peer(peers, inbound->from);
    (void)stream;
    (void)reason;
    bool is_lost = peer != NULL && peer->inbound == inbound;
    if (is_lost) {
        peer->inbound = NULL;
    }
    uint64_t from = inbound->from;
    list_remove(&inbound->link);
    peers->inbound_count--;
    buf_deinit(&inbound->bytes);
    free(inbound);
    if (is_lost && !peers->is_closing) {
        peers->hooks.lost(peers->hooks.owner, from);
    }
    count_down(peers);
}

static void accepted(struct stream_listener *listener, void *owner, struct stream *stream) {
    static const struct stream_handlers handlers = {.received = inbound_received,
                                                    .closed = inbound_closed};
    struct peers *peers = owner;
    (void)listener;
    if (peers->is_closing || peers->inbound_count >= LIMIT_RAFT_INBOUND_MAX) {
        stream_close(stream);
        return;
    }
    struct inbound *inbound = must_alloc_zeroed(1, sizeof *inbound);
    inbound->peers = peers;
    inbound->stream = stream;
    inbound->opened_at = clock_now(peers);
    buf_init(&inbound->bytes);
    list_init(&inbound->link);
    list_append(&peers->inbounds, &inbound->link);
    peers->inbound_count++;
    peers->open_count++;
    stream_adopt(stream, &handlers, inbound);
}

/* ---- life ---- */

enum err peers_open(const struct peers_options *options, const struct peers_hooks *hooks,
                    struct peers **out_peers) {
    struct socket_address address;
    if (socket_address_parse(options->listen, &address) != ERR_OK) {
        LOG_ERROR("this is no address to listen on", LOG_TEXT("raft_listen", options->listen));
        return ERR_INVALID;
    }
    struct peers *peers = must_alloc_zeroed(1, sizeof *peers);
    peers->options = *options;
    peers->hooks = *hooks;
    list_init(&peers->peers);
    list_init(&peers->inbounds);
    enum err err = stream_listen(options->loop, &address, 0600, accepted, peers, &peers->listener);
    if (err != ERR_OK) {
        LOG_ERROR("cannot listen for the other members", LOG_TEXT("raft_listen", options->listen),
                  LOG_ERR(err));
        free(peers);
        return err;
    }
    peers->open_count = 1;
    peers->name = must_strdup(options->name);
    arena_init(&peers->arena);
    *out_peers = peers;
    return ERR_OK;
}

static void listener_closed(void *owner) {
    count_down(owner);
}

void peers_close(struct peers *peers, void (*closed)(void *owner), void *owner) {
    peers->is_closing = true;
    peers->closed = closed;
    peers->closed_owner = owner;
    LIST_FOR_EACH(&peers->peers, node) {
        struct peer *peer = CONTAINER_OF(node, struct peer, link);
        if (peer->stream != NULL) {
            stream_close(peer->stream);
        }
    }
    LIST_FOR_EACH(&peers->inbounds, node) {
        inbound_close(CONTAINER_OF(node, struct inbound, link));
    }
    stream_listener_close(peers->listener, listener_closed);
}

uint16_t peers_port(const struct peers *peers) {
    return stream_listener_port(peers->listener);
}

/* Ends what we have with a member that left the configuration. */
static void drop_peer(struct peer *peer) {
    if (peer->inbound != NULL) {
        inbound_close(peer->inbound);
        peer->inbound = NULL;
    }
    if (peer->stream == NULL) {
        peer_free(peer);
        return;
    }
    peer->is_gone = true;
    stream_close(peer->stream);
}

static void add_peer(struct peers *peers, const struct member *member) {
    struct peer *peer = must_alloc_zeroed(1, sizeof *peer);
    peer->peers = peers;
    peer->member = *member;
    peer->backoff_ms = LIMIT_RAFT_RECONNECT_MIN_MS;
    if (socket_address_parse(member->raft_address, &peer->address) != ERR_OK) {
        LOG_ERROR("member has no usable address", LOG_TEXT("member", member->name),
                  LOG_TEXT("address", member->raft_address));
        peer->dial_at = UINT64_MAX;
    }
    list_init(&peer->link);
    list_append(&peers->peers, &peer->link);
}

void peers_set_members(struct peers *peers, const struct configuration *configuration) {
    LIST_FOR_EACH(&peers->peers, node) {
        struct peer *peer = CONTAINER_OF(node, struct peer, link);
        const struct configured_member *found = configuration_find(configuration, peer->member.id);
        bool is_same =
            found != NULL && strcmp(found->member.raft_address, peer->member.raft_address) == 0;
        if (!is_same && !peer->is_gone) {
            drop_peer(peer);
        }
    }
    for (unsigned i = 0; i < configuration->count; i++) {
        const struct member *member = &configuration->members[i].member;
        if (member->id != peers->options.self && find_peer(peers, member->id) == NULL) {
            add_peer(peers, member);
        }
    }
}

void peers_tick(struct peers *peers, msec_t now) {
    if (peers->is_closing) {
        return;
    }
    LIST_FOR_EACH(&peers->peers, node) {
        struct peer *peer = CONTAINER_OF(node, struct peer, link);
        if (peer->stream == NULL && now >= peer->dial_at) {
            dial(peer);
        } else if (peer->is_connected && now >= peer->ping_at) {
            struct frame ping = {.type = FRAME_PING, .time_ms = now};
            peers_send(peers, peer->member.id, &ping);
            peer->ping_at = now + peers->options.ping_ms;
        }
    }
    LIST_FOR_EACH(&peers->inbounds, node) {
        struct inbound *inbound = CONTAINER_OF(node, struct inbound, link);
        if (inbound->from == 0 && now - inbound->opened_at >= LIMIT_RAFT_HELLO_TIMEOUT_MS) {
            inbound_close(inbound);
        }
    }
}

msec_t peers_deadline(const struct peers *peers) {
    msec_t deadline = UINT64_MAX;
    LIST_FOR_EACH(&peers->peers, node) {
        const struct peer *peer = CONTAINER_OF(node, struct peer, link);
        if (peer->stream == NULL) {
            deadline = MIN_OF(deadline, peer->dial_at);
        } else if (peer->is_connected) {
            deadline = MIN_OF(deadline, peer->ping_at);
        }
    }
    LIST_FOR_EACH(&peers->inbounds, node) {
        const struct inbound *inbound = CONTAINER_OF(node, struct inbound, link);
        if (inbound->from == 0 && !inbound->is_closing) {
            deadline = MIN_OF(deadline, inbound->opened_at + LIMIT_RAFT_HELLO_TIMEOUT_MS);
        }
    }
    return deadline;
}

bool peers_find(const struct peers *peers, uint64_t id, struct peer_status *out_status) {
    const struct peer *peer = find_peer(peers, id);
    if (peer == NULL) {
        return false;
    }
    out_status->is_connected = peer->is_connected && peer->inbound != NULL;
    out_status->heard_ms = peer->heard_ms;
    out_status->rtt_us = peer->rtt_us;
    out_status->version = peer->version;
    out_status->traffic = peer->traffic;
    return true;
}
