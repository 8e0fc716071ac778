/* What happens to a view whose process was killed. */
#include "store/mark.h"

#include "tests/unit/store/work.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *view_of(struct bench *bench) {
    return arena_printf(&bench->arena, "%s/data.mdb", bench->directory);
}

static void reopen_at(struct bench *bench, const char *boot_id) {
    struct store_options options = {.directory = bench->directory, .boot_id = boot_id};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
}

/* Works on the store until it is killed, or for `count` operations; says so after each. */
static void work_on(struct bench *bench, const char *boot_id, unsigned count, int out) {
    struct work work;
    reopen_at(bench, boot_id);
    work_init(&work, bench, count);
    for (unsigned i = 0; i < count; i++) {
        work_run(&work, 1);
        if (write(out, ".", 1) != 1) {
            break;
        }
    }
    _exit(0); /* nothing is closed */
}

/* A child of this process has the store open, works on it, and is killed after `steps`, in the
 * middle of what comes then; or ends by itself after 50. The store is not open afterwards. */
static void work_and_be_killed(struct bench *bench, const char *boot_id, unsigned steps) {
    int pipes[2];
    store_close(bench->store);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work_on(bench, boot_id, steps == 0 ? 50 : UINT32_MAX, pipes[1]);
    }
    assert_int_equal(close(pipes[1]), 0);
    char step;
    for (unsigned i = 0; i < steps; i++) {
        assert_int_equal(read(pipes[0], &step, 1), 1);
    }
    if (steps > 0) {
        assert_int_equal(kill(child, SIGKILL), 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(close(pipes[0]), 0);
}

static void a_killed_servers_view_is_kept(void **state) {
    struct bench *bench = *state;
    work_and_be_killed(bench, NULL, 0);
    reopen_at(bench, NULL);
    assert_in_range(store_applied_index(bench->store), 30, 51);
    assert_int_equal(store_known_index(bench->store), store_applied_index(bench->store));
    assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    assert_int_equal(bench_put_kv(bench, "kv/after", "1"), ERR_OK);
}

static void whenever_it_is_killed_the_view_is_kept(void **state) {
    struct bench *bench = *state;
    uint64_t applied = 0;
    unsigned moved = 0;
    for (unsigned round = 1; round <= 30; round++) {
        work_and_be_killed(bench, NULL, round * 3);
        reopen_at(bench, NULL);
        assert_true(store_applied_index(bench->store) >= applied); /* never from the start */
        moved += store_applied_index(bench->store) > applied;
        applied = store_applied_index(bench->store);
        assert_true(store_known_index(bench->store) == applied);
        assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    }
    assert_int_equal(moved, 30);
}

static void after_a_restart_of_the_machine_the_view_is_thrown_away(void **state) {
    struct bench *bench = *state;
    work_and_be_killed(bench, "first", 0);
    reopen_at(bench, "second");
    assert_int_equal(store_applied_index(bench->store), 0);
    assert_int_equal(store_revision(bench->store), 0);
    assert_in_range(store_known_index(bench->store), 30, 51);
}

static void a_closed_view_outlives_a_restart_of_the_machine(void **state) {
    struct bench *bench = *state;
    store_close(bench->store);
    reopen_at(bench, "first");
    bench_put_kv(bench, "kv/a", "1");
    store_close(bench->store);
    reopen_at(bench, "second");
    assert_int_equal(store_applied_index(bench->store), 1);
}

/* The mark speaks of the run in which the view was opened last, not made first. */
static void a_view_kept_is_of_the_new_run(void **state) {
    struct bench *bench = *state;
    store_close(bench->store);
    reopen_at(bench, "first");
    work_and_be_killed(bench, "second", 0);
    reopen_at(bench, "second");
    assert_in_range(store_applied_index(bench->store), 30, 51);
    work_and_be_killed(bench, "third", 0);
    reopen_at(bench, "second");
    assert_int_equal(store_applied_index(bench->store), 0);
}

static void a_damaged_view_of_a_killed_server_is_thrown_away(void **state) {
    struct bench *bench = *state;
    work_and_be_killed(bench, NULL, 0);
    /* every page's kind */
    int fd = open(view_of(bench), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t page = 0; page < size; page += 4096) {
        assert_int_equal(pwrite(fd, "\xff", 1, page + 10), 1);
    }
    assert_int_equal(close(fd), 0);
    reopen_at(bench, NULL);
    assert_int_equal(store_applied_index(bench->store), 0);
    assert_in_range(store_known_index(bench->store), 30, 51);
}

static void a_view_cut_short_is_thrown_away(void **state) {
    struct bench *bench = *state;
    static const off_t sizes[] = {0, 1, 4096, 8192, 10000, 40960};
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        work_and_be_killed(bench, NULL, 0);
        assert_int_equal(truncate(view_of(bench), sizes[i]), 0);
        reopen_at(bench, NULL);
        assert_int_equal(store_applied_index(bench->store), 0);
        assert_int_equal(bench_put_kv(bench, "kv/after", "1"), ERR_OK);
    }
}

/* As it is in a container without /proc. */
static void where_the_machine_has_no_number_nothing_is_trusted(void **state) {
    struct bench *bench = *state;
    struct mark mark;
    bench_put_kv(bench, "kv/a", "1");
    store_close(bench->store);
    assert_int_equal(mark_open(bench->directory, &mark), ERR_OK);
    assert_int_equal(mark.state.boot, mark_boot(NULL));
    assert_int_not_equal(mark.state.boot, 0);
    mark.state.is_sealed = false;
    mark.state.boot = 0;
    assert_int_equal(mark_write(&mark, false), 0);
    mark_close(&mark);
    reopen_at(bench, NULL);
    assert_int_equal(store_applied_index(bench->store), 0);
}

static void random_work_keeps_the_digest(void **state) {
    struct bench *bench = *state;
    struct work work;
    work_init(&work, bench, 20261126);
    for (unsigned i = 0; i < 10; i++) {
        work_run(&work, 500);
        assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    }
    work_deinit(&work);
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

/* ---- the map ---- */

#define SMALL_MAP (1024u * 1024u)

static void the_map_grows_when_it_fills(void **state) {
    struct bench *bench = *state;
    store_close(bench->store);
    struct store_options options = {.directory = bench->directory, .map_size = SMALL_MAP};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    char value[8001];
    memset(value, 'v', sizeof value);
    value[8000] = 0;
    for (unsigned i = 0; i < 1000; i++) { /* 16 times what fits at first */
        struct store_read read;
        struct object object;
        assert_int_equal(bench_put_kv(bench, arena_printf(&bench->arena, "kv/%u", i), value),
                         ERR_OK);
        assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
        assert_int_equal(store_get(&read, "kv/0", &object), ERR_OK);
        assert_memory_equal(object.payload.data, value, 8000);
        store_read_end(&read);
    }
    assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    store_close(bench->store); /* opened with the small map again, it takes what there is */
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    assert_int_equal(bench_put_kv(bench, "kv/more", value), ERR_OK);
}

static void the_map_waits_for_open_reads(void **state) {
    struct bench *bench = *state;
    store_close(bench->store);
    struct store_options options = {.directory = bench->directory, .map_size = 4 * SMALL_MAP};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    char value[4001];
    memset(value, 'v', sizeof value);
    value[4000] = 0;
    struct store_read read;
    assert_int_equal(bench_put_kv(bench, "kv/0", value), ERR_OK);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    for (unsigned i = 1; i < 120; i++) { /* past three quarters, with what the read keeps */
        bench_put_kv(bench, arena_printf(&bench->arena, "kv/%u", i), value);
    }
    struct stat stat_now;
    assert_int_equal(stat(view_of(bench), &stat_now), 0);
    assert_in_range(stat_now.st_size, 3 * SMALL_MAP, 4 * SMALL_MAP);
    struct object object;
    assert_int_equal(store_get(&read, "kv/0", &object), ERR_OK);
    assert_memory_equal(object.payload.data, value, 4000);
    assert_int_equal(store_get(&read, "kv/1", &object), ERR_NOT_FOUND);
    store_read_end(&read);
    for (unsigned i = 0; i < 300; i++) {
        bench_put_kv(bench, arena_printf(&bench->arena, "kv/%u", i), value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        STORE_TEST(a_killed_servers_view_is_kept),
        STORE_TEST(whenever_it_is_killed_the_view_is_kept),
        STORE_TEST(after_a_restart_of_the_machine_the_view_is_thrown_away),
        STORE_TEST(a_closed_view_outlives_a_restart_of_the_machine),
        STORE_TEST(a_view_kept_is_of_the_new_run),
        STORE_TEST(a_damaged_view_of_a_killed_server_is_thrown_away),
        STORE_TEST(a_view_cut_short_is_thrown_away),
        STORE_TEST(where_the_machine_has_no_number_nothing_is_trusted),
        STORE_TEST(random_work_keeps_the_digest),
        STORE_TEST(the_map_grows_when_it_fills),
        STORE_TEST(the_map_waits_for_open_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
