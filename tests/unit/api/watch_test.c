/* The watch hub on a real store: watchers that note what they are given, and whose queue the test
 * sets. */
#include "api/watch.h"

#include "tests/unit/store/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct listener {
    struct watcher watcher;
    struct buf text; /* everything that was written */
    unsigned writes;
    size_t
        queued; /* what the watcher says is queued; full_after writes it grows beyond the bound */
    unsigned full_after;
    enum err ended;
};

static void take_lines(struct watcher *watcher, struct slice lines, bool has_changes) {
    struct listener *listener = CONTAINER_OF(watcher, struct listener, watcher);
    buf_append(&listener->text, lines.data, lines.size);
    listener->writes += has_changes;
    if (listener->full_after != 0 && listener->writes == listener->full_after) {
        listener->queued = LIMIT_WATCH_QUEUE_SIZE_MAX + 1;
    }
}

static size_t queued_size(const struct watcher *watcher) {
    return ((const struct listener *)(const void *)watcher)->queued;
}

static void take_end(struct watcher *watcher, const struct problem *problem) {
    CONTAINER_OF(watcher, struct listener, watcher)->ended = problem->err;
}

static const struct watcher_handlers handlers = {
    .write = take_lines, .queued_size = queued_size, .ended = take_end};

static void listener_start(struct listener *listener, struct watch_hub *hub, const char *prefix,
                           uint64_t revision) {
    *listener = (struct listener){.watcher = {.handlers = &handlers, .revision = revision}};
    listener->watcher.filter.prefixes[0] = prefix;
    listener->watcher.filter.prefix_count = 1;
    buf_init(&listener->text);
    watch_start(hub, &listener->watcher);
}

static void listener_stop(struct listener *listener, struct watch_hub *hub) {
    watch_stop(hub, &listener->watcher);
    buf_deinit(&listener->text);
}

/* Puts and tells the hub, as the replica does after each commit. */
static void put(struct bench *bench, struct watch_hub *hub, const char *key) {
    assert_int_equal(bench_put_kv(bench, key, "v"), ERR_OK);
    watch_hub_applied(hub);
}

static void turn_until_live(struct watch_hub *hub) {
    while (watch_hub_turn(hub)) {
    }
}

/* "1:kv/a 2:kv/b ": the revisions and keys of the changes that came. */
static void assert_changes(struct listener *listener, const char *expected) {
    struct buf seen;
    buf_init(&seen);
    char *text = must_strdup(buf_text(&listener->text));
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); rest != NULL; line = strsep(&rest, "\n")) {
        struct json *json;
        struct json_fault fault;
        assert_int_equal(json_parse(slice_of_text(line), &json, &fault), ERR_OK);
        const char *type = json_find_text(json, "type", "");
        if (strcmp(type, "BOOKMARK") != 0) {
            buf_appendf(&seen, "%s%llu:%s ", strcmp(type, "DELETE") == 0 ? "-" : "",
                        (unsigned long long)json_find_number(json, "revision", 0),
                        json_find_text(json, "key", ""));
        }
        json_free(json);
    }
    assert_string_equal(buf_text(&seen), expected);
    free(text);
    buf_deinit(&seen);
}

static void a_live_watcher_hears_what_matches_once_and_in_order(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener all;
    struct listener some;
    watch_hub_init(&hub, bench->store);
    listener_start(&all, &hub, "", 0);
    listener_start(&some, &hub, "kv/b", 0);
    put(bench, &hub, "kv/a");
    put(bench, &hub, "kv/b");
    put(bench, &hub, "kv/bc");
    assert_int_equal(bench_delete(bench, "kv/a", false), ERR_OK);
    watch_hub_applied(&hub);
    watch_hub_applied(&hub); /* nothing new */
    assert_changes(&all, "1:kv/a 2:kv/b 3:kv/bc -4:kv/a ");
    assert_changes(&some, "2:kv/b 3:kv/bc ");
    assert_int_equal(some.watcher.revision, 4);
    listener_stop(&all, &hub);
    listener_stop(&some, &hub);
    assert_int_equal(hub.count, 0);
}

static void a_start_in_the_past_catches_up_and_goes_live(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener late;
    watch_hub_init(&hub, bench->store);
    put(bench, &hub, "kv/a");
    put(bench, &hub, "kv/b");
    put(bench, &hub, "kv/c");
    listener_start(&late, &hub, "kv/", 1);
    assert_changes(&late, ""); /* in its turn, not at once */
    put(bench, &hub, "kv/d");  /* while it is behind */
    turn_until_live(&hub);
    put(bench, &hub, "kv/e"); /* while it is live */
    turn_until_live(&hub);
    assert_changes(&late, "2:kv/b 3:kv/c 4:kv/d 5:kv/e ");
    listener_stop(&late, &hub);
}

static void catching_up_is_cut_into_bounded_steps(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener late;
    char key[32];
    watch_hub_init(&hub, bench->store);
    for (unsigned i = 0; i < LIMIT_WATCH_CATCH_UP_EVENTS + 1; i++) {
        snprintf(key, sizeof key, "kv/%u", i);
        put(bench, &hub, key);
    }
    listener_start(&late, &hub, "kv/100", 0);
    assert_true(watch_hub_turn(&hub)); /* the bound counts what is read, not what matches */
    assert_changes(&late, "");
    assert_int_equal(late.watcher.revision, LIMIT_WATCH_CATCH_UP_EVENTS);
    assert_false(watch_hub_turn(&hub));
    assert_changes(&late, "101:kv/100 ");
    listener_stop(&late, &hub);
}

static void a_turn_of_catching_up_is_bounded_in_bytes(void **state) {
    enum { VALUE_SIZE = LIMIT_WATCH_CATCH_UP_SIZE / 2, COUNT = 6 };
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener late[COUNT];
    char *value = must_alloc_zeroed(1, VALUE_SIZE + 1);
    memset(value, 'v', VALUE_SIZE);
    watch_hub_init(&hub, bench->store);
    assert_int_equal(bench_put_kv(bench, "kv/a", value), ERR_OK);
    watch_hub_applied(&hub);
    for (unsigned i = 0; i < COUNT; i++) {
        listener_start(&late[i], &hub, "kv/", 0);
    }
    for (unsigned served = 2; served <= COUNT; served += 2) { /* in Base64 it is two thirds */
        assert_int_equal(watch_hub_turn(&hub), served < COUNT);
        assert_int_equal(late[served - 1].writes, 1);
        assert_int_equal(late[MIN_OF(served, COUNT - 1)].writes, served == COUNT);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        listener_stop(&late[i], &hub);
    }
    free(value);
}

static void a_start_in_the_future_waits_for_it(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener early;
    watch_hub_init(&hub, bench->store);
    listener_start(&early, &hub, "kv/", 2);
    put(bench, &hub, "kv/a");
    put(bench, &hub, "kv/b");
    put(bench, &hub, "kv/c");
    assert_changes(&early, "3:kv/c ");
    listener_stop(&early, &hub);
}

static void a_revision_comes_whole_in_one_write(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    put(bench, &hub, "kv/a");
    put(bench, &hub, "kv/b");
    listener_start(&listener, &hub, "kv/", 2);
    struct command_delete_prefix delete = {.prefix = "kv/", .confirm = 2};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    watch_hub_applied(&hub);
    assert_changes(&listener, "-3:kv/a -3:kv/b ");
    assert_int_equal(listener.writes, 1);
    listener_stop(&listener, &hub);
}

static void a_full_queue_moves_a_watcher_behind_and_nothing_is_lost(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    listener_start(&listener, &hub, "kv/", 0);
    for (unsigned i = 0; i < 3; i++) { /* one batch of three */
        assert_int_equal(bench_put_kv(bench, i == 0 ? "kv/a" : "kv/b", "v"), ERR_OK);
    }
    listener.queued = LIMIT_WATCH_QUEUE_SIZE_MAX; /* full to the byte: not yet too slow */
    watch_hub_applied(&hub);
    assert_int_equal(listener.ended, ERR_OK);
    assert_changes(&listener, "1:kv/a ");
    assert_false(watch_hub_turn(&hub)); /* no room, no step */
    listener.queued = 0;
    turn_until_live(&hub);
    assert_changes(&listener, "1:kv/a 2:kv/b 3:kv/b ");
    listener_stop(&listener, &hub);
}

/* It has not read enough to be given more, and not so little that it is ended for it. */
static void a_watcher_that_compaction_overtakes_is_told_when_it_reads_again(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    for (unsigned i = 0; i < 3; i++) {
        put(bench, &hub, "kv/a");
    }
    listener_start(&listener, &hub, "kv/", 1);
    listener.queued = LIMIT_WATCH_QUEUE_SIZE_MAX;
    assert_false(watch_hub_turn(&hub));
    struct command_compact compact = {.revision = 1};
    assert_int_equal(bench_run(bench, COMMAND_COMPACT, &compact), ERR_OK);
    put(bench, &hub, "kv/a");
    listener.queued = 0;
    turn_until_live(&hub); /* up to its revision: nothing that it wants is gone */
    assert_int_equal(listener.ended, ERR_OK);
    assert_changes(&listener, "2:kv/a 3:kv/a 4:kv/a ");
    listener_stop(&listener, &hub);
    listener_start(&listener, &hub, "kv/", 3);
    listener.queued = LIMIT_WATCH_QUEUE_SIZE_MAX;
    compact.revision = 4;
    assert_int_equal(bench_run(bench, COMMAND_COMPACT, &compact), ERR_OK);
    put(bench, &hub, "kv/a");
    assert_int_equal(listener.ended, ERR_OK);
    listener.queued = 0;
    turn_until_live(&hub);
    assert_int_equal(listener.ended, ERR_COMPACTED);
    assert_changes(&listener, "");
    assert_int_equal(hub.ended[ERR_COMPACTED], 1);
    buf_deinit(&listener.text);
}

static void a_watcher_that_does_not_read_is_ended_and_the_others_are_not(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener slow;
    struct listener quick;
    watch_hub_init(&hub, bench->store);
    listener_start(&slow, &hub, "kv/", 0);
    listener_start(&quick, &hub, "kv/", 0);
    slow.full_after = 1;
    put(bench, &hub, "kv/a");
    put(bench, &hub, "kv/b");
    assert_int_equal(slow.ended, ERR_OVERLOADED);
    assert_changes(&slow, "1:kv/a ");
    assert_int_equal(slow.watcher.revision, 1);
    assert_changes(&quick, "1:kv/a 2:kv/b ");
    assert_int_equal(hub.count, 1);
    listener_stop(&quick, &hub);
    buf_deinit(&slow.text);
}

/* The id comes with the last event of a revision: a client's last id never lies within one. */
static void server_sent_events_say_a_revision_once_at_its_end(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    put(bench, &hub, "kv/a");
    put(bench, &hub, "kv/b");
    listener_start(&listener, &hub, "kv/", 2);
    listener.watcher.format = EVENT_SSE;
    watch_greet(&hub, &listener.watcher);
    struct command_delete_prefix delete = {.prefix = "kv/", .confirm = 2};
    assert_int_equal(bench_run(bench, COMMAND_DELETE_PREFIX, &delete), ERR_OK);
    watch_hub_applied(&hub);
    watch_hub_bookmark(&hub);
    assert_string_equal(
        buf_text(&listener.text),
        "retry: 1000\nevent: BOOKMARK\ndata: {\"type\":\"BOOKMARK\",\"revision\":2}\nid: 2\n\n"
        "event: DELETE\n"
        "data: {\"type\":\"DELETE\",\"revision\":3,\"kind\":\"kv\",\"key\":\"kv/a\"}\n\n"
        "event: DELETE\n"
        "data: {\"type\":\"DELETE\",\"revision\":3,\"kind\":\"kv\",\"key\":\"kv/b\"}\nid: 3\n\n"
        "event: BOOKMARK\ndata: {\"type\":\"BOOKMARK\",\"revision\":3}\nid: 3\n\n");
    listener_stop(&listener, &hub);
}

static void each_revision_of_a_batch_has_its_id(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    listener_start(&listener, &hub, "kv/a", 0);
    listener.watcher.format = EVENT_SSE;
    for (unsigned i = 0; i < 3; i++) { /* the second is another's */
        assert_int_equal(bench_put_kv(bench, i == 1 ? "kv/b" : "kv/a", "v"), ERR_OK);
    }
    watch_hub_applied(&hub);
    const char *text = buf_text(&listener.text);
    assert_non_null(strstr(text, "}\nid: 1\n\nevent: PUT\n"));
    assert_null(strstr(text, "id: 2\n"));
    assert_string_equal(text + strlen(text) - strlen("}\nid: 3\n\n"), "}\nid: 3\n\n");
    listener_stop(&listener, &hub);
}

static void a_leap_of_the_store_is_told_in_bounded_steps(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    char key[32];
    watch_hub_init(&hub, bench->store);
    listener_start(&listener, &hub, "kv/9", 0); /* few, so that its queue never fills */
    for (unsigned i = 0; i < LIMIT_WATCH_LIVE_EVENTS + 2; i++) {
        snprintf(key, sizeof key, "kv/%u", i % 10);
        assert_int_equal(bench_put_kv(bench, key, "v"), ERR_OK);
    }
    watch_hub_applied(&hub);
    assert_int_equal(listener.watcher.revision, LIMIT_WATCH_LIVE_EVENTS);
    assert_false(list_is_empty(&hub.behind));
    turn_until_live(&hub);
    assert_int_equal(listener.watcher.revision, LIMIT_WATCH_LIVE_EVENTS + 2);
    uint64_t events = LIMIT_WATCH_LIVE_EVENTS / 10;
    assert_int_equal(hub.events, events); /* none lost, none twice */
    put(bench, &hub, "kv/9");
    assert_int_equal(hub.events, events + 1);
    listener_stop(&listener, &hub);
}

static void previous_is_what_the_key_held_before(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener with;
    struct listener without;
    watch_hub_init(&hub, bench->store);
    listener_start(&with, &hub, "kv/", 0);
    listener_start(&without, &hub, "kv/", 0);
    with.watcher.filter.wants_previous = true;
    put(bench, &hub, "kv/a");
    assert_null(strstr(buf_text(&with.text), "previous"));
    put(bench, &hub, "kv/a");
    assert_non_null(strstr(buf_text(&with.text), "\"previous\":{\"key\":\"kv/a\""));
    assert_null(strstr(buf_text(&without.text), "previous"));
    listener_stop(&with, &hub);
    listener_stop(&without, &hub);
}

static void an_object_that_stops_matching_is_a_delete(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    listener_start(&listener, &hub, "nodes/", 0);
    listener.watcher.filter.selector =
        (struct selector){.terms = {{"zone", "a", false}}, .count = 1};
    assert_int_equal(bench_put(bench, "nodes/n", "{\"labels\":{\"zone\":\"b\"}}"), ERR_OK);
    assert_int_equal(bench_put(bench, "nodes/n", "{\"labels\":{\"zone\":\"a\"}}"), ERR_OK);
    assert_int_equal(bench_put(bench, "nodes/n", "{\"labels\":{\"zone\":\"b\"}}"), ERR_OK);
    assert_int_equal(bench_delete(bench, "nodes/n", false), ERR_OK);
    watch_hub_applied(&hub);
    assert_changes(&listener, "2:nodes/n -3:nodes/n ");
    listener_stop(&listener, &hub);
}

static void a_bookmark_says_what_has_come(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener listener;
    watch_hub_init(&hub, bench->store);
    listener_start(&listener, &hub, "nothing/", 0);
    put(bench, &hub, "kv/a");
    watch_hub_bookmark(&hub);
    assert_string_equal(buf_text(&listener.text), "{\"type\":\"BOOKMARK\",\"revision\":1}\n");
    listener_stop(&listener, &hub);
}

static void the_number_of_watchers_is_bounded(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct problem problem;
    watch_hub_init(&hub, bench->store);
    problem_init(&problem);
    hub.count = LIMIT_WATCHERS_MAX - 1;
    assert_int_equal(watch_check(&hub, 0, &problem), ERR_OK);
    hub.count = LIMIT_WATCHERS_MAX;
    assert_int_equal(watch_check(&hub, 0, &problem), ERR_OVERLOADED);
}

/* Each is far from its own bound; together they are beyond theirs. */
static void queues_of_all_watchers_are_bounded_and_readers_are_served(void **state) {
    enum { MUTE_COUNT = 2 * LIMIT_WATCH_QUEUES_SIZE_MAX / LIMIT_WATCH_QUEUE_SIZE_MAX };
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener reader;
    struct listener *mute = must_alloc_zeroed(MUTE_COUNT, sizeof *mute);
    watch_hub_init(&hub, bench->store);
    put(bench, &hub, "kv/a");
    for (unsigned i = 0; i < MUTE_COUNT; i++) {
        listener_start(&mute[i], &hub, "kv/", 1);
        mute[i].queued = LIMIT_WATCH_QUEUE_SIZE_MAX / 2 + 1;
    }
    listener_start(&reader, &hub, "kv/", 1);
    put(bench, &hub, "kv/b");
    assert_changes(&reader, "2:kv/b ");
    assert_changes(&mute[0], "");
    assert_int_equal(mute[0].ended, ERR_OK);
    assert_false(watch_hub_turn(&hub)); /* nobody has room: no turn after the other */
    for (unsigned i = 0; i < MUTE_COUNT; i++) {
        mute[i].queued = 0;
    }
    put(bench, &hub, "kv/c");
    turn_until_live(&hub);
    assert_changes(&reader, "2:kv/b 3:kv/c ");
    for (unsigned i = 0; i < MUTE_COUNT; i++) {
        assert_changes(&mute[i], "2:kv/b 3:kv/c ");
        listener_stop(&mute[i], &hub);
    }
    listener_stop(&reader, &hub);
    free(mute);
}

static void all_are_told_when_the_server_ends_them(void **state) {
    struct bench *bench = *state;
    struct watch_hub hub;
    struct listener live;
    struct listener behind;
    struct problem problem;
    watch_hub_init(&hub, bench->store);
    put(bench, &hub, "kv/a");
    listener_start(&live, &hub, "kv/", 1);
    listener_start(&behind, &hub, "kv/", 0);
    problem_init(&problem);
    problem_set(&problem, ERR_NO_LEADER, "shutting down");
    watch_hub_end_all(&hub, &problem);
    assert_int_equal(live.ended, ERR_NO_LEADER);
    assert_int_equal(behind.ended, ERR_NO_LEADER);
    assert_int_equal(hub.count, 0);
    buf_deinit(&live.text);
    buf_deinit(&behind.text);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLAIM(a_live_watcher_hears_what_matches_once_and_in_order),
        CLAIM(a_start_in_the_past_catches_up_and_goes_live),
        CLAIM(catching_up_is_cut_into_bounded_steps),
        CLAIM(a_turn_of_catching_up_is_bounded_in_bytes),
        CLAIM(a_start_in_the_future_waits_for_it),
        CLAIM(a_revision_comes_whole_in_one_write),
        CLAIM(a_full_queue_moves_a_watcher_behind_and_nothing_is_lost),
        CLAIM(a_watcher_that_compaction_overtakes_is_told_when_it_reads_again),
        CLAIM(a_watcher_that_does_not_read_is_ended_and_the_others_are_not),
        CLAIM(server_sent_events_say_a_revision_once_at_its_end),
        CLAIM(each_revision_of_a_batch_has_its_id),
        CLAIM(a_leap_of_the_store_is_told_in_bounded_steps),
        CLAIM(previous_is_what_the_key_held_before),
        CLAIM(an_object_that_stops_matching_is_a_delete),
        CLAIM(a_bookmark_says_what_has_come),
        CLAIM(the_number_of_watchers_is_bounded),
        CLAIM(queues_of_all_watchers_are_bounded_and_readers_are_served),
        CLAIM(all_are_told_when_the_server_ends_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
