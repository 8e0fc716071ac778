/* weft-agent: reads the configuration, runs the agent on one loop until SIGTERM or SIGINT. */
#include "agent/agent.h"
#include "agent/cleanup.h"
#include "util/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

struct program {
    struct agent agent;
    struct agent_config config;
    uv_loop_t loop;
    uv_signal_t terminate;
    uv_signal_t interrupt;
};

static void signalled(uv_signal_t *handle, int number) {
    struct program *program = handle->data;
    (void)number;
    if (!uv_is_closing((uv_handle_t *)&program->terminate)) {
        uv_close((uv_handle_t *)&program->terminate, NULL);
        uv_close((uv_handle_t *)&program->interrupt, NULL);
        agent_stop(&program->agent);
    }
}

static void listen_to(struct program *program, uv_signal_t *handle, int number) {
    CHECK(uv_signal_init(&program->loop, handle) == 0);
    handle->data = program;
    CHECK(uv_signal_start(handle, signalled, number) == 0);
}

static int run(struct program *program) {
    CHECK(uv_loop_init(&program->loop) == 0);
    if (agent_start(&program->agent, &program->loop, &program->config) != ERR_OK) {
        return EXIT_FAILURE;
    }
    listen_to(program, &program->terminate, SIGTERM);
    listen_to(program, &program->interrupt, SIGINT);
    if (printf("ready\n") < 0 || fflush(stdout) != 0) {
        LOG_WARN("nobody reads our stdout");
    }
    CHECK(uv_run(&program->loop, UV_RUN_DEFAULT) == 0);
    CHECK(uv_loop_close(&program->loop) == 0);
    agent_deinit(&program->agent);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    static struct program program;
    enum option_result result = agent_config_read(argc, argv, &program.config);
    if (result != OPTION_RUN) {
        return result == OPTION_EXIT ? EXIT_SUCCESS : EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (program.config.is_cleanup) {
        return cleanup_run(&program.config) == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    return run(&program);
}
