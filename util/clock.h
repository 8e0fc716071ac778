/* Time, as an interface: production reads the kernel, the simulator reads its own.
 *
 * boot_ms is CLOCK_BOOTTIME: it counts suspend too and never jumps; leases and timeouts use only
 * it. wall_ms is for people (timestamps) and decides nothing. */
#ifndef WEFT_UTIL_CLOCK_H
#define WEFT_UTIL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t msec_t; /* milliseconds: an instant since boot, or a duration */

struct clock {
    msec_t (*boot_ms)(const struct clock *clock);
    int64_t (*wall_ms)(const struct clock *clock); /* since the Unix epoch */
    /* The same instant as boot_ms, finer; for measuring, never for deciding. NULL: it is as coarse.
     */
    uint64_t (*boot_us)(const struct clock *clock);
};

/* The kernel's clocks. */
extern const struct clock clock_system;

static inline msec_t clock_boot_ms(const struct clock *clock) {
    return clock->boot_ms(clock);
}
static inline uint64_t clock_boot_us(const struct clock *clock) {
    return clock->boot_us != NULL ? clock->boot_us(clock) : clock->boot_ms(clock) * 1000;
}
static inline int64_t clock_wall_ms(const struct clock *clock) {
    return clock->wall_ms(clock);
}

#define CLOCK_RFC3339_SIZE 32u
/* RFC 3339 in UTC with milliseconds: 2026-11-23T18:38:00.123Z. What lies outside the years 1970 to
 * 9999 becomes the nearest that does not. Shape: `out` has CLOCK_RFC3339_SIZE. */
void clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE]);

#define CLOCK_BOOT_ID_SIZE 40u
/* The kernel's boot id (/proc/sys/kernel/random/boot_id); "unknown" where there is none. */
void clock_boot_id(char out[CLOCK_BOOT_ID_SIZE]);

#endif
