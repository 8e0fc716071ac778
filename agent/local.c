#include "agent/local.h"

#include "serve/serve.h"
#include "util/clock.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>

#define SOCKET_MODE 0660u

/* One request that is not answered at once. Lifetime: from its handler until its last callback;
 * the exchange may be gone earlier. */
struct waiting {
    struct list node; /* in looking or saving */
    struct local *local;
    struct exchange *exchange; /* NULL: the client went away */
    struct save_waiter saved;
    int status; /* of the answer when all went well */
    bool is_new;
    bool is_release;
    char container_id[LIMIT_NAME_SIZE_MAX + 1];
    char ifname[LIMIT_IFNAME_SIZE_MAX + 1];
};

/* ---- answers ---- */

static void refuse(struct exchange *exchange, enum err err, const char *detail) {
    struct problem problem;
    problem_init(&problem);
    problem_set(&problem, err, "%s", detail);
    exchange_refuse(exchange, &problem);
}

static void reply_json(struct exchange *exchange, int status, const struct buf *body) {
    exchange_reply(exchange, status, "application/json", buf_slice(body));
}

static void reply_attachment(struct exchange *exchange, int status,
                             const struct attachment *attachment) {
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    field_write(&shape_attachment, attachment, &writer);
    json_close_object(&writer);
    reply_json(exchange, status, &body);
    buf_deinit(&body);
}

static void reply_deleted(struct exchange *exchange) {
    struct buf body;
    buf_init(&body);
    buf_append_text(&body, "{\"deleted\":1}");
    reply_json(exchange, 200, &body);
    buf_deinit(&body);
}

/* ---- waiting ---- */

static void client_gone(struct exchange *exchange, void *owner) {
    struct waiting *waiting = owner;
    (void)exchange;
    waiting->exchange = NULL;
}

static const struct exchange_handlers handlers = {.gone = client_gone};

static void waiting_free(struct waiting *waiting) {
    list_remove(&waiting->node);
    free(waiting);
}

/* Answers the request, if anybody still listens. */
static void answer(struct waiting *waiting, enum err err, const char *detail) {
    struct ipam_record *record =
        ipam_find(waiting->local->ipam, waiting->container_id, waiting->ifname);
    if (waiting->exchange == NULL) {
        return;
    }
    if (err != ERR_OK) {
        refuse(waiting->exchange, err, detail);
    } else if (waiting->is_release) {
        reply_deleted(waiting->exchange);
    } else if (record == NULL) {
        refuse(waiting->exchange, ERR_CONFLICT, "the attachment was released meanwhile");
    } else {
        reply_attachment(waiting->exchange, waiting->status, &record->attachment);
    }
}

/* Another who waits for the same attachment to be saved; NULL when there is none. */
static struct waiting *find_companion(const struct waiting *waiting) {
    LIST_FOR_EACH(&waiting->local->saving, node) {
        struct waiting *other = CONTAINER_OF(node, struct waiting, node);
        if (other != waiting && !other->is_release &&
            strcmp(other->container_id, waiting->container_id) == 0 &&
            strcmp(other->ifname, waiting->ifname) == 0) {
            return other;
        }
    }
    return NULL;
}

/* A new reservation that must not be used, or that nobody will use: its client went away without an
 * answer. It goes to who asked for the same meanwhile, or is taken back. */
static void give_up(const struct waiting *waiting) {
    struct local *local = waiting->local;
    struct ipam_record *record = ipam_find(local->ipam, waiting->container_id, waiting->ifname);
    struct waiting *companion = find_companion(waiting);
    if (record != NULL && companion != NULL) {
        companion->is_new = true;
    } else if (record != NULL) {
        LOG_WARN("reservation taken back: nobody waited for its answer, or it cannot be saved",
                 LOG_TEXT("container_id", waiting->container_id),
                 LOG_TEXT("ifname", waiting->ifname));
        ipam_release(local->ipam, record);
        save_request(local->save, NULL);
        local->hooks->changed(local->owner);
    }
}

static void save_done(struct save_waiter *saved, enum err err) {
    struct waiting *waiting = CONTAINER_OF(saved, struct waiting, saved);
    if (waiting->is_new && (err != ERR_OK || waiting->exchange == NULL)) {
        give_up(waiting);
    }
    answer(waiting, err, "the state directory cannot be written: see the agent's log");
    waiting_free(waiting);
}

static struct waiting *waiting_new(struct local *local, struct exchange *exchange,
                                   const char *container_id, const char *ifname) {
    struct waiting *waiting = must_alloc_zeroed(1, sizeof *waiting);
    waiting->local = local;
    waiting->exchange = exchange;
    waiting->status = 200;
    waiting->saved.done = save_done;
    list_init(&waiting->node);
    list_init(&waiting->saved.node);
    snprintf(waiting->container_id, sizeof waiting->container_id, "%s", container_id);
    snprintf(waiting->ifname, sizeof waiting->ifname, "%s", ifname);
    exchange_set_handlers(exchange, &handlers, waiting);
    return waiting;
}

static void save_and_answer(struct waiting *waiting) {
    list_remove(&waiting->node);
    list_append(&waiting->local->saving, &waiting->node);
    save_request(waiting->local->save, &waiting->saved);
}

void local_looked(struct local *local) {
    struct list due;
    list_init(&due);
    list_move_all(&local->looking, &due);
    for (struct list *node = list_take_first(&due); node != NULL; node = list_take_first(&due)) {
        struct waiting *waiting = CONTAINER_OF(node, struct waiting, node);
        struct ipam_record *record = ipam_find(local->ipam, waiting->container_id, waiting->ifname);
        if (record == NULL) {
            answer(waiting, ERR_CONFLICT, "the attachment was released meanwhile");
            waiting_free(waiting);
        } else if (!local->hooks->sees_pod(local->owner, &record->attachment)) {
            answer(waiting, ERR_CONFLICT,
                   "the kernel does not have the pod's host route: its host interface is missing "
                   "or down");
            waiting_free(waiting);
        } else {
            record->attachment.state = ATTACHMENT_READY;
            save_and_answer(waiting);
        }
    }
}

/* ---- handlers ---- */

/* A request, taken apart. */
struct request {
    struct local *local;
    struct exchange *exchange;
    const char *segments[5]; /* behind /v1 */
    unsigned segment_count;
};

static void reserve(const struct request *request, const struct attachment *body) {
    struct local *local = request->local;
    struct ipam_record *record;
    struct problem problem;
    bool is_new;
    problem_init(&problem);
    local->hooks->refresh(local->owner);
    if (ipam_reserve(local->ipam, body, &record, &is_new, &problem) != ERR_OK) {
        exchange_refuse(request->exchange, &problem);
        return;
    }
    struct waiting *waiting =
        waiting_new(local, request->exchange, body->container_id, body->ifname);
    waiting->is_new = is_new;
    waiting->status = is_new ? 201 : 200;
    save_and_answer(waiting);
}

static void handle_add(const struct request *request) {
    struct exchange *exchange = request->exchange;
    struct problem problem;
    struct json *json;
    struct json_fault fault;
    problem_init(&problem);
    if (json_parse(exchange_message(exchange)->body, &json, &fault) != ERR_OK) {
        problem_set(&problem, ERR_BAD_JSON, "%s", fault.message);
        problem.has_offset = true;
        problem.offset = fault.offset;
        exchange_refuse(exchange, &problem);
        return;
    }
    struct attachment body;
    enum err err =
        field_read(&shape_attachment, json, "", exchange_arena(exchange), &body, &problem);
    json_free(json);
    if (err != ERR_OK) {
        exchange_refuse(exchange, &problem);
        return;
    }
    reserve(request, &body);
}

static void handle_list(const struct request *request) {
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    json_key(&writer, "items");
    json_open_list(&writer);
    LIST_FOR_EACH(&request->local->ipam->records, node) {
        const struct ipam_record *record = CONTAINER_OF(node, struct ipam_record, node);
        json_open_object(&writer);
        field_write(&shape_attachment, &record->attachment, &writer);
        json_close_object(&writer);
    }
    json_close_list(&writer);
    json_close_object(&writer);
    reply_json(request->exchange, 200, &body);
    buf_deinit(&body);
}

/* The record that the path names; answers 404 when there is none. */
static struct ipam_record *find_or_refuse(const struct request *request) {
    struct ipam_record *record =
        ipam_find(request->local->ipam, request->segments[1], request->segments[2]);
    if (record == NULL) {
        refuse(request->exchange, ERR_NOT_FOUND, "this node has no such attachment");
    }
    return record;
}

static void handle_get(const struct request *request) {
    const struct ipam_record *record = find_or_refuse(request);
    if (record != NULL) {
        reply_attachment(request->exchange, 200, &record->attachment);
    }
}

static void handle_delete(const struct request *request) {
    struct local *local = request->local;
    struct ipam_record *record = find_or_refuse(request);
    if (record == NULL) {
        return;
    }
    struct waiting *waiting =
        waiting_new(local, request->exchange, request->segments[1], request->segments[2]);
    waiting->is_release = true;
    ipam_release(local->ipam, record);
    save_and_answer(waiting);
    local->hooks->changed(local->owner);
}

static void handle_ready(const struct request *request) {
    struct local *local = request->local;
    if (find_or_refuse(request) == NULL) {
        return;
    }
    struct waiting *waiting =
        waiting_new(local, request->exchange, request->segments[1], request->segments[2]);
    list_append(&local->looking, &waiting->node);
    local->hooks->changed(local->owner);
}

static void handle_status(const struct request *request) {
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    request->local->hooks->write_status(request->local->owner, &writer);
    json_close_object(&writer);
    reply_json(request->exchange, 200, &body);
    buf_deinit(&body);
}

/* ---- routing ---- */

struct route {
    enum method method;
    unsigned segment_count;
    const char *collection;
    const char *last; /* the fourth segment; NULL: none */
    void (*handle)(const struct request *request);
};

static const struct route routes[] = {
    {METHOD_POST, 1, "attachments", NULL, handle_add},
    {METHOD_GET, 1, "attachments", NULL, handle_list},
    {METHOD_GET, 3, "attachments", NULL, handle_get},
    {METHOD_DELETE, 3, "attachments", NULL, handle_delete},
    {METHOD_POST, 4, "attachments", "ready", handle_ready},
    {METHOD_GET, 1, "status", NULL, handle_status},
};

/* Splits "/v1/a/b" behind "/v1". False for any other path and for too many segments. */
static bool split_path(struct request *request, const char *path) {
    if (strncmp(path, "/v1/", 4) != 0) {
        return false;
    }
    char *rest = arena_strdup(exchange_arena(request->exchange), path + 4);
    while (rest != NULL) {
        if (request->segment_count == ARRAY_COUNT(request->segments)) {
            return false;
        }
        request->segments[request->segment_count++] = strsep(&rest, "/");
    }
    return true;
}

static bool is_path_of(const struct route *route, const struct request *request) {
    return route->segment_count == request->segment_count &&
           strcmp(route->collection, request->segments[0]) == 0 &&
           (route->last == NULL || strcmp(route->last, request->segments[3]) == 0);
}

static void dispatch(const struct request *request, enum method method) {
    char allow[40] = ""; /* of a path that is known: at most three methods */
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
        if (is_path_of(&routes[i], request)) {
            if (routes[i].method == method) {
                routes[i].handle(request);
                return;
            }
            used += (size_t)snprintf(allow + used, sizeof allow - used, "%s%s",
                                     used > 0 ? ", " : "", method_name(routes[i].method));
        }
    }
    if (used > 0) {
        struct problem problem;
        problem_init(&problem);
        problem_set(&problem, ERR_METHOD_NOT_ALLOWED, "this path knows %s", allow);
        problem.allow = arena_strdup(exchange_arena(request->exchange), allow);
        exchange_refuse(request->exchange, &problem);
    } else {
        refuse(request->exchange, ERR_NOT_FOUND, "the agent serves no such path");
    }
}

static void requested(struct exchange *exchange, void *owner) {
    struct request request = {
        .local = owner, .exchange = exchange, .segments = {"", "", "", "", ""}};
    const struct http_message *message = exchange_message(exchange);
    struct http_target target;
    struct problem problem;
    problem_init(&problem);
    if (http_parse_target(message->target, exchange_arena(exchange), &target, &problem) != ERR_OK) {
        exchange_refuse(exchange, &problem);
    } else if (!split_path(&request, target.path)) {
        refuse(exchange, ERR_NOT_FOUND, "the agent serves no such path");
    } else {
        dispatch(&request, message->method);
    }
}

enum err local_open(struct local *local, void *loop, const char *path, struct ipam *ipam,
                    struct save *save, const struct local_hooks *hooks, void *owner) {
    struct server_options options = {
        .loop = loop, .clock = &clock_system, .requested = requested, .owner = local};
    struct socket_address address = {.port = 0};
    *local = (struct local){.ipam = ipam, .save = save, .hooks = hooks, .owner = owner};
    list_init(&local->looking);
    list_init(&local->saving);
    if (strlen(path) >= sizeof address.path) {
        LOG_ERROR("the socket's path is too long", LOG_TEXT("path", path));
        return ERR_INVALID;
    }
    memcpy(address.path, path, strlen(path) + 1);
    local->server = server_new(&options);
    enum err err = server_listen(local->server, &address, SOCKET_MODE);
    if (err != ERR_OK) {
        LOG_ERROR("the local socket cannot be opened", LOG_TEXT("path", path), LOG_ERR(err));
    }
    return err;
}

void local_close(struct local *local, void (*closed)(void *owner), void *owner) {
    server_close(local->server, closed, owner);
}
