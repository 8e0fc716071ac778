/* A small cluster for tests. See cluster.h. */
#include "cluster.h"

#include "store/command.h"

#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

/* A port that is free now. */
static unsigned free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(close(fd), 0);
    return ntohs(address.sin_port);
}

static void node_applied(void *owner, uint64_t revision) {
    struct node *node = owner;
    (void)revision;
    node->applied_calls++;
}

static void node_changed(void *owner) {
    struct node *node = owner;
    node->changed_calls++;
}

void node_start(struct node *node) {
    struct cluster *cluster = node->cluster;
    struct store_options store_options = {.directory = node->store_directory};
    assert_int_equal(store_open(&store_options, &node->store), ERR_OK);
    struct member members[CLUSTER_MAX];
    for (unsigned i = 0; i < cluster->count; i++) {
        members[i] = cluster->nodes[i].member;
    }
    struct replica_options options = {.loop = &cluster->loop,
                                      .clock = &clock_system,
                                      .store = node->store,
                                      .name = node->member.name,
                                      .directory = node->log_directory,
                                      .raft_listen = node->member.raft_address,
                                      .members = members,
                                      .member_count = cluster->count,
                                      .heartbeat_ms = 50,
                                      .election_ms = 500,
                                      .quarantine_ms = 1000,
                                      .snapshot_entries = cluster->snapshot_entries,
                                      .owner = node,
                                      .applied = node_applied,
                                      .changed = node_changed};
    assert_int_equal(replica_open(&options, &node->replica), ERR_OK);
}

static void node_closed(void *owner) {
    struct node *node = owner;
    node->replica = NULL;
}

static bool node_is_closed(void *context) {
    const struct node *node = context;
    return node->replica == NULL;
}

void node_stop(struct node *node) {
    replica_close(node->replica, node_closed, node);
    cluster_run_until(node->cluster, node_is_closed, node, 5000);
    store_close(node->store);
    node->store = NULL;
}

void cluster_open(struct cluster *cluster, unsigned count) {
    cluster_open_snapshots(cluster, count, 0);
}

void cluster_open_snapshots(struct cluster *cluster, unsigned count, uint64_t snapshot_entries) {
    memset(cluster, 0, sizeof *cluster);
    (void)signal(SIGPIPE, SIG_IGN); /* as weftd does: a member may go at any time */
    cluster->count = count;
    cluster->snapshot_entries = snapshot_entries;
    snprintf(cluster->directory, sizeof cluster->directory, "/tmp/weft-raft-XXXXXX");
    assert_non_null(mkdtemp(cluster->directory));
    assert_int_equal(uv_loop_init(&cluster->loop), 0);
    assert_int_equal(uv_timer_init(&cluster->loop, &cluster->deadline), 0);
    for (unsigned i = 0; i < count; i++) {
        struct node *node = &cluster->nodes[i];
        node->cluster = cluster;
        char text[128];
        snprintf(text, sizeof text, "s%u,127.0.0.1:%u,http://127.0.0.1:%u", i + 1, free_port(),
                 9000 + i);
        assert_int_equal(member_parse(text, &node->member), ERR_OK);
        snprintf(node->log_directory, sizeof node->log_directory, "%s/log%u", cluster->directory,
                 i);
        snprintf(node->store_directory, sizeof node->store_directory, "%s/store%u",
                 cluster->directory, i);
    }
    for (unsigned i = 0; i < count; i++) {
        node_start(&cluster->nodes[i]);
    }
}

static int remove_path(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void cluster_close(struct cluster *cluster) {
    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->nodes[i].replica != NULL) {
            node_stop(&cluster->nodes[i]);
        }
    }
    uv_close((uv_handle_t *)&cluster->deadline, NULL);
    assert_int_equal(uv_run(&cluster->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&cluster->loop), 0);
    assert_int_equal(nftw(cluster->directory, remove_path, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void deadline_passed(uv_timer_t *timer) {
    struct cluster *cluster = timer->data;
    cluster->is_late = true;
}

void cluster_run_until(struct cluster *cluster, bool (*is_done)(void *context), void *context,
                       unsigned limit_ms) {
    cluster->is_late = false;
    cluster->deadline.data = cluster;
    assert_int_equal(uv_timer_start(&cluster->deadline, deadline_passed, limit_ms, 0), 0);
    while (!is_done(context)) {
        assert_false(cluster->is_late);
        (void)uv_run(&cluster->loop, UV_RUN_ONCE);
    }
    assert_int_equal(uv_timer_stop(&cluster->deadline), 0);
}

static struct node *find_leader(struct cluster *cluster) {
    struct node *leader = NULL;
    for (unsigned i = 0; i < cluster->count; i++) {
        struct node *node = &cluster->nodes[i];
        struct replica_status status;
        if (node->replica == NULL) {
            continue;
        }
        replica_status(node->replica, &status);
        if (status.is_ready) {
            leader = node;
        }
    }
    return leader;
}

static bool has_leader(void *context) {
    struct cluster *cluster = context;
    const struct node *leader = find_leader(cluster);
    for (unsigned i = 0; leader != NULL && i < cluster->count; i++) {
        const struct node *node = &cluster->nodes[i];
        if (node->replica == NULL) {
            continue;
        }
        const struct member *known = replica_leader(node->replica);
        if (known == NULL || strcmp(known->name, leader->member.name) != 0) {
            return false;
        }
    }
    return leader != NULL;
}

struct node *cluster_wait_leader(struct cluster *cluster) {
    cluster_run_until(cluster, has_leader, cluster, 15000);
    return find_leader(cluster);
}

static bool is_equal(void *context) {
    struct cluster *cluster = context;
    const struct node *leader = find_leader(cluster);
    if (leader == NULL) {
        return false;
    }
    struct replica_status first;
    replica_status(leader->replica, &first);
    for (unsigned i = 0; i < cluster->count; i++) {
        struct replica_status status;
        if (cluster->nodes[i].replica != NULL) {
            replica_status(cluster->nodes[i].replica, &status);
            if (status.applied_index != first.last_index) {
                return false;
            }
        }
    }
    return true;
}

void cluster_wait_equal(struct cluster *cluster) {
    cluster_run_until(cluster, is_equal, cluster, 10000);
}

struct put {
    struct proposal proposal;
    bool is_decided;
    enum err err;
};

static void put_decided(struct proposal *proposal, enum err err) {
    struct put *put = CONTAINER_OF(proposal, struct put, proposal);
    put->is_decided = true;
    put->err = err;
}

static bool put_is_decided(void *context) {
    const struct put *put = context;
    return put->is_decided;
}

enum err node_put(struct node *node, const char *name, const char *value,
                  struct outcome *out_outcome) {
    char key[128];
    snprintf(key, sizeof key, "kv/%s", name);
    struct command_put arguments = {.key = key, .payload = slice_of_text(value)};
    struct buf command;
    buf_init(&command);
    command_encode(COMMAND_PUT, &arguments, &command);
    struct put put = {.proposal = {.command = buf_slice(&command),
                                   .outcome = out_outcome,
                                   .decided = put_decided}};
    replica_propose(node->replica, &put.proposal);
    assert_false(put.is_decided); /* never from inside the call */
    cluster_run_until(node->cluster, put_is_decided, &put, 10000);
    buf_deinit(&command);
    return put.err;
}

struct get {
    struct read_request request;
    bool is_ready;
    enum err err;
};

static void get_ready(struct read_request *request, enum err err) {
    struct get *get = CONTAINER_OF(request, struct get, request);
    get->is_ready = true;
    get->err = err;
}

static bool get_is_ready(void *context) {
    const struct get *get = context;
    return get->is_ready;
}

enum err node_get(struct node *node, const char *name, char *out, size_t out_size) {
    struct get get = {.request = {.ready = get_ready}};
    replica_read(node->replica, &get.request);
    assert_false(get.is_ready);
    cluster_run_until(node->cluster, get_is_ready, &get, 10000);
    if (get.err != ERR_OK) {
        return get.err;
    }
    char key[128];
    snprintf(key, sizeof key, "kv/%s", name);
    struct store_read read;
    assert_int_equal(store_read_begin(node->store, &read), ERR_OK);
    struct object object;
    enum err err = store_get(&read, key, &object);
    if (err == ERR_OK) {
        assert_true(object.payload.size < out_size);
        memcpy(out, object.payload.data, object.payload.size);
        out[object.payload.size] = '\0';
    }
    store_read_end(&read);
    return err;
}
