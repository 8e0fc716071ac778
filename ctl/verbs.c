/* get, list, put, delete: one request, and its answer as a table or as it is. */
#include "client/items.h"
#include "ctl/path.h"
#include "ctl/verb.h"

#include <string.h>
#include <unistd.h>

static const struct columns *columns_of_key(const char *key) {
    return columns_find(key, strcspn(key, "/"));
}

/* Output. */

/* A value as it is; for eyes its last line is ended. */
static enum exit_code print_value(struct slice value) {
    return isatty(STDOUT_FILENO) ? verb_print_line(value) : print_bytes(value);
}

static enum exit_code print_list(const char *key, struct slice body) {
    struct items items;
    items_init(&items);
    enum err err = items_feed(&items, body);
    if (err == ERR_OK) {
        err = items_finish(&items);
    }
    enum exit_code code = err == ERR_OK
                              ? verb_print_table(columns_of_key(key), items.parsed, items.count)
                              : verb_print_strange(body);
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
        return verb_print_strange(body);
    }
    bool has_key = json_find(json, "key") != NULL;
    enum exit_code code =
        has_key ? verb_print_table(columns_of_key(key), &json, 1) : verb_print_line(body);
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
    struct verb text;
    verb_begin(session, METHOD_GET, session->word_count, &text);
    const char *key = buf_text(&text.key);
    bool is_value = path_is_value(key);
    path_object_target(key, &text.target);
    if (is_value && session->is_json) {
        path_add_query(&text.target, "meta", "true");
    }
    enum exit_code code;
    if (verb_send(session, &text) != ERR_OK) {
        code = verb_refuse(&text);
    } else if (session->is_json) {
        code = verb_print_line(text.answer.body);
    } else if (is_value) {
        code = print_value(text.answer.body);
    } else if (is_list(key)) {
        code = print_list(key, text.answer.body);
    } else {
        code = print_object(key, text.answer.body);
    }
    verb_end(&text);
    return code;
}

enum exit_code run_list(struct session *session) {
    const struct arguments *arguments = session->arguments;
    struct verb text;
    verb_begin(session, METHOD_GET, session->word_count, &text);
    path_list_target(buf_text(&text.key), &text.target);
    path_add_query(&text.target, "limit", arguments->limit != NULL ? arguments->limit : "all");
    if (arguments->selector != NULL) {
        path_add_query(&text.target, "selector", arguments->selector);
    }
    enum exit_code code;
    if (verb_send(session, &text) != ERR_OK) {
        code = verb_refuse(&text);
    } else if (session->is_json) {
        code = verb_print_line(text.answer.body);
    } else {
        code = print_list(buf_text(&text.key), text.answer.body);
    }
    verb_end(&text);
    return code;
}

/* The body of a put: a file's or the second word's. */
static bool fill_body(struct session *session, bool is_value, struct verb *text,
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

enum exit_code run_put(struct session *session) {
    struct verb text;
    struct buf content;
    buf_init(&content);
    verb_begin(session, METHOD_PUT, 1, &text);
    path_object_target(buf_text(&text.key), &text.target);
    verb_add_write_options(session, &text);
    bool is_value = path_is_value(buf_text(&text.key));
    enum exit_code code = EXIT_CODE_USAGE;
    if (fill_body(session, is_value, &text, &content)) {
        code = verb_finish_write(session, &text, "replaced");
    }
    verb_end(&text);
    buf_deinit(&content);
    return code;
}

enum exit_code run_delete(struct session *session) {
    struct verb text;
    verb_begin(session, METHOD_DELETE, session->word_count, &text);
    path_object_target(buf_text(&text.key), &text.target);
    verb_add_write_options(session, &text);
    if ((session->arguments->given & ARGUMENT_FORCE) != 0) {
        path_add_query(&text.target, "force", "true");
    }
    enum exit_code code = verb_finish_write(session, &text, "deleted");
    verb_end(&text);
    return code;
}
