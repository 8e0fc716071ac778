/* A replica's own snapshots: which one it opens with, and when and how the next is taken.
 *
 * Taking: on the loop a read of the store begins (cheap), a worker writes the file, syncs it and
 * gives it its name, and on the loop the engine and the log let go of what it covers; then a worker
 * removes log files. The log's files go back to the snapshot before the newest, so that either one
 * can be damaged. Invariant: the newest snapshot ends at an entry that is committed, applied, and
 * durable in the log. */
#include "raft/replica_parts.h"

#include "util/limits.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOTE_FORMAT   1u
#define TAKE_RETRY_MS 10000u /* after a failure, such as a full disk */

/* ---- the newest snapshot ---- */

void snapshots_init(struct snapshots *snapshots) {
    buf_init(&snapshots->configuration);
}

void snapshots_deinit(struct snapshots *snapshots) {
    buf_deinit(&snapshots->configuration);
}

void snapshots_set(struct snapshots *snapshots, const struct snapshot_point *point, uint64_t size) {
    struct buf configuration;
    buf_init(&configuration);
    buf_append(&configuration, point->configuration.data, point->configuration.size);
    buf_deinit(&snapshots->configuration);
    snapshots->configuration = configuration;
    snapshots->point = *point;
    snapshots->point.configuration = buf_slice(&snapshots->configuration);
    snapshots->size = size;
}

uint64_t snapshots_last_change(const struct replica *replica, uint64_t upto) {
    uint64_t known = replica->snapshots.point.configuration_index;
    return MAX_OF(log_last_change(replica->log, upto), known <= upto ? known : 0);
}

bool snapshots_get_change(const struct replica *replica, uint64_t index,
                          struct log_entry *out_entry) {
    const struct snapshot_point *point = &replica->snapshots.point;
    if (index >= log_first_index(replica->log) || index != point->configuration_index) {
        return false;
    }
    *out_entry =
        (struct log_entry){.term = point->term, .type = ENTRY_CHANGE, .data = point->configuration};
    return true;
}

/* ---- opening ---- */

/* What we add to the store's snapshot: note = format:u8 cluster:u64 configuration_index:u64
 * configuration:bytes. */
static void note_encode(uint64_t cluster, const struct snapshot_point *point, struct buf *out) {
    buf_put_u8(out, NOTE_FORMAT);
    buf_put_u64(out, cluster);
    buf_put_u64(out, point->configuration_index);
    buf_put_bytes(out, point->configuration.data, point->configuration.size);
}

static bool note_decode(struct slice note, uint64_t *out_cluster, struct snapshot_point *point) {
    struct reader reader = reader_of(note.data, note.size);
    struct configuration configuration;
    bool is_known = reader_u8(&reader) == NOTE_FORMAT;
    *out_cluster = reader_u64(&reader);
    point->configuration_index = reader_u64(&reader);
    point->configuration = reader_bytes(&reader);
    return reader_is_done(&reader) && is_known && point->configuration_index > 0 &&
           point->configuration_index <= point->index &&
           configuration_decode(point->configuration, &configuration) == ERR_OK;
}

/* Reads all of the item when the store needs it, and makes the view that the store will take. Else
 * a worker reads it later: a start should be short. */
static bool content_is_whole(struct replica *replica, const struct shelf_item *item,
                             const char *path) {
    uint64_t index;
    uint64_t term;
    if (fsm_applied_index(replica->fsm) >= item->index) {
        replica->snapshots.verify_at = replica_now(replica) + LIMIT_SNAPSHOT_VERIFY_DELAY_MS;
        return true;
    }
    return fsm_build_view(path, replica->view_path, &index, &term) == ERR_OK &&
           index == item->index && term == item->term;
}

/* Whether the item is whole; it becomes the newest then. */
static bool use_item(struct replica *replica, const struct shelf_item *item) {
    struct snapshot_point point = {.index = item->index, .term = item->term};
    struct snapshot_point found = {.index = 0};
    struct stat status;
    struct buf note;
    uint64_t cluster;
    char path[SHELF_PATH_SIZE];
    shelf_path(replica->directory, item, path);
    buf_init(&note);
    bool is_whole = stat(path, &status) == 0 &&
                    fsm_snapshot_head(path, &found.index, &found.term, &note) == ERR_OK &&
                    found.index == point.index && found.term == point.term &&
                    note_decode(buf_slice(&note), &cluster, &point) &&
                    content_is_whole(replica, item, path);
    if (is_whole) {
        snapshots_set(&replica->snapshots, &point, (uint64_t)status.st_size);
        replica->snapshots.cluster = cluster;
        replica->snapshots.is_received = item->kind == SHELF_RECEIVED;
    } else {
        LOG_ERROR("a snapshot is damaged and passed over", LOG_TEXT("file", path));
    }
    buf_deinit(&note);
    return is_whole;
}

enum err snapshots_find(struct replica *replica) {
    struct shelf_item items[SHELF_ITEMS_MAX];
    unsigned count;
    enum err err = shelf_list(replica->directory, items, &count);
    for (unsigned i = 0; i < count && err == ERR_OK; i++) {
        if (items[i].kind != SHELF_INCOMING && use_item(replica, &items[i])) {
            break;
        }
    }
    return err;
}

static void sync_log(struct log *log) {
    struct log_job *job;
    while ((job = log_begin(log)) != NULL) {
        log_run(job);
        (void)log_finish(log, job);
    }
}

/* A crash came between a received snapshot and the log that begins behind it. */
static enum err finish_install(struct replica *replica) {
    const struct snapshot_point *point = &replica->snapshots.point;
    if (log_term(replica->log, point->index) != point->term) {
        log_reset(replica->log, point->index, point->term);
        sync_log(replica->log);
    }
    struct shelf_item item = {.kind = SHELF_RECEIVED, .index = point->index, .term = point->term};
    int error = shelf_move(replica->directory, &item, SHELF_SNAPSHOT);
    if (error != 0) {
        LOG_ERROR("cannot finish a received snapshot", LOG_ERRNO(error));
        return ERR_SYSTEM;
    }
    replica->snapshots.is_received = false;
    LOG_INFO("a received snapshot is installed", LOG_U64("index", point->index));
    return ERR_OK;
}

enum err snapshots_join_log(struct replica *replica) {
    const struct snapshot_point *point = &replica->snapshots.point;
    if (point->index == 0) {
        return ERR_OK;
    }
    if (replica->snapshots.cluster != replica->ballot.cluster) {
        LOG_ERROR("the snapshot is another cluster's: check --data-dir",
                  LOG_TEXT("directory", replica->directory));
        return ERR_INVALID;
    }
    if (replica->snapshots.is_received) {
        return finish_install(replica);
    }
    uint64_t term = log_term(replica->log, point->index);
    if (log_last_index(replica->log) < point->index || (term != 0 && term != point->term)) {
        LOG_ERROR("the log has lost entries: restore this server from its peers or a backup",
                  LOG_TEXT("directory", replica->directory), LOG_U64("snapshot", point->index),
                  LOG_U64("last", log_last_index(replica->log)));
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

enum err snapshots_restore(struct replica *replica) {
    const struct snapshot_point *point = &replica->snapshots.point;
    if (fsm_applied_index(replica->fsm) >= point->index) {
        return ERR_OK;
    }
    enum err err = fsm_replace(replica->fsm, replica->view_path);
    if (err == ERR_OK) {
        LOG_INFO("the store is restored from a snapshot", LOG_U64("index", point->index));
    }
    return err;
}

/* ---- verifying ---- */

struct verify {
    char *directory;
    struct shelf_item item;
    enum err err;
};

static void verify_run(void *job) {
    struct verify *verify = job;
    char path[SHELF_PATH_SIZE];
    shelf_path(verify->directory, &verify->item, path);
    verify->err = fsm_snapshot_check(path);
    if (verify->err == ERR_CORRUPT) {
        LOG_ERROR("a snapshot is damaged and removed: another one is taken",
                  LOG_TEXT("file", path));
        shelf_remove(verify->directory, &verify->item);
    }
}

static void verify_done(void *owner, void *job) {
    struct replica *replica = owner;
    struct verify *verify = job;
    bool is_newest = verify->item.index == replica->snapshots.point.index;
    replica->snapshots.is_damaged = verify->err == ERR_CORRUPT && is_newest;
    free(verify->directory);
    free(verify);
}

/* A little after the start: the file that the start only opened; and when a member that got it
 * cannot use it. */
static void begin_verify(struct replica *replica) {
    struct verify *verify = must_alloc_zeroed(1, sizeof *verify);
    const struct snapshot_point *point = &replica->snapshots.point;
    replica->snapshots.verify_at = 0;
    verify->directory = must_strdup(replica->directory);
    verify->item =
        (struct shelf_item){.kind = SHELF_SNAPSHOT, .index = point->index, .term = point->term};
    loop_work(replica->loop, verify_run, verify_done, verify);
}

/* ---- taking ---- */

struct take {
    char *directory; /* the worker's own */
    struct snapshot_writer *writer;
    struct snapshot_point point;
    struct buf configuration; /* the point's */
    uint64_t size;
    uint64_t keep_segment; /* of the log, for the snapshot before this one */
    msec_t began;
    enum err err;
};

static void take_free(struct take *take) {
    free(take->directory);
    buf_deinit(&take->configuration);
    free(take);
}

/* On a worker: the file under its name, durable. */
static void take_run(void *job) {
    struct take *take = job;
    char path[SHELF_PATH_SIZE];
    struct stat status;
    struct shelf_item item = {
        .kind = SHELF_SNAPSHOT, .index = take->point.index, .term = take->point.term};
    shelf_path(take->directory, &item, path);
    take->err = fsm_snapshot_write(take->writer, path);
    if (take->err == ERR_OK && stat(path, &status) != 0) {
        take->err = ERR_IO;
    }
    if (take->err == ERR_OK) {
        take->size = (uint64_t)status.st_size;
        shelf_prune(take->directory);
    }
}

struct removal {
    struct log *log;
    uint64_t segment;
    int error;
};

static void removal_run(void *job) {
    struct removal *removal = job;
    removal->error = log_remove_before(removal->log, removal->segment);
}

static void removal_done(void *owner, void *job) {
    struct removal *removal = job;
    (void)owner;
    if (removal->error != 0) {
        LOG_WARN("old files of the log stay", LOG_ERRNO(removal->error));
    }
    free(removal);
}

void snapshots_remove_log(struct replica *replica, uint64_t segment) {
    struct removal *removal = must_alloc_zeroed(1, sizeof *removal);
    removal->log = replica->log;
    removal->segment = segment;
    loop_work(replica->loop, removal_run, removal_done, removal);
}

/* The newest entries stay in the log for members that lag a little, and those that a member needs
 * who is being sent an older snapshot. */
static uint64_t trailing_count(const struct replica *replica, uint64_t index) {
    uint64_t held = MIN_OF(ship_held_index(&replica->ship, replica_now(replica)), index);
    return MAX_OF(replica->options.snapshot_entries, index - held);
}

/* The snapshot is durable: engine and log let go of what it covers. */
static void adopt(struct replica *replica, const struct take *take) {
    struct snapshots *snapshots = &replica->snapshots;
    uint64_t trailing = trailing_count(replica, take->point.index);
    snapshots_set(snapshots, &take->point, take->size);
    snapshots->appended_size = log_appended_size(replica->log);
    snapshots->taken_count++;
    snapshots->is_damaged = false;
    engine_snapshot(replica->engine, replica_now(replica), &snapshots->point, trailing);
    log_drop_head(replica->log, engine_first_index(replica->engine) - 1);
    uint64_t first = log_segment_of(replica->log, log_first_index(replica->log));
    snapshots_remove_log(replica, MIN_OF(first, take->keep_segment));
    LOG_INFO("snapshot taken", LOG_U64("index", take->point.index), LOG_U64("size", take->size),
             LOG_U64("ms", replica_now(replica) - take->began));
}

/* The turn that follows goes on with it. */
static void take_done(void *owner, void *job) {
    struct replica *replica = owner;
    replica->snapshots.taken = job;
}

static void finish_take(struct replica *replica, msec_t now) {
    struct take *take = replica->snapshots.taken;
    fsm_snapshot_close(take->writer);
    replica->snapshots.taken = NULL;
    replica->snapshots.is_taking = false;
    if (take->err != ERR_OK) {
        LOG_WARN("cannot take a snapshot", LOG_ERR(take->err));
        replica->snapshots.next_at = now + TAKE_RETRY_MS;
    } else if (take->point.index > replica->snapshots.point.index &&
               !engine_is_installing(replica->engine)) {
        adopt(replica, take);
    } else if (take->point.index == replica->snapshots.point.index) {
        replica->snapshots.is_damaged = false; /* the file is there again, the same as it was */
    }
    take_free(take);
}

static bool is_due(const struct replica *replica, msec_t now) {
    const struct snapshots *snapshots = &replica->snapshots;
    uint64_t applied = fsm_applied_index(replica->fsm);
    if (replica->phase != PHASE_OPEN || snapshots->is_taking || now < snapshots->next_at ||
        applied < snapshots->point.index || applied > engine_apply_index(replica->engine)) {
        return false;
    }
    if (snapshots->is_damaged || applied == snapshots->point.index) {
        return snapshots->is_damaged;
    }
    return applied - snapshots->point.index >= replica->options.snapshot_entries ||
           log_appended_size(replica->log) - snapshots->appended_size >= LIMIT_SNAPSHOT_LOG_SIZE;
}

/* The point at which the store is now, its configuration in `bytes`. */
static struct snapshot_point point_now(struct replica *replica, struct buf *bytes) {
    struct snapshot_point point = {.index = fsm_applied_index(replica->fsm),
                                   .term = fsm_applied_term(replica->fsm)};
    point.configuration_index = snapshots_last_change(replica, point.index);
    struct log_entry entry;
    turn_engine_hooks.get_entry(replica, point.configuration_index, &replica->arena, &entry);
    buf_append(bytes, entry.data.data, entry.data.size);
    arena_reset(&replica->arena);
    point.configuration = buf_slice(bytes);
    return point;
}

static enum err open_writer(struct replica *replica, const struct snapshot_point *point,
                            struct snapshot_writer **out_writer) {
    struct buf note;
    buf_init(&note);
    note_encode(replica->ballot.cluster, point, &note);
    enum err err = fsm_snapshot_open(replica->fsm, buf_slice(&note), out_writer);
    buf_deinit(&note);
    return err;
}

enum err replica_snapshot_begin(struct replica *replica, struct snapshot_writer **out_writer) {
    struct buf bytes;
    buf_init(&bytes);
    struct snapshot_point point = point_now(replica, &bytes);
    enum err err = open_writer(replica, &point, out_writer);
    buf_deinit(&bytes);
    return err;
}

static void begin_take(struct replica *replica, msec_t now) {
    struct take *take = must_alloc_zeroed(1, sizeof *take);
    buf_init(&take->configuration);
    take->point = point_now(replica, &take->configuration);
    if (open_writer(replica, &take->point, &take->writer) != ERR_OK) {
        LOG_WARN("cannot begin a snapshot");
        replica->snapshots.next_at = now + TAKE_RETRY_MS;
        take_free(take);
        return;
    }
    take->directory = must_strdup(replica->directory);
    take->began = now;
    take->keep_segment = log_segment_of(
        replica->log, MAX_OF(replica->snapshots.point.index + 1, log_first_index(replica->log)));
    replica->snapshots.is_taking = true;
    loop_work(replica->loop, take_run, take_done, take);
}

void snapshots_turn(struct replica *replica, msec_t now) {
    if (replica->snapshots.taken != NULL) {
        finish_take(replica, now);
    }
    if (is_due(replica, now)) {
        begin_take(replica, now);
    }
    if (replica->snapshots.verify_at != 0 && now >= replica->snapshots.verify_at &&
        replica->phase == PHASE_OPEN) {
        begin_verify(replica);
    }
}
