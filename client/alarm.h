/* Alarms: any number of one-shot deadlines on one libuv timer, so that who embeds one can forget it
 * at once (a uv timer of its own could be freed only after an asynchronous close).
 *
 * An alarm lives inside its owner, from alarm_init; it is set or it is not. Due alarms are taken
 * out first and called back after, so a callback may set, clear and free as it likes. */
#ifndef WEFT_CLIENT_ALARM_H
#define WEFT_CLIENT_ALARM_H

#include "util/clock.h"
#include "util/list.h"

struct uv_loop_s;
struct alarm_clock;
struct alarm;

typedef void (*alarm_cb)(struct alarm *alarm);

struct alarm {
    struct list node;
    struct alarm_clock *clock;
    msec_t at_ms; /* the loop's time */
    alarm_cb rings;
};

/* Owns: the caller, alarm_clock_close. */
struct alarm_clock *alarm_clock_open(struct uv_loop_s *loop);
/* Frees the clock once the loop has let its timer go, then calls back. No alarm may be set. */
void alarm_clock_close(struct alarm_clock *clock, void (*closed)(void *owner), void *owner);
/* The loop's time, updated now. */
msec_t alarm_clock_now(struct alarm_clock *clock);

void alarm_init(struct alarm *alarm, struct alarm_clock *clock, alarm_cb rings);
/* Rings once at `at_ms` of the loop's time; an earlier setting is forgotten. */
void alarm_set(struct alarm *alarm, msec_t at_ms);
void alarm_clear(struct alarm *alarm); /* not set is fine */

#endif
