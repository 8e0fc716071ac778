/* weft: the command line. Sorts the arguments, finds the servers, runs one command, exits with its
 * code. Blocking, one thread. */
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "util/log.h"

#include <signal.h>
#include <string.h>

struct config {
    const char *server;
    const char *output;
    uint64_t timeout;
};

static const struct option options[] = {
    {.name = "server",
     .type = OPTION_TEXT,
     .offset = offsetof(struct config, server),
     .fallback = "http://127.0.0.1:7480",
     .argument = "URL[,URL]",
     .help = "the servers to ask, each in turn (-s)"},
    {.name = "output",
     .type = OPTION_TEXT,
     .offset = offsetof(struct config, output),
     .fallback = "table",
     .argument = "table|json",
     .help = "how answers are shown (-o)"},
    {.name = "timeout",
     .type = OPTION_NUMBER,
     .offset = offsetof(struct config, timeout),
     .fallback = "5",
     .argument = "SECONDS",
     .help = "give up after so long",
     .min = 1,
     .max = LIMIT_CALL_TIMEOUT_MAX_MS / 1000},
};

static const struct option_program program = {
    .name = "weft",
    .purpose = "Reads, writes and watches the state of a weft cluster.",
    .synopsis = "[OPTIONS] COMMAND [WORDS]",
    .options = options,
    .option_count = ARRAY_COUNT(options),
};

static bool wants_help(const struct arguments *arguments) {
    for (int i = 1; i < arguments->global_argc; i++) {
        const char *argument = arguments->global_argv[i];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            return true;
        }
    }
    return arguments->word_count > 0 && strcmp(arguments->words[0], "help") == 0;
}

static enum exit_code usage(const char *message, const char *what) {
    fprintf(stderr, "weft: %s%s; see weft --help\n", message, what);
    return EXIT_CODE_USAGE;
}

static enum exit_code run_command(const struct command *command, struct session *session,
                                  const char *urls) {
    struct server_list servers;
    struct problem problem;
    problem_init(&problem);
    if (server_list_parse(urls, &servers, &problem) != ERR_OK) {
        (void)report_problem(&problem, true);
        return EXIT_CODE_USAGE;
    }
    session->servers = &servers;
    session->client = client_open(&servers, session->timeout_ms);
    enum exit_code code = command->run(session);
    client_close(session->client);
    return code;
}

static enum exit_code run(const struct arguments *arguments, const struct config *config) {
    if (arguments->word_count == 0) {
        return usage("no command is given", "");
    }
    const struct command *command = command_find(arguments->words[0]);
    if (command == NULL) {
        return usage("there is no command ", arguments->words[0]);
    }
    if (!arguments_check(arguments, command->options, command->name)) {
        return EXIT_CODE_USAGE;
    }
    unsigned word_count = arguments->word_count - 1;
    if (word_count < command->words_min || word_count > command->words_max) {
        return usage("usage: weft ", command->usage);
    }
    bool is_json = strcmp(config->output, "json") == 0;
    if (!is_json && strcmp(config->output, "table") != 0) {
        return usage("--output takes table or json, not ", config->output);
    }
    struct session session = {.arguments = arguments,
                              .words = arguments->words + 1,
                              .word_count = word_count,
                              .timeout_ms = config->timeout * 1000,
                              .is_json = is_json};
    return run_command(command, &session, config->server);
}

static enum exit_code run_options(struct arguments *arguments) {
    if (wants_help(arguments)) {
        option_help(&program, stdout);
        command_help(stdout);
        return EXIT_CODE_OK;
    }
    static struct config config; /* its texts live as long as the process */
    switch (option_parse(&program, arguments->global_argc, arguments->global_argv, &config, NULL)) {
    case OPTION_RUN:
        return run(arguments, &config);
    case OPTION_EXIT:
        return EXIT_CODE_OK;
    case OPTION_FAILED:
        break;
    }
    return EXIT_CODE_USAGE;
}

int main(int argc, char **argv) {
    struct arguments arguments;
    log_setup("weft", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR) {
        return EXIT_CODE_USAGE;
    }
    bool is_sorted = arguments_sort(argc, argv, &program, &arguments);
    enum exit_code code = is_sorted ? run_options(&arguments) : EXIT_CODE_USAGE;
    arguments_deinit(&arguments);
    return (int)code;
}
