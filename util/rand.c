#include "util/rand.h"

#include "util/check.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

void rand_seed(struct rand *rand, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        rand->state[i] = splitmix64(&seed);
    }
}

void rand_seed_os(struct rand *rand) {
    uint64_t seed;
    rand_os(&seed, sizeof seed);
    rand_seed(rand, seed);
}

uint64_t rand_u64(struct rand *rand) {
    uint64_t *s = rand->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *rand, uint64_t bound) {
    CHECK(bound > 0);
    uint64_t reject_below = (0 - bound) % bound;
    uint64_t value;
    do {
        value = rand_u64(rand);
    } while (value < reject_below);
    return value % bound;
}

void rand_os(void *out, size_t size) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CHECK(got > 0);
        at += got;
        size -= (size_t)got;
    }
}
