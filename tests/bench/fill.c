/* bench-fill STORE PORT KEYS SIZE CONNECTIONS
 *
 * Writes the keys bench/00000000 .. with values of SIZE bytes, once each, over a number of
 * connections, and prints {"keys", "seconds"}. Ends with a message when one write is refused. */
#include "tests/bench/connection.h"
#include "tests/bench/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECTION_COUNT_MAX 1024u
#define VALUE_SIZE_MAX       65536u

struct fill {
    enum store store;
    unsigned key_count;
    unsigned sent;
    unsigned answered;
    struct buf value;
    struct buf request;
};

static void send_next(struct fill *fill, struct connection *connection) {
    char key[32];
    if (fill->sent == fill->key_count) {
        return;
    }
    snprintf(key, sizeof(key), "bench/%08u", fill->sent++);
    buf_clear(&fill->request);
    store_put(fill->store, key, buf_slice(&fill->value), &fill->request);
    connection_send(connection, buf_slice(&fill->request));
}

static void put_done(struct connection *connection, const struct http_message *answer) {
    struct fill *fill = connection->owner;
    if (answer->status / 100 != 2) {
        fail("a put was refused: %d %.*s", answer->status, (int)MIN_OF(answer->body.size, 200u),
             (const char *)answer->body.data);
    }
    fill->answered++;
    send_next(fill, connection);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fail("usage: bench-fill weft|etcd PORT KEYS SIZE CONNECTIONS");
    }
    struct fill fill = {.store = parse_store(argv[1])};
    uint16_t port = (uint16_t)parse_number(argv[2], 1, UINT16_MAX);
    fill.key_count = parse_number(argv[3], 1, 100000000);
    unsigned size = parse_number(argv[4], 1, VALUE_SIZE_MAX);
    unsigned count = parse_number(argv[5], 1, CONNECTION_COUNT_MAX);
    buf_init(&fill.value);
    buf_init(&fill.request);
    for (unsigned i = 0; i < size; i++) {
        buf_append_char(&fill.value, (char)('a' + i * 7 % 26));
    }
    struct loop loop;
    loop_open(&loop);
    struct connection *connections = must_alloc_zeroed(count, sizeof(*connections));
    uint64_t began = now_us();
    for (unsigned i = 0; i < count; i++) {
        connection_open(&connections[i], &loop, port, &fill, put_done);
        send_next(&fill, &connections[i]);
    }
    while (fill.answered < fill.key_count) {
        loop_turn(&loop);
    }
    printf("{\"keys\":%u,\"seconds\":%.6f}\n", fill.key_count, (double)(now_us() - began) / 1e6);
    for (unsigned i = 0; i < count; i++) {
        connection_close(&connections[i]);
    }
    free(connections);
    loop_close(&loop);
    buf_deinit(&fill.value);
    buf_deinit(&fill.request);
    return 0;
}
