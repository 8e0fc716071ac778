/* bench-watch STORE PORT WATCHERS PUTS
 *
 * Opens watches on one prefix, all on one server, and prints "standing" when all stand. After a
 * line on its input it writes keys one at a time, each when the last watcher has had the one
 * before, and prints
 * {"watchers", "puts", "last_ms", "worst_ms"}: the median and the longest time from sending a put
 * to the last watcher having its event. One process reads all streams: its own work (a receive and
 * the search for the key, for each event) is in the figure, the same for both stores. */
#include "tests/bench/connection.h"
#include "tests/bench/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHER_COUNT_MAX 20000u
#define PUT_COUNT_MAX     10000u
#define VALUE_SIZE        256u

struct watch {
    enum store store;
    unsigned watcher_count;
    unsigned standing;
    unsigned seen; /* watchers that have the current key */
    bool is_acknowledged;
    struct buf mark;
    struct buf request;
};

/* The first line of either store says that the watch stands; later ones are events or bookmarks. */
static void event_line(struct connection *connection, struct slice line) {
    struct watch *watch = connection->owner;
    if (memmem(line.data, line.size, watch->mark.data, watch->mark.size) != NULL) {
        watch->seen++;
    }
}

static void first_line(struct connection *connection, struct slice line) {
    struct watch *watch = connection->owner;
    const char *mark = watch->store == STORE_WEFT ? "\"BOOKMARK\"" : "\"created\":true";
    if (memmem(line.data, line.size, mark, strlen(mark)) == NULL) {
        fail("a watch begins with: %.*s", (int)MIN_OF(line.size, 200u), (const char *)line.data);
    }
    watch->standing++;
    connection->on_line = event_line;
}

static void put_done(struct connection *connection, const struct http_message *answer) {
    struct watch *watch = connection->owner;
    if (answer->status / 100 != 2) {
        fail("a put was refused: %d", answer->status);
    }
    watch->is_acknowledged = true;
}

/* Returns microseconds from the sending to the last event. */
static uint64_t put_once(struct watch *watch, struct loop *loop, struct connection *writer,
                         unsigned number) {
    char key[32];
    uint8_t value[VALUE_SIZE];
    memset(value, 'v', sizeof(value));
    snprintf(key, sizeof(key), "watched/%08u", number);
    buf_clear(&watch->mark);
    store_event_mark(watch->store, key, &watch->mark);
    buf_clear(&watch->request);
    store_put(watch->store, key, slice_of(value, sizeof(value)), &watch->request);
    watch->seen = 0;
    watch->is_acknowledged = false;
    uint64_t began = now_us();
    uint64_t ended = 0;
    connection_send(writer, buf_slice(&watch->request));
    while (ended == 0 || !watch->is_acknowledged) {
        loop_turn(loop);
        if (watch->seen == watch->watcher_count && ended == 0) {
            ended = now_us();
        }
    }
    return ended - began;
}

static int compare_times(const void *a, const void *b) {
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

static void measure(struct watch *watch, struct loop *loop, struct connection *writer,
                    unsigned put_count) {
    uint64_t *times = must_alloc_zeroed(put_count, sizeof(*times));
    for (unsigned i = 0; i < put_count; i++) {
        times[i] = put_once(watch, loop, writer, i);
    }
    unsigned middle = put_count / 2;
    qsort(times, put_count, sizeof(*times), compare_times);
    printf("{\"watchers\":%u,\"puts\":%u,\"last_ms\":%.3f,\"worst_ms\":%.3f}\n",
           watch->watcher_count, put_count, (double)times[middle] / 1e3,
           (double)times[put_count - 1] / 1e3);
    free(times);
}

static void wait_for_go(void) {
    char line[8];
    puts("standing");
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        fail("nobody says go");
    }
}

static void open_watchers(struct watch *watch, struct loop *loop, struct connection *watchers,
                          uint16_t port) {
    buf_clear(&watch->request);
    store_watch(watch->store, "watched/", &watch->request);
    for (unsigned i = 0; i < watch->watcher_count; i++) {
        connection_open(&watchers[i], loop, port, watch, NULL);
        connection_stream(&watchers[i], first_line);
        connection_send(&watchers[i], buf_slice(&watch->request));
    }
    while (watch->standing < watch->watcher_count) {
        loop_turn(loop);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fail("usage: bench-watch weft|etcd PORT WATCHERS PUTS");
    }
    struct watch watch = {.store = parse_store(argv[1])};
    uint16_t port = (uint16_t)parse_number(argv[2], 1, UINT16_MAX);
    watch.watcher_count = parse_number(argv[3], 1, WATCHER_COUNT_MAX);
    unsigned put_count = parse_number(argv[4], 1, PUT_COUNT_MAX);
    struct connection *watchers = must_alloc_zeroed(watch.watcher_count, sizeof(*watchers));
    struct connection writer;
    struct loop loop;
    allow_descriptors();
    loop_open(&loop);
    buf_init(&watch.mark);
    buf_init(&watch.request);
    open_watchers(&watch, &loop, watchers, port);
    connection_open(&writer, &loop, port, &watch, put_done);
    wait_for_go();
    measure(&watch, &loop, &writer, put_count);
    for (unsigned i = 0; i < watch.watcher_count; i++) {
        connection_close(&watchers[i]);
    }
    connection_close(&writer);
    free(watchers);
    buf_deinit(&watch.mark);
    buf_deinit(&watch.request);
    loop_close(&loop);
    return 0;
}
