/* weft txn: a transaction from a file, and what came of it, a line an operation. */
#include "ctl/path.h"
#include "ctl/verb.h"

#include <string.h>

static const struct column item_columns[] = {
    {"KEY", "key", COLUMN_PLAIN, false},
    {"VERSION", "version", COLUMN_PLAIN, false},
    {"REVISION", "revision", COLUMN_PLAIN, false},
    {"SIZE", "value_b64", COLUMN_SIZE, true},
};
static const struct columns items_of_get = {"", item_columns, ARRAY_COUNT(item_columns)};

static void add_items(const struct json *items, struct buf *out) {
    struct table *table = table_new(&items_of_get);
    for (const struct json *item = json_first(items); item != NULL; item = json_next(item)) {
        table_add(table, item);
    }
    table_write(table, out);
    table_free(table);
}

/* {"put":{...}}, {"get":{...}} or {"delete":{...}}. */
static void add_result(const struct json *result, struct buf *out) {
    const struct json *member = json_first(result);
    const char *name = member != NULL ? json_name(member) : "";
    if (strcmp(name, "put") == 0) {
        buf_appendf(out, "put: version %llu\n",
                    (unsigned long long)json_find_number(member, "version", 0));
    } else if (strcmp(name, "delete") == 0) {
        buf_appendf(out, "delete: %llu deleted\n",
                    (unsigned long long)json_find_number(member, "deleted", 0));
    } else if (strcmp(name, "get") == 0 && json_find(member, "items") != NULL) {
        buf_append_text(out, "get:\n");
        add_items(json_find(member, "items"), out);
    }
}

static void add_results(const struct json *answer, bool is_dry, struct buf *out) {
    bool is_then = json_is_true(json_find(answer, "succeeded"));
    const struct json *results = json_find(answer, "results");
    buf_appendf(out, "%s%s, revision %llu\n", is_dry ? "would be " : "", is_then ? "then" : "else",
                (unsigned long long)json_find_number(answer, "revision", 0));
    for (const struct json *result = results != NULL ? json_first(results) : NULL; result != NULL;
         result = json_next(result)) {
        add_result(result, out);
    }
}

static enum exit_code print_answer(struct session *session, struct slice body) {
    struct json *json;
    struct json_fault fault;
    struct buf text;
    if (session->is_json) {
        return verb_print_line(body);
    }
    if (json_parse(body, &json, &fault) != ERR_OK) {
        return verb_print_strange(body);
    }
    buf_init(&text);
    add_results(json, (session->arguments->given & ARGUMENT_DRY_RUN) != 0, &text);
    enum exit_code code = print_bytes(buf_slice(&text));
    buf_deinit(&text);
    json_free(json);
    return code;
}

enum exit_code run_txn(struct session *session) {
    struct verb verb;
    struct buf body;
    buf_init(&body);
    if (!read_file(session->words[0], LIMIT_HTTP_BODY_SIZE_MAX, &body)) {
        buf_deinit(&body);
        return EXIT_CODE_USAGE;
    }
    verb_begin(session, METHOD_POST, 0, &verb);
    path_object_target("txn", &verb.target);
    verb_add_write_options(session, &verb);
    verb.request.body = buf_slice(&body);
    enum exit_code code = verb_send(session, &verb) == ERR_OK
                              ? print_answer(session, verb.answer.body)
                              : verb_refuse(&verb);
    verb_end(&verb);
    buf_deinit(&body);
    return code;
}
