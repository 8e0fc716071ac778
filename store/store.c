#include "store/store.h"

#include "store/apply.h"
#include "store/view.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_SIZE_DEFAULT                                                                           \
    (UINT64_C(64) << 30) /* address space only: the file grows as it is written */
#define DATA_FILE "data.mdb"
#define LOCK_FILE "lock.mdb"

void view_fail(int status, const char *doing) {
    LOG_ERROR("the store cannot go on", LOG_TEXT("doing", doing),
              LOG_TEXT("reason", mdb_strerror(status)));
    stop_process();
}

/* ---- open and close ---- */

static enum err make_directory(const char *path) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        LOG_ERROR("cannot make the store's directory", LOG_TEXT("path", path), LOG_ERRNO(errno));
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

static void open_write(struct store *store) {
    store->write = (struct txn){.tables = &store->tables};
    store->write.status = mdb_txn_begin(store->env, NULL, 0, &store->write.txn);
    if (store->write.status != 0) {
        view_fail(store->write.status, "begin a write transaction");
    }
    store->is_writing = true;
}

static void commit_write(struct store *store) {
    int status = store->write.status;
    if (status == 0) {
        status = mdb_txn_commit(store->write.txn);
    }
    if (status != 0) {
        view_fail(status, "commit a transaction");
    }
    store->is_writing = false;
}

static enum err open_environment(struct store *store, uint64_t map_size) {
    int status = mdb_env_create(&store->env);
    if (status == 0) {
        status = mdb_env_set_mapsize(store->env, (size_t)map_size);
    }
    if (status == 0) {
        status = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    }
    if (status == 0) {
        /* No syncs of its own: the Raft log is the durable copy (docs/architecture.md). */
        status = mdb_env_open(store->env, store->directory, MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS,
                              0600);
    }
    if (status != 0) {
        LOG_ERROR("cannot open the store", LOG_TEXT("path", store->directory),
                  LOG_TEXT("reason", mdb_strerror(status)));
        mdb_env_close(store->env);
        store->env = NULL;
        return status == ENOENT || status == EACCES ? ERR_SYSTEM : ERR_IO;
    }
    open_write(store);
    txn_open_tables(&store->write, &store->tables);
    commit_write(store);
    return ERR_OK;
}

static enum err remove_file(const char *directory, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (unlink(path) != 0 && errno != ENOENT) {
        LOG_ERROR("cannot remove a file of the store", LOG_TEXT("path", path), LOG_ERRNO(errno));
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

/* The mark must say that the view is in use before the view changes: a sealed one may not be on the
 * disk beside a view that is newer. */
static void write_mark(struct store *store, bool is_synced) {
    int error = mark_write(&store->mark, is_synced);
    if (error != 0) {
        view_fail(error, "write the mark");
    }
}

static void view_path(const struct store *store, char *path, size_t size) {
    snprintf(path, size, "%s/" DATA_FILE, store->directory);
}

/* Whether the view is, byte for byte, the one that was closed. */
static bool is_whole(const struct store *store) {
    const struct mark_state *mark = &store->mark.state;
    char path[4096];
    uint64_t size;
    uint32_t crc;
    view_path(store, path, sizeof path);
    if (!mark->is_sealed) {
        return false;
    }
    if (mark_measure(path, &size, &crc) == 0 && size == mark->view_size && crc == mark->view_crc) {
        return true;
    }
    LOG_WARN("the store's file is damaged: it is built again from the log", LOG_TEXT("path", path));
    return false;
}

/* Opens the view that was closed well, or an empty one. */
static enum err open_view(struct store *store, uint64_t map_size) {
    enum err err = ERR_OK;
    if (!is_whole(store)) {
        err = remove_file(store->directory, DATA_FILE);
    }
    if (err == ERR_OK) {
        err = remove_file(store->directory, LOCK_FILE);
    }
    if (err == ERR_OK) {
        store->mark.state.is_sealed = false;
        write_mark(store, true);
        err = open_environment(store, map_size);
    }
    return err;
}

/* The view is closed and on the disk: vouches for its file. */
static void seal(struct store *store) {
    struct mark_state *mark = &store->mark.state;
    char path[4096];
    view_path(store, path, sizeof path);
    int error = mark_measure(path, &mark->view_size, &mark->view_crc);
    if (error != 0) {
        view_fail(error, "measure the view");
    }
    mark->is_sealed = true;
    write_mark(store, true);
}

static void load_numbers(struct store *store) {
    open_write(store);
    store->revision = txn_get_number(&store->write, VIEW_REVISION);
    store->applied_index = txn_get_number(&store->write, VIEW_APPLIED_INDEX);
    store->applied_term = txn_get_number(&store->write, VIEW_APPLIED_TERM);
    store->log_time_ms = txn_get_number(&store->write, VIEW_LOG_TIME_MS);
    commit_write(store);
}

enum err store_open(const struct store_options *options, struct store **out_store) {
    uint64_t map_size = options->map_size > 0 ? options->map_size : MAP_SIZE_DEFAULT;
    struct store *store = must_alloc_zeroed(1, sizeof *store);
    store->directory = must_strdup(options->directory);
    enum err err = make_directory(options->directory);
    if (err == ERR_OK) {
        err = mark_open(options->directory, &store->mark);
    }
    if (err == ERR_OK) {
        err = open_view(store, map_size);
        if (err != ERR_OK) {
            mark_close(&store->mark);
        }
    }
    if (err != ERR_OK) {
        free(store->directory);
        free(store);
        return err;
    }
    load_numbers(store);
    arena_init(&store->scratch);
    *out_store = store;
    return ERR_OK;
}

void store_close(struct store *store) {
    if (store->idle_reader != NULL) {
        mdb_txn_abort(store->idle_reader);
    }
    int status = mdb_env_sync(store->env, 1);
    if (status != 0) {
        view_fail(status, "sync the store");
    }
    mdb_env_close(store->env);
    seal(store);
    mark_close(&store->mark);
    arena_deinit(&store->scratch);
    free(store->directory);
    free(store);
}

uint64_t store_known_index(const struct store *store) {
    return store->mark.state.applied_index;
}

uint64_t store_known_term(const struct store *store) {
    return store->mark.state.applied_term;
}

uint64_t store_applied_index(const struct store *store) {
    return store->applied_index;
}

uint64_t store_applied_term(const struct store *store) {
    return store->applied_term;
}

uint64_t store_revision(const struct store *store) {
    return store->revision;
}

uint64_t store_log_time_ms(const struct store *store) {
    return store->log_time_ms;
}

/* ---- writing ---- */

void store_begin(struct store *store) {
    CHECK(!store->is_writing);
    open_write(store);
}

static void apply_commands(struct store *store, struct slice entry,
                           struct outcome *const *outcomes) {
    struct entry_header header;
    struct reader rest;
    if (entry_open(entry, &header, &rest) != ERR_OK) {
        LOG_ERROR(
            "an entry of the log cannot be read: upgrade this server to the cluster's version");
        stop_process();
    }
    store->log_time_ms = MAX_OF(store->log_time_ms, header.log_time_ms);
    for (uint64_t i = 0; i < header.command_count; i++) {
        struct outcome ignored = {.arena = &store->scratch};
        bool is_awaited = outcomes != NULL && outcomes[i] != NULL;
        struct outcome *outcome = is_awaited ? outcomes[i] : &ignored;
        struct apply apply = {
            .txn = &store->write,
            .arena = outcome->arena,
            .log_time_ms = store->log_time_ms,
            .wall_ms = header.wall_ms,
            .revision = store->revision + 1,
            .outcome = outcome,
        };
        apply_command(&apply, reader_bytes(&rest));
        store->revision += apply.event_count > 0 ? 1 : 0;
        arena_reset(&store->scratch);
    }
}

void store_apply(struct store *store, uint64_t index, uint64_t term, struct slice entry,
                 struct outcome *const *outcomes) {
    CHECK(store->is_writing);
    if (index <= store->applied_index) {
        return;
    }
    CHECK(index == store->applied_index + 1);
    if (entry.size > 0) {
        apply_commands(store, entry, outcomes);
    }
    store->applied_index = index;
    store->applied_term = term;
}

void store_commit(struct store *store) {
    CHECK(store->is_writing);
    txn_put_number(&store->write, VIEW_REVISION, store->revision);
    txn_put_number(&store->write, VIEW_APPLIED_INDEX, store->applied_index);
    txn_put_number(&store->write, VIEW_APPLIED_TERM, store->applied_term);
    txn_put_number(&store->write, VIEW_LOG_TIME_MS, store->log_time_ms);
    commit_write(store);
    if (store->applied_index > store->mark.state.applied_index) {
        store->mark.state.applied_index = store->applied_index;
        store->mark.state.applied_term = store->applied_term;
        write_mark(store, false);
    }
}
