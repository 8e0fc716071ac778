#include "util/log.h"

#include "util/buf.h"
#include "util/clock.h"

#include <string.h>
#include <unistd.h>

static const char *program_name = "weft";
static enum log_level level_least = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;
static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"text", "json"};

void log_setup(const char *program, enum log_level level, enum log_format format) {
    program_name = program;
    level_least = level;
    line_format = format;
}

bool log_is_on(enum log_level level) {
    return level >= level_least;
}

const char *log_errno_text(int errno_value) {
    const char *text = strerrordesc_np(errno_value);
    return text != NULL ? text : "unknown error";
}

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A value that would not read as one word, or could forge a line or colour a terminal. */
static bool needs_quotes(const char *text) {
    if (text[0] == 0) {
        return true;
    }
    for (const char *at = text; *at != 0; at++) {
        if (is_control(*at) || strchr(" \"=\\", *at) != NULL) {
            return true;
        }
    }
    return false;
}

static void append_quoted(struct buf *line, const char *text) {
    buf_append_char(line, '"');
    for (const char *at = text; *at != 0; at++) {
        if (*at == '"' || *at == '\\') {
            buf_append_char(line, '\\');
            buf_append_char(line, *at);
        } else if (is_control(*at)) {
            buf_appendf(line, "\\u%04x", (unsigned char)*at);
        } else {
            buf_append_char(line, *at);
        }
    }
    buf_append_char(line, '"');
}

static void append_value(struct buf *line, const struct log_field *field) {
    if (field->text == NULL) {
        buf_appendf(line, "%lld", (long long)field->number);
    } else if (line_format == LOG_FORMAT_JSON || needs_quotes(field->text)) {
        append_quoted(line, field->text);
    } else {
        buf_append_text(line, field->text);
    }
}

static void format_text(struct buf *line, enum log_level level, const char *time,
                        const char *message, const struct log_field *fields) {
    buf_appendf(line, "%s %-5s %s: %s", time, level_names[level], program_name, message);
    for (const struct log_field *field = fields; field->name != NULL; field++) {
        buf_appendf(line, " %s=", field->name);
        append_value(line, field);
    }
    buf_append_char(line, '\n');
}

static void format_json(struct buf *line, enum log_level level, const char *time,
                        const char *message, const struct log_field *fields) {
    buf_appendf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"message\":", time,
                level_names[level], program_name);
    append_quoted(line, message);
    for (const struct log_field *field = fields; field->name != NULL; field++) {
        buf_appendf(line, ",\"%s\":", field->name);
        append_value(line, field);
    }
    buf_append_text(line, "}\n");
}

void log_write(enum log_level level, const char *message, const struct log_field *fields) {
    if (!log_is_on(level)) {
        return;
    }
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_wall_ms(&clock_system), time);
    struct buf line;
    buf_init(&line);
    if (line_format == LOG_FORMAT_JSON) {
        format_json(&line, level, time, message, fields);
    } else {
        format_text(&line, level, time, message, fields);
    }
    ssize_t written = write(STDERR_FILENO, line.data, line.size);
    (void)written; /* a log that cannot be written must not stop the network */
    buf_deinit(&line);
}

static enum err find_name(const char *const *names, unsigned count, const char *text,
                          unsigned *out_index) {
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            *out_index = i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

enum err log_level_parse(const char *text, enum log_level *out_level) {
    unsigned index;
    enum err err = find_name(level_names, ARRAY_COUNT(level_names), text, &index);
    if (err == ERR_OK) {
        *out_level = (enum log_level)index;
    }
    return err;
}

enum err log_format_parse(const char *text, enum log_format *out_format) {
    unsigned index;
    enum err err = find_name(format_names, ARRAY_COUNT(format_names), text, &index);
    if (err == ERR_OK) {
        *out_format = (enum log_format)index;
    }
    return err;
}
