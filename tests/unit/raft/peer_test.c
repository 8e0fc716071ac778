/* Who may speak to a replica: strangers on its Raft port are sent away, and the cluster goes on. */
#include "cluster.h"

#include "raft/codec.h"
#include "util/crc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

static int connect_to(const struct node *node) {
    unsigned port = (unsigned)strtoul(strrchr(node->member.raft_address, ':') + 1, NULL, 10);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool is_closed(void *context) {
    const int *fd = context;
    char byte;
    ssize_t got = recv(*fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static void assert_sent_away(struct node *node, struct slice bytes) {
    int fd = connect_to(node);
    assert_int_equal(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL), (ssize_t)bytes.size);
    cluster_run_until(node->cluster, is_closed, &fd, 3000); /* sooner than a hello's deadline */
    assert_int_equal(close(fd), 0);
}

/* The hello that member 2 would send to member 1. */
static struct frame make_hello(struct cluster *cluster) {
    struct replica_status status;
    replica_status(cluster->nodes[0].replica, &status);
    struct frame frame = {.type = FRAME_HELLO};
    frame.hello = (struct frame_hello){.version = CODEC_VERSION,
                                       .cluster = strtoull(status.cluster_id, NULL, 16),
                                       .from = 2,
                                       .to = 1,
                                       .name = "s2",
                                       .program = "test"};
    return frame;
}

static void assert_hello_sent_away(struct cluster *cluster, const struct frame *frame) {
    struct buf bytes;
    buf_init(&bytes);
    codec_encode(frame, &bytes);
    assert_sent_away(&cluster->nodes[0], buf_slice(&bytes));
    buf_deinit(&bytes);
}

static void only_members_of_this_cluster_are_heard(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    struct frame frame = make_hello(&cluster);
    frame.hello.cluster++;
    assert_hello_sent_away(&cluster, &frame);
    frame = make_hello(&cluster);
    frame.hello.from = 4;
    assert_hello_sent_away(&cluster, &frame);
    frame = make_hello(&cluster);
    frame.hello.name[1] = '3';
    assert_hello_sent_away(&cluster, &frame);
    frame = make_hello(&cluster);
    frame.hello.to = 3;
    assert_hello_sent_away(&cluster, &frame);
    frame = make_hello(&cluster);
    frame.hello.version++;
    assert_hello_sent_away(&cluster, &frame);
    frame = (struct frame){.type = FRAME_PING};
    assert_hello_sent_away(&cluster, &frame);
    assert_int_equal(node_put(leader, "a", "1", NULL), ERR_OK);
    cluster_close(&cluster);
}

static void malformed_frames_close_the_connection(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    (void)cluster_wait_leader(&cluster);
    struct node *node = &cluster.nodes[0];
    assert_sent_away(node, slice_of_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    uint8_t large[CODEC_PREFIX_SIZE] = {0xFF, 0xFF, 0xFF, 0xFF};
    assert_sent_away(node, slice_of(large, sizeof large));
    uint8_t empty[CODEC_PREFIX_SIZE] = {0};
    assert_sent_away(node, slice_of(empty, sizeof empty));
    /* A good hello, then a message that no codec writes: libraft's InstallSnapshot. */
    struct frame hello = make_hello(&cluster);
    struct buf bytes;
    buf_init(&bytes);
    codec_encode(&hello, &bytes);
    uint8_t payload[2] = {FRAME_MESSAGE, RAFT_INSTALL_SNAPSHOT};
    buf_put_u32(&bytes, sizeof payload);
    buf_put_u32(&bytes, crc32c(0, payload, sizeof payload));
    buf_append(&bytes, payload, sizeof payload);
    assert_sent_away(node, buf_slice(&bytes));
    buf_deinit(&bytes);
    assert_int_equal(node_put(cluster_wait_leader(&cluster), "a", "1", NULL), ERR_OK);
    cluster_wait_equal(&cluster);
    cluster_close(&cluster);
}

static bool all_measured(void *context) {
    struct cluster *cluster = context;
    struct replica_status status;
    replica_status(cluster->nodes[0].replica, &status);
    return status.reachable == 3 && status.members[1].rtt_us > 0 && status.members[2].rtt_us > 0;
}

static void members_know_each_other(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_open(&cluster, 3);
    struct node *leader = cluster_wait_leader(&cluster);
    cluster_run_until(&cluster, all_measured, &cluster, 5000);
    struct replica_status status;
    replica_status(cluster.nodes[0].replica, &status);
    assert_int_equal(status.voters, 3);
    assert_int_equal(status.needed, 2);
    assert_string_equal(status.leader_name, leader->member.name);
    assert_string_equal(status.leader_url, leader->member.api_url);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(status.members[i].version, WEFT_VERSION);
        bool is_leader = strcmp(status.members[i].member.name, leader->member.name) == 0;
        assert_int_equal(status.members[i].state, is_leader ? MEMBER_LEADER : MEMBER_FOLLOWER);
    }
    cluster_close(&cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_members_of_this_cluster_are_heard),
        cmocka_unit_test(malformed_frames_close_the_connection),
        cmocka_unit_test(members_know_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
