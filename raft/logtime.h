/* Log time: the clock of leases. The leader stamps entries with it; it continues from the last log
 * time that was applied, runs with CLOCK_BOOTTIME, never backwards and never faster than real time.
 * While there is no leader it stands still: a gap only makes leases live longer (RELIABILITY.md
 * S7). */
#ifndef WEFT_RAFT_LOGTIME_H
#define WEFT_RAFT_LOGTIME_H

#include "util/clock.h"

#include <stdint.h>

struct logtime {
    uint64_t base_log_ms;
    msec_t base_boot_ms;
    uint64_t last_ms; /* the highest that was given out */
};

/* This server leads from now on; `applied_ms` is the newest log time in the state. */
void logtime_lead(struct logtime *logtime, msec_t now, uint64_t applied_ms);
/* The log time at `now`. */
uint64_t logtime_now(struct logtime *logtime, msec_t now);
/* The instant at which the log time will be `log_ms`. */
msec_t logtime_instant(const struct logtime *logtime, uint64_t log_ms);

#endif
