/* What agent/lease promises (S7, S8; pains 1 and 6 of NETWORK.md 9), against a store that is played
 * by an HTTP server on the same loop. Time is the test's own where it decides something. */
#include "agent/lease.h"
#include "serve/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define ANSWERS_MAX 8u
#define WAIT_MS     5000u

/* What the store says next; `reply` NULL: 503 no_leader would be retried by the client, so a
 * refusal is a status and a code. */
struct scripted {
    const char *path_end; /* the request must end so */
    int status;
    const char *body;
    msec_t takes_ms; /* how far the test's clock moves while the store thinks */
};

struct world {
    struct clock clock;
    msec_t now_ms;
    uv_loop_t loop;
    uv_timer_t limit;
    bool is_over;
    struct server *server;
    struct server_list servers;
    struct call_pool *pool;
    struct lease lease;
    const struct scripted *script;
    unsigned script_size;
    unsigned asked;
    char bodies[ANSWERS_MAX][256]; /* of the requests */
    unsigned granted, renewed, lost;
    msec_t sent_ms; /* as reported with the last grant or renewal */
};

static msec_t world_boot_ms(const struct clock *clock) {
    return CONTAINER_OF(clock, struct world, clock)->now_ms;
}

static void requested(struct exchange *exchange, void *owner) {
    struct world *world = owner;
    const struct http_message *message = exchange_message(exchange);
    assert_true(world->asked < world->script_size);
    const struct scripted *now = &world->script[world->asked];
    size_t size = strlen(message->target);
    assert_true(size > strlen(now->path_end));
    assert_string_equal(message->target + size - strlen(now->path_end), now->path_end);
    snprintf(world->bodies[world->asked], sizeof world->bodies[0], "%.*s", (int)message->body.size,
             (const char *)message->body.data);
    world->asked++;
    world->now_ms += now->takes_ms;
    exchange_reply(exchange, now->status, "application/json", slice_of_text(now->body));
}

static void granted(void *owner, const struct json *json, msec_t sent_ms) {
    struct world *world = owner;
    assert_non_null(json_find(json, "subnet"));
    world->granted++;
    world->sent_ms = sent_ms;
}

static void renewed(void *owner, msec_t sent_ms) {
    struct world *world = owner;
    world->renewed++;
    world->sent_ms = sent_ms;
}

static void lost(void *owner) {
    ((struct world *)owner)->lost++;
}

static const struct lease_handlers handlers = {
    .granted = granted, .renewed = renewed, .lost = lost};

static void limit_reached(uv_timer_t *timer) {
    CONTAINER_OF(timer, struct world, limit)->is_over = true;
}

/* Runs the loop until all scripted answers were given and taken. */
static void play(struct world *world) {
    assert_int_equal(uv_timer_start(&world->limit, limit_reached, WAIT_MS, 0), 0);
    world->is_over = false;
    while (world->asked < world->script_size || call_is_active(&world->lease.call)) {
        uv_run(&world->loop, UV_RUN_ONCE);
        assert_false(world->is_over);
    }
    uv_timer_stop(&world->limit);
}

static void set_script(struct world *world, const struct scripted *script, unsigned size) {
    assert_true(size <= ANSWERS_MAX);
    world->script = script;
    world->script_size = size;
    world->asked = 0;
}

static int open_world(void **state) {
    static struct world world;
    struct problem problem;
    struct socket_address address;
    char url[64];
    memset(&world, 0, sizeof world);
    world.clock.boot_ms = world_boot_ms;
    world.now_ms = 1000000;
    assert_int_equal(uv_loop_init(&world.loop), 0);
    assert_int_equal(uv_timer_init(&world.loop, &world.limit), 0);
    struct server_options options = {
        .loop = &world.loop, .clock = &clock_system, .requested = requested, .owner = &world};
    world.server = server_new(&options);
    assert_int_equal(socket_address_parse("127.0.0.1:0", &address), ERR_OK);
    assert_int_equal(server_listen(world.server, &address, 0), ERR_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", server_port(world.server, 0));
    problem_init(&problem);
    assert_int_equal(server_list_parse(url, &world.servers, &problem), ERR_OK);
    world.pool = call_pool_open(&world.loop);
    lease_init(&world.lease, world.pool, &world.servers, &world.clock, "default", &handlers,
               &world);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *world = *state;
    lease_deinit(&world->lease);
    call_pool_close(world->pool, NULL, NULL);
    server_close(world->server, NULL, NULL);
    uv_close((uv_handle_t *)&world->limit, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&world->loop) == 0 ? 0 : -1;
}

static void want(struct world *world, const char *public_ip) {
    struct subnet_acquire request = {.node = "n1", .backend_type = "vxlan"};
    assert_int_equal(ip_address_parse(public_ip, &request.public_ip), ERR_OK);
    lease_want(&world->lease, &request);
}

#define GRANT(subnet, epoch, ttl)                                                                  \
    "{\"subnet\":\"" subnet "\",\"epoch\":" epoch ",\"ttl_s\":" ttl ",\"reserved\":false}"
#define PROBLEM(code) "{\"code\":\"" code "\",\"detail\":\"so it is\",\"outcome\":\"not_applied\"}"

static void the_lease_counts_from_before_the_request_was_sent(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 700}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    assert_int_equal(world->granted, 1);
    assert_int_equal(world->sent_ms, 1000000);
    assert_int_equal(world->lease.state, LEASE_HELD);
    assert_null(strstr(world->bodies[0], "prefer"));
}

static void a_lease_is_current_for_nine_tenths_of_its_time(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 1000}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    world->now_ms = 1000000 + 53999;
    assert_true(lease_is_current(&world->lease));
    world->now_ms = 1000000 + 54000;
    assert_false(lease_is_current(&world->lease));
}

static void a_lease_is_renewed_after_a_third_of_its_time(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "1"), 0},
        {"/10.244.7.0-24/renew", 200, GRANT("10.244.7.0/24", "9", "1"), 40}};
    set_script(world, script, 2);
    uint64_t began = uv_hrtime();
    want(world, "192.0.2.1");
    play(world);
    uint64_t took_ms = (uv_hrtime() - began) / 1000000;
    assert_int_equal(world->renewed, 1);
    assert_in_range(took_ms, 300, 900);
    assert_int_equal(world->sent_ms, 1000000);
    assert_non_null(strstr(world->bodies[1], "\"epoch\":9"));
    assert_non_null(strstr(world->bodies[1], "\"node\":\"n1\""));
}

static void a_lost_lease_is_told_and_acquired_again_by_preference(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/renew", 409, PROBLEM("lease_lost"), 0},
        {"/acquire", 201, GRANT("10.244.8.0/24", "12", "60"), 0}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    world->script_size = 3;
    lease_hurry(&world->lease);
    play(world);
    assert_int_equal(world->lost, 1);
    assert_int_equal(world->granted, 2);
    assert_non_null(strstr(world->bodies[2], "\"prefer\":\"10.244.7.0/24\""));
    assert_int_equal(world->lease.epoch, 12);
    assert_int_equal(world->lease.state, LEASE_HELD);
}

static void a_wish_that_the_network_no_longer_has_is_given_up(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/renew", 409, PROBLEM("lease_lost"), 0},
        {"/acquire", 422, PROBLEM("invalid"), 0},
        {"/acquire", 201, GRANT("10.99.1.0/24", "12", "60"), 0}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    world->script_size = 4;
    lease_hurry(&world->lease);
    play(world);
    assert_non_null(strstr(world->bodies[2], "prefer"));
    assert_null(strstr(world->bodies[3], "prefer"));
    assert_int_equal(world->lease.epoch, 12);
}

static void a_refused_acquire_is_tried_again(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 409, PROBLEM("pool_exhausted"), 0},
        {"/acquire", 200, "{\"subnet\":\"nonsense\",\"epoch\":1}", 0},
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0}};
    set_script(world, script, 3);
    want(world, "192.0.2.1");
    play(world);
    assert_int_equal(world->granted, 1);
    assert_int_equal(world->lost, 0);
    assert_string_equal(world->lease.trouble, "");
}

static void a_failed_renewal_keeps_the_lease(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/renew", 500, PROBLEM("internal"), 0},
        {"/renew", 200, GRANT("10.244.7.0/24", "9", "60"), 0}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    world->script_size = 3;
    lease_hurry(&world->lease);
    play(world);
    assert_int_equal(world->lost, 0);
    assert_int_equal(world->renewed, 1);
}

static void another_address_is_acquired_for_at_once(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/acquire", 200, GRANT("10.244.7.0/24", "15", "60"), 0}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    want(world, "192.0.2.1"); /* the same: nothing to ask */
    assert_int_equal(world->lease.state, LEASE_HELD);
    world->script_size = 2;
    want(world, "192.0.2.2");
    play(world);
    assert_int_equal(world->granted, 2);
    assert_non_null(strstr(world->bodies[1], "192.0.2.2"));
    assert_int_equal(world->lease.epoch, 15);
}

static void a_change_while_a_grant_is_on_its_way_is_acquired_after_it(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/acquire", 200, GRANT("10.244.7.0/24", "15", "60"), 0}};
    set_script(world, script, 2);
    want(world, "192.0.2.1");
    want(world, "192.0.2.2");
    play(world);
    assert_non_null(strstr(world->bodies[0], "192.0.2.1"));
    assert_non_null(strstr(world->bodies[1], "192.0.2.2"));
}

static void renewals_go_on_while_a_changed_request_is_refused(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/acquire", 409, PROBLEM("address_in_use"), 30000},
        {"/renew", 200, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/acquire", 200, GRANT("10.244.7.0/24", "15", "60"), 0}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    world->script_size = 4;
    want(world, "192.0.2.2");
    play(world);
    assert_int_equal(world->renewed, 1);
    assert_int_equal(world->granted, 2);
}

static void a_resumed_lease_is_held_and_confirmed(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 200, GRANT("10.244.7.0/24", "15", "60"), 0}};
    struct subnet own = {.epoch = 9, .ttl_s = 60};
    assert_int_equal(ip_prefix_parse("10.244.7.0/24", '/', &own.subnet), ERR_OK);
    lease_resume(&world->lease, &own, world->now_ms - 1000, true);
    assert_true(lease_is_current(&world->lease));
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    assert_non_null(strstr(world->bodies[0], "\"prefer\":\"10.244.7.0/24\""));
    assert_int_equal(world->lease.epoch, 15);
}

static void a_lease_of_another_boot_is_not_current(void **state) {
    struct world *world = *state;
    struct subnet own = {.epoch = 9, .ttl_s = 60};
    assert_int_equal(ip_prefix_parse("10.244.7.0/24", '/', &own.subnet), ERR_OK);
    lease_resume(&world->lease, &own, world->now_ms, false);
    assert_false(lease_is_current(&world->lease));
    lease_tick(&world->lease);
    assert_true(world->lease.is_overdue);
}

static void a_reservation_never_ends(void **state) {
    struct world *world = *state;
    struct subnet own = {.epoch = 9, .ttl_s = 60, .reserved = true};
    assert_int_equal(ip_prefix_parse("10.244.7.0/24", '/', &own.subnet), ERR_OK);
    lease_resume(&world->lease, &own, world->now_ms, true);
    world->now_ms += UINT64_C(1000) * 86400 * 365;
    assert_true(lease_is_current(&world->lease));
    lease_tick(&world->lease);
    assert_false(world->lease.is_overdue);
}

static void a_late_alarm_is_made_up_for(void **state) {
    struct world *world = *state;
    static const struct scripted script[] = {
        {"/acquire", 201, GRANT("10.244.7.0/24", "9", "60"), 0},
        {"/renew", 200, GRANT("10.244.7.0/24", "9", "60"), 0}};
    set_script(world, script, 1);
    want(world, "192.0.2.1");
    play(world);
    world->now_ms += 31000; /* suspend: the loop's timers stood still */
    world->script_size = 2;
    lease_tick(&world->lease);
    play(world);
    assert_int_equal(world->renewed, 1);
}

#define LEASE_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        LEASE_TEST(the_lease_counts_from_before_the_request_was_sent),
        LEASE_TEST(a_lease_is_current_for_nine_tenths_of_its_time),
        LEASE_TEST(a_lease_is_renewed_after_a_third_of_its_time),
        LEASE_TEST(a_lost_lease_is_told_and_acquired_again_by_preference),
        LEASE_TEST(a_wish_that_the_network_no_longer_has_is_given_up),
        LEASE_TEST(a_refused_acquire_is_tried_again),
        LEASE_TEST(a_failed_renewal_keeps_the_lease),
        LEASE_TEST(another_address_is_acquired_for_at_once),
        LEASE_TEST(a_change_while_a_grant_is_on_its_way_is_acquired_after_it),
        LEASE_TEST(renewals_go_on_while_a_changed_request_is_refused),
        LEASE_TEST(a_resumed_lease_is_held_and_confirmed),
        LEASE_TEST(a_lease_of_another_boot_is_not_current),
        LEASE_TEST(a_reservation_never_ends),
        LEASE_TEST(a_late_alarm_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
