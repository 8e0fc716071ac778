#include "ctl/commands.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ANY_WRITE (ARGUMENT_DRY_RUN | ARGUMENT_IDEMPOTENCY_KEY)

const struct command commands[] = {
    {"get", "get KEY", "show an object (networks/default), or print a value as it is (kv/a/b)", 0,
     1, 7, run_get},
    {"list", "list COLLECTION[/PREFIX]",
     "list networks, nodes, subnets, endpoints, policies, services or kv, below the prefix",
     ARGUMENT_SELECTOR | ARGUMENT_LIMIT, 1, 7, run_list},
    {"put", "put KEY [VALUE]", "create or replace an object (JSON) or a value (any bytes)",
     ARGUMENT_FILE | ARGUMENT_CONTENT_TYPE | ARGUMENT_IF_MATCH | ARGUMENT_IF_NONE_MATCH |
         ARGUMENT_LEASE | ANY_WRITE,
     1, 2, run_put},
    {"delete", "delete KEY", "delete an object or a value",
     ARGUMENT_FORCE | ARGUMENT_IF_MATCH | ANY_WRITE, 1, 7, run_delete},
    {"txn", "txn FILE",
     "run a transaction, {\"if\":[],\"then\":[],\"else\":[]} (- for standard input)", ANY_WRITE, 1,
     1, run_txn},
    {"lease", "lease VERB [SECONDS|ID]",
     "TTL leases, to which keys can be tied: grant SECONDS, renew ID, revoke ID, list",
     ANY_WRITE | ARGUMENT_LIMIT, 1, 2, run_lease},
    {"watch", "watch COLLECTION[/PREFIX]", "print each change, a line an event, until interrupted",
     ARGUMENT_SELECTOR | ARGUMENT_FROM, 1, 7, run_watch},
    {"status", "status", "show the cluster: members, leader, quorum, and who does not answer", 0, 0,
     0, run_status},
};
const unsigned command_count = ARRAY_COUNT(commands);

const struct command *command_find(const char *name) {
    for (unsigned i = 0; i < command_count; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

void command_help(FILE *out) {
    fprintf(out,
            "\nCommands (KEY is a path below /v1; its parts may also be words of their own):\n");
    for (unsigned i = 0; i < command_count; i++) {
        fprintf(out, "  %-34s %s\n", commands[i].usage, commands[i].help);
    }
    fprintf(out, "\nOptions of commands:\n");
    arguments_help(out);
    fprintf(out, "\nExamples:\n"
                 "  weft status\n"
                 "  weft put networks/default '{\"ipv4\":\"10.244.0.0/16\"}' --if-none-match\n"
                 "  weft list subnets default\n"
                 "  weft get subnets/default/10.244.7.0/24 -o json\n"
                 "  weft put kv/motd -f motd.txt; weft get kv/motd\n"
                 "  weft lease grant 60; weft put kv/here yes --lease 53c1e0a7d2f94b18\n"
                 "  weft watch subnets/default --from 120\n"
                 "\nExit codes: 0 done, 1 a server refused, 2 usage, 3 no server answered.\n");
}

enum exit_code report_problem(const struct problem *problem, bool was_answered) {
    struct buf text;
    buf_init(&text);
    problem_describe(problem, &text);
    fprintf(stderr, "weft: %s\n", buf_text(&text));
    buf_deinit(&text);
    return was_answered ? EXIT_CODE_REFUSED : EXIT_CODE_UNREACHABLE;
}

enum exit_code print_bytes(struct slice bytes) {
    bool is_written = bytes.size == 0 || fwrite(bytes.data, bytes.size, 1, stdout) == 1;
    if (!is_written || fflush(stdout) != 0) {
        fprintf(stderr, "weft: cannot write to standard output: %s\n", log_errno_text(errno));
        return EXIT_CODE_USAGE;
    }
    return EXIT_CODE_OK;
}

static bool read_all(int file, size_t size_max, struct buf *out) {
    for (;;) {
        uint8_t *memory = buf_reserve(out, 65536);
        ssize_t size = read(file, memory, 65536);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return size == 0;
        }
        out->size += (size_t)size;
        if (out->size > size_max) {
            errno = EFBIG;
            return false;
        }
    }
}

bool read_file(const char *path, size_t size_max, struct buf *out) {
    bool is_stdin = strcmp(path, "-") == 0;
    int file = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool is_whole = file >= 0 && read_all(file, size_max, out);
    if (!is_whole) {
        fprintf(stderr, "weft: cannot read %s: %s\n", is_stdin ? "standard input" : path,
                log_errno_text(errno));
    }
    if (file >= 0 && !is_stdin) {
        close(file); /* only read from */
    }
    return is_whole;
}
