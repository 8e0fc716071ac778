#include "wire/problem.h"

#include "util/buf.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const outcome_names[] = {NULL, "not_applied", "unknown"};

void problem_init(struct problem *problem) {
    /* Not a whole memset: the errors are only read up to error_count, and problems are made often.
     */
    problem->err = ERR_OK;
    problem->detail[0] = 0;
    problem->hint[0] = 0;
    problem->outcome = WRITE_OUTCOME_NONE;
    problem->has_offset = false;
    problem->offset = 0;
    problem->compact_revision = 0;
    problem->retry_after_s = 0;
    problem->allow = NULL;
    problem->current = slice_of(NULL, 0);
    problem->error_count = 0;
}

enum err problem_set(struct problem *problem, enum err err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(problem->detail, sizeof problem->detail, format, args);
    va_end(args);
    problem->err = err;
    return err;
}

void problem_set_hint(struct problem *problem, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(problem->hint, sizeof problem->hint, format, args);
    va_end(args);
}

enum err problem_add(struct problem *problem, const char *pointer, const char *format, ...) {
    if (problem->error_count < LIMIT_PROBLEM_ERRORS_MAX) {
        struct problem_error *error = &problem->errors[problem->error_count++];
        snprintf(error->pointer, sizeof error->pointer, "%s", pointer);
        va_list args;
        va_start(args, format);
        vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    const struct problem_error *first = &problem->errors[0];
    snprintf(problem->detail, sizeof problem->detail, "%s%s%s", first->pointer,
             first->pointer[0] != 0 ? ": " : "", first->message);
    problem->err = ERR_INVALID;
    return ERR_INVALID;
}

static void write_errors(const struct problem *problem, struct json_writer *writer) {
    json_key(writer, "errors");
    json_open_list(writer);
    for (unsigned i = 0; i < problem->error_count; i++) {
        json_open_object(writer);
        json_member_text(writer, "pointer", problem->errors[i].pointer);
        json_member_text(writer, "message", problem->errors[i].message);
        json_close_object(writer);
    }
    json_close_list(writer);
}

void problem_write(const struct problem *problem, const char *request_id, struct buf *out) {
    enum err err = problem->err;
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    json_key(&writer, "type");
    buf_appendf(out, "\"urn:weft:problem:%s\"", err_code(err));
    writer.needs_comma = true;
    json_member_text(&writer, "title", err_title(err));
    json_member_number(&writer, "status", (uint64_t)err_status(err));
    json_member_text(&writer, "detail", problem->detail[0] != 0 ? problem->detail : err_title(err));
    json_member_text(&writer, "code", err_code(err));
    json_member_text(&writer, "hint", problem->hint[0] != 0 ? problem->hint : err_hint(err));
    json_member_bool(&writer, "retryable", err_retryable(err));
    if (problem->outcome != WRITE_OUTCOME_NONE) {
        json_member_text(&writer, "outcome", outcome_names[problem->outcome]);
    }
    if (problem->has_offset) {
        json_member_number(&writer, "offset", problem->offset);
    }
    if (err == ERR_COMPACTED) {
        json_member_number(&writer, "compact_revision", problem->compact_revision);
    }
    if (err == ERR_PRECONDITION_FAILED) {
        json_key(&writer, "current");
        json_put_raw(&writer, problem->current.size > 0 ? problem->current : slice_of_text("null"));
    }
    if (err == ERR_INVALID) {
        write_errors(problem, &writer);
    }
    if (request_id != NULL) {
        json_member_text(&writer, "request_id", request_id);
    }
    json_close_object(&writer);
}

static void read_errors(struct problem *problem, const struct json *errors) {
    if (errors == NULL || json_type_of(errors) != JSON_LIST) {
        return;
    }
    for (const struct json *item = json_first(errors);
         item != NULL && problem->error_count < LIMIT_PROBLEM_ERRORS_MAX; item = json_next(item)) {
        struct problem_error *error = &problem->errors[problem->error_count++];
        snprintf(error->pointer, sizeof error->pointer, "%s", json_find_text(item, "pointer", ""));
        snprintf(error->message, sizeof error->message, "%s", json_find_text(item, "message", ""));
    }
}

/* For an answer without a code that we know: the first error with that HTTP status. */
static enum err err_of_status(int status) {
    for (unsigned i = ERR_OK + 1; i < ERR_COUNT; i++) {
        if (err_status((enum err)i) == status) {
            return (enum err)i;
        }
    }
    return ERR_INTERNAL;
}

static void read_outcome(struct problem *problem, const char *name) {
    for (unsigned i = 1; i < ARRAY_COUNT(outcome_names); i++) {
        if (strcmp(name, outcome_names[i]) == 0) {
            problem->outcome = (enum write_outcome)i;
        }
    }
}

void problem_read_json(struct problem *problem, const struct json *json) {
    problem_init(problem);
    problem->err = err_of_status((int)json_find_number(json, "status", 500));
    enum err known;
    if (err_find(json_find_text(json, "code", ""), &known)) {
        problem->err = known;
    }
    snprintf(problem->detail, sizeof problem->detail, "%s", json_find_text(json, "detail", ""));
    snprintf(problem->hint, sizeof problem->hint, "%s", json_find_text(json, "hint", ""));
    read_outcome(problem, json_find_text(json, "outcome", ""));
    problem->compact_revision = json_find_number(json, "compact_revision", 0);
    read_errors(problem, json_find(json, "errors"));
}

void problem_read(struct problem *problem, int status, struct slice body) {
    struct json *json;
    struct json_fault fault;
    if (json_parse(body, &json, &fault) == ERR_OK) {
        problem_read_json(problem, json);
        if (!err_find(json_find_text(json, "code", ""), &problem->err)) {
            problem->err = err_of_status(status);
        }
        json_free(json);
        return;
    }
    problem_init(problem);
    problem->err = err_of_status(status);
    snprintf(problem->detail, sizeof problem->detail, "HTTP status %d: %.*s", status,
             (int)MIN_OF(body.size, (size_t)200), (const char *)body.data);
}

void problem_describe(const struct problem *problem, struct buf *out) {
    buf_appendf(out, "%s", problem->detail[0] != 0 ? problem->detail : err_title(problem->err));
    for (unsigned i = 1; i < problem->error_count; i++) { /* the first is the detail */
        buf_appendf(out, "; %s: %s", problem->errors[i].pointer, problem->errors[i].message);
    }
    buf_appendf(out, " [%s]. %s", err_code(problem->err),
                problem->hint[0] != 0 ? problem->hint : err_hint(problem->err));
}
