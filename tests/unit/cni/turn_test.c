/* cni/turn: one call at a time for one attachment. */
#include "cni/turn.h"

#include <poll.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char dir[64];
    char socket[96];
    char file[112];
};

static int open_world(void **state) {
    static struct world world;
    snprintf(world.dir, sizeof world.dir, "/tmp/weft-turn-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    snprintf(world.socket, sizeof world.socket, "%s/agent.sock", world.dir);
    snprintf(world.file, sizeof world.file, "%s.turns", world.socket);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *world = *state;
    (void)unlink(world->file);
    return rmdir(world->dir);
}

/* Another process that takes the turn of a container, says so on the pipe, and ends. It must not
 * share our own turn, which a fork would hand it. */
static pid_t begin_elsewhere(const struct world *world, const char *container_id, int own_turn,
                             int *out_pipe) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        turn_end(own_turn);
        (void)alarm(20);
        int turn = turn_begin(world->socket, container_id, "eth0");
        _exit(turn >= 0 && write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    assert_int_equal(close(ends[1]), 0);
    *out_pipe = ends[0];
    return child;
}

static bool is_taken_within(int pipe, int wait_ms) {
    struct pollfd look = {.fd = pipe, .events = POLLIN};
    return poll(&look, 1, wait_ms) == 1 && (look.revents & POLLIN) != 0;
}

static void end_elsewhere(pid_t child, int pipe) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(close(pipe), 0);
}

static void a_turn_waits_for_the_one_before_it(void **state) {
    struct world *world = *state;
    int pipe;
    int turn = turn_begin(world->socket, "a", "eth0");
    assert_true(turn >= 0);
    pid_t child = begin_elsewhere(world, "a", turn, &pipe);
    assert_false(is_taken_within(pipe, 100));
    turn_end(turn);
    assert_true(is_taken_within(pipe, 5000));
    end_elsewhere(child, pipe);
    turn_end(turn_begin(world->socket, "a", "eth0")); /* that one died with its turn */
}

static void another_container_does_not_wait(void **state) {
    struct world *world = *state;
    int pipe;
    int turn = turn_begin(world->socket, "a", "eth0");
    pid_t child = begin_elsewhere(world, "b", turn, &pipe);
    assert_true(is_taken_within(pipe, 5000));
    end_elsewhere(child, pipe);
    turn_end(turn);
}

static void without_a_directory_there_is_no_turn_to_wait_for(void **state) {
    (void)state;
    int turn = turn_begin("/nowhere/at/all/agent.sock", "a", "eth0");
    assert_true(turn < 0);
    turn_end(turn);
}

#define TURN_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TURN_TEST(a_turn_waits_for_the_one_before_it),
        TURN_TEST(another_container_does_not_wait),
        TURN_TEST(without_a_directory_there_is_no_turn_to_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
