/* weftd: joins the floors. Start: configuration, data directory, store, replica, API, sockets, then
 * the line `ready`, without waiting for a quorum. Stop (SIGTERM, SIGINT): the same backwards, each
 * part calling back when it has ended. Owns the loop; one thread runs everything but the log's
 * writes. */
#include "api/api.h"
#include "server/config.h"
#include "server/datadir.h"
#include "server/descriptors.h"
#include "store/store.h"
#include "util/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <uv.h>

#define API_SOCKET_MODE 0660u

struct weftd {
    struct config config;
    struct datadir datadir;
    struct client_bounds bounds;
    uv_loop_t loop;
    uv_signal_t signals[2];
    struct store *store;
    struct replica *replica;
    struct api *api;
    bool is_stopping;
};

static const int stop_signals[] = {SIGTERM, SIGINT};

/* --- Stopping: the API first, so that answers in progress still have a replica to decide them. ---
 */

static void replica_stopped(void *owner) {
    struct weftd *weftd = owner;
    weftd->replica = NULL;
    for (unsigned i = 0; i < ARRAY_COUNT(stop_signals); i++) {
        uv_close((uv_handle_t *)&weftd->signals[i], NULL);
    }
}

static void api_stopped(void *owner) {
    struct weftd *weftd = owner;
    weftd->api = NULL;
    replica_close(weftd->replica, replica_stopped, weftd);
}

static void stop(struct weftd *weftd) {
    if (weftd->is_stopping) {
        return;
    }
    weftd->is_stopping = true;
    (void)sd_notify(0, "STOPPING=1");
    LOG_INFO("stopping");
    api_close(weftd->api, api_stopped, weftd);
}

static void signal_came(uv_signal_t *signal, int number) {
    (void)number;
    stop(signal->data);
}

static void applied(void *owner, uint64_t revision) {
    (void)revision;
    struct weftd *weftd = owner;
    if (weftd->api != NULL) {
        api_applied(weftd->api);
    }
}

static void changed(void *owner) {
    struct weftd *weftd = owner;
    if (weftd->api != NULL) {
        api_changed(weftd->api);
    }
}

/* --- Starting. --- */

static void start_signals(struct weftd *weftd) {
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < ARRAY_COUNT(stop_signals); i++) {
        weftd->signals[i].data = weftd;
        int result = uv_signal_init(&weftd->loop, &weftd->signals[i]);
        CHECK(result == 0);
        result = uv_signal_start(&weftd->signals[i], signal_came, stop_signals[i]);
        CHECK(result == 0);
    }
}

static enum err start_replica(struct weftd *weftd) {
    const struct config *config = &weftd->config;
    struct store_options store_options = {.directory = weftd->datadir.view};
    enum err err = store_open(&store_options, &weftd->store);
    if (err != ERR_OK) {
        return err;
    }
    struct replica_options options = {
        .loop = &weftd->loop,
        .clock = &clock_system,
        .store = weftd->store,
        .name = config->name,
        .directory = weftd->datadir.raft,
        .raft_listen = config->raft_listen,
        .members = config->members,
        .member_count = config->member_count,
        .heartbeat_ms = (unsigned)config->heartbeat_ms,
        .election_ms = (unsigned)config->election_ms,
        .quarantine_ms = config->lease_quarantine_s * 1000,
        .snapshot_entries = config->snapshot_entries,
        .history_events = config->history_events,
        .quota_size = config->quota_bytes,
        .owner = weftd,
        .applied = applied,
        .changed = changed,
    };
    return replica_open(&options, &weftd->replica);
}

static enum err start_api(struct weftd *weftd) {
    const struct config *config = &weftd->config;
    struct api_options options = {.loop = &weftd->loop,
                                  .clock = &clock_system,
                                  .store = weftd->store,
                                  .replica = weftd->replica,
                                  .name = config->name,
                                  .quota_size = config->quota_bytes,
                                  .connections_max = weftd->bounds.connections_max,
                                  .watchers_max = weftd->bounds.watchers_max};
    weftd->api = api_open(&options);
    enum err err = api_listen(weftd->api, &config->api_listen, 0);
    if (err == ERR_OK && config->api_socket != NULL) {
        err = api_listen(weftd->api, &config->api_socket_address, API_SOCKET_MODE);
    }
    return err;
}

static void say_ready(const struct weftd *weftd) {
    LOG_INFO("serving", LOG_TEXT("name", weftd->config.name),
             LOG_TEXT("api", weftd->config.api_listen_text),
             LOG_TEXT("raft", weftd->config.raft_listen), LOG_TEXT("data", weftd->datadir.path));
    printf("ready\n");
    (void)fflush(stdout);
    (void)sd_notify(0, "READY=1");
}

/* Runs until a signal; 0 when all went well. */
static int run(struct weftd *weftd) {
    bool is_started = false;
    enum err err = start_replica(weftd);
    if (err == ERR_OK) {
        start_signals(weftd);
        err = start_api(weftd);
        is_started = err == ERR_OK;
        if (is_started) {
            say_ready(weftd);
        } else {
            stop(weftd);
        }
        int result = uv_run(&weftd->loop, UV_RUN_DEFAULT);
        CHECK(result == 0);
    }
    if (weftd->store != NULL) {
        store_close(weftd->store);
    }
    return is_started ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    static struct weftd weftd;
    enum option_result options = config_read(argc, argv, &weftd.config);
    if (options != OPTION_RUN) {
        return options == OPTION_EXIT ? EXIT_SUCCESS : 2;
    }
    descriptors_prepare(&weftd.bounds);
    if (datadir_open(weftd.config.data_dir, &weftd.datadir) != ERR_OK) {
        return EXIT_FAILURE;
    }
    int result = uv_loop_init(&weftd.loop);
    CHECK(result == 0);
    int status = run(&weftd);
    (void)uv_loop_close(&weftd.loop);
    datadir_close(&weftd.datadir);
    return status;
}
