/* What a failed try leads to: the next server, a pause, or the end. Pure: no clock, no I/O; the
 * blocking client and the calls on the loop drive the same struct, so the rules are one.
 *
 * The rules, first match decides:
 * - the server could not be reached (certainly not sent): the next server at once; when every
 *   server in a row could not be reached, the end (ERR_UNREACHABLE, each named with its reason);
 * - sent, and no answer: repeatable requests go to the next server at once, at most once around;
 *   others end with outcome "unknown";
 * - an answer 429, 503 or 504 that is retryable, of a repeatable request or with outcome
 *   "not_applied": the next server after a pause (50 ms, doubling to 1 s; Retry-After counts for
 *   429), while the deadline leaves time;
 * - any other answer: the end. */
#ifndef WEFT_CLIENT_RETRY_H
#define WEFT_CLIENT_RETRY_H

#include "client/request.h"
#include "client/url.h"
#include "util/rand.h"

enum retry_verdict { RETRY_END, RETRY_NOW, RETRY_AFTER_PAUSE };

struct retry {
    unsigned server;           /* the one to try now */
    unsigned failures_in_row;  /* tries without an answer since the last answer */
    unsigned unreached_in_row; /* of these: certainly not sent */
    bool may_have_happened;    /* a write was sent and its outcome is not known */
    msec_t pause_ms;           /* at RETRY_AFTER_PAUSE: how long */
    msec_t pause_bound_ms;
    struct rand rand;                        /* spreads the pauses of many clients */
    char reasons[LIMIT_CLIENT_REASONS_SIZE]; /* "http://a: refused; http://b: timed out" */
};

void retry_init(struct retry *retry, const struct server_list *servers, uint64_t seed);
/* How long the current try may take, until it is sent and (`is_sent`) until it is answered. Leaves
 * time for the servers not yet tried, except where no other may be tried any more. */
msec_t retry_try_ms(const struct retry *retry, const struct server_list *servers,
                    const struct client_request *request, bool is_sent, msec_t remaining_ms);
/* No answer came from the current server. `was_sent`: bytes of the request may have reached it.
 * `err` and `reason` tell why. At RETRY_END the problem is filled. */
enum retry_verdict retry_no_answer(struct retry *retry, const struct server_list *servers,
                                   const struct client_request *request, bool was_sent,
                                   enum err err, const char *reason, msec_t remaining_ms,
                                   struct problem *problem);
/* What is known of a write that ends without a decision; WRITE_OUTCOME_NONE for reads. */
enum write_outcome retry_outcome(const struct retry *retry, const struct client_request *request);
/* An answer came. Fills the problem (ERR_OK for 2xx). */
enum retry_verdict retry_answered(struct retry *retry, const struct server_list *servers,
                                  const struct client_request *request,
                                  const struct client_answer *answer, msec_t remaining_ms,
                                  struct problem *problem);

#endif
