/* Engines in one process, joined by an in-memory network that speaks real frames: elections,
 * commits, and the configuration that libraft alone would lose. */
#include "raft/codec.h"
#include "raft/engine.h"

#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#define NODE_MAX 5u
#define LOG_MAX  4096u

struct entry {
    uint64_t term;
    enum entry_type type;
    struct buf data;
};

struct node {
    struct net *net;
    struct engine *engine; /* NULL: down */
    struct ballot ballot;
    struct entry log[LOG_MAX]; /* index - 1 */
    uint64_t last;
    uint64_t durable;
    uint64_t applied;
    bool is_cut;
};

struct envelope {
    struct list link;
    uint64_t from, to;
    struct buf bytes;
};

struct net {
    msec_t now;
    unsigned count;
    struct node nodes[NODE_MAX];
    struct list wire;
    struct rand rand;
    bool is_lossy;
    unsigned stray_count; /* messages to members that the network does not have */
    struct buf trace;
    uint64_t committed_terms[LOG_MAX]; /* term of each applied index: all must agree */
    uint64_t leaders[LOG_MAX];         /* of each term */
};

static struct node *node_of(struct net *net, uint64_t id) {
    return &net->nodes[id - 1];
}

static uint64_t id_of(const struct node *node) {
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
    envelope->from = id_of(node);
    envelope->to = to;
    buf_init(&envelope->bytes);
    struct frame frame = {.type = FRAME_MESSAGE, .message = *message};
    codec_encode(&frame, &envelope->bytes);
    list_init(&envelope->link);
    list_append(&net->wire, &envelope->link);
}

static size_t hook_room(void *owner, uint64_t to) {
    (void)owner;
    (void)to;
    return LIMIT_RAFT_PEER_QUEUE_SIZE_MAX;
}

static void hook_get(void *owner, uint64_t index, struct arena *arena,
                     struct log_entry *out_entry) {
    struct node *node = owner;
    (void)arena;
    assert_true(index >= 1 && index <= node->last);
    const struct entry *slot = &node->log[index - 1];
    *out_entry =
        (struct log_entry){.term = slot->term, .type = slot->type, .data = buf_slice(&slot->data)};
}

static uint64_t hook_last_change(void *owner, uint64_t upto) {
    struct node *node = owner;
    for (uint64_t index = MIN_OF(upto, node->last); index > 0; index--) {
        if (node->log[index - 1].type == ENTRY_CHANGE) {
            return index;
        }
    }
    return 0;
}

static void hook_changed(void *owner) {
    struct node *node = owner;
    struct net *net = node->net;
    if (engine_role(node->engine) != ROLE_LEADER) {
        return;
    }
    uint64_t term = engine_term(node->engine);
    uint64_t *leader = &net->leaders[term];
    assert_true(*leader == 0 || *leader == id_of(node)); /* one leader a term */
    if (*leader == 0) {
        buf_appendf(&net->trace, "%llu leads term %llu\n", (unsigned long long)id_of(node),
                    (unsigned long long)term);
    }
    *leader = id_of(node);
}

/* The members with ids 1..count. */
static void make_configuration(unsigned count, struct buf *out) {
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

static void node_start(struct node *node) {
    struct engine_hooks hooks = {.owner = node,
                                 .save_ballot = hook_save,
                                 .append = hook_append,
                                 .send = hook_send,
                                 .room = hook_room,
                                 .get_entry = hook_get,
                                 .last_change = hook_last_change,
                                 .changed = hook_changed};
    struct engine_options options = {.id = id_of(node),
                                     .address = "self",
                                     .heartbeat_ms = 50,
                                     .election_ms = 500,
                                     .seed = (unsigned)(id_of(node) * 7919)};
    node->last = node->durable; /* the crash took the rest */
    node->engine = engine_new(&options, &hooks);
    struct log_entry *entries = must_alloc_zeroed((size_t)node->last + 1, sizeof *entries);
    for (uint64_t i = 0; i < node->last; i++) {
        hook_get(node, i + 1, NULL, &entries[i]);
    }
    engine_start(node->engine, node->net->now, &node->ballot, NULL, 1, entries, node->last);
    free(entries);
}

static void node_crash(struct node *node) {
    engine_free(node->engine);
    node->engine = NULL;
}

static void net_open(struct net *net, unsigned count) {
    memset(net, 0, sizeof *net);
    net->now = 1000;
    net->count = count;
    list_init(&net->wire);
    rand_seed(&net->rand, 4711);
    buf_init(&net->trace);
    struct buf bytes;
    buf_init(&bytes);
    make_configuration(count, &bytes);
    for (unsigned i = 0; i < count; i++) {
        struct node *node = &net->nodes[i];
        node->net = net;
        struct log_entry first = {.term = 1, .type = ENTRY_CHANGE, .data = buf_slice(&bytes)};
        set_entry(node, 1, &first);
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

static void net_close(struct net *net) {
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

static void node_sync(struct node *node) {
    if (node->durable < node->last) {
        node->durable = node->last;
        engine_persisted(node->engine, node->net->now, node->durable);
    }
    node_apply(node);
}

/* One millisecond: timeouts, then messages until the wire is quiet, disks in between. */
static void net_step(struct net *net) {
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

static struct node *net_leader(struct net *net) {
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

static struct node *net_elect(struct net *net) {
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

static void net_run(struct net *net, unsigned ms) {
    for (unsigned i = 0; i < ms; i++) {
        net_step(net);
    }
}

static uint64_t put(struct node *node, const char *text) {
    uint64_t index = 0;
    assert_int_equal(
        engine_submit(node->engine, node->net->now, ENTRY_COMMAND, slice_of_text(text), &index),
        ERR_OK);
    return index;
}

static void assert_all_applied(struct net *net, uint64_t index) {
    for (unsigned i = 0; i < net->count; i++) {
        assert_int_equal(net->nodes[i].applied, index);
    }
}

static void three_engines_elect_one_leader_and_commit(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 60);
    uint64_t barrier = leader->last;
    assert_int_equal(leader->log[barrier - 1].term, engine_term(leader->engine));
    assert_int_equal(put(leader, "a"), barrier + 1);
    assert_int_equal(put(leader, "b"), barrier + 2);
    net_run(&net, 110); /* two heartbeats tell the followers */
    assert_all_applied(&net, barrier + 2);
    for (unsigned i = 0; i < net.count; i++) {
        assert_int_equal(engine_leader(net.nodes[i].engine), id_of(leader));
        assert_int_equal(engine_commit_index(net.nodes[i].engine), barrier + 2);
        assert_int_equal(engine_match_index(leader->engine, i + 1), barrier + 2);
    }
    char expected[64];
    snprintf(expected, sizeof expected, "%llu leads term 2\n", (unsigned long long)id_of(leader));
    assert_string_equal(buf_text(&net.trace), expected);
    net_close(&net);
}

static void same_seeds_give_the_same_trace(void **state) {
    (void)state;
    struct net first;
    struct net second;
    struct net *nets[2] = {&first, &second};
    for (unsigned i = 0; i < 2; i++) {
        net_open(nets[i], 3);
        nets[i]->is_lossy = true;
        for (unsigned round = 0; round < 3; round++) {
            struct node *leader = net_elect(nets[i]);
            (void)put(leader, "x");
            net_run(nets[i], 200);
            node_crash(leader);
            net_run(nets[i], 3000);
            node_start(leader);
        }
    }
    assert_int_equal(first.now, second.now);
    assert_true(first.trace.size > 0);
    assert_true(slice_equal(buf_slice(&first.trace), buf_slice(&second.trace)));
    net_close(&first);
    net_close(&second);
}

static void new_leader_brings_a_barrier_of_its_own_term(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    for (unsigned round = 0; round < 4; round++) {
        struct node *leader = net_elect(&net);
        net_run(&net, 120);
        assert_int_equal(leader->log[leader->applied - 1].term, engine_term(leader->engine));
        node_crash(leader);
        net_run(&net, 3000);
        node_start(leader);
        net_run(&net, 120);
    }
    net_close(&net);
}

static void cut_off_leader_steps_down_and_loses_its_suffix(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *old = net_elect(&net);
    net_run(&net, 120);
    old->is_cut = true;
    uint64_t lost = put(old, "lost");
    net_run(&net, 4000);
    assert_int_not_equal(engine_role(old->engine), ROLE_LEADER);
    struct node *leader = net_leader(&net);
    assert_non_null(leader);
    assert_ptr_not_equal(leader, old);
    uint64_t kept = put(leader, "kept");
    assert_true(old->applied < lost);
    old->is_cut = false;
    net_run(&net, 2000);
    assert_all_applied(&net, net_leader(&net)->last);
    assert_int_equal(old->log[kept - 1].data.size, 4);
    assert_memory_equal(old->log[kept - 1].data.data, "kept", 4);
    net_close(&net);
}

static void leadership_is_handed_over(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 120);
    assert_int_equal(engine_transfer(leader->engine, net.now, 0), ERR_OK);
    net_run(&net, 10);
    assert_int_not_equal(engine_role(leader->engine), ROLE_LEADER);
    assert_non_null(net_leader(&net));
    assert_int_equal(engine_transfer(leader->engine, net.now, 0), ERR_NO_LEADER);
    net_close(&net);
}

static void lost_leader_is_replaced_soon(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 120);
    uint64_t id = id_of(leader);
    node_crash(leader);
    for (unsigned i = 0; i < net.count; i++) {
        if (net.nodes[i].engine != NULL) {
            engine_leader_lost(net.nodes[i].engine, net.now, id);
        }
    }
    net_run(&net, 105); /* two heartbeats and the votes */
    assert_non_null(net_leader(&net));
    net_close(&net);
}

static void false_alarm_does_not_depose_a_healthy_leader(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 120);
    uint64_t term = engine_term(leader->engine);
    for (unsigned round = 0; round < 50; round++) {
        struct node *other = &net.nodes[leader == &net.nodes[0] ? 1 : 0];
        engine_leader_lost(other->engine, net.now, id_of(leader));
        net_run(&net, 37);
    }
    assert_ptr_equal(net_leader(&net), leader);
    assert_int_equal(engine_term(leader->engine), term);
    net_close(&net);
}

/* One engine as a follower of server 1 in term 2, fed by hand. */
static void feed(struct node *node, uint64_t prev, uint64_t prev_term,
                 const struct raft_entry *entries, unsigned count, uint64_t commit, uint64_t term) {
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES};
    message.append_entries.term = term;
    message.append_entries.prev_log_index = prev;
    message.append_entries.prev_log_term = prev_term;
    message.append_entries.leader_commit = commit;
    message.append_entries.entries = (struct raft_entry *)(uintptr_t)entries;
    message.append_entries.n_entries = count;
    engine_receive(node->engine, node->net->now, 1, &message);
    node_sync(node);
}

static struct raft_entry command_of(uint64_t term) {
    return (struct raft_entry){
        .term = term, .type = RAFT_COMMAND, .buf = {.base = (void *)(uintptr_t) "x", .len = 1}};
}

static struct raft_entry change_of(uint64_t term, const struct buf *bytes) {
    return (struct raft_entry){
        .term = term, .type = RAFT_CHANGE, .buf = {.base = bytes->data, .len = bytes->size}};
}

/* libraft 0.22.1 records the batch's first index for it and so never sees it committed. */
static void configuration_inside_a_batch_is_not_lost(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *node = node_of(&net, 2);
    struct buf four;
    buf_init(&four);
    make_configuration(4, &four);
    struct raft_entry entries[4] = {command_of(2), command_of(2), change_of(2, &four),
                                    command_of(2)};
    feed(node, 1, 1, entries, 4, 1, 2);
    assert_int_equal(engine_configuration(node->engine)->count, 4);
    assert_int_equal(engine_committed_configuration_index(node->engine), 1);
    feed(node, 5, 2, NULL, 0, 5, 2);
    assert_int_equal(engine_committed_configuration_index(node->engine), 4);
    assert_int_equal(engine_configuration(node->engine)->count, 4);
    buf_deinit(&four);
    net_close(&net);
}

static void second_configuration_before_the_first_commit_is_not_lost(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *node = node_of(&net, 2);
    struct buf four;
    struct buf five;
    buf_init(&four);
    buf_init(&five);
    make_configuration(4, &four);
    make_configuration(5, &five);
    struct raft_entry entries[3] = {change_of(2, &four), command_of(2), change_of(2, &five)};
    feed(node, 1, 1, entries, 3, 1, 2);
    assert_int_equal(engine_configuration(node->engine)->count, 5);
    feed(node, 4, 2, NULL, 0, 3, 2);
    assert_int_equal(engine_committed_configuration_index(node->engine), 2);
    assert_int_equal(engine_configuration(node->engine)->count, 5);
    feed(node, 4, 2, NULL, 0, 4, 2);
    assert_int_equal(engine_committed_configuration_index(node->engine), 4);
    buf_deinit(&four);
    buf_deinit(&five);
    net_close(&net);
}

static void truncated_configuration_is_rolled_back(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *node = node_of(&net, 2);
    struct buf four;
    buf_init(&four);
    make_configuration(4, &four);
    struct raft_entry entries[3] = {command_of(2), command_of(2), change_of(2, &four)};
    feed(node, 1, 1, entries, 3, 1, 2);
    assert_int_equal(engine_configuration(node->engine)->count, 4);
    /* A later leader never had it. */
    struct raft_entry newer[1] = {command_of(3)};
    feed(node, 2, 2, newer, 1, 1, 3);
    assert_int_equal(engine_configuration(node->engine)->count, 3);
    assert_int_equal(engine_last_index(node->engine), 3);
    feed(node, 3, 3, NULL, 0, 3, 3);
    assert_int_equal(engine_committed_configuration_index(node->engine), 1);
    /* libraft has forgotten the fourth member too: nobody asks it for its vote. */
    node_of(&net, 1)->is_cut = true;
    node_of(&net, 3)->is_cut = true;
    net_run(&net, 3000);
    assert_int_equal(engine_role(node->engine), ROLE_CANDIDATE);
    assert_int_equal(net.stray_count, 0);
    buf_deinit(&four);
    net_close(&net);
}

static void nothing_is_applied_before_it_is_durable(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *node = node_of(&net, 2);
    struct raft_entry entries[2] = {command_of(2), command_of(2)};
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES};
    message.append_entries.term = 2;
    message.append_entries.prev_log_index = 1;
    message.append_entries.prev_log_term = 1;
    message.append_entries.leader_commit = 3; /* the others have them already */
    message.append_entries.entries = entries;
    message.append_entries.n_entries = 2;
    engine_receive(node->engine, net.now, 1, &message);
    assert_int_equal(engine_commit_index(node->engine), 3);
    assert_int_equal(engine_apply_index(node->engine), 1);
    engine_persisted(node->engine, net.now, 2);
    assert_int_equal(engine_apply_index(node->engine), 2);
    engine_persisted(node->engine, net.now, 3);
    assert_int_equal(engine_apply_index(node->engine), 3);
    net_close(&net);
}

static void nonsense_is_dropped(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *node = node_of(&net, 2);
    struct raft_entry entry = command_of(3);
    feed(node, 1, 1, &entry, 1, 1, 2); /* newer than its leader */
    entry.term = 0;
    feed(node, 1, 1, &entry, 1, 1, 2);
    feed(node, 1, 0, NULL, 0, 1, 2);          /* an index without a term */
    feed(node, 0, 0, NULL, 0, 1, UINT64_MAX); /* a term that would end all */
    struct raft_entry change = command_of(2);
    change.type = RAFT_CHANGE; /* "x" is no configuration */
    feed(node, 1, 1, &change, 1, 1, 2);
    struct raft_message message = {.type = RAFT_INSTALL_SNAPSHOT};
    engine_receive(node->engine, net.now, 1, &message);
    message.type = RAFT_REQUEST_VOTE;
    message.request_vote.term = 9;
    message.request_vote.candidate_id = 3; /* but 1 sends it */
    engine_receive(node->engine, net.now, 1, &message);
    assert_int_equal(engine_term(node->engine), 1);
    assert_int_equal(engine_last_index(node->engine), 1);
    entry.term = 2;
    feed(node, 1, 1, &entry, 1, 1, 2);
    assert_int_equal(engine_last_index(node->engine), 2);
    net_close(&net);
}

static void large_backlog_is_sent_in_bounded_messages(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 120);
    struct node *behind = &net.nodes[leader == &net.nodes[0] ? 1 : 0];
    behind->is_cut = true;
    size_t size = 3 * 1024 * 1024;
    char *text = must_alloc(size + 1);
    memset(text, 'x', size);
    text[size] = '\0';
    for (unsigned i = 0; i < 10; i++) { /* 30 MiB: more than a frame */
        (void)put(leader, text);
        net_run(&net, 5);
    }
    behind->is_cut = false;
    net_run(&net, 1000);
    assert_int_equal(behind->applied, leader->last);
    free(text);
    net_close(&net);
}

/* Losses, crashes, cuts and late disks; the assertions are in the hooks and in node_apply. */
static void rough_weather_breaks_no_invariant(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 5);
    net.is_lossy = true;
    unsigned puts = 0;
    for (unsigned round = 0; round < 400; round++) {
        struct node *leader = net_leader(&net);
        uint64_t index;
        if (leader != NULL && engine_submit(leader->engine, net.now, ENTRY_COMMAND,
                                            slice_of_text("weather"), &index) == ERR_OK) {
            puts++;
        }
        struct node *node = &net.nodes[rand_below(&net.rand, net.count)];
        uint64_t what = rand_below(&net.rand, 20);
        if (what == 0 && node->engine != NULL) {
            node_crash(node);
        } else if (what < 5 && node->engine == NULL) {
            node_start(node);
        } else if (what == 5) {
            node->is_cut = true;
        } else if (what > 14) {
            node->is_cut = false;
        }
        net_run(&net, 40);
    }
    net.is_lossy = false;
    for (unsigned i = 0; i < net.count; i++) {
        net.nodes[i].is_cut = false;
        if (net.nodes[i].engine == NULL) {
            node_start(&net.nodes[i]);
        }
    }
    net_run(&net, 5000);
    struct node *leader = net_leader(&net);
    assert_non_null(leader);
    (void)put(leader, "calm");
    net_run(&net, 200);
    assert_all_applied(&net, leader->last);
    assert_true(puts > 50);
    net_close(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_engines_elect_one_leader_and_commit),
        cmocka_unit_test(same_seeds_give_the_same_trace),
        cmocka_unit_test(new_leader_brings_a_barrier_of_its_own_term),
        cmocka_unit_test(cut_off_leader_steps_down_and_loses_its_suffix),
        cmocka_unit_test(leadership_is_handed_over),
        cmocka_unit_test(lost_leader_is_replaced_soon),
        cmocka_unit_test(false_alarm_does_not_depose_a_healthy_leader),
        cmocka_unit_test(configuration_inside_a_batch_is_not_lost),
        cmocka_unit_test(second_configuration_before_the_first_commit_is_not_lost),
        cmocka_unit_test(truncated_configuration_is_rolled_back),
        cmocka_unit_test(nothing_is_applied_before_it_is_durable),
        cmocka_unit_test(nonsense_is_dropped),
        cmocka_unit_test(large_backlog_is_sent_in_bounded_messages),
        cmocka_unit_test(rough_weather_breaks_no_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
