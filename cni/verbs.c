#include "cni/verbs.h"

#include "cni/agent_call.h"
#include "cni/result.h"
#include "cni/turn.h"
#include "cni/wiring.h"

#include <string.h>
#include <unistd.h>

/* One call. */
struct step {
    const struct cni_args *args;
    const struct cni_config *config;
    struct agent_call agent;
    struct buf *out;
    struct cni_error *error;
    char host_ifname[LIMIT_IFNAME_SIZE_MAX + 1];
};

/* ---- ADD ---- */

/* Undoes a reservation; whatever goes wrong here, the fault that led to it is the one to tell. */
static void take_back(struct step *step) {
    struct cni_error unused;
    (void)!agent_call_release(&step->agent, step->args->container_id, step->args->ifname, &unused);
}

static void unmake(struct step *step) {
    struct cni_error unused;
    (void)!wiring_remove(step->host_ifname, &unused);
}

static enum err reserve(struct step *step, struct attachment *out_attachment) {
    struct attachment request = {.container_id = step->args->container_id,
                                 .ifname = step->args->ifname,
                                 .netns = step->args->netns,
                                 .cni_network = step->config->name,
                                 .pod = step->args->pod};
    return agent_call_reserve(&step->agent, &request, out_attachment, step->error);
}

static enum err check_free(struct step *step, int netns_fd) {
    bool is_there;
    enum err err = wiring_has_interface(netns_fd, step->args->ifname, &is_there, step->error);
    if (err == ERR_OK && is_there) {
        return cni_fail(step->error, CNI_CODE_IFNAME_IN_USE,
                        "the pod has an interface '%s' already (container %s)", step->args->ifname,
                        step->args->container_id);
    }
    if (err == ERR_OK) {
        err = wiring_has_host_end(step->host_ifname, &is_there, step->error);
    }
    if (err == ERR_OK && is_there) {
        return cni_fail(step->error, CNI_CODE_IFNAME_IN_USE,
                        "container %s has its '%s' already, in another namespace or under another "
                        "name (host interface %s): DEL comes first",
                        step->args->container_id, step->args->ifname, step->host_ifname);
    }
    return err;
}

static enum err add_inside(struct step *step, int netns_fd) {
    struct attachment attachment;
    enum err err = check_free(step, netns_fd);
    if (err != ERR_OK) {
        return err;
    }
    err = reserve(step, &attachment);
    if (err != ERR_OK) {
        return err;
    }
    err = wiring_make(netns_fd, &attachment, step->error);
    if (err != ERR_OK) {
        goto taken;
    }
    err = agent_call_ready(&step->agent, step->args->container_id, step->args->ifname, step->error);
    if (err != ERR_OK) {
        goto made;
    }
    cni_result_write(step->config, &attachment, step->args->netns, step->out);
    return ERR_OK;
made:
    unmake(step);
taken:
    take_back(step);
    return err;
}

static enum err run_add(struct step *step) {
    int netns_fd;
    enum err err = wiring_open_netns(step->args->netns, &netns_fd, step->error);
    if (err == ERR_OK) {
        int turn =
            turn_begin(step->config->agent_socket, step->args->container_id, step->args->ifname);
        err = add_inside(step, netns_fd);
        turn_end(turn);
        close(netns_fd);
    }
    return err;
}

/* ---- DEL ---- */

/* The interface goes first: an address must not rest, or be given again, while a pod has it. */
static enum err detach(struct step *step, const char *container_id, const char *ifname,
                       const char *host_ifname) {
    int turn = turn_begin(step->config->agent_socket, container_id, ifname);
    enum err err = wiring_remove(host_ifname, step->error);
    if (err == ERR_OK) {
        err = agent_call_release(&step->agent, container_id, ifname, step->error);
    }
    turn_end(turn);
    return err;
}

static enum err run_del(struct step *step) {
    return detach(step, step->args->container_id, step->args->ifname, step->host_ifname);
}

/* ---- CHECK ---- */

/* The address must be in prevResult too: else somebody else's result is being checked. */
static enum err check_previous(struct step *step, const struct attachment *attachment) {
    const struct ip_address *ip =
        attachment->ip.family != IP_NONE ? &attachment->ip : &attachment->ip_v6;
    char text[IP_PREFIX_TEXT_SIZE];
    struct ip_prefix prefix = {.address = *ip, .length = (uint8_t)ip_address_bits(ip)};
    ip_prefix_format(&prefix, '/', text);
    const struct json *list = json_find(step->config->prev_result, "ips");
    const struct json *item =
        list != NULL && json_type_of(list) == JSON_LIST ? json_first(list) : NULL;
    for (; item != NULL; item = json_next(item)) {
        if (strcmp(json_find_text(item, "address", ""), text) == 0) {
            return ERR_OK;
        }
    }
    return cni_fail(step->error, CNI_CODE_DIFFERS,
                    "prevResult does not have %s, the address of this container", text);
}

static enum err check_inside(struct step *step, int netns_fd) {
    struct attachment attachment;
    enum err err = agent_call_find(&step->agent, step->args->container_id, step->args->ifname,
                                   &attachment, step->error);
    if (err == ERR_OK) {
        err = check_previous(step, &attachment);
    }
    return err == ERR_OK ? wiring_check(netns_fd, &attachment, step->error) : err;
}

static enum err run_check(struct step *step) {
    int netns_fd;
    enum err err = wiring_open_netns(step->args->netns, &netns_fd, step->error);
    if (err == ERR_OK) {
        err = check_inside(step, netns_fd);
        close(netns_fd);
    }
    return err;
}

/* ---- GC ---- */

static bool is_valid(const struct step *step, const struct attachment *attachment) {
    const struct json *item = json_first(step->config->valid_attachments);
    for (; item != NULL; item = json_next(item)) {
        if (strcmp(json_find_text(item, "containerID", ""), attachment->container_id) == 0 &&
            strcmp(json_find_text(item, "ifname", ""), attachment->ifname) == 0) {
            return true;
        }
    }
    return false;
}

static enum err drop(struct step *step, const struct attachment *attachment) {
    char host_ifname[LIMIT_IFNAME_SIZE_MAX + 1];
    attachment_host_ifname(attachment->container_id, attachment->ifname, host_ifname);
    return detach(step, attachment->container_id, attachment->ifname, host_ifname);
}

/* Goes on after a failure, and reports the last one. */
static enum err run_gc(struct step *step) {
    struct attachment *items;
    size_t count;
    enum err result = ERR_OK;
    enum err err = agent_call_list(&step->agent, &items, &count, step->error);
    if (err != ERR_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_ours = strcmp(items[i].cni_network, step->config->name) == 0;
        if (is_ours && !is_valid(step, &items[i])) {
            err = drop(step, &items[i]);
            result = err != ERR_OK ? err : result;
        }
    }
    return result;
}

/* ---- all ---- */

static enum err run_status(struct step *step) {
    return agent_call_status(&step->agent, step->error);
}

enum err verbs_run(const struct cni_args *args, const struct cni_config *config, struct buf *out,
                   struct cni_error *error) {
    static enum err (*const runners[])(struct step * step) = {
        [CNI_VERB_ADD] = run_add, [CNI_VERB_DEL] = run_del,       [CNI_VERB_CHECK] = run_check,
        [CNI_VERB_GC] = run_gc,   [CNI_VERB_STATUS] = run_status,
    };
    if (args->verb == CNI_VERB_VERSION) {
        cni_versions_write(config->version_text, out);
        return ERR_OK;
    }
    struct step step = {.args = args, .config = config, .out = out, .error = error};
    attachment_host_ifname(args->container_id, args->ifname, step.host_ifname);
    agent_call_open(&step.agent, config->agent_socket);
    enum err err = runners[args->verb](&step);
    agent_call_close(&step.agent);
    return err;
}
