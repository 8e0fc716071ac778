/* Log time. See logtime.h. */
#include "raft/logtime.h"

#include "util/check.h"

void logtime_lead(struct logtime *logtime, msec_t now, uint64_t applied_ms) {
    logtime->base_log_ms = applied_ms;
    logtime->base_boot_ms = now;
    logtime->last_ms = applied_ms;
}

uint64_t logtime_now(struct logtime *logtime, msec_t now) {
    uint64_t passed = now > logtime->base_boot_ms ? now - logtime->base_boot_ms : 0;
    logtime->last_ms = MAX_OF(logtime->last_ms, logtime->base_log_ms + passed);
    return logtime->last_ms;
}

msec_t logtime_instant(const struct logtime *logtime, uint64_t log_ms) {
    if (log_ms <= logtime->base_log_ms) {
        return logtime->base_boot_ms;
    }
    uint64_t ahead = log_ms - logtime->base_log_ms;
    return ahead > UINT64_MAX - logtime->base_boot_ms ? UINT64_MAX : logtime->base_boot_ms + ahead;
}
