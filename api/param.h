/* Query parameters: one row each, and one walk that checks and reads them all. Which of them a
 * route takes is in its row (api/routes.c); any other is 400, because a parameter that is silently
 * passed over is a promise broken. Pure: no I/O, no clock. */
#ifndef WEFT_API_PARAM_H
#define WEFT_API_PARAM_H

#include "util/clock.h"
#include "wire/http.h"
#include "wire/problem.h"

#include <stdbool.h>
#include <stdint.h>

enum param {
    PARAM_TIMEOUT = 1 << 0,
    PARAM_CONSISTENCY = 1 << 1,
    PARAM_MIN_REVISION = 1 << 2,
    PARAM_META = 1 << 3,
    PARAM_LIMIT = 1 << 4,
    PARAM_CONTINUE = 1 << 5,
    PARAM_PREFIX = 1 << 6, /* the only one that may come several times, where PARAM_PREFIXES is */
    PARAM_PREFIXES = 1 << 7,
    PARAM_SELECTOR = 1 << 8,
    PARAM_WATCH = 1 << 9,
    PARAM_FROM = 1 << 10,
    PARAM_PREVIOUS = 1 << 11,
    PARAM_INDEX = 1 << 12,
    PARAM_WAIT = 1 << 13,
    PARAM_RECURSIVE = 1 << 14,
    PARAM_CONFIRM = 1 << 15,
    PARAM_FORCE = 1 << 16,
    PARAM_NODE = 1 << 17,
    PARAM_EPOCH = 1 << 18,
    PARAM_VERBOSE = 1 << 19,
    PARAM_DRY_RUN = 1 << 20,
    PARAM_LEASE = 1 << 21
};

#define PARAMS_READ (PARAM_TIMEOUT | PARAM_CONSISTENCY | PARAM_MIN_REVISION)
#define PARAMS_LIST                                                                                \
    (PARAMS_READ | PARAM_LIMIT | PARAM_CONTINUE | PARAM_PREFIX | PARAM_WATCH | PARAM_FROM |        \
     PARAM_PREVIOUS | PARAM_INDEX | PARAM_WAIT)
#define PARAMS_WATCH (PARAM_TIMEOUT | PARAM_PREFIX | PARAM_PREFIXES | PARAM_FROM | PARAM_PREVIOUS)

/* What a request asked for. Texts are borrowed from the target. */
struct params {
    unsigned given; /* enum param: which came */
    msec_t timeout_ms;
    const char *consistency; /* "linearizable" or "stale"; NULL when absent */
    uint64_t min_revision;
    const char *limit; /* a number or "all"; see limit_count */
    uint64_t limit_count;
    bool is_unlimited;
    const char *continue_token;
    const char *prefixes[LIMIT_WATCH_PREFIXES_MAX];
    unsigned prefix_count;
    const char *selector;
    uint64_t from;
    uint64_t index;
    msec_t wait_ms;
    uint64_t confirm;
    uint64_t epoch;
    const char *node;
    const char *lease_text;
    uint64_t lease; /* lease_text's id; 0: none */
    bool meta, watch, previous, recursive, force, verbose, dry_run;
};

enum param_type { PARAM_TYPE_FLAG, PARAM_TYPE_NUMBER, PARAM_TYPE_DURATION, PARAM_TYPE_TEXT };

struct param_row {
    const char *name;
    enum param param;
    enum param_type type;
    size_t offset;    /* in struct params */
    uint64_t max;     /* of a number or a duration (ms) */
    const char *help; /* one line, for the API document */
};
extern const struct param_row param_rows[];
extern const unsigned param_row_count;

/* Reads the parameters of a target; `allowed` is the route's set. Errors: ERR_BAD_REQUEST with the
 * problem filled. */
MUST_USE enum err params_read(const struct http_target *target, unsigned allowed,
                              struct params *out_params, struct problem *problem);
/* "5s", "500ms", "2m", "1.5" (a bare number is seconds). False for anything else and for zero. */
bool duration_parse(const char *text, msec_t *out_ms);

#endif
