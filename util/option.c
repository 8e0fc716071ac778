#include "util/option.h"

#include "util/arena.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE_MAX 64u

/* What the configuration points to, until the process ends. */
static struct arena texts;

enum source { SOURCE_NONE, SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct parse {
    const struct option_program *program;
    char *config;
    enum source *sources; /* per option: where its value came from */
    const char *file_path;
    bool failed;
};

static void write_complaint(const struct option_program *program, const char *format,
                            va_list args) {
    fprintf(stderr, "%s: ", program->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; see %s --help\n", program->name);
}

bool option_complain(const struct option_program *program, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_complaint(program, format, args);
    va_end(args);
    return false;
}

PRINTF_LIKE(2, 3) static void complain(struct parse *parse, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_complaint(parse->program, format, args);
    va_end(args);
    parse->failed = true;
}

/* "data-dir" -> "data_dir", or "WEFT_DATA_DIR" with the prefix. */
static void other_name(const char *name, const char *prefix, bool is_upper,
                       char out[NAME_SIZE_MAX]) {
    snprintf(out, NAME_SIZE_MAX, "%s%s", prefix, name);
    for (char *at = out; *at != 0; at++) {
        if (*at == '-') {
            *at = '_';
        } else if (is_upper && *at >= 'a' && *at <= 'z') {
            *at = (char)(*at - 'a' + 'A');
        }
    }
}

static bool parse_number(const struct option *option, const char *text, uint64_t *out_number) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != 0 || text[0] < '0' || text[0] > '9') {
        return false;
    }
    *out_number = number;
    return number >= option->min && number <= option->max;
}

static void add_items(struct parse *parse, const struct option *option, struct option_list *list,
                      const char *text, bool is_split) {
    char *copy = arena_strdup(&texts, text);
    char *rest = copy;
    char *item = is_split ? strtok_r(copy, " \t", &rest) : copy;
    while (item != NULL) {
        if (list->count == OPTION_LIST_MAX) {
            complain(parse, "--%s may be given %u times at most", option->name, OPTION_LIST_MAX);
            return;
        }
        list->items[list->count++] = item;
        item = is_split ? strtok_r(NULL, " \t", &rest) : NULL;
    }
}

static void set_value(struct parse *parse, const struct option *option, const char *text,
                      enum source source) {
    enum source *known = &parse->sources[option - parse->program->options];
    if (*known > source) {
        return; /* a stronger source has spoken */
    }
    bool is_first_of_source = *known < source;
    *known = source;
    void *value = parse->config + option->offset;
    switch (option->type) {
    case OPTION_TEXT:
        *(const char **)value = arena_strdup(&texts, text);
        break;
    case OPTION_NUMBER:
        if (!parse_number(option, text, value)) {
            complain(parse, "--%s takes a number from %llu to %llu, not '%s'", option->name,
                     (unsigned long long)option->min, (unsigned long long)option->max, text);
        }
        break;
    case OPTION_FLAG:
        *(bool *)value = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
        if (!*(bool *)value && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
            complain(parse, "--%s takes true or false, not '%s'", option->name, text);
        }
        break;
    case OPTION_LIST:
        if (is_first_of_source) {
            ((struct option_list *)value)->count = 0;
        }
        add_items(parse, option, value, text, source != SOURCE_FLAG);
        break;
    }
}

static const struct option *find_option(const struct parse *parse, const char *name, size_t size) {
    for (unsigned i = 0; i < parse->program->option_count; i++) {
        const struct option *option = &parse->program->options[i];
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0) {
            return option;
        }
    }
    return NULL;
}

static int file_entry(void *user, const char *section, const char *name, const char *value) {
    struct parse *parse = user;
    (void)section;
    for (unsigned i = 0; i < parse->program->option_count; i++) {
        char key[NAME_SIZE_MAX];
        other_name(parse->program->options[i].name, "", false, key);
        if (strcmp(key, name) == 0) {
            set_value(parse, &parse->program->options[i], value, SOURCE_FILE);
            return 1;
        }
    }
    complain(parse, "%s has an unknown key '%s'", parse->file_path, name);
    return 1;
}

static void read_file(struct parse *parse, const char *path) {
    parse->file_path = path;
    int line = ini_parse(path, file_entry, parse);
    if (line < 0) {
        complain(parse, "cannot read the configuration file %s", path);
    } else if (line > 0) {
        complain(parse, "%s has an error in line %d", path, line);
    }
}

static void read_defaults_and_environment(struct parse *parse) {
    for (unsigned i = 0; i < parse->program->option_count; i++) {
        const struct option *option = &parse->program->options[i];
        char name[NAME_SIZE_MAX];
        other_name(option->name, "WEFT_", true, name);
        const char *text = getenv(name);
        if (text != NULL && text[0] != 0) {
            set_value(parse, option, text, SOURCE_ENVIRONMENT);
        } else if (option->fallback != NULL) {
            set_value(parse, option, option->fallback, SOURCE_DEFAULT);
        }
    }
}

static void print_value(const struct option *option, const void *value) {
    char key[NAME_SIZE_MAX];
    other_name(option->name, "", false, key);
    printf("%s = ", key);
    switch (option->type) {
    case OPTION_TEXT: {
        const char *text = *(const char *const *)value;
        printf("%s", text != NULL ? text : "");
        break;
    }
    case OPTION_NUMBER:
        printf("%llu", (unsigned long long)*(const uint64_t *)value);
        break;
    case OPTION_FLAG:
        printf("%s", *(const bool *)value ? "true" : "false");
        break;
    case OPTION_LIST: {
        const struct option_list *list = value;
        for (unsigned i = 0; i < list->count; i++) {
            printf("%s%s", i > 0 ? " " : "", list->items[i]);
        }
        break;
    }
    }
    printf("\n");
}

static void print_config(const struct parse *parse) {
    for (unsigned i = 0; i < parse->program->option_count; i++) {
        const struct option *option = &parse->program->options[i];
        print_value(option, parse->config + option->offset);
    }
}

void option_help(const struct option_program *program, FILE *out) {
    fprintf(out,
            "Usage: %s %s\n%s\n\nOptions (also as WEFT_NAME in the environment and name = value in "
            "the --config file):\n",
            program->name, program->synopsis, program->purpose);
    for (unsigned i = 0; i < program->option_count; i++) {
        const struct option *option = &program->options[i];
        char left[NAME_SIZE_MAX];
        snprintf(left, sizeof left, "--%s %s", option->name,
                 option->argument != NULL ? option->argument : "");
        fprintf(out, "  %-34s %s", left, option->help);
        if (option->fallback != NULL && option->type != OPTION_FLAG) {
            fprintf(out, " (%s)", option->fallback);
        }
        fprintf(out, "\n");
    }
    fprintf(out, "  %-34s %s\n", "--config FILE", "read options from an INI file");
    fprintf(out, "  %-34s %s\n", "--print-config",
            "print the options as they would be used, and exit");
    fprintf(out, "  %-34s %s\n", "--version, --help", "print it, and exit");
}

struct arguments {
    int argc;
    char **argv;
    int at;
    bool wants_print;
    const char *config_path;
};

/* The value of the flag at args->at: behind "=", or the next argument. NULL when it is missing. */
static const char *flag_value(struct parse *parse, struct arguments *args, const char *equals) {
    if (equals != NULL) {
        return equals + 1;
    }
    if (args->at + 1 < args->argc) {
        return args->argv[++args->at];
    }
    complain(parse, "%s needs a value", args->argv[args->at]);
    return NULL;
}

static void take_flag(struct parse *parse, struct arguments *args) {
    const char *name = args->argv[args->at] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    if (size == strlen("config") && memcmp(name, "config", size) == 0) {
        args->config_path = flag_value(parse, args, equals);
        return;
    }
    const struct option *option = find_option(parse, name, size);
    if (option == NULL) {
        complain(parse, "unknown option --%.*s", (int)size, name);
        return;
    }
    const char *value =
        option->type == OPTION_FLAG && equals == NULL ? "true" : flag_value(parse, args, equals);
    if (value != NULL) {
        set_value(parse, option, value, SOURCE_FLAG);
    }
}

/* True when --help or --version was answered. */
static bool take_arguments(struct parse *parse, struct arguments *args, bool may_leave_rest) {
    for (; args->at < args->argc; args->at++) {
        const char *argument = args->argv[args->at];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            option_help(parse->program, stdout);
            return true;
        }
        if (strcmp(argument, "--version") == 0) {
            printf("%s %s\n", parse->program->name, WEFT_VERSION);
            return true;
        }
        if (strcmp(argument, "--print-config") == 0) {
            args->wants_print = true;
        } else if (strncmp(argument, "--", 2) == 0 && argument[2] != 0) {
            take_flag(parse, args);
        } else if (may_leave_rest) {
            break;
        } else {
            complain(parse, "unexpected argument '%s'", argument);
        }
    }
    return false;
}

enum option_result option_parse(const struct option_program *program, int argc, char **argv,
                                void *out_config, int *rest) {
    struct parse parse = {.program = program, .config = out_config};
    parse.sources = must_alloc_zeroed(program->option_count, sizeof *parse.sources);
    struct arguments args = {.argc = argc, .argv = argv, .at = 1};
    args.config_path = getenv("WEFT_CONFIG");
    bool is_answered = take_arguments(&parse, &args, rest != NULL);
    if (!is_answered) {
        read_defaults_and_environment(&parse);
        if (args.config_path != NULL) {
            read_file(&parse, args.config_path);
        }
        if (args.wants_print && !parse.failed) {
            print_config(&parse);
            is_answered = true;
        }
    }
    if (rest != NULL) {
        *rest = args.at;
    }
    free(parse.sources);
    return is_answered ? OPTION_EXIT : parse.failed ? OPTION_FAILED : OPTION_RUN;
}
