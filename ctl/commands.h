/* The commands of `weft`: one table of name, usage, help, options and function; --help, the checks
 * of arguments and the dispatch all read it. */
#ifndef WEFT_CTL_COMMANDS_H
#define WEFT_CTL_COMMANDS_H

#include "client/client.h"
#include "ctl/arguments.h"

#include <stdio.h>

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_REFUSED = 1,    /* a server answered, and said no */
    EXIT_CODE_USAGE = 2,      /* the arguments, or a file that they name */
    EXIT_CODE_UNREACHABLE = 3 /* no answer: the outcome may be unknown */
};

/* What a command works with. Lifetime: main's. */
struct session {
    const struct arguments *arguments;
    const char *const *words; /* behind the command's name */
    unsigned word_count;
    const struct server_list *servers;
    struct client *client;
    msec_t timeout_ms;
    bool is_json;
};

struct command {
    const char *name;
    const char *usage;
    const char *help;
    unsigned options; /* enum argument_option: which it takes */
    unsigned words_min, words_max;
    enum exit_code (*run)(struct session *session);
};

extern const struct command commands[];
extern const unsigned command_count;

/* NULL when there is none. */
const struct command *command_find(const char *name);
void command_help(FILE *out);

/* Runs the command: one function each. */
enum exit_code run_get(struct session *session);
enum exit_code run_list(struct session *session);
enum exit_code run_put(struct session *session);
enum exit_code run_delete(struct session *session);
enum exit_code run_txn(struct session *session);
enum exit_code run_lease(struct session *session);
enum exit_code run_watch(struct session *session);
enum exit_code run_status(struct session *session);

/* "weft: detail [code]. hint" on stderr; the exit code follows from whether an answer came. */
enum exit_code report_problem(const struct problem *problem, bool was_answered);
/* Writes to stdout and says so on stderr when that fails. */
enum exit_code print_bytes(struct slice bytes);
/* Reads a whole file ("-": standard input) of at most `size_max` bytes; false after a message. */
MUST_USE bool read_file(const char *path, size_t size_max, struct buf *out);

#endif
