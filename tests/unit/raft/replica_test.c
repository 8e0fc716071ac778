/* Whole replicas: election, replication, reads, handover, restart. */
#include "cluster.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

static struct node *other_than(struct cluster *cluster, const struct node *node) {
    return &cluster->nodes[node == &cluster->nodes[0] ? 1 : 0];
}

static void put_ok(struct node *node, const char *name, const char *value) {
    assert_int_equal(node_put(node, name, value, NULL), ERR_OK);
}

static void assert_reads(struct node *node, const char *name, const char *value) {
    char text[64];
    assert_int_equal(node_get(node, name, text, sizeof text), ERR_OK);
    assert_string_equal(text, value);
}

static void lone_replica_leads_and_applies(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 1);
    struct node *leader = cluster_wait_leader(&cluster);
    put_ok(leader, "a", "1");
    assert_reads(leader, "a", "1");
    node_stop(leader);
    node_start(leader);
    assert_ptr_equal(cluster_wait_leader(&cluster), leader);
    assert_reads(leader, "a", "1");
    put_ok(leader, "a", "2");
    assert_reads(leader, "a", "2");
    cluster_close(&cluster);
}

static void write_on_the_leader_applies_on_all(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    struct arena arena;
    arena_init(&arena);
    struct outcome outcome = {.arena = &arena};
    assert_int_equal(node_put(leader, "a", "1", &outcome), ERR_OK);
    assert_int_equal(outcome.problem.err, ERR_OK);
    assert_true(outcome.revision > 0 && outcome.is_created);
    arena_deinit(&arena);
    cluster_wait_equal(&cluster);
    uint64_t digest = store_digest(leader->store);
    for (unsigned i = 0; i < cluster.count; i++) {
        assert_int_equal(store_digest(cluster.nodes[i].store), digest);
        assert_true(cluster.nodes[i].applied_calls > 0 && cluster.nodes[i].changed_calls > 0);
    }
    cluster_close(&cluster);
}

static void every_member_reads_what_was_acknowledged(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    for (unsigned round = 0; round < 20; round++) {
        char value[16];
        snprintf(value, sizeof value, "%u", round);
        put_ok(leader, "a", value);
        for (unsigned i = 0; i < cluster.count; i++) {
            assert_reads(&cluster.nodes[i], "a", value);
        }
    }
    cluster_close(&cluster);
}

static void follower_refuses_proposals(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    assert_int_equal(node_put(other_than(&cluster, leader), "a", "1", NULL), ERR_NO_LEADER);
    cluster_close(&cluster);
}

static void members_go_on_without_the_leader(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *first = cluster_wait_leader(&cluster);
    put_ok(first, "a", "1");
    uint64_t term = replica_term(first->replica);
    node_stop(first);
    struct node *second = cluster_wait_leader(&cluster);
    assert_ptr_not_equal(first, second);
    assert_true(replica_term(second->replica) > term);
    assert_reads(second, "a", "1");
    put_ok(second, "b", "2");
    node_start(first);
    (void)cluster_wait_leader(&cluster);
    assert_reads(first, "b", "2");
    cluster_wait_equal(&cluster);
    assert_int_equal(store_digest(first->store), store_digest(second->store));
    cluster_close(&cluster);
}

static void minority_confirms_no_read(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    put_ok(leader, "a", "1");
    for (unsigned i = 0; i < cluster.count; i++) {
        if (&cluster.nodes[i] != leader) {
            node_stop(&cluster.nodes[i]);
        }
    }
    char text[64];
    enum err err = node_get(leader, "a", text, sizeof text);
    assert_true(err == ERR_NO_QUORUM || err == ERR_NO_LEADER || err == ERR_READ_TIMEOUT);
    cluster_close(&cluster);
}

static void restart_of_all_keeps_data(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    for (unsigned i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%u", i);
        put_ok(leader, name, "v");
    }
    cluster_wait_equal(&cluster);
    uint64_t revision = store_revision(leader->store);
    for (unsigned i = 0; i < cluster.count; i++) {
        node_stop(&cluster.nodes[i]);
    }
    for (unsigned i = 0; i < cluster.count; i++) {
        node_start(&cluster.nodes[i]);
    }
    leader = cluster_wait_leader(&cluster);
    cluster_wait_equal(&cluster);
    for (unsigned i = 0; i < cluster.count; i++) {
        assert_reads(&cluster.nodes[i], "k49", "v");
        assert_int_equal(store_revision(cluster.nodes[i].store), revision);
        assert_int_equal(store_digest(cluster.nodes[i].store), store_digest(leader->store));
    }
    cluster_close(&cluster);
}

static void what_a_restarted_member_has_applied_it_calls_committed(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    put_ok(cluster_wait_leader(&cluster), "a", "1");
    cluster_wait_equal(&cluster);
    for (unsigned i = 0; i < cluster.count; i++) {
        node_stop(&cluster.nodes[i]);
    }
    node_start(&cluster.nodes[0]); /* alone: no leader tells it anything */
    struct replica_status status;
    replica_status(cluster.nodes[0].replica, &status);
    assert_true(status.applied_index > 1);
    assert_int_equal(status.commit_index, status.applied_index);
    cluster_close(&cluster);
}

static void lost_store_is_rebuilt_from_the_log(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    put_ok(leader, "a", "1");
    struct node *victim = other_than(&cluster, leader);
    cluster_wait_equal(&cluster);
    node_stop(victim);
    snprintf(victim->store_directory, sizeof victim->store_directory, "%s/another",
             cluster.directory);
    node_start(victim);
    assert_int_equal(store_applied_index(victim->store), 0);
    (void)cluster_wait_leader(&cluster);
    assert_reads(victim, "a", "1");
    cluster_wait_equal(&cluster);
    assert_int_equal(store_digest(victim->store), store_digest(leader->store));
    cluster_close(&cluster);
}

static void directory_of_another_member_is_refused(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *a = &cluster.nodes[0];
    struct node *b = &cluster.nodes[1];
    node_stop(a);
    node_stop(b);
    struct store_options store_options = {.directory = a->store_directory};
    assert_int_equal(store_open(&store_options, &a->store), ERR_OK);
    struct replica_options options = {.loop = &cluster.loop,
                                      .clock = &clock_system,
                                      .store = a->store,
                                      .name = a->member.name,
                                      .directory = b->log_directory,
                                      .raft_listen = a->member.raft_address,
                                      .heartbeat_ms = 50,
                                      .election_ms = 500};
    struct replica *replica = NULL;
    assert_int_equal(replica_open(&options, &replica), ERR_INVALID);
    assert_null(replica);
    store_close(a->store);
    cluster_close(&cluster);
}

int main(void) {
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) { /* as every main does */
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lone_replica_leads_and_applies),
        cmocka_unit_test(write_on_the_leader_applies_on_all),
        cmocka_unit_test(every_member_reads_what_was_acknowledged),
        cmocka_unit_test(follower_refuses_proposals),
        cmocka_unit_test(members_go_on_without_the_leader),
        cmocka_unit_test(minority_confirms_no_read),
        cmocka_unit_test(restart_of_all_keeps_data),
        cmocka_unit_test(what_a_restarted_member_has_applied_it_calls_committed),
        cmocka_unit_test(lost_store_is_rebuilt_from_the_log),
        cmocka_unit_test(directory_of_another_member_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
