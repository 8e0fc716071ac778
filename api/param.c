#include "api/param.h"

#include "api/lease_id.h"

#include <string.h>

enum param_type { PARAM_TYPE_FLAG, PARAM_TYPE_NUMBER, PARAM_TYPE_DURATION, PARAM_TYPE_TEXT };

struct param_row {
    const char *name;
    enum param param;
    enum param_type type;
    size_t offset;
    uint64_t max; /* of a number or a duration (ms) */
};

#define AT(member) offsetof(struct params, member)

static const struct param_row rows[] = {
    {"timeout", PARAM_TIMEOUT, PARAM_TYPE_DURATION, AT(timeout_ms), LIMIT_CALL_TIMEOUT_MAX_MS},
    {"consistency", PARAM_CONSISTENCY, PARAM_TYPE_TEXT, AT(consistency), 0},
    {"min_revision", PARAM_MIN_REVISION, PARAM_TYPE_NUMBER, AT(min_revision), LIMIT_REVISION_MAX},
    {"meta", PARAM_META, PARAM_TYPE_FLAG, AT(meta), 0},
    {"limit", PARAM_LIMIT, PARAM_TYPE_TEXT, AT(limit), 0},
    {"continue", PARAM_CONTINUE, PARAM_TYPE_TEXT, AT(continue_token), 0},
    {"prefix", PARAM_PREFIX, PARAM_TYPE_TEXT, AT(prefixes), 0},
    {"selector", PARAM_SELECTOR, PARAM_TYPE_TEXT, AT(selector), 0},
    {"watch", PARAM_WATCH, PARAM_TYPE_FLAG, AT(watch), 0},
    {"from", PARAM_FROM, PARAM_TYPE_NUMBER, AT(from), LIMIT_REVISION_MAX},
    {"previous", PARAM_PREVIOUS, PARAM_TYPE_FLAG, AT(previous), 0},
    {"index", PARAM_INDEX, PARAM_TYPE_NUMBER, AT(index), LIMIT_REVISION_MAX},
    {"wait", PARAM_WAIT, PARAM_TYPE_DURATION, AT(wait_ms), LIMIT_LONG_POLL_MAX_MS},
    {"recursive", PARAM_RECURSIVE, PARAM_TYPE_FLAG, AT(recursive), 0},
    {"confirm", PARAM_CONFIRM, PARAM_TYPE_NUMBER, AT(confirm), LIMIT_REVISION_MAX},
    {"force", PARAM_FORCE, PARAM_TYPE_FLAG, AT(force), 0},
    {"node", PARAM_NODE, PARAM_TYPE_TEXT, AT(node), 0},
    {"epoch", PARAM_EPOCH, PARAM_TYPE_NUMBER, AT(epoch), LIMIT_REVISION_MAX},
    {"verbose", PARAM_VERBOSE, PARAM_TYPE_FLAG, AT(verbose), 0},
    {"dry_run", PARAM_DRY_RUN, PARAM_TYPE_FLAG, AT(dry_run), 0},
    {"lease", PARAM_LEASE, PARAM_TYPE_TEXT, AT(lease_text), 0},
};

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
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
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
