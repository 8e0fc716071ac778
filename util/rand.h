/* Randomness, seeded: xoshiro256** (Blackman, Vigna). Production seeds it from the kernel, the
 * simulator from its seed. Not for secrets: those come from rand_os. */
#ifndef WEFT_UTIL_RAND_H
#define WEFT_UTIL_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rand {
    uint64_t state[4];
};

void rand_seed(struct rand *rand, uint64_t seed);
void rand_seed_os(struct rand *rand);
uint64_t rand_u64(struct rand *rand);
/* Uniform in [0, bound); bound > 0. */
uint64_t rand_below(struct rand *rand, uint64_t bound);
/* The kernel's randomness (getrandom). Stops the process where there is none. */
void rand_os(void *out, size_t size);

#endif
