#include "agent/reconcile.h"

#include "netlink/route.h"
#include "util/log.h"

#include <string.h>

static void monitor_heard(uv_poll_t *poll, int status, int events) {
    struct reconcile *reconcile = CONTAINER_OF(poll, struct reconcile, poll);
    (void)events;
    if (status == 0 && netlink_monitor_drain(&reconcile->monitor)) {
        reconcile->hinted(reconcile->owner);
    }
}

enum err reconcile_open(struct reconcile *reconcile, uv_loop_t *loop, reconcile_hint_cb hinted,
                        void *owner) {
    struct netlink_error error;
    memset(reconcile, 0, sizeof *reconcile);
    reconcile->hinted = hinted;
    reconcile->owner = owner;
    network_state_init(&reconcile->desired);
    network_state_init(&reconcile->actual);
    plan_init(&reconcile->plan);
    enum err err = netlink_open(&reconcile->netlink, &error);
    if (err != ERR_OK) {
        goto fail;
    }
    err = netlink_monitor_open(&reconcile->monitor, &error);
    if (err != ERR_OK) {
        netlink_close(&reconcile->netlink);
        goto fail;
    }
    CHECK(uv_poll_init(loop, &reconcile->poll, netlink_monitor_fd(&reconcile->monitor)) == 0);
    CHECK(uv_poll_start(&reconcile->poll, UV_READABLE, monitor_heard) == 0);
    return ERR_OK;
fail:
    LOG_ERROR("no netlink socket: the agent needs CAP_NET_ADMIN", LOG_ERR(err),
              LOG_TEXT("detail", error.text));
    return err;
}

static void poll_closed(uv_handle_t *handle) {
    struct reconcile *reconcile = CONTAINER_OF(handle, struct reconcile, poll);
    netlink_monitor_close(&reconcile->monitor);
    netlink_close(&reconcile->netlink);
    network_state_deinit(&reconcile->desired);
    network_state_deinit(&reconcile->actual);
    plan_deinit(&reconcile->plan);
}

void reconcile_close(struct reconcile *reconcile) {
    uv_close((uv_handle_t *)&reconcile->poll, poll_closed);
}

static void log_plan(const struct plan *plan) {
    for (size_t i = 0; i < plan->count && log_is_on(LOG_LEVEL_DEBUG); i++) {
        struct buf text;
        buf_init(&text);
        plan_print_step(&plan->steps[i], &text);
        LOG_DEBUG("step", LOG_TEXT("command", buf_text(&text)));
        buf_deinit(&text);
    }
    if (plan->count > 0) {
        LOG_INFO("kernel state differs, mended", LOG_U64("add", plan->verdicts[PLAN_ADD]),
                 LOG_U64("replace", plan->verdicts[PLAN_REPLACE]),
                 LOG_U64("delete", plan->verdicts[PLAN_DELETE]));
    }
}

static void note_failure(struct reconcile *reconcile, enum err err,
                         const struct netlink_error *error) {
    if (err != ERR_OK && !reconcile->failed) {
        LOG_ERROR("the kernel's network tables cannot be read", LOG_ERR(err),
                  LOG_TEXT("detail", error->text));
    }
    reconcile->failed = err != ERR_OK;
}

enum err reconcile_look(struct reconcile *reconcile, const struct desired_input *input) {
    struct netlink_error error;
    if (input != NULL) {
        desired_build(input, &reconcile->desired, &reconcile->found);
    } else {
        network_state_clear(&reconcile->desired);
    }
    enum err err = actual_read(&reconcile->netlink, &reconcile->actual, &error);
    if (err == ERR_OK) {
        plan_make(&reconcile->desired, &reconcile->actual, &reconcile->plan);
        log_plan(&reconcile->plan);
        err = execute_plan(&reconcile->netlink, &reconcile->plan, &reconcile->done, &error);
        execute_log(&reconcile->plan, &reconcile->done);
        reconcile->step_count = reconcile->plan.count;
    }
    note_failure(reconcile, err, &error);
    return err;
}

bool reconcile_sees_pod(struct reconcile *reconcile, const struct ip_address *address,
                        const char *link) {
    struct netlink_error error;
    enum err err = actual_read(&reconcile->netlink, &reconcile->actual, &error);
    note_failure(reconcile, err, &error);
    for (size_t i = 0; err == ERR_OK && i < reconcile->actual.count; i++) {
        const struct model_object *object = &reconcile->actual.objects[i];
        if (object->class == MODEL_ROUTE && model_is_ours(object) &&
            object->route.destination.length == ip_address_bits(address) &&
            ip_address_compare(&object->route.destination.address, address) == 0 &&
            strcmp(object->route.link, link) == 0) {
            return true;
        }
    }
    return false;
}
