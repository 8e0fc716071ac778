/* What all commands of one request share: the request in the making, its answer, and how they are
 * shown. */
#ifndef WEFT_CTL_VERB_H
#define WEFT_CTL_VERB_H

#include "ctl/commands.h"
#include "ctl/table.h"

/* Lifetime: the command's stack, verb_begin .. verb_end. */
struct verb {
    struct buf key;
    struct buf target;
    struct buf if_match;
    struct client_request request;
    struct client_answer answer;
    struct problem problem;
};

/* The key is made of the first `word_count` words. */
void verb_begin(struct session *session, enum method method, unsigned word_count, struct verb *out);
void verb_end(struct verb *verb);
/* --if-match, --if-none-match, --idempotency-key, --dry-run and --lease, where they were given. */
void verb_add_write_options(const struct session *session, struct verb *verb);
/* Errors: as client_call. */
MUST_USE enum err verb_send(struct session *session, struct verb *verb);
/* Says why; returns the exit code. */
enum exit_code verb_refuse(const struct verb *verb);
/* Sends a write and says what it did: "networks/default created, revision 12". `what` is said where
 * nothing was created. */
enum exit_code verb_finish_write(struct session *session, struct verb *verb, const char *what);

/* With a line feed at the end, if there is none. */
enum exit_code verb_print_line(struct slice text);
enum exit_code verb_print_table(const struct columns *columns, struct json *const *objects,
                                size_t count);
/* An answer that is not what the API promises. */
enum exit_code verb_print_strange(struct slice body);

#endif
