#include "ctl/arguments.h"

#include <stdlib.h>
#include <string.h>

/* A row an option of a command. */
struct row {
    enum argument_option bit;
    char letter;    /* 0: none */
    bool is_number; /* a whole number; `word`, if any, is allowed too */
    const char *name;
    size_t offset; /* of the text in struct arguments; 0: takes no value */
    const char *word;
    const char *argument;
    const char *help;
};

#define TEXT_OF(member) offsetof(struct arguments, member)

static const struct row rows[] = {
    {ARGUMENT_FILE, 'f', false, "file", TEXT_OF(file), NULL, "FILE",
     "put: read the body from a file, - for standard input"},
    {ARGUMENT_CONTENT_TYPE, 0, false, "content-type", TEXT_OF(content_type), NULL, "TYPE",
     "put kv/...: what the value is"},
    {ARGUMENT_IF_MATCH, 0, true, "if-match", TEXT_OF(if_match), NULL, "REVISION",
     "put, delete: only if the object is at this revision"},
    {ARGUMENT_IF_NONE_MATCH, 0, false, "if-none-match", 0, NULL, NULL,
     "put: only if there is no such object yet"},
    {ARGUMENT_FORCE, 0, false, "force", 0, NULL, NULL, "delete: even if others depend on it"},
    {ARGUMENT_LEASE, 0, false, "lease", TEXT_OF(lease), NULL, "ID",
     "put: attach it to this TTL lease, and it goes with it"},
    {ARGUMENT_DRY_RUN, 0, false, "dry-run", 0, NULL, NULL,
     "put, delete, txn, lease: say what would come of it, and write nothing"},
    {ARGUMENT_IDEMPOTENCY_KEY, 0, false, "idempotency-key", TEXT_OF(idempotency_key), NULL, "KEY",
     "put, delete, txn, lease: at most once for this key, however often it is sent"},
    {ARGUMENT_SELECTOR, 'l', false, "selector", TEXT_OF(selector), NULL, "K=V,K2!=V2",
     "list, watch: only objects with these labels"},
    {ARGUMENT_LIMIT, 0, true, "limit", TEXT_OF(limit), "all", "NUMBER|all",
     "list: at most so many (all)"},
    {ARGUMENT_FROM, 0, true, "from", TEXT_OF(from), NULL, "REVISION",
     "watch: what changed after this revision"},
};

/* Letters of global options, which util/option knows by their names only. */
static struct {
    char letter;
    char flag[16];
} global_letters[] = {{'o', "--output"}, {'s', "--server"}};

struct sorter {
    int argc;
    char **argv;
    int at;
    const struct option_program *globals;
    struct arguments *arguments;
};

static bool complain(const char *message, const char *argument) {
    fprintf(stderr, "weft: %s %s; see weft --help\n", argument, message);
    return false;
}

static bool has_name(const char *argument, const char *name) {
    size_t size = strlen(name);
    return strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, name, size) == 0 &&
           (argument[2 + size] == 0 || argument[2 + size] == '=');
}

static const struct row *find_row(const char *argument) {
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (has_name(argument, rows[i].name) ||
            (rows[i].letter != 0 && argument[1] == rows[i].letter && argument[2] == 0)) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool is_number(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 16 && text[digits] == 0;
}

static bool take_row(struct sorter *sorter, const struct row *row) {
    const char *argument = sorter->argv[sorter->at];
    const char *equals = argument[1] == '-' ? strchr(argument, '=') : NULL;
    sorter->arguments->given |= row->bit;
    if (row->offset == 0) {
        return equals == NULL || complain("takes no value", argument);
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (value == NULL) {
        if (sorter->at + 1 >= sorter->argc) {
            return complain("needs a value", argument);
        }
        value = sorter->argv[++sorter->at];
    }
    bool is_word = row->word != NULL && strcmp(value, row->word) == 0;
    if (row->is_number && !is_word && !is_number(value)) {
        return complain("needs a whole number", argument);
    }
    *(const char **)(void *)((char *)sorter->arguments + row->offset) = value;
    return true;
}

static void add_global(struct sorter *sorter, char *argument) {
    struct arguments *arguments = sorter->arguments;
    arguments->global_argv[arguments->global_argc++] = argument;
}

/* A value behind a global option that takes one. */
static void take_global_value(struct sorter *sorter, const char *name) {
    for (unsigned i = 0; i < sorter->globals->option_count; i++) {
        const struct option *option = &sorter->globals->options[i];
        bool takes_value = option->type != OPTION_FLAG && strcmp(name + 2, option->name) == 0;
        if (takes_value && sorter->at + 1 < sorter->argc) {
            add_global(sorter, sorter->argv[++sorter->at]);
        }
    }
    if (strcmp(name, "--config") == 0 && sorter->at + 1 < sorter->argc) {
        add_global(sorter, sorter->argv[++sorter->at]);
    }
}

static bool take_global(struct sorter *sorter) {
    char *argument = sorter->argv[sorter->at];
    if (argument[1] != '-' && strcmp(argument, "-h") != 0) {
        for (size_t i = 0; i < ARRAY_COUNT(global_letters); i++) {
            if (argument[1] == global_letters[i].letter && argument[2] == 0) {
                add_global(sorter, global_letters[i].flag);
                take_global_value(sorter, global_letters[i].flag);
                return true;
            }
        }
        return complain("is no option", argument);
    }
    add_global(sorter, argument);
    take_global_value(sorter, argument);
    return true;
}

static bool take_word(struct sorter *sorter) {
    struct arguments *arguments = sorter->arguments;
    const char *word = sorter->argv[sorter->at];
    if (arguments->word_count == ARGUMENTS_WORDS_MAX) {
        return complain("is one word too many", word);
    }
    arguments->words[arguments->word_count++] = word;
    return true;
}

static bool take_argument(struct sorter *sorter, bool *is_over) {
    const char *argument = sorter->argv[sorter->at];
    if (!*is_over && strcmp(argument, "--") == 0) {
        *is_over = true;
        return true;
    }
    if (*is_over || argument[0] != '-' || argument[1] == 0) {
        return take_word(sorter);
    }
    const struct row *row = find_row(argument);
    return row != NULL ? take_row(sorter, row) : take_global(sorter);
}

bool arguments_sort(int argc, char **argv, const struct option_program *globals,
                    struct arguments *out_arguments) {
    memset(out_arguments, 0, sizeof *out_arguments);
    struct sorter sorter = {
        .argc = argc, .argv = argv, .at = 1, .globals = globals, .arguments = out_arguments};
    out_arguments->global_argv = must_alloc_zeroed((size_t)argc + 1, sizeof(char *));
    add_global(&sorter, argv[0]);
    bool is_over = false;
    for (; sorter.at < argc; sorter.at++) {
        if (!take_argument(&sorter, &is_over)) {
            return false;
        }
    }
    return true;
}

void arguments_deinit(struct arguments *arguments) {
    free(arguments->global_argv);
}

bool arguments_check(const struct arguments *arguments, unsigned allowed, const char *command) {
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if ((arguments->given & rows[i].bit) != 0 && (allowed & rows[i].bit) == 0) {
            fprintf(stderr, "weft: --%s does not go with %s; see weft --help\n", rows[i].name,
                    command);
            return false;
        }
    }
    return true;
}

void arguments_help(FILE *out) {
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument != NULL ? " " : "",
                 rows[i].argument != NULL ? rows[i].argument : "");
        if (rows[i].letter != 0) {
            size_t size = strlen(left);
            snprintf(left + size, sizeof left - size, ", -%c", rows[i].letter);
        }
        fprintf(out, "  %-34s %s\n", left, rows[i].help);
    }
}
