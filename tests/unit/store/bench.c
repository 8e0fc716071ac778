#include "tests/unit/store/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int bench_setup(void **state) {
    struct bench *bench = must_alloc_zeroed(1, sizeof *bench);
    snprintf(bench->directory, sizeof bench->directory, "/tmp/weft-store-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    struct store_options options = {.directory = bench->directory};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
    arena_init(&bench->arena);
    buf_init(&bench->entries);
    bench->log_time_ms = 1000;
    bench->wall_ms = INT64_C(1800000000000);
    *state = bench;
    return 0;
}

static void remove_files(const char *directory) {
    static const char *const names[] = {"data.mdb", "lock.mdb", "mark"};
    char path[128];
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

int bench_teardown(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store_digest(bench->store), store_digest_walk(bench->store));
    store_close(bench->store);
    remove_files(bench->directory);
    arena_deinit(&bench->arena);
    buf_deinit(&bench->entries);
    free(bench);
    return 0;
}

void bench_reopen(struct bench *bench) {
    store_close(bench->store);
    struct store_options options = {.directory = bench->directory};
    assert_int_equal(store_open(&options, &bench->store), ERR_OK);
}

static void apply_entry(struct bench *bench, struct slice command, struct outcome *outcome) {
    struct entry_header header = {
        .log_time_ms = bench->log_time_ms, .wall_ms = bench->wall_ms, .command_count = 1};
    struct buf entry;
    buf_init(&entry);
    entry_begin(&header, &entry);
    entry_add_command(command, &entry);
    struct outcome *outcomes[] = {outcome};
    store_begin(bench->store);
    store_apply(bench->store, store_applied_index(bench->store) + 1, 1, buf_slice(&entry),
                outcomes);
    store_commit(bench->store);
    buf_put_bytes(&bench->entries, entry.data, entry.size);
    buf_deinit(&entry);
}

struct bench *bench_twin(struct bench *bench) {
    void *state;
    bench_setup(&state);
    struct bench *twin = state;
    struct reader reader = reader_of(bench->entries.data, bench->entries.size);
    while (reader.size > 0) {
        store_begin(twin->store);
        for (unsigned i = 0; i < 7 && reader.size > 0; i++) {
            uint64_t index = store_applied_index(twin->store) + 1;
            store_apply(twin->store, index, 1, reader_bytes(&reader), NULL);
        }
        store_commit(twin->store);
    }
    assert_int_equal(store_applied_index(twin->store), store_applied_index(bench->store));
    return twin;
}

void bench_close_twin(struct bench *twin) {
    void *state = twin;
    bench_teardown(&state);
}

uint64_t bench_replay(struct bench *bench) {
    struct bench *twin = bench_twin(bench);
    uint64_t digest = store_digest(twin->store);
    bench_close_twin(twin);
    return digest;
}

void bench_run_encoded(struct bench *bench, struct slice command) {
    bench->outcome = (struct outcome){.arena = &bench->arena};
    apply_entry(bench, command, &bench->outcome);
}

enum err bench_run(struct bench *bench, enum command_id id, const void *arguments) {
    struct buf command;
    buf_init(&command);
    command_encode(id, arguments, &command);
    bench_run_encoded(bench, buf_slice(&command));
    buf_deinit(&command);
    return bench->outcome.problem.err;
}

enum err bench_put_kv(struct bench *bench, const char *key, const char *value) {
    struct command_put put = {.key = key, .payload = slice_of_text(value)};
    return bench_run(bench, COMMAND_PUT, &put);
}

enum err bench_delete(struct bench *bench, const char *key, bool is_forced) {
    struct command_delete delete = {.key = key, .is_forced = is_forced};
    return bench_run(bench, COMMAND_DELETE, &delete);
}

enum err bench_put(struct bench *bench, const char *key, const char *json_text) {
    struct problem problem;
    struct kind_key parsed;
    struct json *json;
    struct json_fault fault;
    void *object;
    problem_init(&problem);
    assert_int_equal(kind_parse_key(key, &bench->arena, &parsed, &problem), ERR_OK);
    assert_int_equal(json_parse(slice_of_text(json_text), &json, &fault), ERR_OK);
    enum err err = kind_read(&parsed, json, &bench->arena, &object, &problem);
    json_free(json);
    if (err != ERR_OK) {
        bench->outcome.problem = problem;
        return err;
    }
    struct buf payload;
    buf_init(&payload);
    field_encode(parsed.kind->shape, object, &payload);
    struct command_put put = {.key = key, .payload = buf_slice(&payload)};
    err = bench_run(bench, COMMAND_PUT, &put);
    buf_deinit(&payload);
    return err;
}

enum err bench_acquire(struct bench *bench, const char *node, const char *public_ip,
                       const char *prefer) {
    struct subnet_acquire acquire = {.network = "net", .node = node};
    assert_int_equal(ip_address_parse(public_ip, &acquire.public_ip), ERR_OK);
    if (prefer != NULL) {
        assert_int_equal(ip_prefix_parse(prefer, '/', &acquire.prefer), ERR_OK);
    }
    return bench_run(bench, COMMAND_SUBNET_ACQUIRE, &acquire);
}

enum err bench_renew(struct bench *bench, const char *key, const char *node, uint64_t epoch) {
    struct command_subnet_hold hold = {.key = key, .node = node, .epoch = epoch};
    return bench_run(bench, COMMAND_SUBNET_RENEW, &hold);
}

enum err bench_release(struct bench *bench, const char *key, const char *node, uint64_t epoch) {
    struct command_subnet_hold hold = {.key = key, .node = node, .epoch = epoch};
    return bench_run(bench, COMMAND_SUBNET_RELEASE, &hold);
}

unsigned bench_expire(struct bench *bench, uint64_t quarantine_ms) {
    struct buf due;
    buf_init(&due);
    uint64_t next_ms;
    struct store_upkeep upkeep = {.log_time_ms = bench->log_time_ms,
                                  .quarantine_ms = quarantine_ms,
                                  .command_count_max = 100};
    unsigned count = store_upkeep(bench->store, &upkeep, &due, &next_ms);
    struct reader reader = reader_of(due.data, due.size);
    for (unsigned i = 0; i < count; i++) {
        bench_run_encoded(bench, reader_bytes(&reader));
    }
    buf_deinit(&due);
    return count;
}

struct subnet bench_subnet(struct bench *bench) {
    struct subnet subnet;
    assert_true(bench->outcome.has_object);
    assert_int_equal(
        field_decode(&shape_subnet, bench->outcome.object.payload, &bench->arena, &subnet), ERR_OK);
    return subnet;
}

const char *bench_subnet_text(struct bench *bench) {
    struct subnet subnet = bench_subnet(bench);
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&subnet.subnet, '/', text);
    return arena_strdup(&bench->arena, text);
}
