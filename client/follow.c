/* The way: begin_list -> list_body ... list_done -> deliver_reset -> begin_watch -> watch_body ->
 * take_line -> the owner. Every failure ends in pause, which leads back to begin_watch, or to
 * begin_list when nothing is known yet or the history has been compacted. */
#include "client/follow.h"

#include "client/cursor.h"
#include "client/items.h"
#include "client/lines.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct follow {
    struct call_pool *pool;
    struct server_list servers;
    char *path;
    const struct follow_handlers *handlers;
    void *owner;
    struct call call;
    struct alarm alarm; /* the pause before the next try */
    struct items items; /* of the list that is being read */
    struct lines lines; /* of the watch */
    enum err broken;    /* why the body that is being read cannot be used; the call was cancelled */
    msec_t pause_ms;    /* of the next failure */
    struct cursor cursor;
    bool must_list;
    bool is_connected;
    bool is_stopped;  /* follow_stop was called */
    unsigned entries; /* callbacks of the loop that are in progress: freed when they are over */
};

static void begin(struct follow *follow);

/* Every callback from the loop runs between enter and leave, since the owner may stop us in it. */

static void enter(struct follow *follow) {
    follow->entries++;
}

static void leave(struct follow *follow) {
    follow->entries--;
    if (follow->is_stopped && follow->entries == 0) {
        items_deinit(&follow->items);
        lines_deinit(&follow->lines);
        free(follow->path);
        free(follow);
    }
}

static void set_state(struct follow *follow, bool is_connected, const struct problem *problem) {
    if (follow->is_connected == is_connected || follow->is_stopped) {
        return;
    }
    follow->is_connected = is_connected;
    if (is_connected) {
        LOG_INFO("following", LOG_TEXT("path", follow->path),
                 LOG_TEXT("server", follow->servers.items[follow->servers.first].text),
                 LOG_U64("revision", follow->cursor.revision));
    }
    if (follow->handlers->state != NULL) {
        follow->handlers->state(follow->owner, is_connected, is_connected ? NULL : problem);
    }
}

/* Tries again later, at the next server: the one that failed may hang rather than refuse. */
static void pause_and_retry(struct follow *follow, const struct problem *problem) {
    if (follow->pause_ms == LIMIT_FOLLOW_PAUSE_MIN_MS) { /* the first failure in a row */
        LOG_WARN("not following, trying again", LOG_TEXT("path", follow->path),
                 LOG_ERR(problem->err), LOG_TEXT("detail", problem->detail));
    }
    set_state(follow, false, problem);
    if (follow->is_stopped) {
        return;
    }
    follow->servers.first = (follow->servers.first + 1) % follow->servers.count;
    alarm_set(&follow->alarm, alarm_clock_now(call_pool_alarms(follow->pool)) + follow->pause_ms);
    follow->pause_ms = MIN_OF(follow->pause_ms * 2, (msec_t)LIMIT_FOLLOW_PAUSE_MAX_MS);
}

static void pause_over(struct alarm *alarm) {
    begin(CONTAINER_OF(alarm, struct follow, alarm));
}

/* The body cannot be used: the call is given up and the connection with it. */
static void give_up_call(struct follow *follow, enum err err, const char *what) {
    struct problem problem;
    call_cancel(&follow->call);
    problem_init(&problem);
    problem_set(&problem, err, "%s", what);
    pause_and_retry(follow, &problem);
}

static void append_query(struct follow *follow, struct buf *out) {
    buf_appendf(out, "%s%c", follow->path, strchr(follow->path, '?') == NULL ? '?' : '&');
}

/* Listing. */

static void deliver_reset(struct follow *follow, uint64_t revision) {
    struct items *items = &follow->items;
    struct follow_item *list = must_alloc_zeroed(MAX_OF(items->count, (size_t)1), sizeof *list);
    for (size_t i = 0; i < items->count; i++) {
        list[i].key = json_find_text(items->parsed[i], "key", "");
        list[i].revision = json_find_number(items->parsed[i], "revision", 0);
        list[i].object = items->parsed[i];
    }
    cursor_set(&follow->cursor, revision);
    follow->must_list = false;
    follow->handlers->reset(follow->owner, list, items->count, revision);
    free(list);
}

static void drop_items(struct follow *follow) {
    items_deinit(&follow->items);
    items_init(&follow->items);
}

/* A list that was cut into pages after all would look like objects that are gone. */
static enum err finish_list(struct follow *follow, struct problem *problem) {
    enum err err = items_finish(&follow->items);
    if (err != ERR_OK) {
        return problem_set(problem, err, "the list is not what a server sends");
    }
    if (json_find_text(follow->items.frame, "continue", "")[0] != 0) {
        return problem_set(problem, ERR_UNSUPPORTED, "the server did not send the whole list");
    }
    return ERR_OK;
}

static void list_done(struct call *call, void *owner, enum err err) {
    struct follow *follow = owner;
    enter(follow);
    if (err == ERR_OK) {
        err = finish_list(follow, &call->problem);
    }
    if (err == ERR_OK) {
        deliver_reset(follow, json_find_number(follow->items.frame, "revision", 0));
        drop_items(follow);
        begin(follow);
    } else {
        drop_items(follow);
        pause_and_retry(follow, &call->problem);
    }
    leave(follow);
}

static void list_body(struct call *call, void *owner, struct slice bytes) {
    struct follow *follow = owner;
    (void)call;
    enter(follow);
    enum err err = items_feed(&follow->items, bytes);
    if (err != ERR_OK) {
        drop_items(follow);
        give_up_call(follow, err, "the list is not what a server sends");
    }
    leave(follow);
}

static void begin_list(struct follow *follow) {
    struct buf target;
    buf_init(&target);
    append_query(follow, &target);
    buf_append_text(&target, "limit=all");
    struct client_request request = {.method = METHOD_GET,
                                     .target = buf_text(&target),
                                     .timeout_ms = LIMIT_FOLLOW_LIST_TIMEOUT_MS,
                                     .idle_ms = LIMIT_FOLLOW_SILENCE_MS};
    call_start_stream(&follow->call, follow->pool, &follow->servers, &request, list_body, list_done,
                      follow);
    buf_deinit(&target);
}

/* Watching. */

static void take_change(struct follow *follow, const struct json *event, const char *type,
                        uint64_t revision) {
    const struct json *object = json_find(event, "object");
    struct follow_item item = {
        .key = json_find_text(event, "key", ""), .revision = revision, .object = object};
    bool is_put = strcmp(type, "PUT") == 0 && object != NULL;
    if ((!is_put && strcmp(type, "DELETE") != 0) ||
        !cursor_take_change(&follow->cursor, revision)) {
        return; /* a type of a newer server, or a repetition */
    }
    if (is_put) {
        follow->handlers->put(follow->owner, &item);
    } else {
        follow->handlers->removed(follow->owner, item.key, revision);
    }
}

static void take_bookmark(struct follow *follow, uint64_t revision) {
    cursor_take_bookmark(&follow->cursor, revision);
    if (follow->handlers->reached != NULL) {
        follow->handlers->reached(follow->owner, follow->cursor.revision);
    }
}

/* The server ended the watch and says why. */
static void take_error(struct follow *follow, const struct json *event) {
    struct problem problem;
    problem_read_json(&problem, json_find(event, "error"));
    follow->must_list |= problem.err == ERR_COMPACTED;
    call_cancel(&follow->call);
    pause_and_retry(follow, &problem);
}

static void take_event(struct follow *follow, const struct json *event) {
    const char *type = json_find_text(event, "type", "");
    uint64_t revision = json_find_number(event, "revision", 0);
    if (strcmp(type, "ERROR") == 0) {
        take_error(follow, event);
        return;
    }
    follow->pause_ms = LIMIT_FOLLOW_PAUSE_MIN_MS;
    set_state(follow, true, NULL);
    if (follow->is_stopped) {
        return;
    }
    if (strcmp(type, "BOOKMARK") == 0) {
        take_bookmark(follow, revision);
    } else {
        take_change(follow, event, type, revision);
    }
}

static bool take_line(void *owner, struct slice line) {
    struct follow *follow = owner;
    struct json *event;
    struct json_fault fault;
    if (json_parse(line, &event, &fault) != ERR_OK) {
        give_up_call(follow, ERR_BAD_JSON, "the watch is not what a server sends");
        return false;
    }
    take_event(follow, event);
    json_free(event);
    return call_is_active(&follow->call);
}

static void watch_body(struct call *call, void *owner, struct slice bytes) {
    struct follow *follow = owner;
    (void)call;
    enter(follow);
    enum err err = lines_feed(&follow->lines, bytes);
    if (err == ERR_TOO_LARGE) {
        give_up_call(follow, err, "a line of the watch is too long");
    }
    leave(follow);
}

static void watch_done(struct call *call, void *owner, enum err err) {
    struct follow *follow = owner;
    enter(follow);
    if (err == ERR_OK) {
        problem_set(&call->problem, ERR_CLOSED, "the server ended the watch");
    }
    follow->must_list |= err == ERR_COMPACTED;
    pause_and_retry(follow, &call->problem);
    leave(follow);
}

static void begin_watch(struct follow *follow) {
    struct buf target;
    buf_init(&target);
    append_query(follow, &target);
    buf_appendf(&target, "watch=true&from=%" PRIu64, follow->cursor.revision);
    struct client_request request = {
        .method = METHOD_GET, .target = buf_text(&target), .idle_ms = LIMIT_FOLLOW_SILENCE_MS};
    cursor_resume(&follow->cursor);
    lines_reset(&follow->lines);
    call_start_stream(&follow->call, follow->pool, &follow->servers, &request, watch_body,
                      watch_done, follow);
    buf_deinit(&target);
}

static void begin(struct follow *follow) {
    if (follow->is_stopped) {
        return;
    }
    if (follow->must_list) {
        begin_list(follow);
    } else {
        begin_watch(follow);
    }
}

struct follow *follow_start(struct call_pool *pool, const struct server_list *servers,
                            const char *path, const struct follow_handlers *handlers, void *owner) {
    struct follow *follow = must_alloc_zeroed(1, sizeof *follow);
    follow->pool = pool;
    follow->servers = *servers;
    follow->path = must_strdup(path);
    follow->handlers = handlers;
    follow->owner = owner;
    follow->pause_ms = LIMIT_FOLLOW_PAUSE_MIN_MS;
    follow->must_list = true;
    alarm_init(&follow->alarm, call_pool_alarms(pool), pause_over);
    items_init(&follow->items);
    lines_init(&follow->lines, take_line, follow);
    begin(follow);
    return follow;
}

void follow_stop(struct follow *follow) {
    if (follow == NULL || follow->is_stopped) {
        return;
    }
    enter(follow);
    follow->is_stopped = true;
    alarm_clear(&follow->alarm);
    call_cancel(&follow->call);
    leave(follow);
}

uint64_t follow_revision(const struct follow *follow) {
    return follow->cursor.revision;
}

bool follow_is_connected(const struct follow *follow) {
    return follow->is_connected;
}
