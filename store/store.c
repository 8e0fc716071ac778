#include "store/store.h"

#include "store/apply.h"
#include "store/history.h"
#include "store/verify.h"
#include "store/view.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void view_fail(int status, const char *doing) {
    LOG_ERROR("the store cannot go on", LOG_TEXT("doing", doing),
              LOG_TEXT("reason", environment_reason(status)));
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
    environment_begin(&store->environment, &store->state.tally, &store->write);
    if (store->write.status != 0) {
        view_fail(store->write.status, "begin a write transaction");
    }
    store->is_writing = true;
}

static void commit_write(struct store *store) {
    int status = environment_commit(&store->write);
    if (status != 0) {
        view_fail(status, "commit a transaction");
    }
    store->is_writing = false;
}

static enum err open_environment(struct store *store, uint64_t map_size) {
    int status = environment_open(store->directory, map_size, &store->environment);
    if (status == 0) {
        return ERR_OK;
    }
    LOG_ERROR("cannot open the store", LOG_TEXT("path", store->directory),
              LOG_TEXT("reason", environment_reason(status)));
    return status == ENOENT || status == EACCES ? ERR_SYSTEM : ERR_IO;
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
    snprintf(path, size, "%s/" ENVIRONMENT_DATA_FILE, store->directory);
}

static void note_applied(struct store *store) {
    if (store->state.applied_index > store->mark.state.applied_index) {
        store->mark.state.applied_index = store->state.applied_index;
        store->mark.state.applied_term = store->state.applied_term;
        write_mark(store, false);
    }
}

static bool is_sealed(const struct mark_state *mark, const char *path) {
    uint64_t size;
    uint32_t crc;
    return mark_measure(path, &size, &crc) == 0 && size == mark->view_size && crc == mark->view_crc;
}

/* Whether the view is the one that was written, to the last byte that counts (store/mark.h). */
static bool is_whole(const struct store *store, uint64_t boot) {
    const struct mark_state *mark = &store->mark.state;
    char path[4096];
    view_path(store, path, sizeof path);
    if (access(path, F_OK) != 0) {
        return false;
    }
    if (!mark->is_sealed && (mark->boot == 0 || mark->boot != boot)) {
        LOG_INFO("the machine stopped while the store was open: it is built again",
                 LOG_TEXT("path", path));
        return false;
    }
    bool is_whole = mark->is_sealed ? is_sealed(mark, path) : verify_view(path);
    if (!is_whole) {
        LOG_WARN("the store's file is damaged: it is built again", LOG_TEXT("path", path));
    } else if (!mark->is_sealed) {
        LOG_INFO("the store was not closed, and is whole", LOG_TEXT("path", path));
    }
    return is_whole;
}

/* Opens the view that is there, or an empty one. */
static enum err open_view(struct store *store, const struct store_options *options) {
    uint64_t boot = mark_boot(options->boot_id);
    enum err err = ERR_OK;
    if (!is_whole(store, boot)) {
        err = remove_file(store->directory, ENVIRONMENT_DATA_FILE);
    }
    if (err == ERR_OK) {
        err = remove_file(store->directory, ENVIRONMENT_LOCK_FILE);
    }
    if (err == ERR_OK) {
        store->mark.state.is_sealed = false;
        store->mark.state.boot = boot;
        write_mark(store, true);
        err = open_environment(store, options->map_size);
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

static void load_state(struct store *store) {
    open_write(store);
    environment_get_meta(&store->write, &store->state);
    commit_write(store);
}

enum err store_open(const struct store_options *options, struct store **out_store) {
    struct store *store = must_alloc_zeroed(1, sizeof *store);
    store->directory = must_strdup(options->directory);
    list_init(&store->reads);
    enum err err = make_directory(options->directory);
    if (err == ERR_OK) {
        err = mark_open(options->directory, &store->mark);
    }
    if (err == ERR_OK) {
        err = open_view(store, options);
        if (err != ERR_OK) {
            mark_close(&store->mark);
        }
    }
    if (err != ERR_OK) {
        free(store->directory);
        free(store);
        return err;
    }
    load_state(store);
    note_applied(store);
    arena_init(&store->scratch);
    *out_store = store;
    return ERR_OK;
}

void store_close(struct store *store) {
    view_end_reads(store);
    int status = mdb_env_sync(store->environment.env, 1);
    if (status != 0) {
        view_fail(status, "sync the store");
    }
    environment_close(&store->environment);
    seal(store);
    mark_close(&store->mark);
    arena_deinit(&store->scratch);
    free(store->directory);
    free(store);
}

/* The reads are ended and the environment is closed while the file changes. */
static int exchange_file(struct store *store, const char *directory) {
    char from[4096];
    char to[4096];
    snprintf(from, sizeof from, "%s/" ENVIRONMENT_DATA_FILE, directory);
    view_path(store, to, sizeof to);
    if (access(from, R_OK | W_OK) != 0) {
        return errno;
    }
    view_end_reads(store);
    environment_close(&store->environment);
    int error = rename(from, to) != 0 ? errno : 0;
    if (remove_file(store->directory, ENVIRONMENT_LOCK_FILE) != ERR_OK ||
        open_environment(store, store->environment.map_size) != ERR_OK) {
        stop_process(); /* it has no state any more, and the log says why */
    }
    return error;
}

enum err store_replace(struct store *store, const char *directory) {
    CHECK(!store->is_writing);
    int error = exchange_file(store, directory);
    if (error != 0) {
        LOG_ERROR("cannot take the new view", LOG_TEXT("path", directory), LOG_ERRNO(error));
        return ERR_SYSTEM;
    }
    load_state(store);
    note_applied(store);
    if (remove_file(directory, ENVIRONMENT_LOCK_FILE) == ERR_OK) {
        (void)rmdir(directory); /* if something else is in there, it stays */
    }
    return ERR_OK;
}

uint64_t store_known_index(const struct store *store) {
    return store->mark.state.applied_index;
}

uint64_t store_known_term(const struct store *store) {
    return store->mark.state.applied_term;
}

uint64_t store_applied_index(const struct store *store) {
    return store->state.applied_index;
}

uint64_t store_applied_term(const struct store *store) {
    return store->state.applied_term;
}

uint64_t store_revision(const struct store *store) {
    return store->state.revision;
}

uint64_t store_log_time_ms(const struct store *store) {
    return store->state.log_time_ms;
}

uint64_t store_compact_revision(const struct store *store) {
    return store->state.compact_revision;
}

uint64_t store_event_count(const struct store *store) {
    return store->state.event_count;
}

uint64_t store_size(const struct store *store) {
    return store->state.tally.size;
}

uint64_t store_digest(const struct store *store) {
    return meta_digest(&store->state);
}

/* ---- writing ---- */

/* The map changes its size only while nobody looks at it, so it grows long before it is full. */
static void grow_map(struct store *store) {
    if (list_is_empty(&store->reads) && environment_is_nearly_full(&store->environment)) {
        view_end_reads(store); /* the idle one */
        int status = environment_grow(&store->environment);
        if (status != 0) {
            view_fail(status, "let the map grow");
        }
    }
}

void store_begin(struct store *store) {
    CHECK(!store->is_writing);
    grow_map(store);
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
    store->state.log_time_ms = MAX_OF(store->state.log_time_ms, header.log_time_ms);
    struct outcome ignored = {.arena =
                                  &store->scratch}; /* of all that nobody waits for: it is large */
    for (uint64_t i = 0; i < header.command_count; i++) {
        bool is_awaited = outcomes != NULL && outcomes[i] != NULL;
        struct outcome *outcome = is_awaited ? outcomes[i] : &ignored;
        struct apply apply = {
            .txn = &store->write,
            .arena = outcome->arena,
            .log_time_ms = store->state.log_time_ms,
            .wall_ms = header.wall_ms,
            .revision = store->state.revision + 1,
            .outcome = outcome,
        };
        apply_command(&apply, reader_bytes(&rest));
        store->state.revision += apply.event_count > 0 ? 1 : 0;
        arena_reset(&store->scratch);
    }
}

void store_apply(struct store *store, uint64_t index, uint64_t term, struct slice entry,
                 struct outcome *const *outcomes) {
    CHECK(store->is_writing);
    if (index <= store->state.applied_index) {
        return;
    }
    CHECK(index == store->state.applied_index + 1);
    if (entry.size > 0) {
        apply_commands(store, entry, outcomes);
    }
    store->state.applied_index = index;
    store->state.applied_term = term;
}

void store_commit(struct store *store) {
    CHECK(store->is_writing);
    struct txn *write = &store->write;
    store->state.tally = write->tally;
    store->state.event_count = txn_count(write, TABLE_EVENTS);
    store->state.compact_revision = txn_get_number(write, HISTORY_COMPACT_REVISION);
    environment_put_meta(write, &store->state);
    commit_write(store);
    note_applied(store);
}
