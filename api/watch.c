#include "api/watch.h"

#include <inttypes.h>

void watch_hub_init(struct watch_hub *hub, struct store *store) {
    *hub = (struct watch_hub){
        .store = store, .revision = store_revision(store), .count_max = LIMIT_WATCHERS_MAX};
    list_init(&hub->live);
    list_init(&hub->behind);
}

static size_t queued_size(const struct watcher *watcher) {
    return watcher->handlers->queued_size(watcher);
}

static void move_to(struct watch_hub *hub, struct watcher *watcher, bool is_live) {
    list_remove(&watcher->node);
    list_append(is_live ? &hub->live : &hub->behind, &watcher->node);
}

static void end(struct watch_hub *hub, struct watcher *watcher, const struct problem *problem) {
    watch_stop(hub, watcher);
    hub->ended[problem->err]++;
    watcher->handlers->ended(watcher, problem);
}

static enum err fill_compacted(uint64_t revision, uint64_t compact_revision,
                               struct problem *problem) {
    problem->compact_revision = compact_revision;
    return problem_set(problem, ERR_COMPACTED,
                       "changes after revision %" PRIu64 " are asked for, but those up to %" PRIu64
                       " are no longer kept",
                       revision, compact_revision);
}

static void end_slow(struct watch_hub *hub, struct watcher *watcher) {
    struct problem problem;
    problem_init(&problem);
    problem_set(&problem, ERR_OVERLOADED,
                "more than %u bytes wait for this watcher; it has everything up to revision "
                "%" PRIu64,
                LIMIT_WATCH_QUEUE_SIZE_MAX, watcher->revision);
    problem_set_hint(&problem, "Read faster, and watch again from the last revision that came.");
    end(hub, watcher, &problem);
}

static void write_bookmark(struct watch_hub *hub, struct watcher *watcher, bool is_first) {
    struct buf line;
    buf_init(&line);
    struct event_writer writer = event_writer_to(&line, watcher->format);
    event_write_bookmark(&writer, watcher->revision, is_first);
    hub->bookmarks++;
    watcher->handlers->write(watcher, buf_slice(&line), false);
    buf_deinit(&line);
}

void watch_greet(struct watch_hub *hub, struct watcher *watcher) {
    write_bookmark(hub, watcher, true);
}

/* Room for one more revision behind `queued` bytes. What waits for all watchers together is
 * bounded, too; one that reads has little queued, and is served even when others have filled that
 * up. */
static bool has_room(const struct watch_hub *hub, size_t queued) {
    return queued <= LIMIT_WATCH_QUEUE_SIZE_MAX &&
           (queued <= LIMIT_WATCH_QUEUE_SIZE_MIN ||
            hub->queued_size + queued <= LIMIT_WATCH_QUEUES_SIZE_MAX);
}

/* Writes the batch's changes after watcher->revision, whole revisions, until the watcher has enough
 * to chew on. Returns whether all of it went. */
static bool deliver(struct watch_hub *hub, struct watcher *watcher, struct batch *batch,
                    struct buf *lines) {
    struct event_writer writer = event_writer_to(lines, watcher->format);
    size_t queued = queued_size(watcher);
    uint64_t revision = watcher->revision;
    bool is_whole = true;
    buf_clear(lines);
    for (size_t i = 0; i < batch_count(batch); i++) {
        struct change *change = batch_at(batch, i);
        uint64_t change_revision = change->event.object.revision;
        if (change_revision <= watcher->revision) {
            continue;
        }
        if (change_revision != revision && !has_room(hub, queued + lines->size)) {
            is_whole = false;
            break;
        }
        revision = change_revision;
        event_write_change(&writer, batch, change, &watcher->filter);
    }
    event_writer_finish(&writer);
    hub->events += writer.count;
    watcher->revision = is_whole ? MAX_OF(revision, batch->revision) : revision;
    if (lines->size > 0) {
        watcher->handlers->write(watcher, buf_slice(lines), true);
        hub->queued_size += queued_size(watcher) - queued;
    }
    return is_whole;
}

enum err watch_check(struct watch_hub *hub, uint64_t revision, struct problem *problem) {
    struct store_read read;
    if (hub->count >= hub->count_max) {
        problem->retry_after_s = 1;
        return problem_set(problem, ERR_OVERLOADED, "this server has %u watchers already",
                           hub->count);
    }
    enum err err = store_read_begin(hub->store, &read);
    if (err != ERR_OK) {
        return problem_set(problem, ERR_INTERNAL, "the store cannot be read");
    }
    uint64_t compact_revision = read.compact_revision;
    store_read_end(&read);
    return revision < compact_revision ? fill_compacted(revision, compact_revision, problem)
                                       : ERR_OK;
}

void watch_start(struct watch_hub *hub, struct watcher *watcher) {
    list_init(&watcher->node);
    hub->count++;
    move_to(hub, watcher, watcher->revision >= hub->revision);
}

void watch_stop(struct watch_hub *hub, struct watcher *watcher) {
    if (watcher->node.next == NULL || list_is_empty(&watcher->node)) {
        return;
    }
    list_remove(&watcher->node);
    CHECK(hub->count > 0);
    hub->count--;
}

static size_t count_queued(const struct list *watchers) {
    size_t queued = 0;
    LIST_FOR_EACH(watchers, node) {
        queued += queued_size(CONTAINER_OF(node, struct watcher, node));
    }
    return queued;
}

/* Who still has a full queue when the next batch comes had at least one turn to read, and did not.
 */
static void end_all_slow(struct watch_hub *hub, struct list *watchers) {
    LIST_FOR_EACH(watchers, node) {
        struct watcher *watcher = CONTAINER_OF(node, struct watcher, node);
        if (queued_size(watcher) > LIMIT_WATCH_QUEUE_SIZE_MAX) {
            end_slow(hub, watcher);
        }
    }
    hub->queued_size += count_queued(watchers);
}

static void deliver_to_live(struct watch_hub *hub, struct batch *batch) {
    struct buf lines;
    buf_init(&lines);
    LIST_FOR_EACH(&hub->live, node) {
        struct watcher *watcher = CONTAINER_OF(node, struct watcher, node);
        bool is_future = watcher->revision > batch->revision;
        if (is_future || deliver(hub, watcher, batch, &lines)) {
            continue;
        }
        if (!list_is_empty(&watcher->node)) { /* its handler may have stopped it */
            move_to(hub, watcher, false);
        }
    }
    buf_deinit(&lines);
}

void watch_hub_applied(struct watch_hub *hub) {
    struct store_read read;
    if (store_revision(hub->store) == hub->revision) {
        return;
    }
    hub->queued_size = 0;
    end_all_slow(hub, &hub->live);
    end_all_slow(hub, &hub->behind);
    if (list_is_empty(&hub->live) || store_read_begin(hub->store, &read) != ERR_OK) {
        /* Nobody to tell; or no view now: the live ones read the history in their turn. */
        list_move_all(&hub->live, &hub->behind);
        hub->revision = store_revision(hub->store);
        return;
    }
    if (read.compact_revision > hub->revision) {
        list_move_all(&hub->live, &hub->behind); /* each is told in its turn */
    } else {
        struct batch batch;
        batch_init(&batch, &read);
        batch_fill(&batch, hub->revision, LIMIT_WATCH_LIVE_EVENTS, NULL);
        deliver_to_live(hub, &batch);
        if (!batch.is_complete) {
            /* The store leapt, as when it was replaced by a snapshot: the rest in bounded steps. */
            list_move_all(&hub->live, &hub->behind);
        }
        batch_deinit(&batch);
    }
    hub->revision = read.revision;
    store_read_end(&read);
}

/* One step of one watcher. */
static void catch_up(struct watch_hub *hub, struct watcher *watcher, struct store_read *read,
                     struct buf *lines) {
    struct batch batch;
    if (watcher->revision < read->compact_revision) {
        struct problem problem;
        problem_init(&problem);
        (void)fill_compacted(watcher->revision, read->compact_revision, &problem);
        end(hub, watcher, &problem);
        return;
    }
    batch_init(&batch, read);
    batch_fill(&batch, watcher->revision, LIMIT_WATCH_CATCH_UP_EVENTS, &watcher->filter);
    bool is_whole = deliver(hub, watcher, &batch, lines);
    if (!list_is_empty(&watcher->node)) {
        move_to(hub, watcher, is_whole && batch.is_complete); /* or to the end of the line */
    }
    batch_deinit(&batch);
}

bool watch_hub_turn(struct watch_hub *hub) {
    struct store_read read;
    struct list due;
    struct buf lines;
    if (list_is_empty(&hub->behind) || store_read_begin(hub->store, &read) != ERR_OK) {
        return false;
    }
    list_init(&due);
    buf_init(&lines);
    unsigned count = 0;
    if (hub->queued_size > LIMIT_WATCH_QUEUES_SIZE_MAX / 2) { /* counted long ago, perhaps */
        hub->queued_size = count_queued(&hub->live) + count_queued(&hub->behind);
    }
    LIST_FOR_EACH(&hub->behind, node) {
        struct watcher *watcher = CONTAINER_OF(node, struct watcher, node);
        if (count < LIMIT_WATCH_CATCH_UP_WATCHERS &&
            queued_size(watcher) <= LIMIT_WATCH_QUEUE_SIZE_MAX / 2 &&
            has_room(hub, queued_size(watcher))) {
            list_remove(node);
            list_append(&due, node);
            count++;
        }
    }
    size_t size = 0;
    for (struct list *node = due.next; node != &due && size < LIMIT_WATCH_CATCH_UP_SIZE;
         node = due.next) {
        buf_clear(&lines);
        catch_up(hub, CONTAINER_OF(node, struct watcher, node), &read, &lines);
        size += lines.size;
    }
    list_move_all(&hub->behind, &due); /* who had no turn now begins the next */
    list_move_all(&due, &hub->behind);
    buf_deinit(&lines);
    store_read_end(&read);
    return count > 0 && !list_is_empty(&hub->behind);
}

void watch_hub_bookmark(struct watch_hub *hub) {
    LIST_FOR_EACH(&hub->live, node) {
        struct watcher *watcher = CONTAINER_OF(node, struct watcher, node);
        if (queued_size(watcher) <= LIMIT_WATCH_QUEUE_SIZE_MAX) { /* else it is not reading */
            write_bookmark(hub, watcher, false);
        }
    }
}

void watch_hub_end_all(struct watch_hub *hub, const struct problem *problem) {
    list_move_all(&hub->live, &hub->behind);
    for (struct list *node = hub->behind.next; node != &hub->behind; node = hub->behind.next) {
        end(hub, CONTAINER_OF(node, struct watcher, node), problem);
    }
}
