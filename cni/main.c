/* weft-cni: one CNI call. The environment and stdin say what to do; the result or the error goes to
 * stdout as JSON. Source: CNI 1.1.0, section 2. */
#include "cni/verbs.h"
#include "util/limits.h"
#include "util/option.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads stdin to its end. Errors: ERR_INVALID with `error` filled (code 5). */
static enum err read_stdin(struct buf *out, struct cni_error *error) {
    const size_t step = 64u * 1024u;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buf_reserve(out, step), step);
        if (got == 0) {
            return ERR_OK;
        }
        if (got < 0 && errno != EINTR) {
            return cni_fail(error, CNI_CODE_IO, "stdin cannot be read: %s", strerrordesc_np(errno));
        }
        out->size += got > 0 ? (size_t)got : 0;
        if (out->size > LIMIT_CNI_STDIN_SIZE_MAX) {
            return cni_fail(error, CNI_CODE_IO, "the configuration on stdin exceeds %u bytes",
                            LIMIT_CNI_STDIN_SIZE_MAX);
        }
    }
}

static enum err run(struct arena *arena, struct cni_config *config, struct buf *out,
                    struct cni_error *error) {
    const struct cni_environment environment = {.command = getenv("CNI_COMMAND"),
                                                .container_id = getenv("CNI_CONTAINERID"),
                                                .netns = getenv("CNI_NETNS"),
                                                .ifname = getenv("CNI_IFNAME"),
                                                .args = getenv("CNI_ARGS")};
    struct cni_args args;
    struct buf text;
    buf_init(&text);
    /* Without a command this is no runtime's call, and stdin may never end. */
    enum err err = environment.command != NULL ? read_stdin(&text, error) : ERR_OK;
    if (err == ERR_OK) {
        config->version_text = cni_version_asked_for(buf_slice(&text));
        err = cni_args_read(&environment, arena, &args, error);
    }
    if (err == ERR_OK) {
        err = cni_config_read(args.verb, buf_slice(&text), config, error);
    }
    buf_deinit(&text);
    return err == ERR_OK ? verbs_run(&args, config, out, error) : err;
}

static const struct option_program program = {
    .name = "weft-cni",
    .purpose = "CNI plugin: attaches a pod to weft's network. A container runtime calls it with "
               "CNI_COMMAND in the environment and the network configuration on stdin.",
    .synopsis = "< CONFIGURATION",
};

int main(int argc, char **argv) {
    char no_options;
    if (argc > 1) {
        return option_parse(&program, argc, argv, &no_options, NULL) == OPTION_EXIT ? EXIT_SUCCESS
                                                                                    : EXIT_FAILURE;
    }
    struct arena arena;
    struct cni_config config = {.version_text = CNI_VERSION_NEWEST};
    struct cni_error error = {.code = CNI_CODE_OK};
    struct buf out;
    (void)signal(SIGPIPE, SIG_IGN);
    arena_init(&arena);
    buf_init(&out);
    enum err err = run(&arena, &config, &out, &error);
    if (err != ERR_OK) {
        buf_clear(&out);
        cni_error_write(&error, config.version_text, &out);
    }
    bool is_written = fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0;
    cni_config_deinit(&config);
    arena_deinit(&arena);
    buf_deinit(&out);
    return err == ERR_OK && is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
