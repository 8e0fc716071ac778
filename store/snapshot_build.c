/* A view built from a snapshot: the rows come in order, so each table is filled from its front. */
#include "store/environment.h"
#include "store/snapshot_format.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct build {
    struct environment environment;
    struct txn txn;
    uint64_t size; /* of the rows that are in the transaction */
};

/* A transaction keeps its pages in memory: it ends when there are many. */
static void commit_part(struct build *build) {
    struct tally tally = build->txn.tally;
    int status = environment_commit(&build->txn);
    build->size = 0;
    environment_begin(&build->environment, &tally, &build->txn);
    if (status != 0) {
        build->txn.status = status;
    }
}

static enum err take(void *owner, unsigned table, struct slice key, struct slice value) {
    struct build *build = owner;
    txn_append(&build->txn, (enum table)table, key, value);
    build->size += key.size + value.size;
    if (build->txn.status == 0 && build->size >= LIMIT_VIEW_BUILD_SIZE) {
        commit_part(build);
    }
    return build->txn.status == 0 ? ERR_OK : ERR_SYSTEM;
}

/* Errors: as snapshot_scan; ERR_SYSTEM with `*out_status` the reason. */
static enum err fill(const char *path, struct build *build, struct meta *out_state,
                     int *out_status) {
    const struct tally nothing = {0};
    const struct snapshot_sink sink = {.owner = build, .take = take};
    struct meta state;
    environment_begin(&build->environment, &nothing, &build->txn);
    enum err err = snapshot_scan(path, &sink, &state);
    if (err == ERR_OK) {
        environment_put_meta(&build->txn, &state);
    } else if (build->txn.status == 0) {
        build->txn.status = ECANCELED; /* what was read is worth nothing */
    }
    *out_status = environment_commit(&build->txn);
    if (err == ERR_OK && *out_status == 0) {
        *out_state = state;
    }
    return err == ERR_OK && *out_status != 0 ? ERR_SYSTEM : err;
}

static int remove_file(const char *directory, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return unlink(path) == 0 || errno == ENOENT ? 0 : errno;
}

/* Returns 0 or an errno. */
static int clear_directory(const char *directory) {
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return errno;
    }
    int error = remove_file(directory, ENVIRONMENT_DATA_FILE);
    return error != 0 ? error : remove_file(directory, ENVIRONMENT_LOCK_FILE);
}

enum err snapshot_build_view(const char *path, const char *directory, struct meta *out_state) {
    struct build build = {.size = 0};
    enum err err = ERR_SYSTEM;
    int status = clear_directory(directory);
    if (status == 0) {
        status = environment_open(directory, 0, &build.environment);
    }
    if (status == 0) {
        err = fill(path, &build, out_state, &status);
        environment_close(&build.environment);
    }
    if (err == ERR_SYSTEM) {
        LOG_ERROR("cannot build a view", LOG_TEXT("directory", directory),
                  LOG_TEXT("reason", environment_reason(status)));
    }
    return err;
}
