/* Snapshot files. See shelf.h. */
#include "raft/shelf.h"

#include "util/limits.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const prefixes[] = {
    [SHELF_INCOMING] = "incoming",
    [SHELF_RECEIVED] = "received",
    [SHELF_SNAPSHOT] = "snapshot",
};

static void item_name(const char *prefix, uint64_t index, uint64_t term, char *out) {
    snprintf(out, SHELF_NAME_SIZE, "%s-%016" PRIu64 "-%08" PRIu64, prefix, index, term);
}

void shelf_path(const char *directory, const struct shelf_item *item, char *out) {
    char name[SHELF_NAME_SIZE];
    item_name(prefixes[item->kind], item->index, item->term, name);
    int size = snprintf(out, SHELF_PATH_SIZE, "%s/%s", directory, name);
    CHECK(size > 0 && (size_t)size < SHELF_PATH_SIZE);
}

/* Only a name that we would give it is one of ours. */
static bool parse_name(const char *name, struct shelf_item *out_item) {
    for (unsigned kind = 0; kind < ARRAY_COUNT(prefixes); kind++) {
        size_t size = strlen(prefixes[kind]);
        if (strncmp(name, prefixes[kind], size) != 0 || name[size] != '-') {
            continue;
        }
        char *end;
        uint64_t index = strtoull(name + size + 1, &end, 10);
        uint64_t term = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
        char again[SHELF_NAME_SIZE];
        item_name(prefixes[kind], index, term, again);
        *out_item =
            (struct shelf_item){.kind = (enum shelf_kind)kind, .index = index, .term = term};
        return index > 0 && term > 0 && strcmp(again, name) == 0;
    }
    return false;
}

static int compare_items(const void *a, const void *b) {
    const struct shelf_item *x = a;
    const struct shelf_item *y = b;
    if (x->index != y->index) {
        return x->index > y->index ? -1 : 1;
    }
    return x->term > y->term ? -1 : x->term < y->term;
}

enum err shelf_list(const char *directory, struct shelf_item items[SHELF_ITEMS_MAX],
                    unsigned *out_count) {
    *out_count = 0;
    DIR *stream = opendir(directory);
    if (stream == NULL && errno == ENOENT) {
        return ERR_OK;
    }
    if (stream == NULL) {
        LOG_ERROR("cannot look for snapshots", LOG_TEXT("path", directory), LOG_ERRNO(errno));
        return ERR_SYSTEM;
    }
    struct dirent *entry;
    while ((entry = readdir(stream)) != NULL && *out_count < SHELF_ITEMS_MAX) {
        if (parse_name(entry->d_name, &items[*out_count])) {
            (*out_count)++;
        }
    }
    (void)closedir(stream);
    qsort(items, *out_count, sizeof items[0], compare_items);
    return ERR_OK;
}

/* Renames within the directory, durably. */
static int rename_durably(const char *directory, const char *from, const char *to) {
    int error = 0;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || rename(from, to) != 0 || fsync(fd) != 0) {
        error = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return error;
}

int shelf_move(const char *directory, const struct shelf_item *item, enum shelf_kind to_kind) {
    char from[SHELF_PATH_SIZE];
    char to[SHELF_PATH_SIZE];
    struct shelf_item moved = *item;
    moved.kind = to_kind;
    shelf_path(directory, item, from);
    shelf_path(directory, &moved, to);
    return rename_durably(directory, from, to);
}

void shelf_remove(const char *directory, const struct shelf_item *item) {
    char path[SHELF_PATH_SIZE];
    shelf_path(directory, item, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        LOG_WARN("cannot remove a snapshot", LOG_TEXT("path", path), LOG_ERRNO(errno));
    }
}

void shelf_prune(const char *directory) {
    struct shelf_item items[SHELF_ITEMS_MAX];
    unsigned count;
    unsigned kept = 0;
    if (shelf_list(directory, items, &count) != ERR_OK) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        bool is_snapshot = items[i].kind == SHELF_SNAPSHOT;
        if (is_snapshot && kept >= LIMIT_SNAPSHOT_KEPT) {
            shelf_remove(directory, &items[i]);
        }
        kept += is_snapshot;
    }
}
