/* A histogram of durations: fixed buckets, whole microseconds, plain integers. Adding is a short
 * walk over the bounds, so that it may stand on every request's way. One thread owns it. Zeroed
 * memory is an empty histogram. */
#ifndef WEFT_UTIL_HISTOGRAM_H
#define WEFT_UTIL_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 16u

/* Upper bounds, each part of its bucket; what lies beyond the last one has a bucket of its own. */
extern const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each bucket alone */
    uint64_t sum_us;
};

void histogram_add(struct histogram *histogram, uint64_t value_us);
uint64_t histogram_count(const struct histogram *histogram);

#endif
