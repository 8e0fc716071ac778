/* Engines joined by an in-memory network. See engine_net.h. */
#include "engine_net.h"

#include "raft/codec.h"
#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

struct envelope {
    struct list link;
    uint64_t from, to;
    struct buf bytes;
};

struct node *node_of(struct net *net, uint64_t id) {
    return &net->nodes[id - 1];
}

uint64_t node_id(const struct node *node) {
    return (uint64_t)(node - node->net->nodes) + 1;
}

static void hook_save(void *owner, uint64_t term, uint64_t vote) {
    struct node *node = owner;
    assert_true(term >= node->ballot.term);
    /* Never two votes in a term. */
    assert_true(term > node->ballot.term || node->ballot.vote == 0 || node->ballot.vote == vote);
    node->ballot.term = term;
    node->ballot.vote = vote;
}

static void set_entry(struct node *node, uint64_t index, const struct log_entry *entry) {
    assert_true(index >= 1 && index <= LOG_MAX);
    struct entry *slot = &node->log[index - 1];
    buf_clear(&slot->data);
    slot->term = entry->term;
    slot->type = entry->type;
    buf_append(&slot->data, entry->data.data, entry->data.size);
}

static void hook_append(void *owner, uint64_t index, const struct log_entry *entries,
                        unsigned count) {
    struct node *node = owner;
    assert_true(index <= node->last + 1);
    assert_true(index > node->applied); /* what is applied is never replaced */
    for (unsigned i = 0; i < count; i++) {
        set_entry(node, index + i, &entries[i]);
    }
    node->last = index + count - 1;
    node->durable = MIN_OF(node->durable, index - 1);
}

static void hook_send(void *owner, uint64_t to, const struct raft_message *message) {
    struct node *node = owner;
    struct net *net = node->net;
    net->stray_count += to > net->count;
    if (to < 1 || to > net->count || node->is_cut ||
        (net->is_lossy && rand_below(&net->rand, 10) == 0)) {
        return;
    }
    struct envelope *envelope = must_alloc_zeroed(1, sizeof *envelope);
    envelope->from = node_id(node);
    envelope->to = to;
    buf_init(&envelope->bytes);
    struct frame frame = {.type = FRAME_MESSAGE, .message = *message};
    codec_encode(&frame, &envelope->bytes);
    list_init(&envelope->link);
    list_append(&net->wire, &envelope->link);
}

static void hook_get(void *owner, uint64_t index, struct arena *arena,
                     struct log_entry *out_entry) {
    struct node *node = owner;
    (void)arena;
    if (index < node->first && index == node->point.configuration_index) {
        *out_entry = (struct log_entry){.type = ENTRY_CHANGE, .data = node->point.configuration};
        return;
    }
    assert_true(index >= node->first && index <= node->last); /* the engine knows what is gone */
    const struct entry *slot = &node->log[index - 1];
    *out_entry =
        (struct log_entry){.term = slot->term, .type = slot->type, .data = buf_slice(&slot->data)};
}

static uint64_t hook_last_change(void *owner, uint64_t upto) {
    struct node *node = owner;
    for (uint64_t index = MIN_OF(upto, node->last); index >= node->first; index--) {
        if (node->log[index - 1].type == ENTRY_CHANGE) {
            return index;
        }
    }
    return node->point.configuration_index <= upto ? node->point.configuration_index : 0;
}

static void hook_offer(void *owner, uint64_t to, uint64_t term) {
    struct node *node = owner;
    assert_true(node->point.index > 0);
    assert_int_equal(term, engine_term(node->engine));
    node->offered_to = to;
}

void node_set_point(struct node *node, const struct snapshot_point *point) {
    struct buf configuration;
    buf_init(&configuration);
    buf_append(&configuration, point->configuration.data, point->configuration.size);
    buf_deinit(&node->configuration);
    node->configuration = configuration;
    node->point = *point;
    node->point.configuration = buf_slice(&node->configuration);
}

static void hook_install(void *owner, const struct snapshot_point *point) {
    struct node *node = owner;
    node_set_point(node, point);
    node->last = point->index;
    node->durable = point->index;
    node->applied = point->index;
    node->first = point->index + 1;
}

void node_snapshot(struct node *node, uint64_t trailing) {
    uint64_t change = hook_last_change(node, node->applied);
    struct log_entry entry;
    hook_get(node, change, NULL, &entry);
    struct snapshot_point point = {.index = node->applied,
                                   .term = node->log[node->applied - 1].term,
                                   .configuration_index = change,
                                   .configuration = entry.data};
    node_set_point(node, &point);
    engine_snapshot(node->engine, node->net->now, &node->point, trailing);
    assert_true(engine_first_index(node->engine) >= node->first);
    node->first = engine_first_index(node->engine);
}

static size_t hook_room(void *owner, uint64_t to) {
    (void)owner;
    (void)to;
    return LIMIT_RAFT_PEER_QUEUE_SIZE_MAX;
}

static void hook_changed(void *owner) {
    struct node *node = owner;
    struct net *net = node->net;
    if (engine_role(node->engine) != ROLE_LEADER) {
        return;
    }
    uint64_t term = engine_term(node->engine);
    uint64_t *leader = &net->leaders[term];
    assert_true(*leader == 0 || *leader == node_id(node)); /* one leader a term */
    if (*leader == 0) {
        buf_appendf(&net->trace, "%llu leads term %llu\n", (unsigned long long)node_id(node),
                    (unsigned long long)term);
    }
    *leader = node_id(node);
}

/* The members with ids 1..count. */
void net_make_configuration(unsigned count, struct buf *out) {
    struct configuration configuration = {.count = count};
    for (unsigned i = 0; i < count; i++) {
        struct member *member = &configuration.members[i].member;
        char text[64];
        snprintf(text, sizeof text, "s%u,127.0.0.1:%u,http://s%u", i + 1, i + 1, i + 1);
        assert_int_equal(member_parse(text, member), ERR_OK);
        member->id = i + 1;
    }
    configuration_encode(&configuration, out);
}

void node_start(struct node *node) {
    struct engine_hooks hooks = {.owner = node,
                                 .save_ballot = hook_save,
                                 .append = hook_append,
                                 .send = hook_send,
                                 .offer_snapshot = hook_offer,
                                 .install = hook_install,
                                 .room = hook_room,
                                 .get_entry = hook_get,
                                 .last_change = hook_last_change,
                                 .changed = hook_changed};
    struct engine_options options = {.id = node_id(node),
                                     .address = "self",
                                     .heartbeat_ms = 50,
                                     .election_ms = 500,
                                     .seed = (unsigned)(node_id(node) * 7919)};
    node->last = node->durable; /* the crash took the rest */
    node->engine = engine_new(&options, &hooks);
    struct log_entry *entries = must_alloc_zeroed((size_t)node->last + 1, sizeof *entries);
    uint64_t count = node->last + 1 - node->first;
    for (uint64_t i = 0; i < count; i++) {
        hook_get(node, node->first + i, NULL, &entries[i]);
    }
    engine_start(node->engine, node->net->now, &node->ballot,
                 node->point.index > 0 ? &node->point : NULL, node->first, entries, count);
    free(entries);
}

void node_crash(struct node *node) {
    engine_free(node->engine);
    node->engine = NULL;
}

void net_open(struct net *net, unsigned count) {
    memset(net, 0, sizeof *net);
    net->now = 1000;
    net->count = count;
    list_init(&net->wire);
    rand_seed(&net->rand, 4711);
    buf_init(&net->trace);
    struct buf bytes;
    buf_init(&bytes);
    net_make_configuration(count, &bytes);
    for (unsigned i = 0; i < count; i++) {
        struct node *node = &net->nodes[i];
        node->net = net;
        struct log_entry first = {.term = 1, .type = ENTRY_CHANGE, .data = buf_slice(&bytes)};
        set_entry(node, 1, &first);
        node->first = 1;
        node->durable = 1;
        node->ballot.term = 1;
        node_start(node);
    }
    buf_deinit(&bytes);
}

static void drop_envelope(struct envelope *envelope) {
    buf_deinit(&envelope->bytes);
    free(envelope);
}

void net_close(struct net *net) {
    struct list *link;
    while ((link = list_take_first(&net->wire)) != NULL) {
        drop_envelope(CONTAINER_OF(link, struct envelope, link));
    }
    for (unsigned i = 0; i < net->count; i++) {
        if (net->nodes[i].engine != NULL) {
            node_crash(&net->nodes[i]);
        }
        for (unsigned j = 0; j < LOG_MAX; j++) {
            buf_deinit(&net->nodes[i].log[j].data);
        }
        buf_deinit(&net->nodes[i].configuration);
    }
    buf_deinit(&net->trace);
}

static void deliver(struct net *net, struct envelope *envelope) {
    struct node *node = node_of(net, envelope->to);
    if (node->engine == NULL || node->is_cut || node_of(net, envelope->from)->is_cut) {
        return;
    }
    struct arena arena;
    arena_init(&arena);
    struct frame frame;
    size_t size;
    assert_int_equal(codec_decode(buf_slice(&envelope->bytes), &arena, &frame, &size), ERR_OK);
    engine_receive(node->engine, net->now, envelope->from, &frame.message);
    arena_deinit(&arena);
}

/* Committed and durable entries are applied; every node must see the same. */
static void node_apply(struct node *node) {
    while (node->applied < engine_apply_index(node->engine)) {
        uint64_t index = ++node->applied;
        assert_true(index <= node->durable);
        uint64_t *term = &node->net->committed_terms[index];
        assert_true(*term == 0 || *term == node->log[index - 1].term);
        *term = node->log[index - 1].term;
    }
}

void node_sync(struct node *node) {
    if (node->durable < node->last) {
        node->durable = node->last;
        engine_persisted(node->engine, node->net->now, node->durable);
    }
    node_apply(node);
}

/* One millisecond: timeouts, then messages until the wire is quiet, disks in between. */
void net_step(struct net *net) {
    net->now++;
    for (unsigned i = 0; i < net->count; i++) {
        if (net->nodes[i].engine != NULL) {
            engine_tick(net->nodes[i].engine, net->now);
        }
    }
    struct list *link;
    unsigned delivered = 0;
    while ((link = list_take_first(&net->wire)) != NULL && delivered++ < 1000) {
        struct envelope *envelope = CONTAINER_OF(link, struct envelope, link);
        deliver(net, envelope);
        struct node *node = node_of(net, envelope->to);
        if (node->engine != NULL && (!net->is_lossy || rand_below(&net->rand, 3) == 0)) {
            node_sync(node);
        }
        drop_envelope(envelope);
    }
    for (unsigned i = 0; i < net->count; i++) {
        if (net->nodes[i].engine != NULL && !net->is_lossy) {
            node_sync(&net->nodes[i]);
        }
    }
}

struct node *net_leader(struct net *net) {
    struct node *leader = NULL;
    for (unsigned i = 0; i < net->count; i++) {
        struct node *node = &net->nodes[i];
        if (node->engine != NULL && engine_role(node->engine) == ROLE_LEADER &&
            (leader == NULL || engine_term(node->engine) > engine_term(leader->engine))) {
            leader = node;
        }
    }
    return leader;
}

struct node *net_elect(struct net *net) {
    for (unsigned i = 0; i < 10000; i++) {
        struct node *leader = net_leader(net);
        if (leader != NULL && !leader->is_cut) {
            return leader;
        }
        net_step(net);
    }
    fail_msg("no leader");
    return NULL;
}

void net_run(struct net *net, unsigned ms) {
    for (unsigned i = 0; i < ms; i++) {
        net_step(net);
    }
}

uint64_t net_put(struct node *node, const char *text) {
    uint64_t index = 0;
    assert_int_equal(
        engine_submit(node->engine, node->net->now, ENTRY_COMMAND, slice_of_text(text), &index),
        ERR_OK);
    return index;
}

void net_assert_all_applied(struct net *net, uint64_t index) {
    for (unsigned i = 0; i < net->count; i++) {
        assert_int_equal(net->nodes[i].applied, index);
    }
}
