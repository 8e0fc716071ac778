#include "util/clock.h"

#include "util/check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RFC3339_LAST_MS INT64_C(253402300799999) /* the end of the year 9999 */

static msec_t system_boot_ms(const struct clock *clock) {
    (void)clock;
    struct timespec now;
    CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (msec_t)now.tv_sec * 1000 + (msec_t)now.tv_nsec / 1000000;
}

static uint64_t system_boot_us(const struct clock *clock) {
    (void)clock;
    struct timespec now;
    CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int64_t system_wall_ms(const struct clock *clock) {
    (void)clock;
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct clock clock_system = {
    .boot_ms = system_boot_ms, .wall_ms = system_wall_ms, .boot_us = system_boot_us};

void clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE]) {
    int64_t ms = wall_ms < 0 ? 0 : MIN_OF(wall_ms, RFC3339_LAST_MS);
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    CHECK(gmtime_r(&seconds, &utc) != NULL);
    char date[24];
    CHECK(strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) > 0);
    snprintf(out, CLOCK_RFC3339_SIZE, "%s.%03dZ", date, (int)(ms % 1000));
}

void clock_boot_id(char out[CLOCK_BOOT_ID_SIZE]) {
    snprintf(out, CLOCK_BOOT_ID_SIZE, "unknown");
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL) {
        return;
    }
    char line[CLOCK_BOOT_ID_SIZE];
    if (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        snprintf(out, CLOCK_BOOT_ID_SIZE, "%s", line);
    }
    fclose(file);
}
