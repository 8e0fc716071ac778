#include "agent/agent.h"

#include "agent/files.h"
#include "util/durable.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>

#define LOOK_WAIT_MS 10u /* kernel and store events that come within it share a look */

/* ---- hints ---- */

static void look_due(uv_timer_t *timer) {
    struct agent *agent = CONTAINER_OF(timer, struct agent, look_timer);
    agent_look(agent);
}

static void hint(struct agent *agent, unsigned wait_ms) {
    bool is_sooner = !uv_is_active((uv_handle_t *)&agent->look_timer) ||
                     uv_timer_get_due_in(&agent->look_timer) > wait_ms;
    if (!agent->is_stopping && is_sooner) {
        CHECK(uv_timer_start(&agent->look_timer, look_due, wait_ms, 0) == 0);
    }
}

static void kernel_changed(void *owner) {
    hint(owner, LOOK_WAIT_MS);
}

static void cache_due(uv_timer_t *timer) {
    save_request(&CONTAINER_OF(timer, struct agent, cache_timer)->cache_save, NULL);
}

static void cache_changed(struct agent *agent) {
    if (!agent->is_stopping && !uv_is_active((uv_handle_t *)&agent->cache_timer)) {
        CHECK(uv_timer_start(&agent->cache_timer, cache_due, LIMIT_AGENT_CACHE_WAIT_MS, 0) == 0);
    }
}

/* ---- the store's side ---- */

static void feed_changed(void *owner) {
    struct agent *agent = owner;
    cache_changed(agent);
    hint(agent, LOOK_WAIT_MS);
}

static void own_in_doubt(void *owner) {
    lease_hurry(&((struct agent *)owner)->lease);
}

static void store_connected(void *owner) {
    struct agent *agent = owner;
    lease_hurry(&agent->lease);
    publish_hint(&agent->publish);
}

static void store_listed(void *owner) {
    struct agent *agent = owner;
    publish_again(&agent->publish);
    registration_again(&agent->registration);
}

static const struct feed_handlers feed_handlers = {.changed = feed_changed,
                                                   .own_in_doubt = own_in_doubt,
                                                   .connected = store_connected,
                                                   .listed = store_listed};

static void lease_granted(void *owner, const struct json *json, msec_t sent_ms) {
    struct agent *agent = owner;
    if (cache_set_own(&agent->cache, json, sent_ms) != ERR_OK) {
        LOG_ERROR("the granted lease is not readable: is the store newer than this agent?");
        return;
    }
    agent->is_own_settled = true;
    save_request(&agent->cache_save, NULL);
    hint(agent, 0);
}

static void lease_renewed(void *owner, msec_t sent_ms) {
    struct agent *agent = owner;
    cache_set_own_sent(&agent->cache, sent_ms);
    cache_changed(agent);
}

static void lease_lost(void *owner) {
    struct agent *agent = owner;
    cache_clear_own(&agent->cache);
    agent->is_own_settled = true;
    save_request(&agent->cache_save, NULL);
    hint(agent, 0);
}

static const struct lease_handlers lease_handlers = {
    .granted = lease_granted, .renewed = lease_renewed, .lost = lease_lost};

static void endpoint_settled(void *owner) {
    save_request(&((struct agent *)owner)->address_save, NULL);
}

/* ---- the local side ---- */

static void local_refresh(void *owner) {
    struct agent *agent = owner;
    if (spool_take(&agent->spool) > 0) {
        hint(agent, 0);
    }
}

static void local_changed(void *owner) {
    hint(owner, 0);
}

static bool sees_address(struct agent *agent, const struct ip_address *ip, const char *link) {
    return ip->family == IP_NONE || reconcile_sees_pod(&agent->reconcile, ip, link);
}

static bool local_sees_pod(void *owner, const struct attachment *attachment) {
    return sees_address(owner, &attachment->ip, attachment->host_ifname) &&
           sees_address(owner, &attachment->ip_v6, attachment->host_ifname);
}

static const struct local_hooks local_hooks = {.refresh = local_refresh,
                                               .changed = local_changed,
                                               .sees_pod = local_sees_pod,
                                               .write_status = agent_write_status};

static void resync_due(uv_timer_t *timer) {
    struct agent *agent = CONTAINER_OF(timer, struct agent, resync_timer);
    ipam_expire_rests(&agent->ipam);
    (void)spool_take(&agent->spool); /* the look below comes in any case */
    agent_collect(agent);
    lease_tick(&agent->lease);
    publish_hint(&agent->publish);
    hint(agent, 0);
}

/* ---- start ---- */

static void encode_addresses(void *owner, struct buf *out) {
    ipam_encode(&((struct agent *)owner)->ipam, out);
}

static void encode_cache(void *owner, struct buf *out) {
    cache_encode(&((struct agent *)owner)->cache, out);
}

static enum err make_dirs(const struct agent_config *config) {
    const char *dirs[] = {config->state_dir, config->run_dir};
    for (size_t i = 0; i < ARRAY_COUNT(dirs); i++) {
        if (durable_make_dir(dirs[i]) != ERR_OK) {
            LOG_ERROR("directory not made", LOG_TEXT("dir", dirs[i]), LOG_ERRNO(errno));
            return ERR_IO;
        }
    }
    return ERR_OK;
}

/* Without it an address could be given twice, so a damaged file stops the start. */
static enum err load_addresses(struct agent *agent) {
    const char *dir = agent->config->state_dir;
    struct buf content;
    struct problem problem;
    unsigned dead_count = 0;
    buf_init(&content);
    problem_init(&problem);
    enum err err = durable_read(dir, FILE_ADDRESSES, &content);
    if (err == ERR_OK) {
        err = ipam_decode(&agent->ipam, buf_slice(&content), &dead_count, &problem);
    } else if (err == ERR_NOT_FOUND) {
        err = ERR_OK;
    }
    buf_deinit(&content);
    if (err != ERR_OK) {
        LOG_ERROR("the record of pod addresses is damaged: when no pod runs here, remove it and "
                  "start again",
                  LOG_TEXT("dir", dir), LOG_TEXT("name", FILE_ADDRESSES), LOG_ERR(err),
                  LOG_TEXT("detail", problem.detail));
        return err;
    }
    LOG_INFO("pod addresses read", LOG_U64("pods", agent->ipam.record_count),
             LOG_U64("freed_by_reboot", dead_count));
    return ERR_OK;
}

static void load_cache(struct agent *agent) {
    struct buf content;
    buf_init(&content);
    enum err err = durable_read(agent->config->state_dir, FILE_CACHE, &content);
    if (err == ERR_OK) {
        err = cache_decode(&agent->cache, buf_slice(&content));
    }
    buf_deinit(&content);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        LOG_WARN("the local copy of the store is damaged, ignored", LOG_ERR(err),
                 LOG_TEXT("dir", agent->config->state_dir), LOG_TEXT("name", FILE_CACHE));
    }
    agent->is_own_settled = agent->cache.network != NULL;
}

static void init_parts(struct agent *agent) {
    const struct agent_config *config = agent->config;
    uint64_t seed;
    rand_os(&seed, sizeof seed);
    cache_init(&agent->cache, config->node, config->network, agent->boot_id);
    ipam_init(&agent->ipam, &clock_system, agent->boot_id, config->address_rest_s * 1000, seed);
    save_init(&agent->address_save, agent->loop, config->state_dir, FILE_ADDRESSES,
              encode_addresses, agent);
    save_init(&agent->cache_save, agent->loop, config->state_dir, FILE_CACHE, encode_cache, agent);
    CHECK(uv_timer_init(agent->loop, &agent->look_timer) == 0);
    CHECK(uv_timer_init(agent->loop, &agent->cache_timer) == 0);
    CHECK(uv_timer_init(agent->loop, &agent->resync_timer) == 0);
}

static void start_store_side(struct agent *agent) {
    const struct agent_config *config = agent->config;
    agent->servers = config->servers;
    agent->pool = call_pool_open(agent->loop);
    lease_init(&agent->lease, agent->pool, &agent->servers, &clock_system, config->network,
               &lease_handlers, agent);
    if (agent->cache.own != NULL) {
        lease_resume(&agent->lease, agent->cache.own, agent->cache.own_sent_ms,
                     agent->cache.own_is_of_boot);
    }
    registration_init(&agent->registration, agent->pool, &agent->servers, config->node,
                      agent->boot_id);
    publish_init(&agent->publish, agent->pool, &agent->servers, &agent->ipam, config->node,
                 config->network, endpoint_settled, agent);
    feed_start(&agent->feed, agent->pool, &agent->servers, &agent->cache, &feed_handlers, agent);
}

enum err agent_start(struct agent *agent, uv_loop_t *loop, const struct agent_config *config) {
    memset(agent, 0, sizeof *agent);
    agent->config = config;
    agent->loop = loop;
    clock_boot_id(agent->boot_id);
    init_parts(agent);
    enum err err = make_dirs(config);
    if (err == ERR_OK) {
        err = single_claim(&agent->single, config->state_dir);
    }
    if (err == ERR_OK) {
        err = files_vtep_mac(config->state_dir, &agent->vtep_mac);
    }
    if (err == ERR_OK) {
        err = load_addresses(agent);
    }
    if (err == ERR_OK) {
        err = spool_init(&agent->spool, config->socket, &agent->ipam, &agent->address_save);
    }
    if (err == ERR_OK) {
        err = reconcile_open(&agent->reconcile, loop, kernel_changed, agent);
    }
    if (err != ERR_OK) {
        return err;
    }
    load_cache(agent);
    (void)spool_take(&agent->spool); /* before an address is given; the first look comes anyway */
    err = local_open(&agent->local, loop, config->socket, &agent->ipam, &agent->address_save,
                     &local_hooks, agent);
    if (err != ERR_OK) {
        return err;
    }
    start_store_side(agent);
    agent_look(agent);
    CHECK(uv_timer_start(&agent->resync_timer, resync_due, config->resync_s * 1000,
                         config->resync_s * 1000) == 0);
    return ERR_OK;
}

/* ---- stop ---- */

static void local_closed(void *owner) {
    struct agent *agent = owner;
    feed_stop(&agent->feed);
    lease_deinit(&agent->lease);
    registration_deinit(&agent->registration);
    publish_deinit(&agent->publish);
    call_pool_close(agent->pool, NULL, NULL);
    reconcile_close(&agent->reconcile);
    uv_close((uv_handle_t *)&agent->look_timer, NULL);
    uv_close((uv_handle_t *)&agent->cache_timer, NULL);
    uv_close((uv_handle_t *)&agent->resync_timer, NULL);
}

void agent_stop(struct agent *agent) {
    if (!agent->is_stopping) {
        LOG_INFO("stopping: the network stays as it is");
        agent->is_stopping = true;
        local_close(&agent->local, local_closed, agent);
    }
}

void agent_deinit(struct agent *agent) {
    save_deinit(&agent->address_save);
    save_deinit(&agent->cache_save);
    spool_deinit(&agent->spool);
    ipam_deinit(&agent->ipam);
    cache_deinit(&agent->cache);
    single_release(&agent->single);
}
