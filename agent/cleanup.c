#include "agent/cleanup.h"

#include "agent/actual.h"
#include "agent/execute.h"
#include "agent/files.h"
#include "agent/ipam.h"
#include "agent/single.h"
#include "netlink/link.h"
#include "util/clock.h"
#include "util/durable.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void keep_first(enum err *first, enum err err) {
    if (*first == ERR_OK) {
        *first = err;
    }
}

/* Nothing is desired: the plan takes away what is ours. */
static enum err clean_tables(struct netlink *netlink) {
    struct network_state desired, actual;
    struct plan plan;
    struct execute_report report = {0};
    struct netlink_error error;
    network_state_init(&desired);
    network_state_init(&actual);
    plan_init(&plan);
    enum err err = actual_read(netlink, &actual, &error);
    if (err == ERR_OK) {
        plan_make(&desired, &actual, &plan);
        err = execute_plan(netlink, &plan, &report, &error);
        execute_log(&plan, &report);
    }
    if (err == ERR_OK && report.failed > 0) {
        err = report.failures[0].error.err;
    }
    LOG_INFO("kernel objects removed", LOG_U64("done", report.done),
             LOG_U64("failed", report.failed));
    network_state_deinit(&desired);
    network_state_deinit(&actual);
    plan_deinit(&plan);
    return err;
}

static enum err delete_link(struct netlink *netlink, const char *name) {
    struct netlink_error error;
    struct link_info link;
    struct netlink_batch *batch;
    enum err err = link_find(netlink, name, &link, &error);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    batch = must_alloc(sizeof *batch);
    netlink_batch_init(batch);
    link_delete(batch, link.index);
    err = netlink_send(netlink, batch);
    free(batch);
    LOG_INFO("pod interface removed", LOG_TEXT("link", name), LOG_ERR(err));
    return err;
}

/* The file is only asked for names here, so one of another boot or a damaged one does no harm. */
static enum err clean_pods(struct netlink *netlink, const struct agent_config *config) {
    struct ipam ipam;
    struct buf content;
    struct problem problem;
    unsigned dead_count = 0;
    char boot_id[CLOCK_BOOT_ID_SIZE];
    enum err first = ERR_OK;
    clock_boot_id(boot_id);
    buf_init(&content);
    problem_init(&problem);
    ipam_init(&ipam, &clock_system, boot_id, 0, 0);
    if (durable_read(config->state_dir, FILE_ADDRESSES, &content) == ERR_OK &&
        ipam_decode(&ipam, buf_slice(&content), &dead_count, &problem) == ERR_OK) {
        LIST_FOR_EACH(&ipam.records, node) {
            const struct ipam_record *record = CONTAINER_OF(node, struct ipam_record, node);
            keep_first(&first, delete_link(netlink, record->attachment.host_ifname));
        }
    }
    ipam_deinit(&ipam);
    buf_deinit(&content);
    return first;
}

/* What the plugin made beside the socket: releases that nobody will take up now. */
static enum err clean_releases(const char *socket_path) {
    char dir[256];
    enum err first = ERR_OK;
    (void)snprintf(dir, sizeof dir, "%s.released", socket_path);
    DIR *entries = opendir(dir);
    if (entries == NULL) {
        return ERR_OK;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            keep_first(&first, durable_remove(dir, entry->d_name));
        }
    }
    (void)closedir(entries); /* only read from */
    if (rmdir(dir) != 0) {
        LOG_WARN("directory not removed", LOG_TEXT("dir", dir), LOG_ERRNO(errno));
        keep_first(&first, ERR_IO);
    }
    return first;
}

static enum err clean_files(const struct agent_config *config) {
    static const char *const names[] = {FILE_ADDRESSES, FILE_CACHE, FILE_VTEP_MAC};
    enum err first = ERR_OK;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        keep_first(&first, durable_remove(config->state_dir, names[i]));
    }
    char turns[256];
    (void)snprintf(turns, sizeof turns, "%s.turns", config->socket);
    keep_first(&first, clean_releases(config->socket));
    const char *paths[] = {config->subnet_env, config->socket, turns};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        if (paths[i][0] != 0 && unlink(paths[i]) != 0 && errno != ENOENT) {
            LOG_WARN("file not removed", LOG_TEXT("path", paths[i]), LOG_ERRNO(errno));
            keep_first(&first, ERR_IO);
        }
    }
    return first;
}

static enum err clean_all(const struct agent_config *config) {
    struct netlink netlink;
    struct netlink_error error;
    enum err first = netlink_open(&netlink, &error);
    if (first != ERR_OK) {
        LOG_ERROR("no netlink socket: cleaning up needs CAP_NET_ADMIN",
                  LOG_TEXT("detail", error.text));
        return first;
    }
    keep_first(&first, clean_tables(&netlink));
    keep_first(&first, clean_pods(&netlink, config));
    keep_first(&first, clean_files(config));
    netlink_close(&netlink);
    return first;
}

enum err cleanup_run(const struct agent_config *config) {
    struct single single;
    enum err err = single_claim(&single, config->state_dir);
    if (err == ERR_OK) {
        err = clean_all(config);
        single_release(&single);
    }
    return err;
}
