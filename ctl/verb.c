#include "ctl/verb.h"

#include "ctl/path.h"

#include <string.h>

#define MILLISECONDS_A_SECOND 1000u

void verb_begin(struct session *session, enum method method, unsigned word_count,
                struct verb *out) {
    memset(out, 0, sizeof *out);
    buf_init(&out->key);
    buf_init(&out->target);
    buf_init(&out->if_match);
    out->request.method = method;
    out->request.timeout_ms = session->timeout_ms;
    path_join(session->words, word_count, &out->key);
}

void verb_end(struct verb *verb) {
    buf_deinit(&verb->key);
    buf_deinit(&verb->target);
    buf_deinit(&verb->if_match);
}

void verb_add_write_options(const struct session *session, struct verb *verb) {
    const struct arguments *arguments = session->arguments;
    if (arguments->if_match != NULL) {
        buf_appendf(&verb->if_match, "\"%s\"", arguments->if_match);
        client_request_add_header(&verb->request, "If-Match", buf_text(&verb->if_match));
    }
    if ((arguments->given & ARGUMENT_IF_NONE_MATCH) != 0) {
        client_request_add_header(&verb->request, "If-None-Match", "*");
    }
    if (arguments->idempotency_key != NULL) {
        client_request_add_header(&verb->request, "Idempotency-Key", arguments->idempotency_key);
    }
    if ((arguments->given & ARGUMENT_DRY_RUN) != 0) {
        path_add_query(&verb->target, "dry_run", "true");
    }
    if (arguments->lease != NULL) {
        path_add_query(&verb->target, "lease", arguments->lease);
    }
}

/* A timeout of one's own bounds the server's patience too. */
enum err verb_send(struct session *session, struct verb *verb) {
    if (session->timeout_ms != LIMIT_CALL_TIMEOUT_DEFAULT_MS) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%llus",
                 (unsigned long long)(session->timeout_ms / MILLISECONDS_A_SECOND));
        path_add_query(&verb->target, "timeout", seconds);
    }
    verb->request.target = buf_text(&verb->target);
    return client_call(session->client, &verb->request, &verb->answer, &verb->problem);
}

enum exit_code verb_refuse(const struct verb *verb) {
    return report_problem(&verb->problem, verb->answer.status != 0);
}

static enum exit_code print_written(struct session *session, const struct verb *verb,
                                    const char *what) {
    struct json *json;
    struct json_fault fault;
    uint64_t revision = verb->answer.revision;
    if (json_parse(verb->answer.body, &json, &fault) == ERR_OK) {
        revision = json_find_number(json, "revision", revision);
        json_free(json);
    }
    bool is_dry = (session->arguments->given & ARGUMENT_DRY_RUN) != 0;
    struct buf line;
    buf_init(&line);
    buf_append(&line, verb->key.data, verb->key.size);
    buf_appendf(&line, " %s%s, revision %llu\n", is_dry ? "would be " : "", what,
                (unsigned long long)revision);
    enum exit_code code = print_bytes(buf_slice(&line));
    buf_deinit(&line);
    return code;
}

enum exit_code verb_finish_write(struct session *session, struct verb *verb, const char *what) {
    if (verb_send(session, verb) != ERR_OK) {
        return verb_refuse(verb);
    }
    if (session->is_json) {
        return verb_print_line(verb->answer.body);
    }
    return print_written(session, verb, verb->answer.status == 201 ? "created" : what);
}

enum exit_code verb_print_line(struct slice text) {
    enum exit_code code = print_bytes(text);
    bool has_end = text.size > 0 && text.data[text.size - 1] == '\n';
    return code != EXIT_CODE_OK || has_end ? code : print_bytes(slice_of_text("\n"));
}

enum exit_code verb_print_table(const struct columns *columns, struct json *const *objects,
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

enum exit_code verb_print_strange(struct slice body) {
    fprintf(stderr, "weft: the server's answer is not what was asked for\n");
    enum exit_code code = verb_print_line(body);
    return code == EXIT_CODE_OK ? EXIT_CODE_REFUSED : code;
}
