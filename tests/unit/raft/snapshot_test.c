/* Snapshots of whole replicas: taken, started from, shipped, and what damage and stops in between
 * leave. */
#include "cluster.h"

#include "raft/shelf.h"
#include "util/limits.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#define ENTRIES 50u

static void put_many(struct node *node, unsigned first, unsigned count, size_t value_size) {
    char *value = must_alloc(value_size + 1);
    memset(value, 'v', value_size);
    value[value_size] = '\0';
    for (unsigned i = first; i < first + count; i++) {
        char name[32];
        snprintf(name, sizeof name, "key%u", i);
        struct arena arena;
        arena_init(&arena);
        struct outcome outcome = {.arena = &arena};
        assert_int_equal(node_put(node, name, value, &outcome), ERR_OK);
        arena_deinit(&arena);
    }
    free(value);
}

static struct replica_status status_of(const struct node *node) {
    struct replica_status status;
    replica_status(node->replica, &status);
    return status;
}

static void assert_same_state(struct cluster *cluster) {
    cluster_wait_equal(cluster);
    uint64_t digest = 0;
    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->nodes[i].store != NULL) {
            uint64_t mine = store_digest_walk(cluster->nodes[i].store);
            assert_true(digest == 0 || mine == digest);
            assert_int_equal(store_digest(cluster->nodes[i].store), mine);
            digest = mine;
        }
    }
}

static bool has_settled_snapshots(void *context) {
    struct cluster *cluster = context;
    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->nodes[i].replica != NULL) {
            struct replica_status status = status_of(&cluster->nodes[i]);
            if (status.applied_index - status.snapshot_index >= ENTRIES) {
                return false;
            }
        }
    }
    return true;
}

static struct node *other_than(struct cluster *cluster, const struct node *node) {
    return node == &cluster->nodes[0] ? &cluster->nodes[1] : &cluster->nodes[0];
}

/* The newest file of a kind in the node's directory; false: there is none. */
static bool newest_of(const struct node *node, enum shelf_kind kind, struct shelf_item *out_item) {
    struct shelf_item items[SHELF_ITEMS_MAX];
    unsigned count;
    assert_int_equal(shelf_list(node->log_directory, items, &count), ERR_OK);
    for (unsigned i = 0; i < count; i++) {
        if (items[i].kind == kind) {
            *out_item = items[i];
            return true;
        }
    }
    return false;
}

static void flip_byte(const char *path, off_t offset) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    assert_int_equal(close(fd), 0);
}

static void damage(const struct node *node, const struct shelf_item *item) {
    char path[SHELF_PATH_SIZE];
    struct stat status;
    shelf_path(node->log_directory, item, path);
    assert_int_equal(stat(path, &status), 0);
    flip_byte(path, status.st_size / 2);
}

static void remove_store(const struct node *node) {
    const char *const names[] = {"data.mdb", "lock.mdb", "mark"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", node->store_directory, names[i]);
        (void)unlink(path);
    }
}

/* replica_open as node_start does it, for a start that must fail. */
static void assert_start_refused(struct node *node) {
    struct cluster *cluster = node->cluster;
    struct store_options store_options = {.directory = node->store_directory};
    assert_int_equal(store_open(&store_options, &node->store), ERR_OK);
    struct replica_options options = {.loop = &cluster->loop,
                                      .clock = &clock_system,
                                      .store = node->store,
                                      .name = node->member.name,
                                      .directory = node->log_directory,
                                      .raft_listen = node->member.raft_address,
                                      .heartbeat_ms = 50,
                                      .election_ms = 500,
                                      .owner = node};
    assert_int_equal(replica_open(&options, &node->replica), ERR_CORRUPT);
    assert_null(node->replica);
    store_close(node->store);
    node->store = NULL;
}

static void snapshots_are_taken_and_the_log_stays_short(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 3, ENTRIES);
    struct node *leader = cluster_wait_leader(&cluster);
    put_many(leader, 0, 400, 10);
    cluster_wait_equal(&cluster);
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 5000);
    for (unsigned i = 0; i < cluster.count; i++) {
        struct replica_status status = status_of(&cluster.nodes[i]);
        assert_true(status.snapshots_taken >= 5);
        assert_true(status.snapshot_size > 0);
        assert_true(status.last_index - status.first_index <= 3 * ENTRIES);
        assert_int_equal(status.member_count, 3);
    }
    struct shelf_item items[SHELF_ITEMS_MAX];
    unsigned count;
    assert_int_equal(shelf_list(leader->log_directory, items, &count), ERR_OK);
    assert_int_equal(count, LIMIT_SNAPSHOT_KEPT);
    assert_same_state(&cluster);
    cluster_close(&cluster);
}

static void all_start_again_from_snapshot_and_log(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 3, ENTRIES);
    put_many(cluster_wait_leader(&cluster), 0, 180, 10);
    cluster_wait_equal(&cluster);
    uint64_t digest = store_digest_walk(cluster.nodes[0].store);
    for (unsigned i = 0; i < cluster.count; i++) {
        node_stop(&cluster.nodes[i]);
        remove_store(&cluster.nodes[i]);
    }
    for (unsigned i = 0; i < cluster.count; i++) {
        node_start(&cluster.nodes[i]);
        assert_true(status_of(&cluster.nodes[i]).applied_index >=
                    status_of(&cluster.nodes[i]).snapshot_index);
    }
    struct node *leader = cluster_wait_leader(&cluster);
    char value[32];
    assert_int_equal(node_get(leader, "key179", value, sizeof value), ERR_OK);
    assert_int_equal(store_digest_walk(leader->store), digest);
    put_many(leader, 180, 120, 10);
    assert_same_state(&cluster);
    assert_int_equal(status_of(leader).member_count, 3);
    cluster_close(&cluster);
}

static void member_that_lags_gets_the_snapshot(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 3, ENTRIES);
    struct node *leader = cluster_wait_leader(&cluster);
    struct node *late = other_than(&cluster, leader);
    node_stop(late);
    put_many(leader, 0, 300, 1000);
    node_start(late);
    assert_same_state(&cluster);
    struct replica_status status = status_of(late);
    assert_int_equal(status.snapshots_fetched, 1);
    assert_false(status.is_leader);
    assert_int_equal(status.member_count, 3);
    assert_true(late->applied_calls > 0);
    /* It goes on from the log, and starts again by itself. */
    put_many(leader, 300, 120, 10);
    assert_same_state(&cluster);
    node_stop(late);
    remove_store(late);
    node_start(late);
    assert_same_state(&cluster);
    assert_int_equal(status_of(late).snapshots_fetched, 0);
    cluster_close(&cluster);
}

struct progress {
    const struct node *node;
    const struct node *leader;
    uint64_t chunks; /* that the leader is to have shipped */
};

static bool has_progressed(void *context) {
    const struct progress *progress = context;
    return status_of(progress->leader).chunks_shipped >= progress->chunks ||
           status_of(progress->node).snapshots_fetched > 0;
}

static void fetching_goes_on_where_it_was_cut(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 3, ENTRIES);
    struct node *leader = cluster_wait_leader(&cluster);
    struct node *late = other_than(&cluster, leader);
    node_stop(late);
    put_many(leader, 0, 120, 60000); /* some 7 MB, about 28 chunks */
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 10000);
    uint64_t chunks = status_of(leader).snapshot_size / LIMIT_RAFT_CHUNK_SIZE_MAX + 1;
    assert_true(chunks > 12);
    for (unsigned cut = 1; cut <= 5; cut++) {
        node_start(late);
        struct progress progress = {.node = late, .leader = leader, .chunks = 2 * cut};
        cluster_run_until(&cluster, has_progressed, &progress, 10000);
        assert_int_equal(status_of(late).snapshots_fetched, 0);
        node_stop(late);
        struct shelf_item item;
        assert_true(newest_of(late, SHELF_INCOMING, &item));
    }
    node_start(late);
    assert_same_state(&cluster);
    assert_int_equal(status_of(late).snapshots_fetched, 1);
    /* Each cut costs the chunk that was on its way, no more. */
    assert_true(status_of(leader).chunks_shipped <= chunks + 2 * 5);
    struct shelf_item item;
    assert_false(newest_of(late, SHELF_INCOMING, &item));
    assert_false(newest_of(late, SHELF_RECEIVED, &item));
    cluster_close(&cluster);
}

static void copy_file(const char *from, const char *to) {
    static char bytes[1 << 20];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    ssize_t got;
    while ((got = read(in, bytes, sizeof bytes)) > 0) {
        assert_int_equal(write(out, bytes, (size_t)got), got);
    }
    assert_int_equal(close(in), 0);
    assert_int_equal(close(out), 0);
}

/* The crash that comes between the complete file and the log that begins behind it. */
static void received_snapshot_is_installed_by_the_next_start(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 3, ENTRIES);
    struct node *leader = cluster_wait_leader(&cluster);
    struct node *late = other_than(&cluster, leader);
    node_stop(late);
    put_many(leader, 0, 300, 10);
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 5000);
    struct shelf_item item;
    char from[SHELF_PATH_SIZE];
    char to[SHELF_PATH_SIZE];
    assert_true(newest_of(leader, SHELF_SNAPSHOT, &item));
    shelf_path(leader->log_directory, &item, from);
    item.kind = SHELF_RECEIVED;
    shelf_path(late->log_directory, &item, to);
    copy_file(from, to);
    node_start(late);
    assert_int_equal(status_of(late).applied_index, item.index);
    assert_int_equal(status_of(late).first_index, item.index + 1);
    assert_same_state(&cluster);
    assert_int_equal(status_of(late).snapshots_fetched, 0);
    assert_false(newest_of(late, SHELF_RECEIVED, &item));
    node_stop(late);
    node_start(late);
    assert_same_state(&cluster);
    cluster_close(&cluster);
}

static void damaged_newest_snapshot_is_passed_over(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 1, ENTRIES);
    struct node *node = &cluster.nodes[0];
    (void)cluster_wait_leader(&cluster);
    put_many(node, 0, 180, 10);
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 5000);
    uint64_t digest = store_digest_walk(node->store);
    struct shelf_item newest = {.index = 0};
    assert_true(newest_of(node, SHELF_SNAPSHOT, &newest));
    node_stop(node);
    remove_store(node);
    damage(node, &newest);
    node_start(node);
    assert_true(status_of(node).snapshot_index > 0);
    assert_true(status_of(node).snapshot_index < newest.index);
    (void)cluster_wait_leader(&cluster);
    cluster_wait_equal(&cluster);
    assert_int_equal(store_digest_walk(node->store), digest);
    cluster_close(&cluster);
}

static bool has_taken_one(void *context) {
    const struct node *node = context;
    return status_of(node).snapshots_taken > 0;
}

/* Nobody needed it at the start; who needs it next must not find it. */
static void damage_beside_a_whole_store_is_found_soon_after_the_start(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 1, ENTRIES);
    struct node *node = &cluster.nodes[0];
    (void)cluster_wait_leader(&cluster);
    put_many(node, 0, 60, 10);
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 5000);
    struct shelf_item newest = {.index = 0};
    struct shelf_item replaced = {.index = 0};
    assert_true(newest_of(node, SHELF_SNAPSHOT, &newest));
    node_stop(node);
    damage(node, &newest);
    node_start(node);
    cluster_run_until(&cluster, has_taken_one, node, LIMIT_SNAPSHOT_VERIFY_DELAY_MS + 5000);
    assert_true(newest_of(node, SHELF_SNAPSHOT, &replaced));
    assert_true(replaced.index > newest.index);
    char path[SHELF_PATH_SIZE];
    shelf_path(node->log_directory, &newest, path);
    assert_int_not_equal(access(path, F_OK), 0);
    cluster_close(&cluster);
}

/* The member finds out, and the leader, which writes nothing else meanwhile, makes up for it. */
static void damage_while_the_leader_runs_is_repaired_when_a_member_needs_it(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 3, ENTRIES);
    struct node *leader = cluster_wait_leader(&cluster);
    struct node *late = other_than(&cluster, leader);
    node_stop(late);
    put_many(leader, 0, 180, 10);
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 5000);
    struct shelf_item newest = {.index = 0};
    assert_true(newest_of(leader, SHELF_SNAPSHOT, &newest));
    damage(leader, &newest);
    node_start(late);
    assert_same_state(&cluster);
    assert_int_equal(status_of(late).snapshots_fetched, 1);
    cluster_close(&cluster);
}

static bool has_cut_its_log(void *context) {
    const struct node *node = context;
    char path[256];
    snprintf(path, sizeof path, "%s/segment-00000001", node->log_directory);
    return access(path, F_OK) != 0;
}

/* Files of the log that only a damaged snapshot could make up for are missing. */
static void start_is_refused_when_no_snapshot_is_whole(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 1, 4);
    struct node *node = &cluster.nodes[0];
    (void)cluster_wait_leader(&cluster);
    put_many(node, 0, 60, 400000); /* three files of the log */
    cluster_run_until(&cluster, has_cut_its_log, node, 10000);
    assert_true(has_cut_its_log(node));
    struct shelf_item items[SHELF_ITEMS_MAX];
    unsigned count;
    node_stop(node);
    remove_store(node);
    assert_int_equal(shelf_list(node->log_directory, items, &count), ERR_OK);
    assert_true(count > 0);
    for (unsigned i = 0; i < count; i++) {
        damage(node, &items[i]);
    }
    assert_start_refused(node);
    for (unsigned i = 0; i < count; i++) {
        damage(node, &items[i]); /* back again */
    }
    node_start(node);
    (void)cluster_wait_leader(&cluster);
    cluster_close(&cluster);
}

static void log_that_lost_entries_is_refused_beside_its_snapshot(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open_snapshots(&cluster, 1, ENTRIES);
    struct node *node = &cluster.nodes[0];
    (void)cluster_wait_leader(&cluster);
    put_many(node, 0, 60, 10);
    cluster_run_until(&cluster, has_settled_snapshots, &cluster, 5000);
    node_stop(node);
    remove_store(node); /* with the mark, which would say so, too */
    char path[256];
    snprintf(path, sizeof path, "%s/segment-00000001", node->log_directory);
    assert_int_equal(unlink(path), 0);
    assert_start_refused(node);
    cluster_close(&cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_are_taken_and_the_log_stays_short),
        cmocka_unit_test(all_start_again_from_snapshot_and_log),
        cmocka_unit_test(member_that_lags_gets_the_snapshot),
        cmocka_unit_test(fetching_goes_on_where_it_was_cut),
        cmocka_unit_test(received_snapshot_is_installed_by_the_next_start),
        cmocka_unit_test(damaged_newest_snapshot_is_passed_over),
        cmocka_unit_test(damage_beside_a_whole_store_is_found_soon_after_the_start),
        cmocka_unit_test(damage_while_the_leader_runs_is_repaired_when_a_member_needs_it),
        cmocka_unit_test(start_is_refused_when_no_snapshot_is_whole),
        cmocka_unit_test(log_that_lost_entries_is_refused_beside_its_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
