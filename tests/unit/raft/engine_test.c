/* Engines of a small cluster: elections, commits, and the configuration that libraft alone would
 * lose. */
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

static void three_engines_elect_one_leader_and_commit(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 60);
    uint64_t barrier = leader->last;
    assert_int_equal(leader->log[barrier - 1].term, engine_term(leader->engine));
    assert_int_equal(net_put(leader, "a"), barrier + 1);
    assert_int_equal(net_put(leader, "b"), barrier + 2);
    net_run(&net, 110); /* two heartbeats tell the followers */
    net_assert_all_applied(&net, barrier + 2);
    for (unsigned i = 0; i < net.count; i++) {
        assert_int_equal(engine_leader(net.nodes[i].engine), node_id(leader));
        assert_int_equal(engine_commit_index(net.nodes[i].engine), barrier + 2);
        assert_int_equal(engine_match_index(leader->engine, i + 1), barrier + 2);
    }
    char expected[64];
    snprintf(expected, sizeof expected, "%llu leads term 2\n", (unsigned long long)node_id(leader));
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
            (void)net_put(leader, "x");
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
    uint64_t lost = net_put(old, "lost");
    net_run(&net, 4000);
    assert_int_not_equal(engine_role(old->engine), ROLE_LEADER);
    struct node *leader = net_leader(&net);
    assert_non_null(leader);
    assert_ptr_not_equal(leader, old);
    uint64_t kept = net_put(leader, "kept");
    assert_true(old->applied < lost);
    old->is_cut = false;
    net_run(&net, 2000);
    net_assert_all_applied(&net, net_leader(&net)->last);
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
    uint64_t id = node_id(leader);
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
        engine_leader_lost(other->engine, net.now, node_id(leader));
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
    net_make_configuration(4, &four);
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
    net_make_configuration(4, &four);
    net_make_configuration(5, &five);
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
    net_make_configuration(4, &four);
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
        (void)net_put(leader, text);
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
    (void)net_put(leader, "calm");
    net_run(&net, 200);
    net_assert_all_applied(&net, leader->last);
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
