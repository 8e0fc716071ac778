#include "tests/unit/store/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void put_counts_revisions_and_versions(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_put_kv(bench, "kv/a", "1"), ERR_OK);
    assert_true(bench->outcome.is_created);
    assert_int_equal(bench->outcome.object.revision, 1);
    assert_int_equal(bench_put_kv(bench, "kv/a", "1"), ERR_OK); /* the same content counts too */
    assert_false(bench->outcome.is_created);
    assert_int_equal(bench->outcome.object.revision, 2);
    assert_int_equal(bench->outcome.object.created_revision, 1);
    assert_int_equal(bench->outcome.object.version, 2);
    assert_int_equal(bench_delete(bench, "kv/a", false), ERR_OK);
    assert_int_equal(bench->outcome.revision, 3);
    assert_int_equal(bench_put_kv(bench, "kv/a", "2"), ERR_OK);
    assert_int_equal(bench->outcome.object.version, 1);
    assert_int_equal(bench->outcome.object.created_revision, 4);
}

static void a_refused_write_uses_no_revision(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_delete(bench, "kv/none", false), ERR_NOT_FOUND);
    assert_int_equal(store_revision(bench->store), 0);
    struct command_put put = {.key = "kv/a", .if_revision = 7};
    assert_int_equal(bench_run(bench, COMMAND_PUT, &put), ERR_PRECONDITION_FAILED);
    assert_false(bench->outcome.has_current);
    assert_int_equal(store_revision(bench->store), 0);
}

static void a_failed_condition_shows_what_is_there(void **state) {
    struct bench *bench = *state;
    assert_int_equal(bench_put_kv(bench, "kv/a", "first"), ERR_OK);
    struct command_put put = {.key = "kv/a", .payload = slice_of_text("x"), .if_absent = true};
    assert_int_equal(bench_run(bench, COMMAND_PUT, &put), ERR_PRECONDITION_FAILED);
    assert_true(bench->outcome.has_current);
    assert_memory_equal(bench->outcome.current.payload.data, "first", 5);
    put.if_absent = false;
    put.if_revision = 1;
    assert_int_equal(bench_run(bench, COMMAND_PUT, &put), ERR_OK);
}

struct keys {
    char text[16384];
    size_t size;
    unsigned count;
};

static bool add_key(void *owner, const struct object *object) {
    struct keys *keys = owner;
    keys->count++;
    keys->size += (size_t)snprintf(keys->text + keys->size, sizeof keys->text - keys->size, "%s ",
                                   object->key);
    return true;
}

static void list(struct bench *bench, const char *prefix, const char *after, struct keys *keys) {
    *keys = (struct keys){.count = 0};
    struct store_read read;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_list(&read, prefix, after, add_key, keys);
    store_read_end(&read);
}

static void list_is_ordered_and_bounded_by_prefix(void **state) {
    struct bench *bench = *state;
    static const char *const names[] = {"kv/b", "kv/a/2", "kv/a", "kv/a/1", "kv/a0"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(bench_put_kv(bench, names[i], ""), ERR_OK);
    }
    struct keys keys;
    list(bench, "kv/", NULL, &keys);
    assert_string_equal(keys.text, "kv/a kv/a/1 kv/a/2 kv/a0 kv/b ");
    list(bench, "kv/a/", NULL, &keys);
    assert_string_equal(keys.text, "kv/a/1 kv/a/2 ");
    list(bench, "kv/", "kv/a/1", &keys);
    assert_string_equal(keys.text, "kv/a/2 kv/a0 kv/b ");
}

/* "kv/" and `size` bytes in all, the last of them `last`. */
static const char *long_key(struct bench *bench, size_t size, char last) {
    char *key = arena_alloc(&bench->arena, size + 1);
    memset(key, 'x', size);
    static const char collection[] = {'k', 'v', '/'};
    memcpy(key, collection, sizeof collection);
    key[size - 1] = last;
    return key;
}

static void keys_longer_than_lmdb_takes_keep_their_order(void **state) {
    struct bench *bench = *state;
    const char *keys_in_order[] = {
        long_key(bench, 510, 'a'), long_key(bench, 511, 'a'),  long_key(bench, 511, 'b'),
        long_key(bench, 512, 'a'), long_key(bench, 1024, 'a'), long_key(bench, 1024, 'b'),
        long_key(bench, 510, 'y'),
    };
    for (unsigned i = ARRAY_COUNT(keys_in_order); i > 0; i--) {
        assert_int_equal(bench_put_kv(bench, keys_in_order[i - 1], "value"), ERR_OK);
    }
    struct keys keys;
    char expected[16384];
    size_t size = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(keys_in_order); i++) {
        size += (size_t)snprintf(expected + size, sizeof expected - size, "%s ", keys_in_order[i]);
    }
    list(bench, "kv/", NULL, &keys);
    assert_string_equal(keys.text, expected);
    list(bench, "kv/", keys_in_order[2], &keys);
    assert_int_equal(keys.count, 4);
    list(bench, keys_in_order[4], NULL, &keys);
    assert_int_equal(keys.count, 1);
    assert_int_equal(bench_delete(bench, keys_in_order[3], false), ERR_OK);
    assert_int_equal(bench_delete(bench, keys_in_order[3], false), ERR_NOT_FOUND);
    list(bench, "kv/", NULL, &keys);
    assert_int_equal(keys.count, 6);
}

static void long_keys_change_one_by_one(void **state) {
    struct bench *bench = *state;
    const char *first = long_key(bench, 600, 'a');
    const char *second = long_key(bench, 600, 'b');
    assert_int_equal(bench_put_kv(bench, first, "1"), ERR_OK);
    assert_int_equal(bench_put_kv(bench, second, "2"), ERR_OK);
    assert_int_equal(bench_put_kv(bench, first, "3"), ERR_OK);
    assert_int_equal(bench->outcome.object.version, 2);
    struct store_read read;
    struct object object;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    assert_int_equal(store_get(&read, first, &object), ERR_OK);
    assert_memory_equal(object.payload.data, "3", 1);
    assert_int_equal(store_get(&read, second, &object), ERR_OK);
    assert_memory_equal(object.payload.data, "2", 1);
    assert_int_equal(store_get(&read, long_key(bench, 600, 'c'), &object), ERR_NOT_FOUND);
    store_read_end(&read);
    assert_int_equal(bench_delete(bench, first, false), ERR_OK);
    assert_int_equal(bench_put_kv(bench, first, "4"), ERR_OK);
    assert_int_equal(bench->outcome.object.version, 1);
    assert_int_equal(bench_replay(bench), store_digest(bench->store));
}

static void delete_prefix_takes_the_confirmed_count_or_nothing(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a/1", "");
    bench_put_kv(bench, "kv/a/2", "");
    bench_put_kv(bench, "kv/b", "");
    struct command_delete_prefix delete = {.prefix = "kv/a/", .confirm = 3};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_CONFLICT);
    delete.confirm = 2;
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    assert_int_equal(bench->outcome.deleted, 2);
    assert_int_equal(bench->outcome.revision, 4); /* one for all */
    struct keys keys;
    list(bench, "kv/", NULL, &keys);
    assert_string_equal(keys.text, "kv/b ");
}

static bool add_event(void *owner, const struct event *event) {
    struct keys *keys = owner;
    keys->size +=
        (size_t)snprintf(keys->text + keys->size, sizeof keys->text - keys->size, "%s%llu:%s<%llu ",
                         event->is_delete ? "-" : "+", (unsigned long long)event->object.revision,
                         event->object.key, (unsigned long long)event->previous_revision);
    return true;
}

static void events_tell_every_change_once_in_order(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a", "1");
    bench_put_kv(bench, "kv/a", "2");
    bench_put_kv(bench, "kv/b", "3");
    struct command_delete_prefix delete = {.prefix = "kv/", .confirm = 2};
    bench_run(bench, COMMAND_DELETE_PREFIX, &delete);
    struct keys keys = {.count = 0};
    struct store_read read;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    store_events(&read, 1, add_event, &keys);
    assert_string_equal(keys.text, "+2:kv/a<1 +3:kv/b<0 -4:kv/a<2 -4:kv/b<3 ");
    struct object object;
    assert_int_equal(store_get_at(&read, "kv/a", 1, &object), ERR_OK);
    assert_memory_equal(object.payload.data, "1", 1);
    assert_int_equal(store_get_at(&read, "kv/a", 3, &object), ERR_NOT_FOUND);
    store_read_end(&read);
}

static void a_reopened_store_passes_over_what_it_has(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a", "1");
    bench_put_kv(bench, "kv/b", "2");
    uint64_t digest = store_digest(bench->store);
    bench_reopen(bench);
    assert_int_equal(store_applied_index(bench->store), 2);
    assert_int_equal(store_revision(bench->store), 2);
    assert_int_equal(store_digest(bench->store), digest);
    store_begin(bench->store);
    store_apply(bench->store, 2, 1, slice_of_text("not even read"), NULL);
    store_commit(bench->store);
    assert_int_equal(store_digest(bench->store), digest);
}

static void an_open_read_stays_at_its_revision(void **state) {
    struct bench *bench = *state;
    bench_put_kv(bench, "kv/a", "1");
    struct store_read read;
    assert_int_equal(store_read_begin(bench->store, &read), ERR_OK);
    bench_put_kv(bench, "kv/a", "2");
    struct object object;
    assert_int_equal(store_get(&read, "kv/a", &object), ERR_OK);
    assert_memory_equal(object.payload.data, "1", 1);
    assert_int_equal(read.revision, 1);
    store_read_end(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
        STORE_TEST(put_counts_revisions_and_versions),
        STORE_TEST(a_refused_write_uses_no_revision),
        STORE_TEST(a_failed_condition_shows_what_is_there),
        STORE_TEST(list_is_ordered_and_bounded_by_prefix),
        STORE_TEST(keys_longer_than_lmdb_takes_keep_their_order),
        STORE_TEST(long_keys_change_one_by_one),
        STORE_TEST(delete_prefix_takes_the_confirmed_count_or_nothing),
        STORE_TEST(events_tell_every_change_once_in_order),
        STORE_TEST(a_reopened_store_passes_over_what_it_has),
        STORE_TEST(an_open_read_stays_at_its_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
