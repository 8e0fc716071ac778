/* Engines whose logs begin behind a snapshot, and how soon an election comes after a start. */
#include "engine_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

static void put_some(struct net *net, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        (void)net_put(net_elect(net), "x");
        net_run(net, 2);
    }
    net_run(net, 120);
}

/* The snapshot of `from` arrives at `to`, complete. */
static bool install(struct node *to, const struct node *from) {
    struct snapshot_point point = from->point;
    if (!engine_install(to->engine, to->net->now, &point)) {
        return false;
    }
    assert_true(engine_is_installing(to->engine));
    assert_int_equal(engine_apply_index(to->engine), 0);
    engine_installed(to->engine, to->net->now, &to->point);
    assert_false(engine_is_installing(to->engine));
    return true;
}

static struct node *follower_of(struct net *net, const struct node *leader) {
    return leader == &net->nodes[0] ? &net->nodes[1] : &net->nodes[0];
}

static void member_that_lags_is_offered_the_snapshot_and_goes_on(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    struct node *late = follower_of(&net, leader);
    node_crash(late);
    put_some(&net, 100);
    node_snapshot(leader, 5);
    assert_int_equal(engine_first_index(leader->engine), leader->applied - 5 + 1);
    node_start(late);
    net_run(&net, 1000);
    assert_int_equal(leader->offered_to, node_id(late));
    assert_true(engine_match_index(leader->engine, node_id(late)) < leader->first);
    assert_true(install(late, leader));
    net_run(&net, 200);
    assert_int_equal(engine_commit_index(late->engine), leader->applied);
    put_some(&net, 20);
    net_assert_all_applied(&net, leader->last);
    assert_int_equal(engine_match_index(leader->engine, node_id(late)), leader->last);
    net_close(&net);
}

static void installed_member_starts_votes_and_leads_from_its_snapshot(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    struct node *late = follower_of(&net, leader);
    node_crash(late);
    put_some(&net, 40);
    node_snapshot(leader, 1);
    node_start(late);
    net_run(&net, 1000);
    assert_true(install(late, leader));
    net_run(&net, 200);
    /* The configuration is only in the snapshot now. */
    assert_int_equal(engine_configuration(late->engine)->count, 3);
    assert_int_equal(engine_committed_configuration_index(late->engine), 1);
    node_crash(late);
    node_start(late);
    assert_int_equal(engine_configuration(late->engine)->count, 3);
    assert_int_equal(engine_commit_index(late->engine), late->point.index);
    node_crash(leader);
    struct node *next = net_elect(&net);
    assert_ptr_not_equal(next, leader);
    net_run(&net, 200);
    (void)net_put(next, "after");
    net_run(&net, 200);
    assert_int_equal(late->applied, next->applied);
    assert_int_equal(next->applied, next->last);
    net_close(&net);
}

/* Its snapshot is older than what the log has by now, or newer than a log that diverged. */
static void snapshot_is_installed_only_over_a_log_that_lacks_it(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    struct node *other = follower_of(&net, leader);
    put_some(&net, 30);
    node_snapshot(leader, 5);
    assert_true(engine_has(other->engine, leader->point.index, leader->point.term));
    assert_false(install(other, leader));
    /* Entries that were never committed, in the place of committed ones. */
    leader->is_cut = true;
    for (unsigned i = 0; i < 20; i++) {
        (void)net_put(leader, "lost");
    }
    net_run(&net, 5000);
    struct node *next = net_leader(&net);
    assert_ptr_not_equal(next, leader);
    put_some(&net, 20);
    node_snapshot(next, 1);
    leader->is_cut = false;
    assert_false(engine_has(leader->engine, next->point.index, next->point.term));
    net_run(&net, 1000);
    if (leader->last < next->last) {
        assert_true(install(leader, next));
    }
    net_run(&net, 300);
    put_some(&net, 5);
    net_assert_all_applied(&net, next->last);
    net_close(&net);
}

/* A leader whose log reaches further back than the follower's may send what the follower's snapshot
 * has. Taken as it is, it would be put behind the newest entry. */
static void entries_from_before_the_head_are_known(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    put_some(&net, 60);
    struct node *other = follower_of(&net, leader);
    node_snapshot(other, 2);
    uint64_t last = other->last;
    struct raft_entry entries[40];
    for (unsigned i = 0; i < 40; i++) {
        const struct entry *entry = &leader->log[i];
        entries[i] = (struct raft_entry){.term = entry->term, .type = (unsigned short)entry->type};
        entries[i].buf.base = entry->data.data;
        entries[i].buf.len = entry->data.size;
    }
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES};
    message.append_entries.term = engine_term(leader->engine);
    message.append_entries.leader_commit = leader->applied;
    message.append_entries.entries = entries;
    message.append_entries.n_entries = 40;
    engine_receive(other->engine, net.now, node_id(leader), &message); /* from the very first on */
    message.append_entries.prev_log_index = 10;
    message.append_entries.prev_log_term = leader->log[9].term;
    message.append_entries.entries = entries + 10;
    message.append_entries.n_entries = 1;
    engine_receive(other->engine, net.now, node_id(leader), &message);
    message.append_entries.entries = NULL;
    message.append_entries.n_entries = 0;
    engine_receive(other->engine, net.now, node_id(leader), &message);
    assert_int_equal(other->last, last);
    assert_int_equal(engine_last_index(other->engine), last);
    net_run(&net, 100);
    put_some(&net, 5);
    net_assert_all_applied(&net, leader->last);
    assert_int_equal(engine_term(leader->engine), message.append_entries.term);
    net_close(&net);
}

static void connected_majority_elects_within_two_heartbeats(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    for (unsigned i = 0; i < 3; i++) {
        engine_hasten_election(net.nodes[i].engine, net.now);
    }
    msec_t began = net.now;
    (void)net_elect(&net);
    assert_true(net.now - began <= 2 * 50 + 5); /* the election timeout is 500 ms and more */
    net_close(&net);
}

static void restarted_member_never_deposes_a_healthy_leader(void **state) {
    (void)state;
    struct net net;
    net_open(&net, 3);
    struct node *leader = net_elect(&net);
    net_run(&net, 120);
    uint64_t term = engine_term(leader->engine);
    for (unsigned round = 0; round < 50; round++) {
        struct node *other = follower_of(&net, leader);
        node_crash(other);
        net_run(&net, round * 7 % 60);
        node_start(other);
        engine_hasten_election(other->engine, net.now);
        net_run(&net, 150);
        assert_int_equal(engine_role(leader->engine), ROLE_LEADER);
        assert_int_equal(engine_term(leader->engine), term);
        assert_int_equal(engine_leader(other->engine), node_id(leader));
    }
    net_close(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(member_that_lags_is_offered_the_snapshot_and_goes_on),
        cmocka_unit_test(installed_member_starts_votes_and_leads_from_its_snapshot),
        cmocka_unit_test(snapshot_is_installed_only_over_a_log_that_lacks_it),
        cmocka_unit_test(entries_from_before_the_head_are_known),
        cmocka_unit_test(connected_majority_elects_within_two_heartbeats),
        cmocka_unit_test(restarted_member_never_deposes_a_healthy_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
