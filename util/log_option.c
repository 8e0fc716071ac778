#include "util/log_option.h"

#include "util/log.h"

bool log_option_apply(const struct log_option *option, const struct option_program *program) {
    enum log_format format;
    enum log_level level;
    if (log_format_parse(option->format, &format) != ERR_OK) {
        return option_complain(program, "--log-format is text or json, not '%s'", option->format);
    }
    if (log_level_parse(option->level, &level) != ERR_OK) {
        return option_complain(program, "--log-level is debug, info, warn or error, not '%s'",
                               option->level);
    }
    log_setup(program->name, level, format);
    return true;
}
