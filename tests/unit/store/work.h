/* Random work on a store: values of all sizes, long keys, deletes, transactions that are given up,
 * leases, subnets, reads that stay open, compaction. One seed, one state. */
#ifndef WEFT_TESTS_UNIT_STORE_WORK_H
#define WEFT_TESTS_UNIT_STORE_WORK_H

#include "tests/unit/store/bench.h"

#include "util/rand.h"

struct work {
    struct bench *bench;
    struct rand rand;
    struct store_read reads[3];
    bool is_open[3];
};

/* Makes the network that subnets are taken from. */
void work_init(struct work *work, struct bench *bench, uint64_t seed);
/* Ends the reads that are open. */
void work_deinit(struct work *work);
/* Runs `count` operations. */
void work_run(struct work *work, unsigned count);

#endif
