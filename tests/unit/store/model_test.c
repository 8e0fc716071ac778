/* Random commands on keys and leases, checked against a model that is a few arrays: after each one
 * the objects, the revision, the events, the leases and their keys must be what the model says. The
 * seed is printed; WEFT_SEED=N runs another. */
#include "tests/unit/store/ask.h"

#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS      6000u
#define KEYS       12u
#define LEASES     4u
#define ONCE_KEYS  6u
#define TTL_S      5u
#define OPERATIONS 4u

struct entry {
    bool is_there;
    unsigned value;
    uint64_t revision, created_revision, version;
    unsigned lease; /* its index and 1; 0: none */
};

struct term {
    bool is_there;
    uint64_t expires_log_ms;
};

/* What can be given up together. */
struct facts {
    struct entry entries[KEYS];
    struct term terms[LEASES];
    uint64_t revision;
};

struct kept {
    bool is_there;
    unsigned request; /* what was asked for */
    uint64_t log_time_ms;
    enum err err;
    uint64_t revision;
};

struct model {
    struct bench *bench;
    struct rand rand;
    struct facts now;
    struct kept kept[ONCE_KEYS];
    char events[4096]; /* of the last command */
    size_t events_size;
    unsigned changes, refusals, replays, ends;
};

static unsigned below(struct model *model, unsigned bound) {
    return (unsigned)rand_below(&model->rand, bound);
}

/* Some keys are longer than LMDB takes, and differ in their last byte only. */
static const char *key_at(struct model *model, unsigned index) {
    struct bench *bench = model->bench;
    return index < 8 ? arena_printf(&bench->arena, "kv/%u/%u", index / 4, index % 4)
                     : ask_long_key(bench, index < 10 ? 505 : 1024, (char)('a' + index));
}

static uint64_t lease_id(unsigned lease) {
    return lease == 0 ? 0 : UINT64_C(0x1000000000) + lease;
}

static const char *value_text(struct model *model, unsigned value) {
    return arena_printf(&model->bench->arena, "%u", value);
}

/* ---- the model's changes; `next` is the revision that they share ---- */

static void note_event(struct model *model, bool is_delete, unsigned index, uint64_t revision,
                       uint64_t previous) {
    size_t room = sizeof model->events - model->events_size;
    model->events_size += (size_t)snprintf(
        model->events + model->events_size, room, "%s%llu:%u<%llu ", is_delete ? "-" : "+",
        (unsigned long long)revision, index, (unsigned long long)previous);
    assert_true(model->events_size < sizeof model->events);
}

static void model_put(struct model *model, unsigned index, unsigned value, unsigned lease,
                      uint64_t next) {
    struct entry *entry = &model->now.entries[index];
    note_event(model, false, index, next, entry->is_there ? entry->revision : 0);
    *entry = (struct entry){.is_there = true,
                            .value = value,
                            .revision = next,
                            .created_revision = entry->is_there ? entry->created_revision : next,
                            .version = entry->is_there ? entry->version + 1 : 1,
                            .lease = lease};
    model->now.revision = next;
}

static unsigned model_delete(struct model *model, unsigned index, uint64_t next) {
    struct entry *entry = &model->now.entries[index];
    if (!entry->is_there) {
        return 0;
    }
    note_event(model, true, index, next, entry->revision);
    *entry = (struct entry){.is_there = false};
    model->now.revision = next;
    return 1;
}

static bool has_lease(const struct model *model, unsigned lease) {
    return lease == 0 || model->now.terms[lease - 1].is_there;
}

static void model_end(struct model *model, unsigned lease, uint64_t next) {
    for (unsigned i = 0; i < KEYS; i++) { /* the index of a key is its place in their order */
        if (model->now.entries[i].lease == lease) {
            model_delete(model, i, next);
        }
    }
    model->now.terms[lease - 1] = (struct term){.is_there = false};
    model->ends++;
}

/* ---- the same from the store ---- */

struct scan {
    struct model *model;
    unsigned place; /* the next index to compare */
};

static bool compare_object(void *owner, const struct object *object) {
    struct scan *scan = owner;
    struct model *model = scan->model;
    while (scan->place < KEYS && !model->now.entries[scan->place].is_there) {
        scan->place++;
    }
    assert_true(scan->place < KEYS);
    const struct entry *entry = &model->now.entries[scan->place];
    assert_string_equal(object->key, key_at(model, scan->place));
    assert_int_equal(object->revision, entry->revision);
    assert_int_equal(object->created_revision, entry->created_revision);
    assert_int_equal(object->version, entry->version);
    assert_int_equal(object->lease, lease_id(entry->lease));
    assert_true(slice_equal(object->payload, slice_of_text(value_text(model, entry->value))));
    scan->place++;
    return true;
}

static void compare_lease(struct model *model, unsigned lease) {
    const struct term *term = &model->now.terms[lease - 1];
    struct lease found;
    assert_int_equal(ask_lease(model->bench, lease_id(lease), &found), term->is_there);
    if (term->is_there) {
        assert_int_equal(found.expires_log_ms, term->expires_log_ms);
    }
    struct buf keys;
    buf_init(&keys);
    for (unsigned i = 0; i < KEYS; i++) {
        if (model->now.entries[i].is_there && model->now.entries[i].lease == lease) {
            buf_appendf(&keys, "%s ", key_at(model, i));
        }
    }
    assert_string_equal(ask_keys(model->bench, lease_id(lease)), buf_text(&keys));
    buf_deinit(&keys);
}

static unsigned index_of(struct model *model, const char *key) {
    unsigned index = 0;
    while (index < KEYS && strcmp(key_at(model, index), key) != 0) {
        index++;
    }
    assert_true(index < KEYS);
    return index;
}

struct told {
    struct model *model;
    char events[4096];
    size_t size;
};

static bool tell(void *owner, const struct event *event) {
    struct told *told = owner;
    told->size += (size_t)snprintf(
        told->events + told->size, sizeof told->events - told->size, "%s%llu:%u<%llu ",
        event->is_delete ? "-" : "+", (unsigned long long)event->object.revision,
        index_of(told->model, event->object.key), (unsigned long long)event->previous_revision);
    return true;
}

static void compare_all(struct model *model, uint64_t revision_before) {
    struct bench *bench = model->bench;
    struct store_read read;
    struct scan scan = {.model = model};
    struct told told = {.model = model};
    assert_int_equal(store_revision(bench->store), model->now.revision);
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_list(&read, "", NULL, compare_object, &scan);
    store_events(&read, revision_before, tell, &told);
    store_read_end(&read);
    for (; scan.place < KEYS; scan.place++) {
        assert_false(model->now.entries[scan.place].is_there);
    }
    assert_string_equal(told.events, model->events);
    for (unsigned lease = 1; lease <= LEASES; lease++) {
        compare_lease(model, lease);
    }
    model->changes += model->now.revision != revision_before;
}

/* ---- commands ---- */

static void do_put(struct model *model) {
    unsigned index = below(model, KEYS);
    unsigned lease = below(model, 3) == 0 ? 1 + below(model, LEASES) : 0;
    unsigned value = below(model, 5);
    const struct entry *entry = &model->now.entries[index];
    struct command_put put = {.key = key_at(model, index),
                              .payload = slice_of_text(value_text(model, value)),
                              .lease = lease_id(lease)};
    if (below(model, 4) == 0) {
        put.if_revision = entry->revision + below(model, 2);
        put.if_absent = put.if_revision == 0;
    }
    bool is_met = (!put.if_absent || !entry->is_there) &&
                  (put.if_revision == 0 || (entry->is_there && entry->revision == put.if_revision));
    enum err err = bench_run(model->bench, COMMAND_PUT, &put);
    if (!is_met || !has_lease(model, lease)) {
        assert_int_equal(err, is_met ? ERR_NOT_FOUND : ERR_PRECONDITION_FAILED);
        model->refusals++;
        return;
    }
    assert_int_equal(err, ERR_OK);
    model_put(model, index, value, lease, model->now.revision + 1);
    assert_int_equal(model->bench->outcome.object.version, model->now.entries[index].version);
}

static void do_delete(struct model *model) {
    unsigned index = below(model, KEYS);
    enum err err = bench_delete(model->bench, key_at(model, index), false);
    unsigned deleted = model_delete(model, index, model->now.revision + 1);
    assert_int_equal(err, deleted == 1 ? ERR_OK : ERR_NOT_FOUND);
}

/* The keys below "kv/0/" or "kv/1/". */
static unsigned model_delete_four(struct model *model, unsigned half, uint64_t next) {
    unsigned deleted = 0;
    for (unsigned i = half * 4; i < half * 4 + 4; i++) {
        deleted += model_delete(model, i, next);
    }
    return deleted;
}

static void do_delete_prefix(struct model *model) {
    unsigned half = below(model, 2);
    uint64_t count = 0;
    for (unsigned i = half * 4; i < half * 4 + 4; i++) {
        count += model->now.entries[i].is_there;
    }
    struct command_delete_prefix delete = {.prefix = half == 0 ? "kv/0/" : "kv/1/",
                                           .confirm = count + (below(model, 3) == 0)};
    enum err err = bench_run(model->bench, COMMAND_DELETE_PREFIX, &delete);
    assert_int_equal(err, delete.confirm == count ? ERR_OK : ERR_CONFLICT);
    if (err == ERR_OK) {
        assert_int_equal(model_delete_four(model, half, model->now.revision + 1), count);
    }
}

static void do_lease(struct model *model) {
    unsigned lease = 1 + below(model, LEASES);
    struct term *term = &model->now.terms[lease - 1];
    uint64_t ends_ms = store_log_time_ms(model->bench->store);
    ends_ms = MAX_OF(ends_ms, model->bench->log_time_ms) + TTL_S * 1000;
    switch (below(model, 4)) {
    case 0:
        assert_int_equal(ask_revoke(model->bench, lease_id(lease)),
                         term->is_there ? ERR_OK : ERR_NOT_FOUND);
        if (term->is_there) {
            model_end(model, lease, model->now.revision + 1);
        }
        return;
    case 1:
        assert_int_equal(ask_renew(model->bench, lease_id(lease)),
                         term->is_there ? ERR_OK : ERR_NOT_FOUND);
        break;
    default:
        assert_int_equal(ask_grant(model->bench, lease_id(lease), TTL_S),
                         term->is_there ? ERR_CONFLICT : ERR_OK);
        if (term->is_there) {
            return;
        }
        term->is_there = true;
        break;
    }
    term->expires_log_ms = term->is_there ? ends_ms : 0;
}

/* Time goes on, and what is due ends, soonest first and by id. */
static void do_time(struct model *model) {
    struct bench *bench = model->bench;
    bench->log_time_ms += below(model, 2000);
    unsigned due = 0;
    for (;;) {
        unsigned next = 0;
        for (unsigned lease = 1; lease <= LEASES; lease++) {
            const struct term *term = &model->now.terms[lease - 1];
            if (term->is_there && term->expires_log_ms <= bench->log_time_ms &&
                (next == 0 || term->expires_log_ms < model->now.terms[next - 1].expires_log_ms)) {
                next = lease;
            }
        }
        if (next == 0) {
            break;
        }
        model_end(model, next, model->now.revision + 1);
        due++;
    }
    assert_int_equal(bench_expire(bench, 0), due);
}

/* ---- transactions ---- */

static struct txn_operation operation_of(struct model *model, unsigned index, unsigned type,
                                         unsigned value, unsigned lease) {
    struct txn_operation operation = {.type = type, .key = key_at(model, index)};
    if (type == TXN_PUT) {
        operation.payload = slice_of_text(value_text(model, value));
        operation.lease = lease_id(lease);
    }
    return operation;
}

static void check_result(struct model *model, const struct txn_result *result, unsigned index,
                         unsigned deleted) {
    const struct entry *entry = &model->now.entries[index];
    switch (result->type) {
    case TXN_PUT:
        assert_int_equal(result->version, entry->version);
        assert_int_equal(result->revision, entry->revision);
        return;
    case TXN_GET:
        assert_int_equal(result->item_count, entry->is_there);
        if (entry->is_there) {
            assert_int_equal(result->items[0].version, entry->version);
            assert_true(slice_equal(result->items[0].payload,
                                    slice_of_text(value_text(model, entry->value))));
        }
        return;
    default:
        assert_int_equal(result->deleted, deleted);
        return;
    }
}

/* Distinct keys, so that the check passes; an unknown lease makes the whole void. */
static void do_txn(struct model *model) {
    unsigned compared = below(model, KEYS);
    const struct entry *entry = &model->now.entries[compared];
    struct txn_compare compare = {.key = key_at(model, compared),
                                  .target = TXN_TARGET_VERSION,
                                  .relation = TXN_EQUAL,
                                  .number = entry->is_there ? entry->version : 0};
    bool is_met = below(model, 3) > 0;
    compare.number += is_met ? 0 : 1;
    struct txn_operation operations[OPERATIONS + 1] = {{0}};
    unsigned indexes[OPERATIONS];
    unsigned values[OPERATIONS];
    unsigned leases[OPERATIONS];
    unsigned first = below(model, KEYS);
    bool is_sound = true;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        indexes[i] = (first + i * 5) % KEYS;
        values[i] = below(model, 5);
        leases[i] = below(model, 4) == 0 ? 1 + below(model, LEASES) : 0;
        operations[i] = operation_of(model, indexes[i], 1 + below(model, 3), values[i], leases[i]);
        is_sound = is_sound && (operations[i].type != TXN_PUT || has_lease(model, leases[i]));
    }
    enum err err =
        ask_txn(model->bench, &compare, is_met ? operations : NULL, is_met ? NULL : operations);
    assert_int_equal(err, is_sound ? ERR_OK : ERR_INVALID);
    if (!is_sound) {
        model->refusals++;
        return;
    }
    assert_int_equal(model->bench->outcome.is_succeeded, is_met);
    uint64_t next = model->now.revision + 1;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned deleted = 0;
        if (operations[i].type == TXN_PUT) {
            model_put(model, indexes[i], values[i], leases[i], next);
        } else if (operations[i].type == TXN_DELETE) {
            deleted = model_delete(model, indexes[i], next);
        }
        check_result(model, &model->bench->outcome.results[i], indexes[i], deleted);
    }
    assert_int_equal(model->bench->outcome.revision, model->now.revision == next ? next : 0);
}

/* ---- idempotency keys ---- */

static void do_once(struct model *model) {
    unsigned key = below(model, ONCE_KEYS);
    unsigned index = below(model, KEYS);
    struct kept *kept = &model->kept[key];
    const struct entry *entry = &model->now.entries[index];
    struct command_put put = {.key = key_at(model, index),
                              .payload = slice_of_text(value_text(model, 9)),
                              .if_absent = true};
    uint64_t log_time_ms =
        MAX_OF(store_log_time_ms(model->bench->store), model->bench->log_time_ms);
    bool is_kept = kept->is_there && kept->log_time_ms + LIMIT_ONCE_KEPT_MS > log_time_ms;
    enum err err = ask_once(model->bench, arena_printf(&model->bench->arena, "k%u", key),
                            value_text(model, index), COMMAND_PUT, &put);
    assert_int_equal(model->bench->outcome.is_replayed, is_kept && kept->request == index);
    if (is_kept && kept->request != index) {
        assert_int_equal(err, ERR_IDEMPOTENCY_MISMATCH);
        return;
    }
    if (is_kept) {
        assert_int_equal(err, kept->err);
        assert_int_equal(model->bench->outcome.revision, kept->revision);
        model->replays++;
        return;
    }
    assert_int_equal(err, entry->is_there ? ERR_PRECONDITION_FAILED : ERR_OK);
    if (err == ERR_OK) {
        model_put(model, index, 9, 0, model->now.revision + 1);
    }
    *kept = (struct kept){.is_there = true,
                          .request = index,
                          .log_time_ms = log_time_ms,
                          .err = err,
                          .revision = model->bench->outcome.revision};
}

static void step(struct model *model) {
    uint64_t revision_before = model->now.revision;
    model->events_size = 0;
    model->events[0] = 0;
    unsigned what = below(model, 20);
    if (what < 6) {
        do_put(model);
    } else if (what < 8) {
        do_delete(model);
    } else if (what == 8) {
        do_delete_prefix(model);
    } else if (what < 12) {
        do_lease(model);
    } else if (what < 14) {
        do_time(model);
    } else if (what < 18) {
        do_txn(model);
    } else {
        do_once(model);
    }
    compare_all(model, revision_before);
    arena_reset(&model->bench->arena);
}

static void the_store_is_what_a_simple_model_says(void **state) {
    struct model model = {.bench = *state};
    const char *given = getenv("WEFT_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261124;
    print_message("seed %llu\n", (unsigned long long)seed);
    rand_seed(&model.rand, seed);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&model);
    }
    print_message("%u changes, %u refusals, %u replays, %u ends of leases\n", model.changes,
                  model.refusals, model.replays, model.ends);
    assert_true(model.changes > STEPS / 4); /* a run that did nothing proves nothing */
    assert_true(model.refusals > STEPS / 50);
    assert_true(model.replays > 10);
    assert_true(model.ends > STEPS / 50);
    assert_int_equal(store_digest_walk(model.bench->store), store_digest(model.bench->store));
    assert_int_equal(bench_replay(model.bench), store_digest(model.bench->store));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_store_is_what_a_simple_model_says, bench_setup,
                                        bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
