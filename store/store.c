#include "store/store.h"

#include "store/apply.h"
#include "store/history.h"
#include "store/subnet_index.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_SIZE_DEFAULT                                                                           \
    (UINT64_C(64) << 30) /* address space only: the file grows as it is written */
#define DATA_FILE "data.mdb"
#define LOCK_FILE "lock.mdb"
#define BOOT_KEY  "boot_id"

/* Numbers in TABLE_META. */
static const char revision_name[] = "revision";
static const char index_name[] = "applied_index";
static const char term_name[] = "applied_term";
static const char log_time_name[] = "log_time_ms";
static const char compact_name[] = "compact_revision";
static const char clean_name[] = "is_clean";

struct store {
    MDB_env *env;
    char *directory;
    struct tables tables;
    MDB_txn *idle_reader; /* a reset read transaction, kept for the next read */
    struct txn write;     /* between store_begin and store_commit */
    bool is_writing;
    struct arena scratch;
    /* As of the last commit; while writing, as of the last command. */
    uint64_t revision, applied_index, applied_term, log_time_ms;
};

/* The state machine cannot go on without its disk, and must not go on wrongly. */
NO_RETURN static void fail(int status, const char *what) {
    LOG_ERROR("the store cannot go on", LOG_TEXT("doing", what),
              LOG_TEXT("reason", mdb_strerror(status)));
    abort();
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
        fail(store->write.status, "begin a write transaction");
    }
    store->is_writing = true;
}

static void commit_write(struct store *store) {
    int status = store->write.status;
    if (status == 0) {
        status = mdb_txn_commit(store->write.txn);
    }
    if (status != 0) {
        fail(status, "commit a transaction");
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

/* Whether the view survived: the same boot of the machine, or a clean close before. */
static bool is_whole(struct store *store, const char *boot_id) {
    struct slice saved;
    open_write(store);
    bool is_new = !txn_get(&store->write, TABLE_META, slice_of_text(BOOT_KEY), &saved);
    bool is_same_boot = !is_new && slice_equal(saved, slice_of_text(boot_id));
    bool is_clean = txn_get_number(&store->write, clean_name) != 0;
    commit_write(store);
    return is_new || is_same_boot || is_clean;
}

/* Marks the view as in use in this boot; synced, so that a crash of the machine is seen later. */
static void mark(struct store *store, const char *boot_id, bool is_clean) {
    open_write(store);
    txn_put(&store->write, TABLE_META, slice_of_text(BOOT_KEY), slice_of_text(boot_id));
    txn_put_number(&store->write, clean_name, is_clean ? 1 : 0);
    commit_write(store);
    int status = mdb_env_sync(store->env, 1);
    if (status != 0) {
        fail(status, "sync the store");
    }
}

static void load_numbers(struct store *store) {
    open_write(store);
    store->revision = txn_get_number(&store->write, revision_name);
    store->applied_index = txn_get_number(&store->write, index_name);
    store->applied_term = txn_get_number(&store->write, term_name);
    store->log_time_ms = txn_get_number(&store->write, log_time_name);
    commit_write(store);
}

static enum err rebuild(struct store *store, uint64_t map_size) {
    LOG_WARN("the machine went down while the store was open: its view is rebuilt from the log",
             LOG_TEXT("path", store->directory));
    mdb_env_close(store->env);
    store->env = NULL;
    if (remove_file(store->directory, DATA_FILE) != ERR_OK ||
        remove_file(store->directory, LOCK_FILE) != ERR_OK) {
        return ERR_SYSTEM;
    }
    return open_environment(store, map_size);
}

enum err store_open(const struct store_options *options, struct store **out_store) {
    uint64_t map_size = options->map_size > 0 ? options->map_size : MAP_SIZE_DEFAULT;
    struct store *store = must_alloc_zeroed(1, sizeof *store);
    store->directory = must_strdup(options->directory);
    char boot_id[CLOCK_BOOT_ID_SIZE];
    clock_boot_id(boot_id);
    enum err err = make_directory(options->directory);
    if (err == ERR_OK) {
        err = open_environment(store, map_size);
    }
    if (err == ERR_OK && !is_whole(store, boot_id)) {
        err = rebuild(store, map_size);
    }
    if (err != ERR_OK) {
        free(store->directory);
        free(store);
        return err;
    }
    mark(store, boot_id, false);
    load_numbers(store);
    arena_init(&store->scratch);
    *out_store = store;
    return ERR_OK;
}

void store_close(struct store *store) {
    char boot_id[CLOCK_BOOT_ID_SIZE];
    clock_boot_id(boot_id);
    if (store->idle_reader != NULL) {
        mdb_txn_abort(store->idle_reader);
    }
    int status = mdb_env_sync(store->env, 1); /* the data before the mark that vouches for it */
    if (status != 0) {
        fail(status, "sync the store");
    }
    mark(store, boot_id, true);
    mdb_env_close(store->env);
    arena_deinit(&store->scratch);
    free(store->directory);
    free(store);
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
        abort();
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
    txn_put_number(&store->write, revision_name, store->revision);
    txn_put_number(&store->write, index_name, store->applied_index);
    txn_put_number(&store->write, term_name, store->applied_term);
    txn_put_number(&store->write, log_time_name, store->log_time_ms);
    commit_write(store);
}

/* ---- reading ---- */

static struct txn txn_of(const struct store_read *read) {
    return (struct txn){.txn = read->txn, .tables = &read->store->tables};
}

static void check_read(const struct txn *txn) {
    if (txn->status != 0) {
        fail(txn->status, "read");
    }
}

enum err store_read_begin(struct store *store, struct store_read *out_read) {
    MDB_txn *reader = store->idle_reader;
    store->idle_reader = NULL;
    int status = reader != NULL ? mdb_txn_renew(reader)
                                : mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader);
    if (status != 0) {
        LOG_ERROR("cannot read the store", LOG_TEXT("reason", mdb_strerror(status)));
        return ERR_IO;
    }
    *out_read = (struct store_read){.store = store, .txn = reader};
    struct txn txn = txn_of(out_read);
    out_read->revision = txn_get_number(&txn, revision_name);
    out_read->compact_revision = txn_get_number(&txn, compact_name);
    check_read(&txn);
    return ERR_OK;
}

void store_read_end(struct store_read *read) {
    struct store *store = read->store;
    if (store->idle_reader == NULL) {
        mdb_txn_reset(read->txn);
        store->idle_reader = read->txn;
    } else {
        mdb_txn_abort(read->txn);
    }
    read->txn = NULL;
}

enum err store_get(struct store_read *read, const char *key, struct object *out_object) {
    struct txn txn = txn_of(read);
    bool is_there = objects_get(&txn, key, out_object);
    check_read(&txn);
    return is_there ? ERR_OK : ERR_NOT_FOUND;
}

void store_list(struct store_read *read, const char *prefix, const char *after,
                store_object_cb callback, void *owner) {
    struct txn txn = txn_of(read);
    objects_walk(&txn, prefix, after, callback, owner);
    check_read(&txn);
}

void store_events(struct store_read *read, uint64_t after, store_event_cb callback, void *owner) {
    struct txn txn = txn_of(read);
    history_walk(&txn, after, callback, owner);
    check_read(&txn);
}

struct at_revision {
    const char *key;
    uint64_t revision;
    struct object *out_object;
    bool is_found;
};

static bool visit_event(void *owner, const struct event *event) {
    struct at_revision *at = owner;
    if (event->object.revision != at->revision) {
        return false;
    }
    if (!event->is_delete && strcmp(event->object.key, at->key) == 0) {
        *at->out_object = event->object;
        at->is_found = true;
    }
    return !at->is_found;
}

enum err store_get_at(struct store_read *read, const char *key, uint64_t revision,
                      struct object *out_object) {
    struct at_revision at = {.key = key, .revision = revision, .out_object = out_object};
    if (revision > 0) {
        store_events(read, revision - 1, visit_event, &at);
    }
    return at.is_found ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- leases that are due ---- */

struct due_walk {
    struct txn *txn;
    struct arena arena;
    uint64_t log_time_ms, quarantine_ms;
    unsigned count, count_max;
    struct buf *out;
    uint64_t *out_next_ms;
};

static void encode_due(struct due_walk *walk, const struct subnet_due *due) {
    const char *key = arena_strndup(&walk->arena, due->key.data, due->key.size);
    struct object object;
    struct subnet subnet;
    if (!objects_get(walk->txn, key, &object) ||
        field_decode(&shape_subnet, object.payload, &walk->arena, &subnet) != ERR_OK) {
        return;
    }
    struct command_subnet_expire expire = {.key = key,
                                           .epoch = subnet.epoch,
                                           .expires_log_ms = due->expires_log_ms,
                                           .quarantine_ms = walk->quarantine_ms};
    struct buf command;
    buf_init(&command);
    command_encode(COMMAND_SUBNET_EXPIRE, &expire, &command);
    buf_put_bytes(walk->out, command.data, command.size);
    buf_deinit(&command);
    walk->count++;
}

static bool visit_due(void *owner, struct slice key, struct slice value) {
    (void)value;
    struct due_walk *walk = owner;
    struct subnet_due due;
    if (!subnet_index_read_due(key, &due)) {
        return true;
    }
    if (due.expires_log_ms > walk->log_time_ms || walk->count == walk->count_max) {
        *walk->out_next_ms = due.expires_log_ms;
        return false;
    }
    encode_due(walk, &due);
    return true;
}

unsigned store_due_commands(struct store *store, uint64_t log_time_ms, uint64_t quarantine_ms,
                            unsigned count_max, struct buf *out, uint64_t *out_next_ms) {
    *out_next_ms = UINT64_MAX;
    struct store_read read;
    if (store_read_begin(store, &read) != ERR_OK) {
        return 0;
    }
    struct txn txn = txn_of(&read);
    struct due_walk walk = {.txn = &txn,
                            .log_time_ms = log_time_ms,
                            .quarantine_ms = quarantine_ms,
                            .count_max = count_max,
                            .out = out,
                            .out_next_ms = out_next_ms};
    arena_init(&walk.arena);
    txn_walk(&txn, TABLE_DUE, slice_of(NULL, 0), visit_due, &walk);
    check_read(&txn);
    arena_deinit(&walk.arena);
    store_read_end(&read);
    return walk.count;
}

/* ---- digest ---- */

static void mix(uint64_t *digest, struct slice bytes) {
    uint64_t hash = *digest ^ bytes.size; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    *digest = hash;
}

static bool visit_digest(void *owner, struct slice key, struct slice value) {
    static const char *const local_names[] = {BOOT_KEY, clean_name};
    for (unsigned i = 0; i < ARRAY_COUNT(local_names); i++) {
        if (slice_equal(key, slice_of_text(local_names[i]))) {
            return true; /* this machine's, not the cluster's */
        }
    }
    mix(owner, key);
    mix(owner, value);
    return true;
}

uint64_t store_digest(struct store *store) {
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    struct store_read read;
    if (store_read_begin(store, &read) != ERR_OK) {
        return 0;
    }
    struct txn txn = txn_of(&read);
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        txn_walk(&txn, (enum table)table, slice_of(NULL, 0), visit_digest, &digest);
    }
    check_read(&txn);
    store_read_end(&read);
    return digest;
}
