#include "store/snapshot.h"

#include "store/mark.h"
#include "tests/unit/store/bench.h"
#include "util/limits.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *path_of(struct bench *bench, const char *name) {
    return arena_printf(&bench->arena, "%s/%s", bench->directory, name);
}

/* Objects of all kinds, a long key, leases, freed subnets, history. */
static void fill(struct bench *bench) {
    char long_key[900];
    memset(long_key, 'k', sizeof long_key);
    memcpy(long_key, "kv/", 3);
    long_key[sizeof long_key - 1] = 0;
    assert_int_equal(bench_put_kv(bench, long_key, "long"), ERR_OK);
    assert_int_equal(bench_put_kv(bench, "kv/a", "1"), ERR_OK);
    assert_int_equal(bench_put_kv(bench, "kv/a", "2"), ERR_OK);
    assert_int_equal(
        bench_put(bench, "networks/net", "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28}"), ERR_OK);
    assert_int_equal(bench_acquire(bench, "n1", "192.0.2.1", NULL), ERR_OK);
    assert_int_equal(bench_acquire(bench, "n2", "192.0.2.2", NULL), ERR_OK);
    uint64_t epoch = bench_subnet(bench).epoch;
    assert_int_equal(bench_release(bench, "subnets/net/10.1.0.32-28", "n2", epoch), ERR_OK);
    struct command_lease_grant grant = {.id = 7, .ttl_s = 60};
    assert_int_equal(bench_run(bench, COMMAND_LEASE_GRANT, &grant), ERR_OK);
    struct command_put put = {.key = "kv/leased", .payload = slice_of_text("x"), .lease = 7};
    assert_int_equal(bench_run(bench, COMMAND_PUT, &put), ERR_OK);
}

static void snapshot_to(struct bench *bench, const char *path, const char *note) {
    struct snapshot_writer *writer;
    assert_int_equal(snapshot_writer_open(bench->store, slice_of_text(note), &writer), ERR_OK);
    assert_int_equal(snapshot_write(writer, path), ERR_OK);
    snapshot_writer_close(writer);
}

static void read_file(const char *path, struct buf *out) {
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    struct stat stat;
    assert_int_equal(fstat(fileno(file), &stat), 0);
    size_t size = (size_t)stat.st_size;
    assert_int_equal(fread(buf_reserve(out, size), 1, size, file), size);
    out->size += size;
    assert_int_equal(fclose(file), 0);
}

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Builds a view of the snapshot and puts it into the store's place. */
static void restore(struct bench *bench, const char *path) {
    struct meta state;
    char *directory = path_of(bench, "new");
    assert_int_equal(snapshot_build_view(path, directory, &state), ERR_OK);
    assert_int_equal(store_replace(bench->store, directory), ERR_OK);
    assert_int_equal(access(directory, F_OK), -1);
    assert_int_equal(store_revision(bench->store), state.revision);
}

static void a_store_from_a_snapshot_is_the_same_store(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    fill(bench);
    uint64_t digest = store_digest(bench->store);
    uint64_t index = store_applied_index(bench->store);
    uint64_t events = store_event_count(bench->store);
    snapshot_to(bench, path, "");
    assert_int_equal(bench_put_kv(bench, "kv/later", "1"), ERR_OK);
    assert_int_not_equal(store_digest(bench->store), digest);
    restore(bench, path);
    assert_int_equal(store_digest(bench->store), digest);
    assert_int_equal(store_digest_walk(bench->store), digest);
    assert_int_equal(store_applied_index(bench->store), index);
    assert_int_equal(store_event_count(bench->store), events);
    /* and it goes on as the first would have */
    assert_int_equal(bench_put_kv(bench, "kv/later", "1"), ERR_OK);
    assert_int_equal(bench_acquire(bench, "n3", "192.0.2.3", NULL), ERR_OK);
    assert_int_equal(store_digest_walk(bench->store), store_digest(bench->store));
    bench_reopen(bench);
    assert_int_equal(store_digest_walk(bench->store), store_digest(bench->store));
    unlink(path);
}

/* More than one transaction takes; and the view that comes of it is whole in the eyes of who opens
 * it after a kill. */
static void a_large_view_is_built_in_parts(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    char *value = arena_alloc(&bench->arena, LIMIT_VALUE_SIZE_MAX);
    memset(value, 'v', LIMIT_VALUE_SIZE_MAX - 1);
    value[LIMIT_VALUE_SIZE_MAX - 1] = 0;
    fill(bench);
    for (unsigned i = 0; i < LIMIT_VIEW_BUILD_SIZE / LIMIT_VALUE_SIZE_MAX + 2; i++) {
        bench_put_kv(bench, arena_printf(&bench->arena, "kv/large/%u", i), value);
    }
    uint64_t digest = store_digest(bench->store);
    uint64_t index = store_applied_index(bench->store);
    snapshot_to(bench, path, "");
    restore(bench, path);
    store_close(bench->store);
    struct mark mark;
    assert_int_equal(mark_open(bench->directory, &mark), ERR_OK);
    mark.state.is_sealed = false;
    assert_int_equal(mark_write(&mark, false), 0);
    mark_close(&mark);
    struct store_options options = {.directory = bench->directory};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    assert_int_equal(store_applied_index(bench->store), index);
    assert_int_equal(store_digest(bench->store), digest);
    unlink(path);
}

static void an_empty_store_has_a_snapshot(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    snapshot_to(bench, path, "");
    restore(bench, path);
    assert_int_equal(store_revision(bench->store), 0);
    assert_int_equal(bench_put_kv(bench, "kv/a", "1"), ERR_OK);
    unlink(path);
}

static void a_snapshot_carries_the_note_of_who_took_it(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    fill(bench);
    snapshot_to(bench, path, "members: three");
    struct meta meta;
    struct buf note;
    buf_init(&note);
    assert_int_equal(snapshot_read_head(path, &meta, &note), ERR_OK);
    assert_string_equal(buf_text(&note), "members: three");
    assert_int_equal(meta.revision, store_revision(bench->store));
    assert_int_equal(meta.applied_index, store_applied_index(bench->store));
    assert_int_equal(meta_digest(&meta), store_digest(bench->store));
    assert_int_equal(snapshot_read_head(path_of(bench, "none"), &meta, NULL), ERR_NOT_FOUND);
    buf_deinit(&note);
    unlink(path);
}

static void every_flipped_byte_is_found(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    struct buf bytes;
    struct meta meta;
    buf_init(&bytes);
    fill(bench);
    snapshot_to(bench, path, "note");
    read_file(path, &bytes);
    int fd = open(path, O_WRONLY | O_CLOEXEC); /* changed in place: a new file is flushed to disk */
    assert_true(fd >= 0);
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t flipped = bytes.data[i] ^ (uint8_t)(1u << i % 8);
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
        assert_int_equal(snapshot_check(path, &meta), ERR_CORRUPT);
        assert_int_equal(pwrite(fd, &bytes.data[i], 1, (off_t)i), 1);
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(snapshot_check(path, &meta), ERR_OK);
    buf_deinit(&bytes);
    unlink(path);
}

static void a_file_of_any_other_length_is_found(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    struct buf bytes;
    struct meta meta;
    buf_init(&bytes);
    fill(bench);
    snapshot_to(bench, path, "note");
    read_file(path, &bytes);
    buf_put_u8(&bytes, 0);
    write_file(path, bytes.data, bytes.size);
    assert_int_equal(snapshot_check(path, &meta), ERR_CORRUPT);
    assert_int_equal(truncate(path, (off_t)bytes.size - 1), 0);
    assert_int_equal(snapshot_check(path, &meta), ERR_OK);
    for (size_t size = bytes.size - 1; size > 0; size--) {
        assert_int_equal(truncate(path, (off_t)size - 1), 0);
        assert_int_equal(snapshot_check(path, &meta), ERR_CORRUPT);
    }
    buf_deinit(&bytes);
    unlink(path);
}

static void a_damaged_snapshot_makes_no_view(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    char *directory = path_of(bench, "new");
    struct buf bytes;
    struct meta meta = {.revision = 12345};
    buf_init(&bytes);
    fill(bench);
    snapshot_to(bench, path, "");
    read_file(path, &bytes);
    bytes.data[bytes.size / 2] ^= 1;
    write_file(path, bytes.data, bytes.size);
    assert_int_equal(snapshot_build_view(path, directory, &meta), ERR_CORRUPT);
    assert_int_equal(meta.revision, 12345);
    assert_int_equal(snapshot_build_view("/nowhere/at/all", directory, &meta), ERR_NOT_FOUND);
    /* where one was begun, the next is built */
    bytes.data[bytes.size / 2] ^= 1;
    write_file(path, bytes.data, bytes.size);
    restore(bench, path);
    buf_deinit(&bytes);
    unlink(path);
}

static void a_view_that_is_not_there_replaces_nothing(void **state) {
    struct bench *bench = *state;
    fill(bench);
    uint64_t digest = store_digest(bench->store);
    assert_int_equal(store_replace(bench->store, path_of(bench, "none")), ERR_SYSTEM);
    assert_int_equal(store_digest_walk(bench->store), digest);
    assert_int_equal(bench_put_kv(bench, "kv/a", "3"), ERR_OK);
}

static void equal_logs_make_equal_snapshots(void **state) {
    struct bench *bench = *state;
    struct buf first;
    struct buf second;
    buf_init(&first);
    buf_init(&second);
    char *path = path_of(bench, "snapshot");
    fill(bench);
    snapshot_to(bench, path, "");
    read_file(path, &first);
    struct bench *twin = bench_twin(bench);
    snapshot_to(twin, path, "");
    read_file(path, &second);
    assert_true(slice_equal(buf_slice(&first), buf_slice(&second)));
    bench_close_twin(twin);
    buf_deinit(&first);
    buf_deinit(&second);
    unlink(path);
}

static void a_snapshot_is_one_revision_while_writes_go_on(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    char *value = arena_alloc(&bench->arena, 3001);
    memset(value, 'v', 3000);
    value[3000] = 0;
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(bench_put_kv(bench, arena_printf(&bench->arena, "kv/%u", i), value),
                         ERR_OK);
    }
    uint64_t digest = store_digest(bench->store);
    struct snapshot_writer *writer;
    struct buf file;
    buf_init(&file);
    assert_int_equal(snapshot_writer_open(bench->store, slice_of_text(""), &writer), ERR_OK);
    size_t size;
    unsigned pieces = 0;
    do {
        size = file.size;
        assert_int_equal(snapshot_writer_pull(writer, &file), ERR_OK);
        assert_in_range(file.size - size, 0, 72 * 1024); /* a chunk and one record */
        pieces++;
        bench_put_kv(bench, arena_printf(&bench->arena, "kv/%u", pieces * 7), "changed");
        bench_delete(bench, arena_printf(&bench->arena, "kv/%u", 200 - pieces), false);
    } while (file.size > size);
    assert_in_range(pieces, 10, 100);
    assert_int_equal(snapshot_writer_pull(writer, &file), ERR_OK);
    assert_int_equal(file.size, size);
    snapshot_writer_close(writer);
    write_file(path, file.data, file.size);
    struct meta meta;
    assert_int_equal(snapshot_check(path, &meta), ERR_OK);
    assert_int_equal(meta_digest(&meta), digest);
    buf_deinit(&file);
    unlink(path);
}

struct work {
    struct snapshot_writer *writer;
    char *path;
    enum err err;
};

static void *write_elsewhere(void *owner) {
    struct work *work = owner;
    work->err = snapshot_write(work->writer, work->path);
    return NULL;
}

static void another_thread_writes_it_while_writes_go_on(void **state) {
    struct bench *bench = *state;
    fill(bench);
    for (unsigned round = 0; round < 10; round++) {
        struct work work = {.path = path_of(bench, "snapshot"), .err = ERR_INTERNAL};
        uint64_t digest = store_digest(bench->store);
        assert_int_equal(snapshot_writer_open(bench->store, slice_of_text(""), &work.writer),
                         ERR_OK);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_elsewhere, &work), 0);
        for (unsigned i = 0; i < 100; i++) {
            bench_put_kv(bench, arena_printf(&bench->arena, "kv/%u", i), "round");
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        snapshot_writer_close(work.writer);
        assert_int_equal(work.err, ERR_OK);
        struct meta meta;
        assert_int_equal(snapshot_check(work.path, &meta), ERR_OK);
        assert_int_equal(meta_digest(&meta), digest);
        unlink(work.path);
    }
}

/* Whatever the other thread does at that moment: it ends well, or it is told. */
static void a_store_that_is_replaced_ends_a_snapshot_of_it(void **state) {
    struct bench *bench = *state;
    fill(bench);
    char *older = path_of(bench, "older");
    snapshot_to(bench, older, "");
    for (unsigned round = 0; round < 10; round++) {
        struct work work = {.path = path_of(bench, "snapshot"), .err = ERR_INTERNAL};
        assert_int_equal(snapshot_writer_open(bench->store, slice_of_text(""), &work.writer),
                         ERR_OK);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_elsewhere, &work), 0);
        restore(bench, older);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(work.err == ERR_OK || work.err == ERR_CLOSED);
        assert_int_equal(access(work.path, F_OK) == 0, work.err == ERR_OK);
        snapshot_writer_close(work.writer);
        unlink(work.path);
    }
    unlink(older);
}

static bool count_object(void *owner, const struct object *object) {
    (void)object;
    (*(unsigned *)owner)++;
    return true;
}

static void a_store_that_is_replaced_ends_its_reads(void **state) {
    struct bench *bench = *state;
    char *path = path_of(bench, "snapshot");
    fill(bench);
    snapshot_to(bench, path, "");
    struct store_read read;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    assert_true(store_read_is_open(&read));
    restore(bench, path);
    assert_false(store_read_is_open(&read));
    struct object object;
    unsigned count = 0;
    assert_int_equal(store_get(&read, "kv/a", &object), ERR_CLOSED);
    assert_int_equal(store_get_at(&read, "kv/a", 2, &object), ERR_CLOSED);
    store_list(&read, "kv/", NULL, count_object, &count);
    assert_int_equal(count, 0);
    store_read_end(&read);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    assert_int_equal(store_get(&read, "kv/a", &object), ERR_OK);
    store_read_end(&read);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        STORE_TEST(a_store_from_a_snapshot_is_the_same_store),
        STORE_TEST(a_large_view_is_built_in_parts),
        STORE_TEST(an_empty_store_has_a_snapshot),
        STORE_TEST(a_snapshot_carries_the_note_of_who_took_it),
        STORE_TEST(every_flipped_byte_is_found),
        STORE_TEST(a_file_of_any_other_length_is_found),
        STORE_TEST(a_damaged_snapshot_makes_no_view),
        STORE_TEST(a_view_that_is_not_there_replaces_nothing),
        STORE_TEST(equal_logs_make_equal_snapshots),
        STORE_TEST(a_snapshot_is_one_revision_while_writes_go_on),
        STORE_TEST(another_thread_writes_it_while_writes_go_on),
        STORE_TEST(a_store_that_is_replaced_ends_a_snapshot_of_it),
        STORE_TEST(a_store_that_is_replaced_ends_its_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
