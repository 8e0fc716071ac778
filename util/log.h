/* The log: one line an event, to stderr, as text (key=value) or JSON. Levels by who acts: error
 * (an operator, now), warn (degraded, going on), info (the state changed), debug.
 *
 *     LOG_INFO("leader elected", LOG_U64("term", term), LOG_TEXT("leader", name));
 *
 * Never put a secret in a field. The only global of the house: set once in main, before any thread.
 */
#ifndef WEFT_UTIL_LOG_H
#define WEFT_UTIL_LOG_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *name;
    const char *text; /* NULL: `number` counts */
    int64_t number;
};

#define LOG_TEXT(name_, text_)                                                                     \
    (struct log_field) {                                                                           \
        .name = (name_), .text = (text_)                                                           \
    }
#define LOG_U64(name_, number_)                                                                    \
    (struct log_field) {                                                                           \
        .name = (name_), .number = (int64_t)(number_)                                              \
    }
#define LOG_ERR(err_) LOG_TEXT("error", err_code(err_))
/* errno, as text. */
#define LOG_ERRNO(errno_) LOG_TEXT("errno", log_errno_text(errno_))

#define LOG_AT(level, message, ...)                                                                \
    log_write(level, message, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}})
#define LOG_DEBUG(message, ...) LOG_AT(LOG_LEVEL_DEBUG, message __VA_OPT__(, ) __VA_ARGS__)
#define LOG_INFO(message, ...)  LOG_AT(LOG_LEVEL_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define LOG_WARN(message, ...)  LOG_AT(LOG_LEVEL_WARN, message __VA_OPT__(, ) __VA_ARGS__)
#define LOG_ERROR(message, ...) LOG_AT(LOG_LEVEL_ERROR, message __VA_OPT__(, ) __VA_ARGS__)

/* `program` is borrowed for ever (a literal). */
void log_setup(const char *program, enum log_level level, enum log_format format);
bool log_is_on(enum log_level level);
/* Shape: `fields` ends with a row whose name is NULL. Use the macros. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);
const char *log_errno_text(int errno_value);
/* "debug", "info", "warn", "error". */
MUST_USE enum err log_level_parse(const char *text, enum log_level *out_level);
MUST_USE enum err log_format_parse(const char *text, enum log_format *out_format);

#endif
