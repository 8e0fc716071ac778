#include "cni/agent_call.h"

#include "util/clock.h"
#include "util/durable.h"
#include "util/log.h"
#include "wire/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TARGET_SIZE (LIMIT_NAME_SIZE_MAX + 128u) /* two names in a path, escaped */

void agent_call_open(struct agent_call *agent, const char *socket) {
    struct server_list servers = {.count = 1};
    struct problem problem;
    char url[SERVER_TEXT_SIZE];
    problem_init(&problem);
    snprintf(url, sizeof url, "unix:%s", socket);
    CHECK(server_url_parse(url, &servers.items[0], &problem) ==
          ERR_OK); /* config.c checked the path */
    agent->socket = socket;
    agent->client = client_open(&servers, LIMIT_CNI_AGENT_TIMEOUT_MS);
    arena_init(&agent->arena);
}

void agent_call_close(struct agent_call *agent) {
    client_close(agent->client);
    arena_deinit(&agent->arena);
}

static enum err explain(const struct agent_call *agent, const struct client_answer *answer,
                        const struct problem *problem, struct cni_error *error) {
    struct buf text;
    buf_init(&text);
    problem_describe(problem, &text);
    if (answer->status == 0) {
        cni_fail(error, CNI_CODE_TRY_AGAIN,
                 "weft-agent does not answer on %s: start it (systemctl start weft-agent), or set "
                 "\"agent_socket\" in the CNI configuration",
                 agent->socket);
        cni_set_details(error, "%s", problem->detail);
    } else if (problem->err == ERR_POOL_EXHAUSTED) {
        cni_fail(error, CNI_CODE_NO_ADDRESS, "%s", problem->detail);
        cni_set_details(error, "%s", problem->hint);
    } else {
        bool is_later = answer->status == 429 || answer->status == 503 || answer->status == 504;
        cni_fail(error, is_later ? CNI_CODE_TRY_AGAIN : CNI_CODE_AGENT, "weft-agent: %s",
                 problem->detail);
        cni_set_details(error, "%s", buf_text(&text));
    }
    buf_deinit(&text);
    return problem->err;
}

/* One call; `*out_json` is the answer's body (json_free), NULL on failure. */
static enum err call(struct agent_call *agent, enum method method, const char *target,
                     struct slice body, struct json **out_json, struct cni_error *error) {
    struct client_request request = {.method = method, .target = target, .body = body};
    struct client_answer answer;
    struct problem problem;
    struct json_fault fault;
    *out_json = NULL;
    problem_init(&problem);
    enum err err = client_call(agent->client, &request, &answer, &problem);
    agent->is_outcome_unknown = problem.outcome == WRITE_OUTCOME_UNKNOWN;
    if (err != ERR_OK) {
        return explain(agent, &answer, &problem, error);
    }
    if (json_parse(answer.body, out_json, &fault) != ERR_OK) {
        return cni_fail(error, CNI_CODE_AGENT, "what answers on %s is not weft-agent",
                        agent->socket);
    }
    return ERR_OK;
}

static void path_of(const char *container_id, const char *ifname, const char *tail,
                    char out[TARGET_SIZE]) {
    struct buf path;
    buf_init(&path);
    buf_append_text(&path, "/v1/attachments/");
    http_escape(container_id, false, &path);
    buf_append_char(&path, '/');
    http_escape(ifname, false, &path);
    buf_append_text(&path, tail);
    CHECK(snprintf(out, TARGET_SIZE, "%s", buf_text(&path)) < (int)TARGET_SIZE);
    buf_deinit(&path);
}

static enum err read_attachment(struct agent_call *agent, const struct json *json,
                                struct attachment *out_attachment, struct cni_error *error) {
    struct problem problem;
    problem_init(&problem);
    enum err err =
        field_read_answer(&shape_attachment, json, &agent->arena, out_attachment, &problem);
    bool is_whole =
        err == ERR_OK && out_attachment->container_id != NULL && out_attachment->ifname != NULL &&
        out_attachment->host_ifname != NULL && out_attachment->cni_network != NULL &&
        out_attachment->state != NULL &&
        (out_attachment->ip.family != IP_NONE || out_attachment->ip_v6.family != IP_NONE);
    if (!is_whole) {
        cni_fail(error, CNI_CODE_AGENT, "weft-agent's answer is not an attachment");
        cni_set_details(error, "%s", problem.detail);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Writes SOCKET.released/HASH for the agent's next look. `error` holds why the agent did not do it,
 * and stays when this fails too. */
static enum err leave_behind(const struct agent_call *agent, const char *container_id,
                             const char *ifname, struct cni_error *error) {
    char dir[256];
    char name[24];
    char boot_id[CLOCK_BOOT_ID_SIZE];
    struct buf content;
    clock_boot_id(boot_id);
    snprintf(dir, sizeof dir, "%s.released", agent->socket);
    snprintf(name, sizeof name, "%016llx",
             (unsigned long long)attachment_hash(container_id, ifname));
    buf_init(&content);
    struct json_writer writer = json_writer_to(&content);
    json_open_object(&writer);
    json_member_text(&writer, "container_id", container_id);
    json_member_text(&writer, "ifname", ifname);
    json_member_text(&writer, "boot_id", boot_id);
    json_member_number(&writer, "released_ms", clock_boot_ms(&clock_system));
    json_close_object(&writer);
    enum err err = durable_make_dir(dir);
    if (err == ERR_OK) {
        err = durable_write(dir, name, buf_slice(&content));
    }
    buf_deinit(&content);
    if (err != ERR_OK) {
        cni_set_details(error, "and the release cannot be left in %s: %s", dir,
                        log_errno_text(errno));
    }
    return err;
}

enum err agent_call_reserve(struct agent_call *agent, const struct attachment *request,
                            struct attachment *out_attachment, struct cni_error *error) {
    struct json *json;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    field_write(&shape_attachment, request, &writer);
    json_close_object(&writer);
    enum err err = call(agent, METHOD_POST, "/v1/attachments", buf_slice(&body), &json, error);
    buf_deinit(&body);
    if (err == ERR_OK) {
        err = read_attachment(agent, json, out_attachment, error);
        json_free(json);
    } else if (agent->is_outcome_unknown) {
        /* An agent that died or stalls may have kept the address. `error` says why already. */
        (void)!leave_behind(agent, request->container_id, request->ifname, error);
    }
    return err;
}

enum err agent_call_ready(struct agent_call *agent, const char *container_id, const char *ifname,
                          struct cni_error *error) {
    char target[TARGET_SIZE];
    struct json *json;
    path_of(container_id, ifname, "/ready", target);
    enum err err = call(agent, METHOD_POST, target, slice_of(NULL, 0), &json, error);
    json_free(json);
    return err;
}

enum err agent_call_find(struct agent_call *agent, const char *container_id, const char *ifname,
                         struct attachment *out_attachment, struct cni_error *error) {
    char target[TARGET_SIZE];
    struct json *json;
    path_of(container_id, ifname, "", target);
    enum err err = call(agent, METHOD_GET, target, slice_of(NULL, 0), &json, error);
    if (err == ERR_NOT_FOUND) {
        cni_fail(error, CNI_CODE_UNKNOWN_CONTAINER, "weft-agent knows no %s of container %s",
                 ifname, container_id);
    }
    if (err == ERR_OK) {
        err = read_attachment(agent, json, out_attachment, error);
        json_free(json);
    }
    return err;
}

enum err agent_call_release(struct agent_call *agent, const char *container_id, const char *ifname,
                            struct cni_error *error) {
    char target[TARGET_SIZE];
    struct json *json;
    path_of(container_id, ifname, "", target);
    enum err err = call(agent, METHOD_DELETE, target, slice_of(NULL, 0), &json, error);
    json_free(json);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    return leave_behind(agent, container_id, ifname, error) == ERR_OK ? ERR_OK : err;
}

enum err agent_call_list(struct agent_call *agent, struct attachment **out_items, size_t *out_count,
                         struct cni_error *error) {
    struct json *json;
    size_t count = 0;
    enum err err = call(agent, METHOD_GET, "/v1/attachments", slice_of(NULL, 0), &json, error);
    const struct json *list = json_find(json, "items");
    if (err != ERR_OK || list == NULL) {
        json_free(json);
        return err != ERR_OK ? err : cni_fail(error, CNI_CODE_AGENT, "weft-agent sent no list");
    }
    for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
        count++;
    }
    *out_items = arena_alloc(&agent->arena, (count + 1) * sizeof **out_items);
    *out_count = 0;
    for (const struct json *item = json_first(list); item != NULL && err == ERR_OK;
         item = json_next(item)) {
        err = read_attachment(agent, item, &(*out_items)[(*out_count)++], error);
    }
    json_free(json);
    return err;
}

enum err agent_call_status(struct agent_call *agent, struct cni_error *error) {
    struct json *json;
    enum err err = call(agent, METHOD_GET, "/v1/status", slice_of(NULL, 0), &json, error);
    if (err != ERR_OK) {
        error->code = CNI_CODE_NOT_AVAILABLE;
        return err;
    }
    bool can_attach = json_is_true(json_find(json, "can_attach"));
    const struct json *lease = json_find(json, "lease");
    if (!can_attach) {
        const char *subnet = json_find_text(lease, "subnet", NULL);
        cni_fail(error, CNI_CODE_NOT_AVAILABLE,
                 subnet != NULL ? "no address of %s is free" : "this node has no subnet%s",
                 subnet != NULL ? subnet : "");
        cni_set_details(error, "%s", json_find_text(lease, "trouble", ""));
    }
    json_free(json);
    return can_attach ? ERR_OK : ERR_INVALID;
}
