#include "client/alarm.h"

#include "util/check.h"

#include <stdlib.h>
#include <uv.h>

struct alarm_clock {
    uv_timer_t timer;
    struct list set;    /* struct alarm, in no order */
    msec_t wakes_at_ms; /* when the timer is armed for; 0: not armed */
    void (*closed)(void *owner);
    void *owner;
};

static void timer_fired(uv_timer_t *timer);

static void arm(struct alarm_clock *clock, msec_t at_ms) {
    msec_t now_ms = uv_now(clock->timer.loop);
    clock->wakes_at_ms = MAX_OF(at_ms, (msec_t)1);
    int result = uv_timer_start(&clock->timer, timer_fired, at_ms > now_ms ? at_ms - now_ms : 0, 0);
    CHECK(result == 0);
}

static void timer_fired(uv_timer_t *timer) {
    struct alarm_clock *clock = CONTAINER_OF(timer, struct alarm_clock, timer);
    msec_t now_ms = uv_now(timer->loop);
    msec_t next_ms = 0;
    struct list due;
    list_init(&due);
    clock->wakes_at_ms = 0;
    LIST_FOR_EACH(&clock->set, node) {
        struct alarm *alarm = CONTAINER_OF(node, struct alarm, node);
        if (alarm->at_ms <= now_ms) {
            list_remove(node);
            list_append(&due, node);
        } else if (next_ms == 0 || alarm->at_ms < next_ms) {
            next_ms = alarm->at_ms;
        }
    }
    if (next_ms != 0) {
        arm(clock, next_ms);
    }
    struct list *node;
    while ((node = list_take_first(&due)) != NULL) {
        struct alarm *alarm = CONTAINER_OF(node, struct alarm, node);
        alarm->rings(alarm);
    }
}

struct alarm_clock *alarm_clock_open(struct uv_loop_s *loop) {
    struct alarm_clock *clock = must_alloc_zeroed(1, sizeof *clock);
    list_init(&clock->set);
    int result = uv_timer_init(loop, &clock->timer);
    CHECK(result == 0);
    return clock;
}

static void timer_closed(uv_handle_t *handle) {
    struct alarm_clock *clock = CONTAINER_OF(handle, struct alarm_clock, timer);
    void (*closed)(void *) = clock->closed;
    void *owner = clock->owner;
    free(clock);
    closed(owner);
}

void alarm_clock_close(struct alarm_clock *clock, void (*closed)(void *owner), void *owner) {
    CHECK(list_is_empty(&clock->set));
    clock->closed = closed;
    clock->owner = owner;
    uv_close((uv_handle_t *)&clock->timer, timer_closed);
}

msec_t alarm_clock_now(struct alarm_clock *clock) {
    uv_update_time(clock->timer.loop);
    return uv_now(clock->timer.loop);
}

void alarm_init(struct alarm *alarm, struct alarm_clock *clock, alarm_cb rings) {
    list_init(&alarm->node);
    alarm->clock = clock;
    alarm->at_ms = 0;
    alarm->rings = rings;
}

void alarm_set(struct alarm *alarm, msec_t at_ms) {
    struct alarm_clock *clock = alarm->clock;
    list_remove(&alarm->node);
    list_append(&clock->set, &alarm->node);
    alarm->at_ms = at_ms;
    if (clock->wakes_at_ms == 0 || at_ms < clock->wakes_at_ms) {
        arm(clock, at_ms);
    }
}

void alarm_clear(struct alarm *alarm) {
    struct alarm_clock *clock = alarm->clock;
    list_remove(&alarm->node);
    if (list_is_empty(&clock->set)) {
        /* Nothing to wait for: an armed timer would keep the loop alive. */
        uv_timer_stop(&clock->timer);
        clock->wakes_at_ms = 0;
    }
}
