#include "util/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of /proc/self/stat (proc_pid_stat(5)), counted from the state, which follows the name. */
#define STAT_THREADS 17u
#define STAT_START   19u
#define STAT_VSIZE   20u
#define STAT_RSS     21u

/* The fields behind the process's name, which may itself hold spaces and brackets. */
static void read_stat(struct process_usage *usage) {
    char text[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0) {
        (void)close(file); /* nothing was written */
    }
    if (size <= 0) {
        return;
    }
    text[size] = 0;
    const char *at = strrchr(text, ')');
    for (unsigned i = 0; at != NULL && i <= STAT_RSS; i++) {
        at = strchr(at + 1, ' ');
        uint64_t value = at != NULL ? strtoull(at + 1, NULL, 10) : 0;
        if (i == STAT_THREADS) {
            usage->threads = value;
        } else if (i == STAT_START) {
            usage->started_ms = value * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
        } else if (i == STAT_VSIZE) {
            usage->virtual_size = value;
        } else if (i == STAT_RSS) {
            usage->resident_size = value * (uint64_t)sysconf(_SC_PAGESIZE);
        }
    }
}

static uint64_t count_open_files(void) {
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return count > 0 ? count - 1 : 0; /* the folder itself */
}

static uint64_t to_us(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void process_usage_read(struct process_usage *out_usage) {
    struct rusage used;
    struct rlimit files;
    *out_usage = (struct process_usage){0};
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        out_usage->cpu_us = to_us(used.ru_utime) + to_us(used.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        out_usage->open_files_max = files.rlim_cur;
    }
    out_usage->open_files = count_open_files();
    read_stat(out_usage);
}
