#include "agent/ensure.h"

#include <stdio.h>
#include <string.h>

void ensure_init(struct ensure *ensure, struct call_pool *pool, struct server_list *servers) {
    memset(ensure, 0, sizeof *ensure);
    ensure->pool = pool;
    ensure->servers = servers;
}

static void finish(struct ensure *ensure, enum err err, const struct problem *problem) {
    ensure->is_active = false;
    ensure->done(ensure->owner, err, problem);
}

static void write_done(struct call *call, void *owner, enum err err) {
    struct ensure *ensure = owner;
    bool is_gone_already = err == ERR_NOT_FOUND && call->request.method == METHOD_DELETE;
    finish(ensure, is_gone_already ? ERR_OK : err, &call->problem);
}

static void start_write(struct ensure *ensure, enum ensure_verdict verdict, uint64_t revision,
                        struct slice body) {
    struct client_request request = {
        .method = verdict == ENSURE_PUT ? METHOD_PUT : METHOD_DELETE,
        .target = ensure->target,
        .body = verdict == ENSURE_PUT ? body : slice_of(NULL, 0),
    };
    char condition[32];
    snprintf(condition, sizeof condition, "\"%llu\"", (unsigned long long)revision);
    if (revision > 0) {
        client_request_add_header(&request, "if-match", condition);
    } else {
        client_request_add_header(&request, "if-none-match", "*");
    }
    call_start(&ensure->call, ensure->pool, ensure->servers, &request, write_done, ensure);
}

/* `current` NULL: the object does not exist. */
static void decide(struct ensure *ensure, const struct json *current) {
    struct buf body;
    buf_init(&body);
    enum ensure_verdict verdict = ensure->decide(ensure->owner, current, &body);
    if (verdict == ENSURE_KEEP || (verdict == ENSURE_DELETE && current == NULL)) {
        struct problem none;
        problem_init(&none);
        finish(ensure, ERR_OK, &none);
    } else {
        start_write(ensure, verdict, json_find_number(current, "revision", 0), buf_slice(&body));
    }
    buf_deinit(&body);
}

static void read_done(struct call *call, void *owner, enum err err) {
    struct ensure *ensure = owner;
    if (err == ERR_NOT_FOUND && call->answer.status == err_status(ERR_NOT_FOUND)) {
        decide(ensure, NULL);
        return;
    }
    struct json *json = NULL;
    struct json_fault fault;
    if (err == ERR_OK) {
        err = json_parse(call->answer.body, &json, &fault);
    }
    if (err != ERR_OK) {
        finish(ensure, err, &call->problem);
        return;
    }
    decide(ensure, json);
    json_free(json);
}

void ensure_start(struct ensure *ensure, const char *target, ensure_decide_cb decide_cb,
                  ensure_done_cb done, void *owner) {
    CHECK(!ensure->is_active);
    CHECK(snprintf(ensure->target, sizeof ensure->target, "%s", target) <
          (int)sizeof ensure->target);
    ensure->decide = decide_cb;
    ensure->done = done;
    ensure->owner = owner;
    ensure->is_active = true;
    struct client_request request = {.method = METHOD_GET, .target = ensure->target};
    call_start(&ensure->call, ensure->pool, ensure->servers, &request, read_done, ensure);
}

void ensure_cancel(struct ensure *ensure) {
    if (ensure->is_active) {
        call_cancel(&ensure->call);
        ensure->is_active = false;
    }
}
