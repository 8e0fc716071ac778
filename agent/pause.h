/* How long to wait before trying the store again: doubles from try to try, with a random part, so
 * that a thousand agents that lost the store at once do not come back at once. */
#ifndef WEFT_AGENT_PAUSE_H
#define WEFT_AGENT_PAUSE_H

#include "util/clock.h"
#include "util/limits.h"
#include "util/rand.h"

struct pause {
    unsigned tries; /* failed in a row */
};

static inline void pause_reset(struct pause *pause) {
    pause->tries = 0;
}

/* The next wait: LIMIT_AGENT_PAUSE_MIN_MS doubling to LIMIT_AGENT_PAUSE_MAX_MS (or to `max_ms` when
 * that is less), half of it random. */
static inline msec_t pause_next(struct pause *pause, struct rand *rand, msec_t max_ms) {
    msec_t most = max_ms < LIMIT_AGENT_PAUSE_MAX_MS ? max_ms : LIMIT_AGENT_PAUSE_MAX_MS;
    msec_t wait = (msec_t)LIMIT_AGENT_PAUSE_MIN_MS << (pause->tries < 16 ? pause->tries : 16);
    wait = wait < most ? wait : most;
    pause->tries++;
    return wait / 2 + rand_below(rand, wait / 2 + 1);
}

#endif
