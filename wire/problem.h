/* A problem: why a request failed, as RFC 9457 sends it. Filled where the fault is found (bounded,
 * by value, so that it can travel through the state machine), written once by the API, read by
 * clients. */
#ifndef WEFT_WIRE_PROBLEM_H
#define WEFT_WIRE_PROBLEM_H

#include "util/arena.h"
#include "util/err.h"
#include "util/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct json;

enum write_outcome {
    WRITE_OUTCOME_NONE,        /* not a write: no `outcome` member */
    WRITE_OUTCOME_NOT_APPLIED, /* certainly not */
    WRITE_OUTCOME_UNKNOWN      /* it may have happened, or may happen yet */
};

struct problem_error {
    char pointer[160]; /* JSON pointer (RFC 6901), "/backend/vni" */
    char message[200];
};

struct problem {
    enum err err; /* ERR_OK: no problem */
    char detail[400];
    char hint[256]; /* empty: err_hint(err) */
    enum write_outcome outcome;
    bool has_offset; /* ERR_BAD_JSON */
    uint64_t offset;
    uint64_t compact_revision; /* ERR_COMPACTED */
    unsigned retry_after_s;    /* 0: none */
    const char *allow;         /* ERR_METHOD_NOT_ALLOWED: static, "GET, PUT" */
    struct slice
        current; /* ERR_PRECONDITION_FAILED: the object's JSON; whoever fills it keeps it */
    unsigned error_count;
    struct problem_error errors[LIMIT_PROBLEM_ERRORS_MAX];
};

void problem_init(struct problem *problem);
/* Sets err and detail; returns err, so that a caller can `return problem_set(...)`. */
enum err problem_set(struct problem *problem, enum err err, const char *format, ...)
    PRINTF_LIKE(3, 4);
void problem_set_hint(struct problem *problem, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds one field error and makes the problem ERR_INVALID; past the bound only the count in the
 * detail grows. Returns ERR_INVALID. */
enum err problem_add(struct problem *problem, const char *pointer, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The application/problem+json body. */
void problem_write(const struct problem *problem, const char *request_id, struct buf *out);
/* Reads an answer's body; what it cannot read becomes the detail. `status` is the HTTP status, used
 * when the body has no code. */
void problem_read(struct problem *problem, int status, struct slice body);
/* Reads a problem that stands inside an answer, as at the end of a watch; NULL reads as `internal`.
 */
void problem_read_json(struct problem *problem, const struct json *json);
/* One line for people: "detail (pointer: message; ...). hint". */
void problem_describe(const struct problem *problem, struct buf *out);

#endif
