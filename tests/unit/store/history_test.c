#include "tests/unit/store/bench.h"

#include "util/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put_many(struct bench *bench, unsigned count) {
    char key[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "kv/%u", i);
        assert_int_equal(bench_put_kv(bench, key, "value"), ERR_OK);
    }
}

static void compact_to(struct bench *bench, uint64_t revision) {
    struct command_compact compact = {.revision = revision};
    uint64_t before = store_revision(bench->store);
    assert_int_equal(bench_run(bench, COMMAND_COMPACT, &compact), ERR_OK);
    assert_int_equal(bench->outcome.revision, 0);
    assert_int_equal(store_revision(bench->store), before); /* it is no change of anything */
}

/* What a watch sees. */
struct seen {
    uint64_t count, first, last;
    bool has_gap;
};

static bool see(void *owner, const struct event *event) {
    struct seen *seen = owner;
    uint64_t revision = event->object.revision;
    seen->has_gap = seen->has_gap || (seen->count > 0 && revision > seen->last + 1);
    seen->first = seen->count == 0 ? revision : seen->first;
    seen->last = revision;
    seen->count++;
    return true;
}

/* From the compacted revision on there is every event, and the read says where that is. */
static struct seen watch_all(struct bench *bench) {
    struct store_read read;
    struct seen seen = {.count = 0};
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    assert_int_equal(read.compact_revision, store_compact_revision(bench->store));
    store_events(&read, 0, see, &seen);
    struct seen from_there = {.count = 0};
    store_events(&read, read.compact_revision, see, &from_there);
    store_read_end(&read);
    assert_int_equal(seen.count, from_there.count); /* nothing is left before it */
    assert_int_equal(seen.count, store_event_count(bench->store));
    assert_false(seen.has_gap);
    if (seen.count > 0) {
        assert_int_equal(seen.first, store_compact_revision(bench->store) + 1);
        assert_int_equal(seen.last, store_revision(bench->store));
    }
    return seen;
}

static void compaction_drops_old_events_and_no_objects(void **state) {
    struct bench *bench = *state;
    put_many(bench, 100);
    uint64_t size = store_size(bench->store);
    compact_to(bench, 40);
    assert_int_equal(store_compact_revision(bench->store), 40);
    assert_int_equal(watch_all(bench).count, 60);
    assert_true(store_size(bench->store) < size);
    struct store_read read;
    struct object object;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    assert_int_equal(store_get(&read, "kv/3", &object), ERR_OK);
    assert_int_equal(store_get_at(&read, "kv/3", 4, &object), ERR_NOT_FOUND);
    assert_int_equal(store_get_at(&read, "kv/50", 51, &object), ERR_OK);
    store_read_end(&read);
    put_many(bench, 10);
    assert_int_equal(watch_all(bench).count, 70);
}

static void compaction_can_take_all_and_history_goes_on(void **state) {
    struct bench *bench = *state;
    put_many(bench, 10);
    compact_to(bench, 10);
    assert_int_equal(store_compact_revision(bench->store), 10);
    assert_int_equal(watch_all(bench).count, 0);
    put_many(bench, 5);
    assert_int_equal(watch_all(bench).first, 11);
    compact_to(bench, 1000000); /* what is not there yet stays to come */
    assert_int_equal(store_compact_revision(bench->store), 15);
    put_many(bench, 1);
    assert_int_equal(watch_all(bench).first, 16);
}

static void compaction_never_goes_back(void **state) {
    struct bench *bench = *state;
    put_many(bench, 10);
    compact_to(bench, 6);
    compact_to(bench, 3);
    compact_to(bench, 0);
    assert_int_equal(store_compact_revision(bench->store), 6);
    assert_int_equal(watch_all(bench).count, 4);
    bench_reopen(bench);
    assert_int_equal(store_compact_revision(bench->store), 6);
}

static void one_command_takes_so_many_and_no_more(void **state) {
    struct bench *bench = *state;
    put_many(bench, LIMIT_COMPACT_EVENTS_MAX + 100);
    compact_to(bench, LIMIT_COMPACT_EVENTS_MAX + 50);
    assert_int_equal(store_compact_revision(bench->store), LIMIT_COMPACT_EVENTS_MAX);
    compact_to(bench, LIMIT_COMPACT_EVENTS_MAX + 50);
    assert_int_equal(store_compact_revision(bench->store), LIMIT_COMPACT_EVENTS_MAX + 50);
    assert_int_equal(watch_all(bench).count, 50);
}

/* All events of a revision stay together, however many they are. */
static void a_revision_goes_whole(void **state) {
    struct bench *bench = *state;
    const unsigned count = LIMIT_COMPACT_EVENTS_MAX + 10;
    put_many(bench, count);
    struct command_delete_prefix delete = {.prefix = "kv/", .confirm = count};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    put_many(bench, 3);
    compact_to(bench, count);
    compact_to(bench, count);
    assert_int_equal(store_compact_revision(bench->store), count);
    assert_int_equal(watch_all(bench).count, count + 3);
    compact_to(bench, count); /* the large one is not due */
    assert_int_equal(store_event_count(bench->store), count + 3);
    compact_to(bench, count + 2); /* now it is, and no other with it */
    assert_int_equal(store_compact_revision(bench->store), count + 1);
    assert_int_equal(watch_all(bench).count, 3);
}

static void a_large_revision_behind_small_ones_waits(void **state) {
    struct bench *bench = *state;
    put_many(bench, LIMIT_COMPACT_EVENTS_MAX - 1);
    struct command_delete_prefix delete = {.prefix = "kv/",
                                           .confirm = LIMIT_COMPACT_EVENTS_MAX - 1};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    put_many(bench, 1);
    compact_to(bench, LIMIT_COMPACT_EVENTS_MAX + 1);
    assert_int_equal(store_compact_revision(bench->store), LIMIT_COMPACT_EVENTS_MAX - 1);
    assert_int_equal(watch_all(bench).count, LIMIT_COMPACT_EVENTS_MAX);
}

struct before {
    uint64_t revision; /* of the event to look at */
    char value[16];
    uint64_t version;
    size_t size;
    bool is_there;
};

static bool see_before(void *owner, const struct event *event) {
    struct before *before = owner;
    if (event->object.revision == before->revision && event->previous != NULL) {
        const struct object *previous = event->previous;
        before->is_there = true;
        before->version = previous->version;
        before->size = previous->payload.size;
        snprintf(before->value, sizeof before->value, "%.*s", (int)previous->payload.size,
                 (const char *)previous->payload.data);
    }
    return true;
}

/* What the newest event itself says of the object before it. */
static struct before look_before(struct bench *bench) {
    struct store_read read;
    struct before before = {.revision = store_revision(bench->store)};
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_events(&read, 0, see_before, &before);
    store_read_end(&read);
    return before;
}

static void a_change_of_what_was_compacted_says_what_it_was(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_put_kv(bench, "kv/a", "old"), ERR_OK);
    assert_int_equal(bench_put_kv(bench, "kv/b", "old"), ERR_OK);
    assert_int_equal(bench_put_kv(bench, "kv/a", "newer"), ERR_OK);
    assert_false(look_before(bench).is_there); /* its event is there still: not twice */
    compact_to(bench, store_revision(bench->store));
    assert_int_equal(bench_put_kv(bench, "kv/a", "newest"), ERR_OK);
    struct before before = look_before(bench);
    assert_true(before.is_there);
    assert_string_equal(before.value, "newer");
    assert_int_equal(before.version, 2);
    assert_int_equal(bench_put_kv(bench, "kv/new", "1"), ERR_OK);
    assert_false(look_before(bench).is_there);
    struct command_delete_prefix delete = {.prefix = "kv/b", .confirm = 1};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    before = look_before(bench);
    assert_true(before.is_there);
    assert_string_equal(before.value, "old");
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void what_was_large_is_not_kept_in_the_event_of_its_end(void **state) {
    struct bench *bench = *state;
    char *value = must_alloc(LIMIT_EVENT_PREVIOUS_SIZE_MAX + 2);
    for (size_t more = 0; more < 2; more++) {
        memset(value, 'x', LIMIT_EVENT_PREVIOUS_SIZE_MAX + more);
        value[LIMIT_EVENT_PREVIOUS_SIZE_MAX + more] = 0;
        assert_int_equal(bench_put_kv(bench, "kv/large", value), ERR_OK);
        compact_to(bench, store_revision(bench->store));
        assert_int_equal(bench_put_kv(bench, "kv/large", ""), ERR_OK);
        struct before before = look_before(bench);
        assert_int_equal(before.is_there, more == 0);
        assert_int_equal(before.size, more == 0 ? LIMIT_EVENT_PREVIOUS_SIZE_MAX : 0);
    }
    free(value);
}

/* ---- the leader's upkeep ---- */

static const struct store_upkeep no_upkeep = {.log_time_ms = 1000, .command_count_max = 10};

/* Runs what it says, until it says no more; returns how many commands that were. */
static unsigned keep_up(struct bench *bench, const struct store_upkeep *upkeep) {
    unsigned count = 0;
    uint64_t next_ms = 0;
    struct buf out;
    buf_init(&out);
    while (next_ms <= upkeep->log_time_ms) {
        buf_clear(&out);
        unsigned added = store_upkeep(bench->store, upkeep, &out, &next_ms);
        struct reader reader = reader_of(out.data, out.size);
        for (unsigned i = 0; i < added; i++) {
            bench_run_encoded(bench, reader_bytes(&reader));
        }
        assert_true(reader_is_done(&reader));
        count += added;
        assert_true(added > 0 || next_ms > upkeep->log_time_ms); /* it comes to an end */
    }
    buf_deinit(&out);
    return count;
}

static void a_history_of_ten_is_kept_at_about_ten(void **state) {
    struct bench *bench = *state;
    struct store_upkeep upkeep = no_upkeep;
    upkeep.history_events = 10;
    put_many(bench, 500);
    assert_int_equal(keep_up(bench, &upkeep), 1);
    assert_int_equal(watch_all(bench).count, 10);
    assert_int_equal(keep_up(bench, &upkeep), 0);
    put_many(bench, 1);
    assert_int_equal(keep_up(bench, &upkeep), 0); /* some slack */
    put_many(bench, 1);
    assert_int_equal(keep_up(bench, &upkeep), 1);
    assert_int_equal(watch_all(bench).count, 10);
}

static void a_long_history_is_not_cut_at_every_put(void **state) {
    struct bench *bench = *state;
    struct store_upkeep upkeep = no_upkeep;
    upkeep.history_events = 1000;
    put_many(bench, 1100);
    assert_int_equal(keep_up(bench, &upkeep), 0);
    put_many(bench, 1);
    assert_int_equal(keep_up(bench, &upkeep), 1);
    assert_int_equal(watch_all(bench).count, 1000);
}

static void what_is_far_too_long_goes_in_several_commands(void **state) {
    struct bench *bench = *state;
    struct store_upkeep upkeep = no_upkeep;
    upkeep.history_events = 10;
    put_many(bench, 2 * LIMIT_COMPACT_EVENTS_MAX + 100);
    assert_int_equal(keep_up(bench, &upkeep), 3);
    assert_int_equal(watch_all(bench).count, 10);
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void without_a_bound_nothing_goes(void **state) {
    struct bench *bench = *state;
    put_many(bench, 100);
    assert_int_equal(keep_up(bench, &no_upkeep), 0);
}

static void a_store_that_is_nearly_full_keeps_less_history(void **state) {
    struct bench *bench = *state;
    struct store_upkeep upkeep = no_upkeep;
    upkeep.history_events = 100000;
    put_many(bench, 5000);
    upkeep.quota_size = store_size(bench->store) * 4 / 3 + 4;
    assert_int_equal(keep_up(bench, &upkeep), 0); /* just not three quarters */
    upkeep.quota_size = store_size(bench->store);
    assert_int_equal(keep_up(bench, &upkeep), 1);
    assert_int_equal(watch_all(bench).count, 2500);
    upkeep.quota_size = 100; /* hopeless: what watchers need to resume stays */
    for (unsigned i = 0; i < 10; i++) {
        keep_up(bench, &upkeep);
    }
    assert_in_range(watch_all(bench).count, LIMIT_HISTORY_EVENTS_LEAST,
                    LIMIT_HISTORY_EVENTS_LEAST + LIMIT_HISTORY_SLACK_MAX);
}

static void leases_end_before_history(void **state) {
    struct bench *bench = *state;
    struct store_upkeep upkeep = no_upkeep;
    for (uint64_t id = 1; id <= 12; id++) {
        struct command_lease_grant grant = {.id = id, .ttl_s = 1};
        assert_int_equal(bench_run(bench, COMMAND_LEASE_GRANT, &grant), ERR_OK);
    }
    put_many(bench, 50);
    bench->log_time_ms += 5000;
    upkeep.log_time_ms = bench->log_time_ms;
    upkeep.history_events = 10;
    struct buf out;
    uint64_t next_ms;
    buf_init(&out);
    assert_int_equal(store_upkeep(bench->store, &upkeep, &out, &next_ms), 10);
    assert_true(next_ms <= upkeep.log_time_ms);
    buf_deinit(&out);
    assert_int_equal(keep_up(bench, &upkeep), 13);
    assert_int_equal(watch_all(bench).count, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        STORE_TEST(compaction_drops_old_events_and_no_objects),
        STORE_TEST(compaction_can_take_all_and_history_goes_on),
        STORE_TEST(compaction_never_goes_back),
        STORE_TEST(a_change_of_what_was_compacted_says_what_it_was),
        STORE_TEST(what_was_large_is_not_kept_in_the_event_of_its_end),
        STORE_TEST(one_command_takes_so_many_and_no_more),
        STORE_TEST(a_revision_goes_whole),
        STORE_TEST(a_large_revision_behind_small_ones_waits),
        STORE_TEST(a_history_of_ten_is_kept_at_about_ten),
        STORE_TEST(a_long_history_is_not_cut_at_every_put),
        STORE_TEST(what_is_far_too_long_goes_in_several_commands),
        STORE_TEST(without_a_bound_nothing_goes),
        STORE_TEST(a_store_that_is_nearly_full_keeps_less_history),
        STORE_TEST(leases_end_before_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
