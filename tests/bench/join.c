/* bench-join STORE PORT NODES NETWORK
 *
 * NODES nodes get a /24 of a network 10.64.0.0/12 at once, each on a connection of its own that
 * stands before the clock starts. Prints {"nodes", "seconds", "requests"}: until all have one, and
 * how many requests they made together. The network exists already.
 *
 * weft: one POST .../acquire a node.
 *
 * etcd: flannel's way (its pkg/subnet/etcd/local_manager.go and registry.go), through the gateway:
 * read the network's config, read all leases, choose a random one of the first 100 free subnets,
 * grant a lease of a day, create the key if it is absent; when another node was faster, begin again
 * at the reading. Three things are left out, all in etcd's favour: the time-to-live request for
 * each listed lease, the revocation of the lease that a lost race leaves, and giving up after a
 * lost race or ten. */
#include "tests/bench/connection.h"
#include "tests/bench/store.h"
#include "util/base64.h"
#include "util/rand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE_COUNT_MAX  4000u
#define SUBNET_COUNT    4096u /* of /24 in a /12 */
#define CHOICE_COUNT    100u
#define FIRST_OCTET_LOW 64u /* 10.64.0.0/12 */
#define LEASE_TTL_S     86400u
#define LEASE_ID_MAX    32u

struct join {
    enum store store;
    const char *network;
    unsigned node_count;
    unsigned joined;
    uint64_t request_count;
    struct rand rand;
    struct buf text;
    struct buf request;
    bool is_taken[SUBNET_COUNT]; /* weft: granted in this run; a second grant is a fault */
};

struct node {
    struct join *join;
    unsigned index;
    struct connection connection;
    unsigned subnet; /* etcd: the one to try */
    char lease_id[LEASE_ID_MAX];
};

static void send_request(struct node *node, const char *target) {
    struct join *join = node->join;
    buf_clear(&join->request);
    build_request(&join->request, METHOD_POST, target, buf_slice(&join->text));
    join->request_count++;
    connection_send(&node->connection, buf_slice(&join->request));
}

static void begin(struct node *node);

/* Whether to go on. A store that is between two leaders says 503: the node begins again, as real
 * ones do, and the request counts. Any other refusal is a fault. */
static bool is_success(struct node *node, const struct http_message *answer) {
    if (answer->status == 503) {
        begin(node);
        return false;
    }
    if (answer->status / 100 != 2) {
        fail("refused: %d %.*s", answer->status, (int)MIN_OF(answer->body.size, 300u),
             (const char *)answer->body.data);
    }
    return true;
}

/* What stands behind `mark` in an answer, up to the next quote; empty when it is not there. */
static struct slice find_text(struct slice body, const char *mark) {
    const uint8_t *found = memmem(body.data, body.size, mark, strlen(mark));
    if (found == NULL) {
        return slice_of(NULL, 0);
    }
    const uint8_t *begin = found + strlen(mark);
    const uint8_t *end = memchr(begin, '"', body.size - (size_t)(begin - body.data));
    return end != NULL ? slice_of(begin, (size_t)(end - begin)) : slice_of(NULL, 0);
}

/* The number of a subnet "10.64.7.0" within the /12. */
static unsigned subnet_number(const char *text) {
    const char *mark = "10.";
    char *end = NULL;
    bool is_ours = strncmp(text, mark, strlen(mark)) == 0;
    unsigned long second = is_ours ? strtoul(text + strlen(mark), &end, 10) : 0;
    unsigned long third = is_ours && *end == '.' ? strtoul(end + 1, &end, 10) : UINT8_MAX + 1;
    if (second < FIRST_OCTET_LOW || second >= FIRST_OCTET_LOW + SUBNET_COUNT / 256 ||
        third > UINT8_MAX) {
        fail("'%s' is no subnet of the network", text);
    }
    return (unsigned)((second - FIRST_OCTET_LOW) * 256 + third);
}

static void acquire_done(struct connection *connection, const struct http_message *answer) {
    struct node *node = connection->owner;
    struct join *join = node->join;
    char text[32];
    if (!is_success(node, answer)) {
        return;
    }
    struct slice subnet = find_text(answer->body, "\"subnet\":\"");
    snprintf(text, sizeof(text), "%.*s", (int)MIN_OF(subnet.size, 31u), (const char *)subnet.data);
    unsigned number = subnet_number(text);
    if (join->is_taken[number]) {
        fail("%s was given twice", text);
    }
    join->is_taken[number] = true;
    join->joined++;
}

static void acquire(struct node *node) {
    struct join *join = node->join;
    char target[128];
    snprintf(target, sizeof(target), "/v1/subnets/%s/acquire", join->network);
    buf_clear(&join->text);
    buf_appendf(&join->text,
                "{\"node\":\"node-%u\",\"public_ip\":\"192.168.%u.%u\",\"backend_type\":\"vxlan\","
                "\"backend_data\":{\"vni\":1,\"vtep_mac\":\"02:00:00:00:%02x:%02x\"}}",
                node->index, node->index / 250, node->index % 250 + 1, node->index / 256,
                node->index % 256);
    node->connection.on_answer = acquire_done;
    send_request(node, target);
}

/* ---- flannel's way ---- */

static void append_network_key(struct join *join, struct buf *out, const char *rest) {
    buf_clear(out);
    buf_appendf(out, "/%s/%s", join->network, rest);
}

static void append_subnet_key(struct node *node, struct buf *out) {
    char rest[48];
    snprintf(rest, sizeof(rest), "subnets/10.%u.%u.0-24", FIRST_OCTET_LOW + node->subnet / 256,
             node->subnet % 256);
    append_network_key(node->join, out, rest);
}

static void list_leases(struct node *node);

static void create_done(struct connection *connection, const struct http_message *answer) {
    struct node *node = connection->owner;
    const char *mark = "\"succeeded\":true";
    if (!is_success(node, answer)) {
        return;
    }
    if (memmem(answer->body.data, answer->body.size, mark, strlen(mark)) != NULL) {
        node->join->joined++;
    } else {
        list_leases(node);
    }
}

static void append_attributes(struct node *node, struct buf *out) {
    struct buf value;
    buf_init(&value);
    buf_appendf(&value,
                "{\"PublicIP\":\"192.168.%u.%u\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","
                "\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:%02x:%02x\"}}",
                node->index / 250, node->index % 250 + 1, node->index / 256, node->index % 256);
    append_base64_field(out, false, "value", buf_slice(&value));
    buf_deinit(&value);
}

static void create_if_absent(struct node *node) {
    struct buf *out = &node->join->text;
    struct buf key;
    buf_init(&key);
    append_subnet_key(node, &key);
    buf_clear(out);
    buf_append_text(out,
                    "{\"compare\":[{\"target\":\"VERSION\",\"result\":\"EQUAL\",\"version\":\"0\"");
    append_base64_field(out, false, "key", buf_slice(&key));
    buf_append_text(out, "}],\"success\":[{\"request_put\":{");
    append_base64_field(out, true, "key", buf_slice(&key));
    append_attributes(node, out);
    buf_appendf(out, ",\"lease\":\"%s\"}}]}", node->lease_id);
    buf_deinit(&key);
    node->connection.on_answer = create_done;
    send_request(node, "/v3/kv/txn");
}

static void grant_done(struct connection *connection, const struct http_message *answer) {
    struct node *node = connection->owner;
    if (!is_success(node, answer)) {
        return;
    }
    struct slice id = find_text(answer->body, "\"ID\":\"");
    if (id.size == 0 || id.size >= LEASE_ID_MAX) {
        fail("a grant has no ID");
    }
    snprintf(node->lease_id, LEASE_ID_MAX, "%.*s", (int)id.size, (const char *)id.data);
    create_if_absent(node);
}

/* Marks the subnets that an answer lists. */
static void read_leases(struct slice body, bool is_taken[SUBNET_COUNT]) {
    const char *mark = "\"key\":\"";
    struct buf key;
    buf_init(&key);
    for (struct slice text = find_text(body, mark); text.size > 0; text = find_text(body, mark)) {
        buf_clear(&key);
        if (base64_decode(text, &key) != ERR_OK) {
            fail("a key is not base64");
        }
        const char *begin = strrchr(buf_text(&key), '/');
        is_taken[subnet_number(begin != NULL ? begin + 1 : "")] = true;
        const uint8_t *rest = text.data + text.size;
        body = slice_of(rest, body.size - (size_t)(rest - body.data));
    }
    buf_deinit(&key);
}

static void list_done(struct connection *connection, const struct http_message *answer) {
    struct node *node = connection->owner;
    struct join *join = node->join;
    bool is_taken[SUBNET_COUNT] = {false};
    unsigned choices[CHOICE_COUNT];
    unsigned count = 0;
    if (!is_success(node, answer)) {
        return;
    }
    read_leases(answer->body, is_taken);
    for (unsigned i = 1; i < SUBNET_COUNT && count < CHOICE_COUNT; i++) {
        if (!is_taken[i]) {
            choices[count++] = i;
        }
    }
    if (count == 0) {
        fail("out of subnets");
    }
    node->subnet = choices[rand_below(&join->rand, count)];
    buf_clear(&join->text);
    buf_appendf(&join->text, "{\"TTL\":%u}", LEASE_TTL_S);
    node->connection.on_answer = grant_done;
    send_request(node, "/v3/lease/grant");
}

static void list_leases(struct node *node) {
    struct join *join = node->join;
    struct buf key;
    buf_init(&key);
    buf_clear(&join->text);
    buf_append_char(&join->text, '{');
    append_network_key(join, &key, "subnets/");
    append_base64_field(&join->text, true, "key", buf_slice(&key));
    append_network_key(join, &key, "subnets0"); /* the character behind the slash */
    append_base64_field(&join->text, false, "range_end", buf_slice(&key));
    buf_append_char(&join->text, '}');
    buf_deinit(&key);
    node->connection.on_answer = list_done;
    send_request(node, "/v3/kv/range");
}

static void config_done(struct connection *connection, const struct http_message *answer) {
    struct node *node = connection->owner;
    if (!is_success(node, answer)) {
        return;
    }
    if (find_text(answer->body, "\"value\":\"").size == 0) {
        fail("the network has no config");
    }
    list_leases(node);
}

static void read_config(struct node *node) {
    struct join *join = node->join;
    struct buf key;
    buf_init(&key);
    append_network_key(join, &key, "config");
    buf_clear(&join->text);
    buf_append_char(&join->text, '{');
    append_base64_field(&join->text, true, "key", buf_slice(&key));
    buf_append_char(&join->text, '}');
    buf_deinit(&key);
    node->connection.on_answer = config_done;
    send_request(node, "/v3/kv/range");
}

static void begin(struct node *node) {
    if (node->join->store == STORE_WEFT) {
        acquire(node);
    } else {
        read_config(node);
    }
}

static double join_all(struct join *join, struct loop *loop, struct node *nodes) {
    uint64_t began = now_us();
    for (unsigned i = 0; i < join->node_count; i++) {
        begin(&nodes[i]);
    }
    while (join->joined < join->node_count) {
        loop_turn(loop);
    }
    return (double)(now_us() - began) / 1e6;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fail("usage: bench-join weft|etcd PORT NODES NETWORK");
    }
    static struct join join;
    struct loop loop;
    join.store = parse_store(argv[1]);
    uint16_t port = (uint16_t)parse_number(argv[2], 1, UINT16_MAX);
    join.node_count = parse_number(argv[3], 1, NODE_COUNT_MAX);
    join.network = argv[4];
    struct node *nodes = must_alloc_zeroed(join.node_count, sizeof(*nodes));
    allow_descriptors();
    loop_open(&loop);
    rand_seed_os(&join.rand);
    buf_init(&join.text);
    buf_init(&join.request);
    for (unsigned i = 0; i < join.node_count; i++) {
        nodes[i].join = &join;
        nodes[i].index = i;
        connection_open(&nodes[i].connection, &loop, port, &nodes[i], NULL);
    }
    double seconds = join_all(&join, &loop, nodes);
    printf("{\"nodes\":%u,\"seconds\":%.6f,\"requests\":%llu}\n", join.node_count, seconds,
           (unsigned long long)join.request_count);
    for (unsigned i = 0; i < join.node_count; i++) {
        connection_close(&nodes[i].connection);
    }
    free(nodes);
    buf_deinit(&join.text);
    buf_deinit(&join.request);
    loop_close(&loop);
    return 0;
}
