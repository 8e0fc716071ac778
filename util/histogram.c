#include "util/histogram.h"

/* From an answer out of memory to a call's longest timeout. */
const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    50,    100,   250,    500,    1000,   2500,    5000,    10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};

void histogram_add(struct histogram *histogram, uint64_t value_us) {
    unsigned i = 0;
    while (i < HISTOGRAM_BOUNDS && value_us > histogram_bounds_us[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum_us += value_us;
}

uint64_t histogram_count(const struct histogram *histogram) {
    uint64_t count = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
    }
    return count;
}
