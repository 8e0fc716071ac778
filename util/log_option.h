/* --log-format and --log-level, the same in every program that runs on. The program embeds a
 * struct log_option in its configuration, puts LOG_OPTION_ROWS into its table of options, and
 * applies what was said once the options are read. */
#ifndef WEFT_UTIL_LOG_OPTION_H
#define WEFT_UTIL_LOG_OPTION_H

#include "util/option.h"

struct log_option {
    const char *format;
    const char *level;
};

/* clang-format off: a row an option */
/* Two rows of a table of options. `offset_`: of the struct log_option in the configuration. */
#define LOG_OPTION_ROWS(offset_)                                                                   \
    {.name = "log-format",                                                                         \
     .type = OPTION_TEXT,                                                                          \
     .offset = (offset_) + offsetof(struct log_option, format),                                    \
     .fallback = "text",                                                                           \
     .argument = "text|json",                                                                      \
     .help = "the form of the log on stderr"},                                                     \
    {                                                                                              \
        .name = "log-level", .type = OPTION_TEXT,                                                  \
        .offset = (offset_) + offsetof(struct log_option, level), .fallback = "info",              \
        .argument = "LEVEL", .help = "debug, info, warn or error"                                  \
    }
/* clang-format on */

/* Sets up the log, under the program's name. Errors: false after a complaint about a value that is
 * none of those (option_complain); the log is as it was then. */
MUST_USE bool log_option_apply(const struct log_option *option,
                               const struct option_program *program);

#endif
