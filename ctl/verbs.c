/* get, list, put, delete: one request, and its answer as a table or as it is. */
#include "client/items.h"
#include "ctl/commands.h"
#include "ctl/path.h"
#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLISECONDS_A_SECOND 1000u

/* A request in the making, and its answer. Lifetime: the verb's stack. */
struct exchange_text {
    struct buf key;
    struct buf target;
    struct buf if_match;
    struct client_request request;
    struct client_answer answer;
    struct problem problem;
};

static void begin_verb(struct session *session, enum method method, unsigned word_count,
                       struct exchange_text *out) {
    memset(out, 0, sizeof *out);
    buf_init(&out->key);
    buf_init(&out->target);
    buf_init(&out->if_match);
    out->request.method = method;
    out->request.timeout_ms = session->timeout_ms;
    path_join(session->words, word_count, &out->key);
}

static void end_verb(struct exchange_text *text) {
    buf_deinit(&text->key);
    buf_deinit(&text->target);
    buf_deinit(&text->if_match);
}

/* A timeout of one's own bounds the server's patience too. */
static enum err send_verb(struct session *session, struct exchange_text *text) {
    if (session->timeout_ms != LIMIT_CALL_TIMEOUT_DEFAULT_MS) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%llus",
                 (unsigned long long)(session->timeout_ms / MILLISECONDS_A_SECOND));
        path_add_query(&text->target, "timeout", seconds);
    }
    text->request.target = buf_text(&text->target);
    return client_call(session->client, &text->request, &text->answer, &text->problem);
}

static enum exit_code refuse(const struct exchange_text *text) {
    return report_problem(&text->problem, text->answer.status != 0);
}

static void add_conditions(const struct session *session, struct exchange_text *text) {
    if ((session->arguments->given & ARGUMENT_IF_MATCH) != 0) {
        buf_appendf(&text->if_match, "\"%s\"", session->arguments->if_match);
        client_request_add_header(&text->request, "If-Match", buf_text(&text->if_match));
    }
    if ((session->arguments->given & ARGUMENT_IF_NONE_MATCH) != 0) {
        client_request_add_header(&text->request, "If-None-Match", "*");
    }
}

static const struct columns *columns_of_key(const char *key) {
    return columns_find(key, strcspn(key, "/"));
}

/* Output. */

static enum exit_code print_line(struct slice text) {
    enum exit_code code = print_bytes(text);
    bool has_end = text.size > 0 && text.data[text.size - 1] == '\n';
    return code != EXIT_CODE_OK || has_end ? code : print_bytes(slice_of_text("\n"));
}

/* A value as it is; for eyes its last line is ended. */
static enum exit_code print_value(struct slice value) {
    return isatty(STDOUT_FILENO) ? print_line(value) : print_bytes(value);
}

static enum exit_code print_table(const struct columns *columns, struct json *const *objects,
                                  size_t count) {
    struct table *table = table_new(columns);
    for (size_t i = 0; i < count; i++) {
        table_add(table, objects[i]);
    }
    struct buf text;
    buf_init(&text);
    table_write(table, &text);
    enum exit_code code = print_bytes(buf_slice(&text));
    buf_deinit(&text);
    table_free(table);
    return code;
}

static enum exit_code print_strange(struct slice body) {
    fprintf(stderr, "weft: the server's answer is not what was asked for\n");
    enum exit_code code = print_line(body);
    return code == EXIT_CODE_OK ? EXIT_CODE_REFUSED : code;
}

static enum exit_code print_list(const char *key, struct slice body) {
    struct items items;
    items_init(&items);
    enum err err = items_feed(&items, body);
    if (err == ERR_OK) {
        err = items_finish(&items);
    }
    enum exit_code code = err == ERR_OK
                              ? print_table(columns_of_key(key), items.parsed, items.count)
                              : print_strange(body);
    if (err == ERR_OK && json_find_text(items.frame, "continue", "")[0] != 0) {
        fprintf(stderr, "weft: there are more: give --limit all, or a larger number\n");
    }
    items_deinit(&items);
    return code;
}

static enum exit_code print_object(const char *key, struct slice body) {
    struct json *json;
    struct json_fault fault;
    if (json_parse(body, &json, &fault) != ERR_OK) {
        return print_strange(body);
    }
    bool has_key = json_find(json, "key") != NULL;
    enum exit_code code = has_key ? print_table(columns_of_key(key), &json, 1) : print_line(body);
    json_free(json);
    return code;
}

static bool is_list(const char *key) {
    struct buf target;
    struct buf object;
    buf_init(&target);
    buf_init(&object);
    path_list_target(key, &target);
    path_object_target(key, &object);
    bool is_same = strcmp(buf_text(&target), buf_text(&object)) == 0 && strcmp(key, "cluster") != 0;
    buf_deinit(&target);
    buf_deinit(&object);
    return is_same;
}

enum exit_code run_get(struct session *session) {
    struct exchange_text text;
    begin_verb(session, METHOD_GET, session->word_count, &text);
    const char *key = buf_text(&text.key);
    bool is_value = path_is_value(key);
    path_object_target(key, &text.target);
    if (is_value && session->is_json) {
        path_add_query(&text.target, "meta", "true");
    }
    enum exit_code code;
    if (send_verb(session, &text) != ERR_OK) {
        code = refuse(&text);
    } else if (session->is_json) {
        code = print_line(text.answer.body);
    } else if (is_value) {
        code = print_value(text.answer.body);
    } else if (is_list(key)) {
        code = print_list(key, text.answer.body);
    } else {
        code = print_object(key, text.answer.body);
    }
    end_verb(&text);
    return code;
}

enum exit_code run_list(struct session *session) {
    const struct arguments *arguments = session->arguments;
    struct exchange_text text;
    begin_verb(session, METHOD_GET, session->word_count, &text);
    path_list_target(buf_text(&text.key), &text.target);
    path_add_query(&text.target, "limit", arguments->limit != NULL ? arguments->limit : "all");
    if (arguments->selector != NULL) {
        path_add_query(&text.target, "selector", arguments->selector);
    }
    enum exit_code code;
    if (send_verb(session, &text) != ERR_OK) {
        code = refuse(&text);
    } else if (session->is_json) {
        code = print_line(text.answer.body);
    } else {
        code = print_list(buf_text(&text.key), text.answer.body);
    }
    end_verb(&text);
    return code;
}

/* The body of a put: a file's or the second word's. */
static bool fill_body(struct session *session, bool is_value, struct exchange_text *text,
                      struct buf *content) {
    const struct arguments *arguments = session->arguments;
    if ((session->word_count == 2) == (arguments->file != NULL)) {
        fprintf(stderr, "weft: put takes either a value or -f FILE; see weft --help\n");
        return false;
    }
    if (arguments->file == NULL) {
        buf_append_text(content, session->words[1]);
    } else if (!read_file(arguments->file, LIMIT_HTTP_BODY_SIZE_MAX, content)) {
        return false;
    }
    text->request.body = buf_slice(content);
    if (is_value) {
        const char *guess =
            arguments->file == NULL ? "text/plain; charset=utf-8" : "application/octet-stream";
        text->request.content_type =
            arguments->content_type != NULL ? arguments->content_type : guess;
    }
    return true;
}

/* "networks/default created, revision 12". */
static enum exit_code print_written(const struct exchange_text *text, const char *what) {
    struct json *json;
    struct json_fault fault;
    uint64_t revision = text->answer.revision;
    if (json_parse(text->answer.body, &json, &fault) == ERR_OK) {
        revision = json_find_number(json, "revision", revision);
        json_free(json);
    }
    struct buf line;
    buf_init(&line);
    buf_append(&line, text->key.data, text->key.size);
    buf_appendf(&line, " %s, revision %llu\n", what, (unsigned long long)revision);
    enum exit_code code = print_bytes(buf_slice(&line));
    buf_deinit(&line);
    return code;
}

static enum exit_code finish_write(struct session *session, struct exchange_text *text,
                                   const char *what) {
    if (send_verb(session, text) != ERR_OK) {
        return refuse(text);
    }
    if (session->is_json) {
        return print_line(text->answer.body);
    }
    return print_written(text, text->answer.status == 201 ? "created" : what);
}

enum exit_code run_put(struct session *session) {
    struct exchange_text text;
    struct buf content;
    buf_init(&content);
    begin_verb(session, METHOD_PUT, 1, &text);
    path_object_target(buf_text(&text.key), &text.target);
    add_conditions(session, &text);
    bool is_value = path_is_value(buf_text(&text.key));
    enum exit_code code = EXIT_CODE_USAGE;
    if (fill_body(session, is_value, &text, &content)) {
        code = finish_write(session, &text, "replaced");
    }
    end_verb(&text);
    buf_deinit(&content);
    return code;
}

enum exit_code run_delete(struct session *session) {
    struct exchange_text text;
    begin_verb(session, METHOD_DELETE, session->word_count, &text);
    path_object_target(buf_text(&text.key), &text.target);
    add_conditions(session, &text);
    if ((session->arguments->given & ARGUMENT_FORCE) != 0) {
        path_add_query(&text.target, "force", "true");
    }
    enum exit_code code = finish_write(session, &text, "deleted");
    end_verb(&text);
    return code;
}
