/* watch: the events of a collection, a line each, for as long as somebody looks. A broken
 * connection is resumed on the next server without a gap or a repetition (client/cursor.h). */
#include "client/cursor.h"
#include "ctl/commands.h"
#include "ctl/path.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define RESUME_PAUSE_MS 200

struct watch {
    struct session *session;
    struct buf key;
    struct cursor cursor;
    bool has_position; /* the cursor knows where the watch stands */
    bool is_over;      /* the server said why, or stdout is gone */
    enum exit_code code;
};

/* "12 PUT subnets/default/10.244.7.0-24 NODE=edge-1 ...". */
static void write_event(const struct json *event, struct buf *out) {
    const char *key = json_find_text(event, "key", "");
    const struct json *object = json_find(event, "object");
    struct column key_column = {.path = "key"};
    buf_appendf(out, "%" PRIu64 " %-6s ", json_find_number(event, "revision", 0),
                json_find_text(event, "type", ""));
    table_cell(&key_column, event, out);
    if (object != NULL) {
        buf_append_char(out, ' ');
        table_summarize(columns_find(key, strcspn(key, "/")), object, out);
    }
    buf_append_char(out, '\n');
}

static bool print_event(struct watch *watch, const struct json *event, struct slice line) {
    struct buf text;
    buf_init(&text);
    if (watch->session->is_json) {
        buf_append(&text, line.data, line.size);
        buf_append_char(&text, '\n');
    } else {
        write_event(event, &text);
    }
    watch->code = print_bytes(buf_slice(&text));
    watch->is_over = watch->code != EXIT_CODE_OK;
    buf_deinit(&text);
    return !watch->is_over;
}

static bool take_error(struct watch *watch, const struct json *event) {
    struct problem problem;
    problem_read_json(&problem, json_find(event, "error"));
    if (!err_retryable(problem.err)) {
        watch->is_over = true;
        watch->code = report_problem(&problem, true);
    }
    return false;
}

static bool take_bookmark(struct watch *watch, const struct json *event, struct slice line) {
    uint64_t revision = json_find_number(event, "revision", 0);
    if (!watch->has_position) {
        watch->has_position = true;
        cursor_set(&watch->cursor, revision);
    }
    cursor_take_bookmark(&watch->cursor, revision);
    return !watch->session->is_json || print_event(watch, event, line);
}

static bool line_came(void *owner, struct slice line) {
    struct watch *watch = owner;
    struct json *event;
    struct json_fault fault;
    if (json_parse(line, &event, &fault) != ERR_OK) {
        fprintf(stderr, "weft: the server's answer is not what was asked for\n");
        watch->is_over = true;
        watch->code = EXIT_CODE_REFUSED;
        return false;
    }
    const char *type = json_find_text(event, "type", "");
    bool goes_on = true;
    if (strcmp(type, "ERROR") == 0) {
        goes_on = take_error(watch, event);
    } else if (strcmp(type, "BOOKMARK") == 0) {
        goes_on = take_bookmark(watch, event, line);
    } else if (cursor_take_change(&watch->cursor, json_find_number(event, "revision", 0))) {
        goes_on = print_event(watch, event, line);
    }
    json_free(event);
    return goes_on;
}

static void write_target(const struct watch *watch, const char *key, struct buf *out) {
    const struct arguments *arguments = watch->session->arguments;
    buf_clear(out);
    path_list_target(key, out);
    path_add_query(out, "watch", "true");
    if (watch->has_position) {
        char revision[24];
        snprintf(revision, sizeof revision, "%" PRIu64, watch->cursor.revision);
        path_add_query(out, "from", revision);
    }
    if (arguments->selector != NULL) {
        path_add_query(out, "selector", arguments->selector);
    }
}

/* A connection that broke is worth another; what a server refuses, or none answers, is not. */
static bool may_resume(const struct watch *watch, enum err err) {
    return !watch->is_over && watch->has_position &&
           (err == ERR_OK || err == ERR_CLOSED || err == ERR_TIMEOUT);
}

static enum exit_code follow_events(struct watch *watch) {
    struct problem problem;
    struct buf target;
    enum err err;
    buf_init(&target);
    for (;;) {
        write_target(watch, buf_text(&watch->key), &target);
        struct client_request request = {.method = METHOD_GET,
                                         .target = buf_text(&target),
                                         .timeout_ms = watch->session->timeout_ms,
                                         .idle_ms = LIMIT_FOLLOW_SILENCE_MS};
        cursor_resume(&watch->cursor);
        err = client_stream(watch->session->client, &request, line_came, watch, &problem);
        if (!may_resume(watch, err)) {
            break;
        }
        (void)poll(NULL, 0, RESUME_PAUSE_MS); /* a server that ends each watch at once is spared */
    }
    buf_deinit(&target);
    if (err != ERR_OK && !watch->is_over) {
        bool was_answered = err != ERR_UNREACHABLE && err != ERR_CLOSED && err != ERR_TIMEOUT;
        watch->code = report_problem(&problem, was_answered);
    }
    return watch->code;
}

enum exit_code run_watch(struct session *session) {
    const char *from = session->arguments->from;
    struct watch watch = {.session = session, .code = EXIT_CODE_OK};
    buf_init(&watch.key);
    path_join(session->words, session->word_count, &watch.key);
    if (from != NULL) {
        watch.has_position = true;
        cursor_set(&watch.cursor, strtoull(from, NULL, 10));
    }
    enum exit_code code = follow_events(&watch);
    buf_deinit(&watch.key);
    return code;
}
