#include "api/param.h"

#include "api/lease_id.h"

#include <string.h>

#define AT(member) offsetof(struct params, member)

/* clang-format off: a row a parameter */
const struct param_row param_rows[] = {
    {"timeout", PARAM_TIMEOUT, PARAM_TYPE_DURATION, AT(timeout_ms), LIMIT_CALL_TIMEOUT_MAX_MS,
     "how long the call may take: 5s, 500ms; a bare number is seconds"},
    {"consistency", PARAM_CONSISTENCY, PARAM_TYPE_TEXT, AT(consistency), 0,
     "stale answers at once from the local state, with X-Stale-Ms"},
    {"min_revision", PARAM_MIN_REVISION, PARAM_TYPE_NUMBER, AT(min_revision), LIMIT_REVISION_MAX,
     "wait until the local state has reached this revision"},
    {"meta", PARAM_META, PARAM_TYPE_FLAG, AT(meta), 0, "answer the KV item instead of the value"},
    {"limit", PARAM_LIMIT, PARAM_TYPE_TEXT, AT(limit), 0,
     "items of a page; all streams the whole list at one revision"},
    {"continue", PARAM_CONTINUE, PARAM_TYPE_TEXT, AT(continue_token), 0,
     "the page behind this one: an answer's `continue`"},
    {"prefix", PARAM_PREFIX, PARAM_TYPE_TEXT, AT(prefixes), 0,
     "only keys that begin so, behind the list's path (/v1/watch: whole keys)"},
    {"selector", PARAM_SELECTOR, PARAM_TYPE_TEXT, AT(selector), 0,
     "only objects with these labels: k=v,k2!=v2"},
    {"watch", PARAM_WATCH, PARAM_TYPE_FLAG, AT(watch), 0,
     "follow the changes instead of answering the list"},
    {"from", PARAM_FROM, PARAM_TYPE_NUMBER, AT(from), LIMIT_REVISION_MAX,
     "follow changes after this revision; without it, from now"},
    {"previous", PARAM_PREVIOUS, PARAM_TYPE_FLAG, AT(previous), 0,
     "events also show what was there before"},
    {"index", PARAM_INDEX, PARAM_TYPE_NUMBER, AT(index), LIMIT_REVISION_MAX,
     "answer as soon as the list has changed after this revision"},
    {"wait", PARAM_WAIT, PARAM_TYPE_DURATION, AT(wait_ms), LIMIT_LONG_POLL_MAX_MS,
     "how long to wait for that"},
    {"recursive", PARAM_RECURSIVE, PARAM_TYPE_FLAG, AT(recursive), 0, "all keys that begin so"},
    {"confirm", PARAM_CONFIRM, PARAM_TYPE_NUMBER, AT(confirm), LIMIT_REVISION_MAX,
     "how many keys are expected to go"},
    {"force", PARAM_FORCE, PARAM_TYPE_FLAG, AT(force), 0, "although leases are lost by it"},
    {"node", PARAM_NODE, PARAM_TYPE_TEXT, AT(node), 0, "the holder that releases"},
    {"epoch", PARAM_EPOCH, PARAM_TYPE_NUMBER, AT(epoch), LIMIT_REVISION_MAX,
     "of the grant that is released"},
    {"verbose", PARAM_VERBOSE, PARAM_TYPE_FLAG, AT(verbose), 0, "say each condition"},
    {"dry_run", PARAM_DRY_RUN, PARAM_TYPE_FLAG, AT(dry_run), 0,
     "answer as if it were written, and write nothing"},
    {"lease", PARAM_LEASE, PARAM_TYPE_TEXT, AT(lease_text), 0, "attach the key to this TTL lease"},
};
/* clang-format on */
const unsigned param_row_count = ARRAY_COUNT(param_rows);

/* Decimal digits only, at most `max`. */
static bool parse_number(const char *text, uint64_t max, uint64_t *out_number) {
    uint64_t number = 0;
    if (*text == 0) {
        return false;
    }
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || number > max / 10) {
            return false;
        }
        number = number * 10 + (uint64_t)(*text - '0');
    }
    *out_number = number;
    return number <= max;
}

/* Whole milliseconds of "1.5" times the unit; digits past the third are refused. */
static bool parse_decimal(const char *text, size_t size, uint64_t unit_ms, msec_t *out_ms) {
    uint64_t value = 0;
    uint64_t scale = 0; /* 0: before the point */
    if (size == 0 || size > 12) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && scale == 0 && i > 0 && i + 1 < size) {
            scale = 1;
        } else if (text[i] >= '0' && text[i] <= '9' && scale < 1000) {
            value = value * 10 + (uint64_t)(text[i] - '0');
            scale *= 10;
        } else {
            return false;
        }
    }
    *out_ms = value * unit_ms / (scale == 0 ? 1 : scale);
    return *out_ms > 0;
}

bool duration_parse(const char *text, msec_t *out_ms) {
    static const struct {
        const char *suffix;
        uint64_t unit_ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"", 1000}};
    size_t size = strlen(text);
    for (unsigned i = 0; i < ARRAY_COUNT(units); i++) {
        size_t suffix_size = strlen(units[i].suffix);
        if (size >= suffix_size && strcmp(text + size - suffix_size, units[i].suffix) == 0) {
            return parse_decimal(text, size - suffix_size, units[i].unit_ms, out_ms);
        }
    }
    return false;
}

static bool parse_flag(const char *text, bool *out_flag) {
    bool is_true = *text == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    *out_flag = is_true;
    return is_true || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static const struct param_row *find_row(const char *name) {
    for (unsigned i = 0; i < ARRAY_COUNT(param_rows); i++) {
        if (strcmp(param_rows[i].name, name) == 0) {
            return &param_rows[i];
        }
    }
    return NULL;
}

static enum err read_value(const struct param_row *row, const char *text, struct params *params,
                           struct problem *problem) {
    void *value = (char *)params + row->offset;
    switch (row->type) {
    case PARAM_TYPE_FLAG:
        if (!parse_flag(text, value)) {
            return problem_set(problem, ERR_BAD_REQUEST, "%s is true or false, not '%.60s'",
                               row->name, text);
        }
        break;
    case PARAM_TYPE_NUMBER:
        if (!parse_number(text, row->max, value)) {
            return problem_set(problem, ERR_BAD_REQUEST, "%s is a whole number, not '%.60s'",
                               row->name, text);
        }
        break;
    case PARAM_TYPE_DURATION:
        if (!duration_parse(text, value) || *(msec_t *)value > row->max) {
            return problem_set(problem, ERR_BAD_REQUEST,
                               "%s is a time such as 5s or 500ms, more than 0 and at most %u s; "
                               "'%.60s' is not",
                               row->name, (unsigned)(row->max / 1000), text);
        }
        break;
    case PARAM_TYPE_TEXT:
        *(const char **)value = text;
        break;
    }
    return ERR_OK;
}

static enum err add_prefix(struct params *params, unsigned allowed, const char *text,
                           struct problem *problem) {
    unsigned max = (allowed & PARAM_PREFIXES) != 0 ? LIMIT_WATCH_PREFIXES_MAX : 1;
    if (params->prefix_count == max) {
        return problem_set(problem, ERR_BAD_REQUEST, "prefix may come %u time%s at most here", max,
                           max > 1 ? "s" : "");
    }
    params->prefixes[params->prefix_count++] = text;
    return ERR_OK;
}

static enum err check_values(struct params *params, struct problem *problem) {
    if (params->consistency != NULL && strcmp(params->consistency, "stale") != 0 &&
        strcmp(params->consistency, "linearizable") != 0) {
        return problem_set(problem, ERR_BAD_REQUEST,
                           "consistency is linearizable or stale, not '%.60s'",
                           params->consistency);
    }
    if (params->lease_text != NULL && !lease_id_parse(params->lease_text, &params->lease)) {
        return problem_set(problem, ERR_BAD_REQUEST, "lease is an id of 16 hex digits, not '%.60s'",
                           params->lease_text);
    }
    if (params->limit == NULL) {
        params->limit_count = LIMIT_LIST_DEFAULT;
    } else if (strcmp(params->limit, "all") == 0) {
        params->is_unlimited = true;
        params->limit_count = UINT64_MAX;
    } else if (!parse_number(params->limit, LIMIT_LIST_MAX, &params->limit_count) ||
               params->limit_count == 0) {
        return problem_set(problem, ERR_BAD_REQUEST, "limit is 1 to %u, or all; '%.60s' is not",
                           LIMIT_LIST_MAX, params->limit);
    }
    return ERR_OK;
}

enum err params_read(const struct http_target *target, unsigned allowed, struct params *out_params,
                     struct problem *problem) {
    *out_params = (struct params){.timeout_ms = LIMIT_CALL_TIMEOUT_DEFAULT_MS};
    for (unsigned i = 0; i < target->query_count; i++) {
        const char *name = target->query[i].name;
        const char *value = target->query[i].value;
        const struct param_row *row = find_row(name);
        if (row == NULL || (allowed & row->param) == 0) {
            return problem_set(problem, ERR_BAD_REQUEST,
                               "this call takes no query parameter '%.60s'", name);
        }
        if ((out_params->given & row->param) != 0 && row->param != PARAM_PREFIX) {
            return problem_set(problem, ERR_BAD_REQUEST, "%s is given twice", name);
        }
        out_params->given |= row->param;
        enum err err = row->param == PARAM_PREFIX ? add_prefix(out_params, allowed, value, problem)
                                                  : read_value(row, value, out_params, problem);
        if (err != ERR_OK) {
            return err;
        }
    }
    return check_values(out_params, problem);
}
