/* The side of a shipment that needs the snapshot. See fetch.h. */
#include "raft/fetch.h"

#include "util/limits.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILURE_PAUSE_MS 1000u

void fetch_init(struct fetch *fetch, const struct fetch_hooks *hooks, const char *directory,
                const char *view) {
    *fetch = (struct fetch){.hooks = *hooks, .directory = directory, .view = view, .fd = -1};
    buf_init(&fetch->configuration);
    buf_init(&fetch->chunk);
}

static void close_file(struct fetch *fetch) {
    if (fetch->fd >= 0) {
        (void)close(fetch->fd);
        fetch->fd = -1;
    }
}

void fetch_deinit(struct fetch *fetch) {
    close_file(fetch);
    buf_deinit(&fetch->configuration);
    buf_deinit(&fetch->chunk);
}

static struct shelf_item item_of(const struct fetch *fetch, enum shelf_kind kind) {
    return (struct shelf_item){
        .kind = kind, .index = fetch->point.index, .term = fetch->point.term};
}

static void give_up(struct fetch *fetch, msec_t now, const char *reason) {
    LOG_WARN("a snapshot is not fetched", LOG_TEXT("reason", reason), LOG_ERR(fetch->err),
             LOG_ERRNO(fetch->error), LOG_U64("index", fetch->point.index));
    close_file(fetch);
    fetch->state = FETCH_NONE;
    fetch->next_at = now + FAILURE_PAUSE_MS;
}

static void ask(struct fetch *fetch, msec_t now) {
    struct frame frame = {
        .type = FRAME_CHUNK_ASK,
        .chunk = {.index = fetch->point.index, .term = fetch->point.term, .offset = fetch->offset}};
    fetch->state = FETCH_ASKING;
    fetch->asked_ms = now;
    fetch->hooks.send(fetch->hooks.owner, fetch->from, &frame);
}

/* ---- on a worker ---- */

/* Removes what was being received before: one at a time is enough. */
static void clear_shelf(const struct fetch *fetch) {
    struct shelf_item items[SHELF_ITEMS_MAX];
    unsigned count;
    if (shelf_list(fetch->directory, items, &count) != ERR_OK) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        bool is_ours = items[i].kind == SHELF_INCOMING && items[i].index == fetch->point.index &&
                       items[i].term == fetch->point.term;
        if (items[i].kind != SHELF_SNAPSHOT && !is_ours) {
            shelf_remove(fetch->directory, &items[i]);
        }
    }
}

/* The partial file, and how much of it is there. */
static void open_run(void *job) {
    struct fetch *fetch = job;
    char path[SHELF_PATH_SIZE];
    struct shelf_item item = item_of(fetch, SHELF_INCOMING);
    struct stat status;
    clear_shelf(fetch);
    shelf_path(fetch->directory, &item, path);
    fetch->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fetch->fd < 0 || fstat(fetch->fd, &status) != 0) {
        fetch->error = errno;
        return;
    }
    fetch->offset = (uint64_t)status.st_size;
    if (fetch->offset > fetch->size) {
        fetch->error = ftruncate(fetch->fd, 0) == 0 ? 0 : errno;
        fetch->offset = 0;
    }
}

static void write_run(void *job) {
    struct fetch *fetch = job;
    size_t done = 0;
    while (done < fetch->chunk.size) {
        ssize_t put = pwrite(fetch->fd, fetch->chunk.data + done, fetch->chunk.size - done,
                             (off_t)(fetch->offset + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            fetch->error = errno;
            return;
        }
        done += (size_t)put;
    }
}

/* Durable, verified, renamed; and the view that the store will take. */
static void verify_run(void *job) {
    struct fetch *fetch = job;
    char path[SHELF_PATH_SIZE];
    struct shelf_item item = item_of(fetch, SHELF_INCOMING);
    shelf_path(fetch->directory, &item, path);
    if (fsync(fetch->fd) != 0) {
        fetch->error = errno;
        return;
    }
    uint64_t index = 0;
    uint64_t term = 0;
    fetch->err = fetch->hooks.build(path, fetch->view, &index, &term);
    if (fetch->err == ERR_OK && (index != item.index || term != item.term)) {
        fetch->err = ERR_CORRUPT;
    }
    if (fetch->err == ERR_OK) {
        fetch->error = shelf_move(fetch->directory, &item, SHELF_RECEIVED);
    } else {
        shelf_remove(fetch->directory, &item);
    }
}

static void end_run(void *job) {
    struct fetch *fetch = job;
    struct shelf_item item = item_of(fetch, SHELF_RECEIVED);
    fetch->error = shelf_move(fetch->directory, &item, SHELF_SNAPSHOT);
    shelf_prune(fetch->directory);
}

static void drop_run(void *job) {
    struct fetch *fetch = job;
    struct shelf_item item = item_of(fetch, SHELF_RECEIVED);
    shelf_remove(fetch->directory, &item);
}

/* ---- on the loop ---- */

/* One piece of file work has ended; the turn that follows goes on from the state. */
static void work_done(void *owner, void *job) {
    struct fetch *fetch = job;
    (void)owner;
    switch (fetch->state) {
    case FETCH_OPENING:
        fetch->asked_ms = 0; /* the turn asks */
        fetch->state = FETCH_ASKING;
        break;
    case FETCH_WRITING:
        fetch->offset += fetch->error == 0 ? fetch->chunk.size : 0;
        fetch->asked_ms = 0;
        fetch->state = FETCH_ASKING;
        break;
    case FETCH_VERIFYING:
        close_file(fetch);
        fetch->state = FETCH_READY;
        break;
    default:
        CHECK(fetch->state == FETCH_ENDING);
        fetch->state = FETCH_NONE;
    }
}

static void work(struct fetch *fetch, enum fetch_state state, void (*run)(void *job)) {
    fetch->state = state;
    fetch->err = ERR_OK;
    fetch->error = 0;
    fetch->hooks.work(fetch->hooks.owner, run, work_done, fetch);
}

static bool is_same(const struct fetch *fetch, const struct frame_snapshot *offer) {
    return fetch->point.index == offer->point.index && fetch->point.term == offer->point.term &&
           fetch->size == offer->size;
}

void fetch_offer(struct fetch *fetch, msec_t now, uint64_t from,
                 const struct frame_snapshot *offer) {
    if (fetch->state == FETCH_ASKING && is_same(fetch, offer)) {
        fetch->from = from;
        return;
    }
    bool is_stuck =
        fetch->state == FETCH_ASKING && now - fetch->progress_ms > 4 * LIMIT_RAFT_CHUNK_ASK_MS;
    if ((fetch->state != FETCH_NONE && !is_stuck) || now < fetch->next_at ||
        fetch->hooks.has(fetch->hooks.owner, offer->point.index, offer->point.term)) {
        return;
    }
    close_file(fetch);
    buf_clear(&fetch->configuration);
    buf_append(&fetch->configuration, offer->point.configuration.data,
               offer->point.configuration.size);
    fetch->point = offer->point;
    fetch->point.configuration = buf_slice(&fetch->configuration);
    fetch->size = offer->size;
    fetch->from = from;
    fetch->progress_ms = now;
    LOG_INFO("fetching a snapshot", LOG_U64("from", from), LOG_U64("index", fetch->point.index),
             LOG_U64("size", fetch->size));
    work(fetch, FETCH_OPENING, open_run);
}

void fetch_receive(struct fetch *fetch, msec_t now, const struct frame_chunk *chunk) {
    if (fetch->state != FETCH_ASKING || chunk->index != fetch->point.index ||
        chunk->term != fetch->point.term || chunk->offset != fetch->offset) {
        return; /* late, or twice */
    }
    if (chunk->total != fetch->size) {
        give_up(fetch, now, "it is gone there");
        fetch->next_at = now;
        return;
    }
    fetch->progress_ms = now;
    buf_clear(&fetch->chunk);
    buf_append(&fetch->chunk, chunk->bytes.data, chunk->bytes.size);
    work(fetch, FETCH_WRITING, write_run);
}

static void turn_asking(struct fetch *fetch, msec_t now) {
    if (fetch->error != 0) {
        give_up(fetch, now, "the disk refused it");
    } else if (fetch->offset >= fetch->size) {
        work(fetch, FETCH_VERIFYING, verify_run);
    } else if (now >= fetch->asked_ms + LIMIT_RAFT_CHUNK_ASK_MS) {
        ask(fetch, now);
    }
}

static void turn_ready(struct fetch *fetch, msec_t now) {
    const struct snapshot_point *point = &fetch->point;
    if (fetch->err != ERR_OK || fetch->error != 0) {
        give_up(fetch, now, "it did not verify");
    } else if (fetch->hooks.has(fetch->hooks.owner, point->index, point->term)) {
        work(fetch, FETCH_ENDING, drop_run); /* the log has come that far meanwhile */
    } else if (fetch->hooks.install(fetch->hooks.owner, point)) {
        fetch->state = FETCH_INSTALLING;
    }
}

void fetch_turn(struct fetch *fetch, msec_t now) {
    if (fetch->state == FETCH_ASKING) {
        turn_asking(fetch, now);
    } else if (fetch->state == FETCH_READY) {
        turn_ready(fetch, now);
    }
    if (fetch->state == FETCH_INSTALLING && fetch->hooks.is_reset(fetch->hooks.owner)) {
        fetch->hooks.finish(fetch->hooks.owner, &fetch->point, fetch->size);
        fetch->fetched_count++;
        work(fetch, FETCH_ENDING, end_run);
    }
}

msec_t fetch_deadline(const struct fetch *fetch) {
    return fetch->state == FETCH_ASKING ? fetch->asked_ms + LIMIT_RAFT_CHUNK_ASK_MS : UINT64_MAX;
}
