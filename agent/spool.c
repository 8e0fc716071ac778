#include "agent/spool.h"

#include "util/durable.h"
#include "util/log.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static void forget_files(struct spool *spool) {
    for (size_t at = 0; at < spool->names.size;
         at += strlen((const char *)spool->names.data + at) + 1) {
        const char *name = (const char *)spool->names.data + at;
        if (durable_remove(spool->dir, name) != ERR_OK) {
            LOG_WARN("release file not removed", LOG_TEXT("dir", spool->dir),
                     LOG_TEXT("name", name));
        }
    }
    buf_clear(&spool->names);
}

static void saved(struct save_waiter *waiter, enum err err) {
    struct spool *spool = CONTAINER_OF(waiter, struct spool, waiter);
    spool->is_busy = false;
    if (err == ERR_OK) {
        forget_files(spool);
    }
    buf_clear(&spool->names);
}

enum err spool_init(struct spool *spool, const char *socket_path, struct ipam *ipam,
                    struct save *save) {
    memset(spool, 0, sizeof *spool);
    spool->ipam = ipam;
    spool->save = save;
    spool->waiter.done = saved;
    list_init(&spool->waiter.node);
    buf_init(&spool->names);
    int size = snprintf(spool->dir, sizeof spool->dir, "%s.released", socket_path);
    return size < (int)sizeof spool->dir ? ERR_OK : ERR_INVALID;
}

void spool_deinit(struct spool *spool) {
    buf_deinit(&spool->names);
}

/* Errors: ERR_CORRUPT when the content is no release. */
static enum err release(struct spool *spool, struct slice content, unsigned *count) {
    struct json *json;
    struct json_fault fault;
    if (json_parse(content, &json, &fault) != ERR_OK) {
        return ERR_CORRUPT;
    }
    const char *container_id = json_find_text(json, "container_id", "");
    const char *ifname = json_find_text(json, "ifname", "");
    bool is_of_boot = strcmp(json_find_text(json, "boot_id", ""), spool->ipam->boot_id) == 0;
    msec_t released_ms = json_find_number(json, "released_ms", 0);
    struct ipam_record *record = ipam_find(spool->ipam, container_id, ifname);
    if (record != NULL && is_of_boot && record->attachment.reserved_ms <= released_ms) {
        LOG_INFO("released while the agent was away", LOG_TEXT("container_id", container_id),
                 LOG_TEXT("ifname", ifname));
        ipam_release(spool->ipam, record);
        (*count)++;
    }
    json_free(json);
    return ERR_OK;
}

static void take_file(struct spool *spool, const char *name, unsigned *count) {
    struct buf content;
    buf_init(&content);
    enum err err = durable_read(spool->dir, name, &content);
    if (err == ERR_OK) {
        err = release(spool, buf_slice(&content), count);
    }
    if (err != ERR_OK) {
        LOG_WARN("release file is not readable, removed", LOG_TEXT("dir", spool->dir),
                 LOG_TEXT("name", name), LOG_ERR(err));
    }
    buf_append(&spool->names, name, strlen(name) + 1);
    buf_deinit(&content);
}

unsigned spool_take(struct spool *spool) {
    unsigned count = 0;
    DIR *dir = spool->is_busy ? NULL : opendir(spool->dir);
    if (dir == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            take_file(spool, entry->d_name, &count);
        }
    }
    closedir(dir);
    if (spool->names.size > 0) {
        spool->is_busy = true;
        save_request(spool->save, &spool->waiter);
    }
    return count;
}
