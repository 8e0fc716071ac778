#include "tests/unit/store/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 300u

static unsigned below(struct work *work, unsigned bound) {
    return (unsigned)rand_below(&work->rand, bound);
}

/* One in eight is longer than LMDB takes. */
static char *any_key(struct work *work) {
    unsigned number = below(work, KEYS);
    struct arena *arena = &work->bench->arena;
    if (number % 8 != 0) {
        return arena_printf(arena, "kv/%u/key-%u", number % 10, number);
    }
    char middle[600];
    memset(middle, 'm', sizeof middle);
    middle[sizeof middle - 1] = 0;
    return arena_printf(arena, "kv/%u/%s%u", number % 10, middle, number);
}

static struct slice any_value(struct work *work) {
    static const unsigned size_max[] = {10, 300, 3000, 20000};
    size_t size = below(work, size_max[below(work, ARRAY_COUNT(size_max))]);
    uint8_t *bytes = arena_alloc(&work->bench->arena, size + 1);
    memset(bytes, (int)('a' + below(work, 26)), size + 1);
    return slice_of(bytes, size);
}

static void put(struct work *work) {
    struct command_put put = {.key = any_key(work), .payload = any_value(work)};
    assert_int_equal(bench_run(work->bench, COMMAND_PUT, &put), ERR_OK);
}

static bool count_object(void *owner, const struct object *object) {
    (void)object;
    (*(uint64_t *)owner)++;
    return true;
}

static void delete_prefix(struct work *work) {
    char *prefix = arena_printf(&work->bench->arena, "kv/%u/", below(work, 10));
    struct store_read read;
    uint64_t count = 0;
    assert_int_equal(store_read_begin(work->bench->store, &read), ERR_OK);
    store_list(&read, prefix, NULL, count_object, &count);
    store_read_end(&read);
    struct command_delete_prefix delete = {.prefix = prefix, .confirm = count};
    assert_int_equal(bench_run(work->bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
}

static void subnet(struct work *work) {
    unsigned node = 1 + below(work, 12);
    struct arena *arena = &work->bench->arena;
    char *name = arena_printf(arena, "n%u", node);
    if (below(work, 3) > 0) {
        bench_acquire(work->bench, name, arena_printf(arena, "192.0.2.%u", node), NULL);
    } else {
        bench_delete(work->bench, arena_printf(arena, "subnets/net/10.1.0.%u-28", node * 16), true);
    }
}

static void toggle_read(struct work *work) {
    unsigned which = below(work, ARRAY_COUNT(work->reads));
    if (work->is_open[which]) {
        store_read_end(&work->reads[which]);
    } else {
        assert_int_equal(store_read_begin(work->bench->store, &work->reads[which]), ERR_OK);
    }
    work->is_open[which] = !work->is_open[which];
}

/* A dry run: in a transaction that is given up. */
static void try_put(struct work *work) {
    struct command_put put = {.key = any_key(work), .payload = any_value(work)};
    struct buf command;
    buf_init(&command);
    command_encode(COMMAND_PUT, &put, &command);
    struct store_try attempt = {.command = buf_slice(&command)};
    struct outcome outcome = {.arena = &work->bench->arena};
    store_try(work->bench->store, &attempt, &outcome);
    assert_int_equal(outcome.problem.err, ERR_OK);
    buf_deinit(&command);
}

/* In a transaction within the transaction. */
static void put_two(struct work *work) {
    struct txn_operation operations[] = {
        {.type = TXN_PUT, .key = "kv/both/a", .payload = any_value(work)},
        {.type = TXN_PUT, .key = "kv/both/b", .payload = any_value(work), .lease = 99},
    };
    operations[1].lease = below(work, 2) ? 0 : 99; /* there is no such lease: all is given up */
    struct command_txn txn = {.then_operations = {.items = operations, .count = 2}};
    enum err err = bench_run(work->bench, COMMAND_TXN, &txn);
    assert_int_equal(err, operations[1].lease == 0 ? ERR_OK : ERR_INVALID);
}

static void compact(struct work *work) {
    uint64_t revision = store_revision(work->bench->store);
    uint64_t compacted = store_compact_revision(work->bench->store);
    struct command_compact compact = {.revision = compacted + (revision - compacted) / 2};
    assert_int_equal(bench_run(work->bench, COMMAND_COMPACT, &compact), ERR_OK);
}

static void run_one(struct work *work) {
    unsigned what = below(work, 100);
    if (what < 60) {
        put(work);
    } else if (what < 80) {
        bench_delete(work->bench, any_key(work), false);
    } else if (what < 88) {
        subnet(work);
    } else if (what < 92) {
        toggle_read(work);
    } else if (what < 95) {
        try_put(work);
    } else if (what < 98) {
        put_two(work);
    } else if (what < 99) {
        delete_prefix(work);
    } else {
        compact(work);
    }
}

void work_init(struct work *work, struct bench *bench, uint64_t seed) {
    *work = (struct work){.bench = bench};
    rand_seed(&work->rand, seed);
    assert_int_equal(
        bench_put(bench, "networks/net", "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28}"), ERR_OK);
}

void work_deinit(struct work *work) {
    for (unsigned i = 0; i < ARRAY_COUNT(work->reads); i++) {
        if (work->is_open[i]) {
            store_read_end(&work->reads[i]);
        }
    }
}

void work_run(struct work *work, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        run_one(work);
        if (i % 100 == 99) {
            arena_reset(&work->bench->arena);
        }
    }
}
