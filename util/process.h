/* What this process uses of its machine, for metrics. Reads /proc; meant for now and then. */
#ifndef WEFT_UTIL_PROCESS_H
#define WEFT_UTIL_PROCESS_H

#include <stdint.h>

/* What cannot be read is 0. */
struct process_usage {
    uint64_t cpu_us;        /* user and system, all threads */
    uint64_t resident_size; /* bytes */
    uint64_t virtual_size;
    uint64_t open_files;
    uint64_t open_files_max;
    uint64_t threads;
    uint64_t started_ms; /* on the boot-time clock */
};

void process_usage_read(struct process_usage *out_usage);

#endif
