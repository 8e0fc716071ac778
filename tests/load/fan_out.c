/* Watchers by the thousand: opens them, writes keys at a steady pace through the same API, and
 * checks what each watcher is told.
 *
 *   fan_out --port N [--watchers N] [--mute N] [--groups N] [--events N] [--size BYTES] [--gap-ms
 * N]
 *           [--pause]
 *
 * Event i is a PUT of kv/fan/<i mod groups>/<i>; watcher w sees the prefix kv/fan/<w mod groups>/.
 * Mute watchers see kv/fan/ and do not read between the first line and the end. Prints `ready` when
 * all watchers are there, and with --pause waits for a line of input then and before it goes. Ends
 * when every watcher that reads has had all its events, in order, or says what is missing. Prints
 * one JSON object: how long an event took from the beginning of its PUT to the last watcher that
 * was told (p50, p99, max), and what became of the mute ones, which then read what there still is.
 * Exit status: 0 all was told in order, 1 not, 2 could not be tried.
 *
 * One thread, one epoll; owns every descriptor until the process ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_HEAD_SIZE  160u
#define READ_SIZE       (256u * 1024u)
#define PATIENCE_US     (30u * 1000u * 1000u)
#define DRAIN_US        (3u * 1000u * 1000u)
#define MUTE_RECEIVE    4096
#define OPENING_MAX     256u
#define TURN_EVENTS     512
#define EVENT_VALUE_MAX (512u * 1024u)

struct watcher {
    int descriptor;
    bool is_mute;
    bool is_ready; /* the first line came */
    bool is_ended;
    bool was_told; /* an ERROR line came before the end */
    unsigned group;
    unsigned step; /* from one of its events to the next */
    uint64_t next; /* the event that must come now */
    unsigned head_size;
    char head[LINE_HEAD_SIZE + 1]; /* the beginning of the line that is coming */
};

struct event {
    uint64_t sent_us;
    uint64_t last_us; /* when the latest watcher was told */
    unsigned told;
};

struct options {
    unsigned port, watchers, mute, groups, events, size, gap_ms, pause;
};

static struct options options = {
    .watchers = 1000, .groups = 1, .events = 100, .size = 100, .gap_ms = 20};
static struct watcher *watchers;
static struct event *events;
static int poller;
static unsigned ready_count;
static uint64_t missing;
static uint64_t bytes_read;
static uint64_t faults;
static int writer = -1;
static char read_memory[READ_SIZE];

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

__attribute__((noreturn)) static void give_up(const char *what) {
    fprintf(stderr, "fan_out: %s: %s\n", what, strerror(errno));
    exit(2);
}

static unsigned number_of(const char *text) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == 0 || *end != 0 || value > 100000000ul) {
        fprintf(stderr, "fan_out: '%s' is no number\n", text);
        exit(2);
    }
    return (unsigned)value;
}

static void read_options(int argc, char **argv) {
    static const struct option long_options[] = {{"port", required_argument, NULL, 'p'},
                                                 {"watchers", required_argument, NULL, 'w'},
                                                 {"mute", required_argument, NULL, 'm'},
                                                 {"groups", required_argument, NULL, 'g'},
                                                 {"events", required_argument, NULL, 'e'},
                                                 {"size", required_argument, NULL, 's'},
                                                 {"gap-ms", required_argument, NULL, 'G'},
                                                 {"pause", no_argument, NULL, 'P'},
                                                 {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        unsigned *target = option == 'p'   ? &options.port
                           : option == 'w' ? &options.watchers
                           : option == 'm' ? &options.mute
                           : option == 'g' ? &options.groups
                           : option == 'e' ? &options.events
                           : option == 's' ? &options.size
                           : option == 'G' ? &options.gap_ms
                           : option == 'P' ? &options.pause
                                           : NULL;
        if (target == NULL) {
            exit(2);
        }
        *target = optarg != NULL ? number_of(optarg) : 1;
    }
    if (options.port == 0 || options.mute > options.watchers || options.groups == 0 ||
        options.size > EVENT_VALUE_MAX) {
        fprintf(stderr, "fan_out: --port is needed, --mute is part of --watchers\n");
        exit(2);
    }
}

static int open_connection(bool is_mute) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int receive_size = MUTE_RECEIVE;
    int one = 1;
    if (descriptor < 0 || (is_mute && setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_size,
                                                 sizeof receive_size) != 0)) {
        give_up("socket");
    }
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0) {
        give_up("connect");
    }
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
        give_up("setsockopt");
    }
    return descriptor;
}

static void poll_for_input(int descriptor, uint32_t index) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        give_up("epoll");
    }
}

static void send_all(int descriptor, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(descriptor, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            give_up("send");
        }
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
    }
}

static void open_watcher(uint32_t index) {
    struct watcher *watcher = &watchers[index];
    char text[256];
    watcher->is_mute = index < options.mute;
    watcher->group = index % options.groups;
    watcher->next = watcher->is_mute ? 0 : watcher->group;
    watcher->step = watcher->is_mute ? 1 : options.groups;
    watcher->descriptor = open_connection(watcher->is_mute);
    int size = watcher->is_mute
                   ? snprintf(text, sizeof text,
                              "GET /v1/kv?watch=true&prefix=fan/ HTTP/1.1\r\nHost: fan\r\n\r\n")
                   : snprintf(text, sizeof text,
                              "GET /v1/kv?watch=true&prefix=fan/%u/ HTTP/1.1\r\nHost: fan\r\n\r\n",
                              watcher->group);
    send_all(watcher->descriptor, text, (size_t)size);
    poll_for_input(watcher->descriptor, index);
}

static void fault(const struct watcher *watcher, const char *what) {
    if (faults++ < 10) {
        fprintf(stderr, "fan_out: watcher %td: %s: next is %" PRIu64 ", came %s\n",
                watcher - watchers, what, watcher->next, watcher->head);
    }
}

static void take_event(struct watcher *watcher, const char *key) {
    static const char prefix[] = "\"key\":\"kv/fan/";
    bool is_ours = strncmp(key, prefix, sizeof prefix - 1) == 0;
    const char *slash = is_ours ? strchr(key + sizeof prefix - 1, '/') : NULL;
    uint64_t number = slash != NULL ? strtoull(slash + 1, NULL, 10) : UINT64_MAX;
    if (number != watcher->next || number >= options.events) {
        fault(watcher, "not the event that is due");
        return;
    }
    watcher->next += watcher->step;
    if (!watcher->is_mute) {
        events[number].told++;
        events[number].last_us = now_us();
        missing--;
    }
}

static void take_line(struct watcher *watcher) {
    static const char put[] = "{\"type\":\"PUT\"";
    watcher->head[watcher->head_size] = 0;
    if (strncmp(watcher->head, put, sizeof put - 1) == 0) {
        const char *key = strstr(watcher->head, "\"key\":");
        take_event(watcher, key != NULL ? key : "");
    } else if (strncmp(watcher->head, "{\"type\":\"BOOKMARK\"", 18) == 0) {
        if (!watcher->is_ready) {
            watcher->is_ready = true;
            ready_count++;
            if (watcher->is_mute &&
                epoll_ctl(poller, EPOLL_CTL_DEL, watcher->descriptor, NULL) != 0) {
                give_up("epoll");
            }
        }
    } else if (strncmp(watcher->head, "{\"type\":\"ERROR\"", 15) == 0) {
        watcher->was_told = true;
    } else if (strncmp(watcher->head, "HTTP/1.1 ", 9) == 0 &&
               strncmp(watcher->head + 9, "200", 3) != 0) {
        fault(watcher, "refused");
    }
    watcher->head_size = 0;
}

static void take_bytes(struct watcher *watcher, const char *data, size_t size) {
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t part = end != NULL ? (size_t)(end - data) : size;
        size_t room = LINE_HEAD_SIZE - watcher->head_size;
        size_t kept = part < room ? part : room;
        memcpy(watcher->head + watcher->head_size, data, kept);
        watcher->head_size += (unsigned)kept;
        if (end == NULL) {
            return;
        }
        take_line(watcher);
        data += part + 1;
        size -= part + 1;
    }
}

static void end_watcher(struct watcher *watcher) {
    watcher->is_ended = true;
    (void)epoll_ctl(poller, EPOLL_CTL_DEL, watcher->descriptor, NULL);
    (void)close(watcher->descriptor);
}

static void read_watcher(struct watcher *watcher) {
    ssize_t size = recv(watcher->descriptor, read_memory, sizeof read_memory, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        if (!watcher->is_mute) {
            fault(watcher, "ended");
        }
        end_watcher(watcher);
        return;
    }
    bytes_read += (uint64_t)size;
    take_bytes(watcher, read_memory, (size_t)size);
}

/* One turn, of `wait_ms` at most. */
static void turn(int wait_ms) {
    struct epoll_event due[TURN_EVENTS];
    int count = epoll_wait(poller, due, TURN_EVENTS, wait_ms);
    if (count < 0 && errno != EINTR) {
        give_up("epoll_wait");
    }
    for (int i = 0; i < count; i++) {
        if (due[i].data.u32 == UINT32_MAX) {
            (void)!recv(writer, read_memory, sizeof read_memory, 0);
        } else if (!watchers[due[i].data.u32].is_ended) {
            read_watcher(&watchers[due[i].data.u32]);
        }
    }
}

static void put_event(unsigned number) {
    static char *text;
    if (text == NULL) {
        text = malloc(options.size + 256u);
        if (text == NULL) {
            give_up("malloc");
        }
    }
    int size = snprintf(text, 256,
                        "PUT /v1/kv/fan/%u/%u HTTP/1.1\r\nHost: fan\r\nContent-Length: %u\r\n"
                        "Content-Type: text/plain\r\n\r\n",
                        number % options.groups, number, options.size);
    memset(text + size, 'x', options.size);
    events[number].sent_us = now_us();
    send_all(writer, text, (size_t)size + options.size);
}

static void wait_until(uint64_t at_us) {
    for (uint64_t now = now_us(); now < at_us; now = now_us()) {
        turn((int)((at_us - now + 999) / 1000));
    }
}

static void open_all(void) {
    uint64_t deadline_us = now_us() + PATIENCE_US;
    for (uint32_t i = 0; i < options.watchers; i++) {
        open_watcher(i);
        while (i >= ready_count + OPENING_MAX && now_us() < deadline_us) {
            turn(100);
        }
    }
    while (ready_count < options.watchers && now_us() < deadline_us) {
        turn(100);
    }
    if (ready_count < options.watchers) {
        fprintf(stderr, "fan_out: %u of %u watchers are ready\n", ready_count, options.watchers);
        exit(2);
    }
}

static void write_all(void) {
    uint64_t begin_us = now_us();
    for (unsigned i = 0; i < options.events; i++) {
        wait_until(begin_us + (uint64_t)i * options.gap_ms * 1000u);
        put_event(i);
    }
    uint64_t deadline_us = now_us() + PATIENCE_US;
    while (missing > 0 && now_us() < deadline_us) {
        turn(100);
    }
}

/* The mute ones read again: what the kernel still holds for them, the last line, the end. */
static void drain_mute(void) {
    uint64_t deadline_us = now_us() + DRAIN_US;
    unsigned left = options.mute;
    for (unsigned i = 0; i < options.mute; i++) {
        poll_for_input(watchers[i].descriptor, i);
    }
    while (left > 0 && now_us() < deadline_us) {
        turn(100);
        left = 0;
        for (unsigned i = 0; i < options.mute; i++) {
            left += !watchers[i].is_ended;
        }
    }
}

static int compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void report(void) {
    uint64_t *delays = calloc(options.events + 1u, sizeof *delays);
    unsigned ended = 0;
    unsigned told = 0;
    unsigned count = 0;
    if (delays == NULL) {
        give_up("calloc");
    }
    for (unsigned i = 0; i < options.events; i++) {
        if (events[i].told > 0) {
            delays[count++] = events[i].last_us - events[i].sent_us;
        }
    }
    qsort(delays, count, sizeof *delays, compare);
    for (unsigned i = 0; i < options.mute; i++) {
        ended += watchers[i].is_ended;
        told += watchers[i].was_told;
    }
    printf("{\"watchers\":%u,\"events\":%u,\"missing\":%" PRIu64 ",\"faults\":%" PRIu64
           ",\"last_p50_us\":%" PRIu64 ",\"last_p99_us\":%" PRIu64 ",\"last_max_us\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",\"mute_ended\":%u,\"mute_told\":%u}\n",
           options.watchers, options.events, missing, faults, count > 0 ? delays[count / 2] : 0,
           count > 0 ? delays[count * 99u / 100u] : 0, count > 0 ? delays[count - 1] : 0,
           bytes_read, ended, told);
    free(delays);
}

static void pause_if_asked(void) {
    char line[16];
    if (options.pause != 0 && fgets(line, sizeof line, stdin) == NULL) {
        exit(2);
    }
}

static void allow_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        give_up("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        give_up("setrlimit");
    }
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    allow_descriptors();
    watchers = calloc(options.watchers + 1u, sizeof *watchers);
    events = calloc(options.events + 1u, sizeof *events);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (watchers == NULL || events == NULL || poller < 0) {
        give_up("beginning");
    }
    for (unsigned i = options.mute; i < options.watchers; i++) {
        for (uint64_t j = i % options.groups; j < options.events; j += options.groups) {
            missing++;
        }
    }
    writer = open_connection(false);
    poll_for_input(writer, UINT32_MAX);
    open_all();
    printf("ready\n");
    (void)fflush(stdout);
    pause_if_asked();
    write_all();
    drain_mute();
    report();
    (void)fflush(stdout);
    pause_if_asked();
    return missing == 0 && faults == 0 ? 0 : 1;
}
