/* Options of a program: one table serves flags (--data-dir), environment (WEFT_DATA_DIR), keys of
 * the INI file given with --config (data_dir), --help, --print-config and --version. Precedence:
 * flag, then environment, then file, then default. A flag that takes a list may be given several
 * times; in the environment and the file its values are separated by spaces. */
#ifndef WEFT_UTIL_OPTION_H
#define WEFT_UTIL_OPTION_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTION_LIST_MAX 16u

enum option_type {
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* uint64_t, min..max */
    OPTION_FLAG,   /* bool; "--x" or "--x=false" */
    OPTION_LIST    /* struct option_list */
};

struct option_list {
    const char *items[OPTION_LIST_MAX];
    unsigned count;
};

struct option {
    const char *name; /* with dashes, without the leading two */
    enum option_type type;
    size_t offset;        /* of the value inside the program's configuration struct */
    const char *fallback; /* default as text, NULL for none */
    const char *argument; /* its name in --help, "DIR" */
    const char *help;
    uint64_t min, max; /* OPTION_NUMBER */
};

struct option_program {
    const char *name;     /* "weftd" */
    const char *purpose;  /* one sentence for --help */
    const char *synopsis; /* what follows the name in the usage line */
    const struct option *options;
    unsigned option_count;
};

enum option_result {
    OPTION_RUN,   /* go on */
    OPTION_EXIT,  /* --help, --version or --print-config was answered: exit 0 */
    OPTION_FAILED /* a message that says what to do is on stderr: exit 2 */
};

/* Fills `out_config` (zeroed by the caller). With `rest`, the first argument that is no flag and
 * all after it are left to the caller: *rest is its index in argv (argc when there is none);
 * without, such an argument is an error. Owns: texts live until the process ends. */
MUST_USE enum option_result option_parse(const struct option_program *program, int argc,
                                         char **argv, void *out_config, int *rest);
/* Says on stderr, under the program's name, what is wrong, and points to --help. Returns false. */
PRINTF_LIKE(2, 3)
bool option_complain(const struct option_program *program, const char *format, ...);
void option_help(const struct option_program *program, FILE *out);

#endif
