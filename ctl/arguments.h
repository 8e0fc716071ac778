/* The arguments of `weft`, in any order: the global options (util/option's table serves them, their
 * environment and --help), the options of the command, and the command's words. "--" ends the
 * options. */
#ifndef WEFT_CTL_ARGUMENTS_H
#define WEFT_CTL_ARGUMENTS_H

#include "util/option.h"

#include <stdbool.h>
#include <stdint.h>

#define ARGUMENTS_WORDS_MAX 8u

/* The options of commands, as bits: a command's row says which it takes. */
enum argument_option {
    ARGUMENT_FILE = 1 << 0,
    ARGUMENT_IF_MATCH = 1 << 1,
    ARGUMENT_IF_NONE_MATCH = 1 << 2,
    ARGUMENT_FORCE = 1 << 3,
    ARGUMENT_SELECTOR = 1 << 4,
    ARGUMENT_LIMIT = 1 << 5,
    ARGUMENT_FROM = 1 << 6,
    ARGUMENT_CONTENT_TYPE = 1 << 7,
    ARGUMENT_LEASE = 1 << 8,
    ARGUMENT_DRY_RUN = 1 << 9,
    ARGUMENT_IDEMPOTENCY_KEY = 1 << 10
};

struct arguments {
    const char *words[ARGUMENTS_WORDS_MAX]; /* the command, then its words */
    unsigned word_count;
    unsigned given; /* bits of enum argument_option */
    const char *file;
    const char *if_match;
    const char *selector;
    const char *limit;
    const char *from;
    const char *content_type;
    const char *lease;
    const char *idempotency_key;
    char **global_argv; /* the program's name and the global options, for option_parse */
    int global_argc;
};

/* Sorts argv. `globals` says which options are global and take a value. False: a message is on
 * stderr (exit 2). Owns: texts are argv's; the caller calls arguments_deinit. */
MUST_USE bool arguments_sort(int argc, char **argv, const struct option_program *globals,
                             struct arguments *out_arguments);
void arguments_deinit(struct arguments *arguments);
/* Complains about options that were given and are not in `allowed`. */
MUST_USE bool arguments_check(const struct arguments *arguments, unsigned allowed,
                              const char *command);
/* Describes the options of commands for --help. */
void arguments_help(FILE *out);

#endif
