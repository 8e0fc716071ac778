#include "client/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void retry_init(struct retry *retry, const struct server_list *servers, uint64_t seed) {
    memset(retry, 0, sizeof *retry);
    retry->server = servers->first % servers->count;
    retry->pause_bound_ms = LIMIT_CLIENT_PAUSE_MIN_MS;
    rand_seed(&retry->rand, seed);
}

msec_t retry_try_ms(const struct retry *retry, const struct server_list *servers,
                    const struct client_request *request, bool is_sent, msec_t remaining_ms) {
    bool is_last_chance = is_sent && !client_request_is_repeatable(request);
    unsigned untried = servers->count - MIN_OF(retry->failures_in_row, servers->count - 1);
    if (is_last_chance || request->tries_once || untried == 1) {
        return remaining_ms;
    }
    msec_t share = MAX_OF(remaining_ms / untried, (msec_t)LIMIT_CLIENT_TRY_MIN_MS);
    return MIN_OF(share, remaining_ms);
}

static void add_reason(struct retry *retry, const char *server, const char *reason) {
    size_t size = strlen(retry->reasons);
    snprintf(retry->reasons + size, sizeof retry->reasons - size, "%s%s: %s", size > 0 ? "; " : "",
             server, reason);
}

static enum retry_verdict end_without_answer(const struct retry *retry,
                                             const struct client_request *request, enum err err,
                                             struct problem *problem) {
    problem_init(problem);
    problem->outcome = retry_outcome(retry, request);
    if (retry->unreached_in_row == retry->failures_in_row) {
        bool is_one = retry->failures_in_row == 1;
        problem_set(problem, ERR_UNREACHABLE, "%s %s",
                    is_one ? "cannot reach" : "no server could be reached:", retry->reasons);
        return RETRY_END;
    }
    bool is_unknown = problem->outcome == WRITE_OUTCOME_UNKNOWN;
    problem_set(problem, err, "%s%s", retry->reasons,
                is_unknown ? "; the write may or may not have happened" : "");
    if (is_unknown) {
        problem_set_hint(problem, "%s", err_hint(ERR_COMMIT_TIMEOUT));
    }
    return RETRY_END;
}

static void next_server(struct retry *retry, const struct server_list *servers) {
    retry->server = (retry->server + 1) % servers->count;
}

enum retry_verdict retry_no_answer(struct retry *retry, const struct server_list *servers,
                                   const struct client_request *request, bool was_sent,
                                   enum err err, const char *reason, msec_t remaining_ms,
                                   struct problem *problem) {
    add_reason(retry, servers->items[retry->server].text, reason);
    retry->failures_in_row++;
    retry->unreached_in_row += was_sent ? 0 : 1;
    retry->may_have_happened |= was_sent && client_request_is_write(request);
    bool must_not_repeat = was_sent && !client_request_is_repeatable(request);
    if (must_not_repeat || request->tries_once || remaining_ms == 0 ||
        retry->failures_in_row >= servers->count) {
        return end_without_answer(retry, request, err, problem);
    }
    next_server(retry, servers);
    return RETRY_NOW;
}

/* Half of a bound that doubles, and a random part of the other half. 429 says itself how long. */
static msec_t next_pause(struct retry *retry, const struct problem *problem) {
    msec_t half = retry->pause_bound_ms / 2;
    msec_t pause = half + rand_below(&retry->rand, half + 1);
    retry->pause_bound_ms = MIN_OF(retry->pause_bound_ms * 2, (msec_t)LIMIT_CLIENT_PAUSE_MAX_MS);
    return problem->err == ERR_OVERLOADED ? MAX_OF(pause, (msec_t)problem->retry_after_s * 1000)
                                          : pause;
}

static bool is_temporary(const struct client_answer *answer, const struct problem *problem) {
    return (answer->status == 429 || answer->status == 503 || answer->status == 504) &&
           err_retryable(problem->err);
}

static void read_problem(const struct client_answer *answer, struct problem *problem) {
    problem_read(problem, answer->status, answer->body);
    const char *retry_after = http_find_header(answer->message, "retry-after");
    if (retry_after != NULL) {
        problem->retry_after_s = (unsigned)MIN_OF(strtoul(retry_after, NULL, 10), 3600UL);
    }
}

enum retry_verdict retry_answered(struct retry *retry, const struct server_list *servers,
                                  const struct client_request *request,
                                  const struct client_answer *answer, msec_t remaining_ms,
                                  struct problem *problem) {
    retry->failures_in_row = 0;
    retry->unreached_in_row = 0;
    retry->reasons[0] = 0;
    problem_init(problem);
    if (answer->status >= 200 && answer->status < 300) {
        return RETRY_END;
    }
    read_problem(answer, problem);
    bool is_write = client_request_is_write(request);
    bool is_not_applied = problem->outcome == WRITE_OUTCOME_NOT_APPLIED;
    if (is_write && err_retryable(problem->err)) { /* nothing was decided */
        retry->may_have_happened |= !is_not_applied;
        if (retry->may_have_happened) {
            problem->outcome = WRITE_OUTCOME_UNKNOWN; /* an earlier try's is still open */
        }
    }
    if (!is_temporary(answer, problem)) {
        return RETRY_END;
    }
    if (request->tries_once || !(is_not_applied || client_request_is_repeatable(request))) {
        return RETRY_END;
    }
    retry->pause_ms = next_pause(retry, problem);
    if (retry->pause_ms >= remaining_ms) {
        return RETRY_END;
    }
    next_server(retry, servers);
    return RETRY_AFTER_PAUSE;
}

enum write_outcome retry_outcome(const struct retry *retry, const struct client_request *request) {
    if (!client_request_is_write(request)) {
        return WRITE_OUTCOME_NONE;
    }
    return retry->may_have_happened ? WRITE_OUTCOME_UNKNOWN : WRITE_OUTCOME_NOT_APPLIED;
}
