#include "agent/lease.h"

#include "util/log.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned successors; /* a bit a state */
} states[] = {
    [LEASE_IDLE] = {"idle", 1u << LEASE_ACQUIRING | 1u << LEASE_HELD},
    [LEASE_ACQUIRING] = {"acquiring", 1u << LEASE_HELD | 1u << LEASE_PAUSED},
    [LEASE_HELD] = {"held", 1u << LEASE_RENEWING | 1u << LEASE_ACQUIRING},
    [LEASE_RENEWING] = {"renewing", 1u << LEASE_HELD | 1u << LEASE_LOST | 1u << LEASE_PAUSED |
                                        1u << LEASE_ACQUIRING},
    [LEASE_LOST] = {"lost", 1u << LEASE_ACQUIRING | 1u << LEASE_IDLE},
    [LEASE_PAUSED] = {"paused", 1u << LEASE_ACQUIRING | 1u << LEASE_RENEWING},
};
static_assert(ARRAY_COUNT(states) == LEASE_STATE_COUNT, "a row a state");

const char *lease_state_name(enum lease_state state) {
    CHECK((unsigned)state < LEASE_STATE_COUNT);
    return states[state].name;
}

static bool is_held(const struct lease *lease) {
    return lease->subnet.address.family != IP_NONE;
}

/* The invariants at each move: what is held has a subnet, and a call is on its way exactly in the
 * two states that say so (it starts right after the move). */
static void move_to(struct lease *lease, enum lease_state next) {
    CHECK((states[lease->state].successors & 1u << next) != 0);
    CHECK(!call_is_active(&lease->call));
    CHECK(is_held(lease) || (next != LEASE_HELD && next != LEASE_RENEWING));
    lease->state = next;
    alarm_clear(&lease->alarm);
}

static void set_alarm(struct lease *lease, msec_t wait_ms) {
    alarm_set(&lease->alarm, alarm_clock_now(call_pool_alarms(lease->pool)) + wait_ms);
}

/* A third of the TTL, and up to a tenth of that more: a thousand nodes do not renew as one. */
static msec_t renewal_wait_ms(struct lease *lease) {
    msec_t third = lease->ttl_ms / 3;
    msec_t wait = third + rand_below(&lease->rand, third / 10 + 1);
    msec_t age = clock_boot_ms(lease->clock) - lease->sent_ms;
    return wait > age ? wait - age : 0;
}

static bool differs_from_asked(const struct lease *lease) {
    return lease->wanted.size > 0 &&
           !slice_equal(buf_slice(&lease->wanted), buf_slice(&lease->asked));
}

/* While the request that we would make differs from the one that was granted, it is tried again and
 * again; the renewals go on beside it. */
static void hold(struct lease *lease) {
    move_to(lease, LEASE_HELD);
    if (differs_from_asked(lease)) {
        set_alarm(lease, pause_next(&lease->pause, &lease->rand, LIMIT_AGENT_PAUSE_MAX_MS));
    } else if (lease->ttl_ms > 0) {
        set_alarm(lease, renewal_wait_ms(lease));
    }
}

/* ---- failure ---- */

/* One line a spell of trouble at warn, the repetitions at debug. */
static void note_trouble(struct lease *lease, const char *what, const struct problem *problem) {
    struct buf text;
    buf_init(&text);
    problem_describe(problem, &text);
    enum log_level level = lease->trouble[0] == 0 || problem->err != ERR_UNREACHABLE
                               ? LOG_LEVEL_WARN
                               : LOG_LEVEL_DEBUG;
    LOG_AT(level, what, LOG_ERR(problem->err), LOG_TEXT("detail", buf_text(&text)));
    snprintf(lease->trouble, sizeof lease->trouble, "%s", buf_text(&text));
    buf_deinit(&text);
}

/* Tries again after a while; with a short TTL sooner. */
static void back_off(struct lease *lease) {
    msec_t most = lease->ttl_ms > 0 ? lease->ttl_ms / 10 : LIMIT_AGENT_PAUSE_MAX_MS;
    move_to(lease, LEASE_PAUSED);
    set_alarm(lease, pause_next(&lease->pause, &lease->rand, most));
}

/* ---- acquiring ---- */

/* A reservation never ends. */
static msec_t ttl_of(const struct json *json) {
    bool is_reserved = json_is_true(json_find(json, "reserved"));
    return is_reserved ? 0 : json_find_number(json, "ttl_s", 0) * 1000;
}

static void read_grant(struct lease *lease, const struct json *json) {
    CHECK(ip_prefix_parse(json_find_text(json, "subnet", ""), '/', &lease->subnet) == ERR_OK);
    lease->prefer = lease->subnet;
    lease->epoch = json_find_number(json, "epoch", 0);
    lease->ttl_ms = ttl_of(json);
    lease->sent_ms = lease->request_sent_ms;
    lease->is_of_boot = true;
    lease->is_overdue = false;
    lease->trouble[0] = 0;
    pause_reset(&lease->pause);
}

static bool is_grant(const struct json *json) {
    struct ip_prefix subnet;
    return ip_prefix_parse(json_find_text(json, "subnet", ""), '/', &subnet) == ERR_OK &&
           json_find_number(json, "epoch", 0) > 0;
}

static void acquire_done(struct call *call, void *owner, enum err err) {
    struct lease *lease = owner;
    struct json *json = NULL;
    struct json_fault fault;
    if (err == ERR_OK &&
        (json_parse(call->answer.body, &json, &fault) != ERR_OK || !is_grant(json))) {
        err = problem_set(&call->problem, ERR_INTERNAL, "the store's grant is not readable");
    }
    if (err != ERR_OK) {
        note_trouble(lease, "no subnet acquired", &call->problem);
        if (err == ERR_INVALID) {
            lease->prefer = (struct ip_prefix){0}; /* the network may have other addresses now */
        }
        json_free(json);
        buf_clear(&lease->asked);
        back_off(lease);
        return;
    }
    read_grant(lease, json);
    char subnet[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&lease->subnet, '/', subnet);
    LOG_INFO("subnet acquired", LOG_TEXT("subnet", subnet), LOG_U64("epoch", lease->epoch),
             LOG_U64("ttl_s", lease->ttl_ms / 1000));
    hold(lease);
    lease->handlers->granted(lease->owner, json, lease->sent_ms);
    json_free(json);
}

/* The body of an acquire: what is wanted, and the subnet that was ours last. */
static void write_acquire(const struct lease *lease, struct buf *out) {
    struct subnet_acquire acquire;
    struct arena arena;
    arena_init(&arena);
    CHECK(field_decode(&shape_subnet_acquire, buf_slice(&lease->wanted), &arena, &acquire) ==
          ERR_OK);
    acquire.prefer = lease->prefer;
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    field_write(&shape_subnet_acquire, &acquire, &writer);
    json_close_object(&writer);
    arena_deinit(&arena);
}

static void acquire(struct lease *lease) {
    char target[LIMIT_KEY_SIZE_MAX];
    struct buf body;
    move_to(lease, LEASE_ACQUIRING);
    snprintf(target, sizeof target, "/v1/subnets/%s/acquire", lease->network);
    buf_init(&body);
    write_acquire(lease, &body);
    struct client_request request = {
        .method = METHOD_POST, .target = target, .body = buf_slice(&body)};
    buf_clear(&lease->asked);
    buf_append(&lease->asked, lease->wanted.data, lease->wanted.size);
    lease->request_sent_ms = clock_boot_ms(lease->clock);
    call_start(&lease->call, lease->pool, lease->servers, &request, acquire_done, lease);
    buf_deinit(&body);
}

/* ---- renewing ---- */

static void lose(struct lease *lease) {
    char subnet[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&lease->subnet, '/', subnet);
    LOG_ERROR("subnet lease lost: acquiring again, pods keep their addresses",
              LOG_TEXT("subnet", subnet), LOG_U64("epoch", lease->epoch));
    move_to(lease, LEASE_LOST);
    lease->subnet = (struct ip_prefix){.length = 0};
    lease->ttl_ms = 0;
    lease->handlers->lost(lease->owner);
    if (lease->wanted.size > 0) {
        acquire(lease);
    } else {
        move_to(lease, LEASE_IDLE);
    }
}

static void renew_done(struct call *call, void *owner, enum err err) {
    struct lease *lease = owner;
    if (err == ERR_LEASE_LOST || err == ERR_NOT_FOUND) {
        lose(lease);
        return;
    }
    if (err != ERR_OK) {
        note_trouble(lease, "subnet lease not renewed", &call->problem);
        back_off(lease);
        return;
    }
    struct json *json;
    struct json_fault fault;
    if (json_parse(call->answer.body, &json, &fault) == ERR_OK) {
        lease->ttl_ms = ttl_of(json); /* an operator may have made it a reservation */
        json_free(json);
    }
    lease->sent_ms = lease->request_sent_ms;
    lease->is_of_boot = true;
    lease->is_overdue = false;
    lease->trouble[0] = 0;
    pause_reset(&lease->pause);
    LOG_DEBUG("subnet lease renewed", LOG_U64("epoch", lease->epoch));
    hold(lease);
    lease->handlers->renewed(lease->owner, lease->sent_ms);
}

static void renew(struct lease *lease) {
    char subnet[IP_PREFIX_TEXT_SIZE];
    char target[LIMIT_KEY_SIZE_MAX];
    struct subnet_hold hold_body = {.node = lease->node, .epoch = lease->epoch};
    struct buf body;
    move_to(lease, LEASE_RENEWING);
    ip_prefix_format(&lease->subnet, '-', subnet);
    snprintf(target, sizeof target, "/v1/subnets/%s/%s/renew", lease->network, subnet);
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    field_write(&shape_subnet_hold, &hold_body, &writer);
    json_close_object(&writer);
    struct client_request request = {
        .method = METHOD_POST, .target = target, .body = buf_slice(&body)};
    lease->request_sent_ms = clock_boot_ms(lease->clock);
    call_start(&lease->call, lease->pool, lease->servers, &request, renew_done, lease);
    buf_deinit(&body);
}

static bool is_renewal_due(const struct lease *lease) {
    return lease->ttl_ms > 0 && lease->is_of_boot &&
           clock_boot_ms(lease->clock) - lease->sent_ms >= lease->ttl_ms / 3;
}

/* What comes next from HELD and PAUSED. */
static void proceed(struct lease *lease) {
    if (is_held(lease) && (is_renewal_due(lease) || !differs_from_asked(lease))) {
        renew(lease);
    } else if (lease->wanted.size > 0) {
        acquire(lease);
    }
}

static void alarm_rings(struct alarm *alarm) {
    struct lease *lease = CONTAINER_OF(alarm, struct lease, alarm);
    proceed(lease);
}

/* ---- the owner's side ---- */

void lease_init(struct lease *lease, struct call_pool *pool, struct server_list *servers,
                const struct clock *clock, const char *network,
                const struct lease_handlers *handlers, void *owner) {
    memset(lease, 0, sizeof *lease);
    lease->pool = pool;
    lease->servers = servers;
    lease->clock = clock;
    lease->network = network;
    lease->handlers = handlers;
    lease->owner = owner;
    rand_seed_os(&lease->rand);
    buf_init(&lease->wanted);
    buf_init(&lease->asked);
    alarm_init(&lease->alarm, call_pool_alarms(pool), alarm_rings);
}

void lease_deinit(struct lease *lease) {
    call_cancel(&lease->call);
    alarm_clear(&lease->alarm);
    buf_deinit(&lease->wanted);
    buf_deinit(&lease->asked);
}

void lease_resume(struct lease *lease, const struct subnet *own, msec_t sent_ms, bool is_of_boot) {
    CHECK(lease->state == LEASE_IDLE);
    lease->subnet = own->subnet;
    lease->prefer = own->subnet;
    lease->epoch = own->epoch;
    lease->ttl_ms = own->reserved ? 0 : own->ttl_s * 1000;
    lease->sent_ms = sent_ms;
    lease->is_of_boot = is_of_boot;
    lease->state = LEASE_HELD;
}

void lease_want(struct lease *lease, const struct subnet_acquire *request) {
    snprintf(lease->node, sizeof lease->node, "%s", request->node);
    buf_clear(&lease->wanted);
    field_encode(&shape_subnet_acquire, request, &lease->wanted);
    bool may_begin = lease->state == LEASE_IDLE || lease->state == LEASE_HELD;
    if (may_begin && differs_from_asked(lease)) {
        acquire(lease);
    }
}

void lease_hurry(struct lease *lease) {
    if (lease->state == LEASE_HELD || lease->state == LEASE_PAUSED) {
        proceed(lease);
    }
}

static bool is_over(const struct lease *lease) {
    if (lease->ttl_ms == 0) {
        return false;
    }
    msec_t now_ms = clock_boot_ms(lease->clock);
    return !lease->is_of_boot || now_ms - lease->sent_ms >= lease->ttl_ms / 10 * 9;
}

void lease_tick(struct lease *lease) {
    if (is_held(lease) && !lease->is_overdue && is_over(lease)) {
        lease->is_overdue = true;
        LOG_ERROR("subnet lease not renewed for 0.9 of its time: traffic on this node goes on",
                  LOG_U64("epoch", lease->epoch), LOG_U64("ttl_s", lease->ttl_ms / 1000),
                  LOG_TEXT("trouble", lease->trouble));
    }
    if (lease->state == LEASE_HELD && is_renewal_due(lease) &&
        clock_boot_ms(lease->clock) - lease->sent_ms >= lease->ttl_ms / 2) {
        proceed(lease); /* the alarm is late: it stood still in suspend */
    }
}

bool lease_is_current(const struct lease *lease) {
    return is_held(lease) && !is_over(lease);
}
