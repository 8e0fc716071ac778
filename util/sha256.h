/* SHA-256 (FIPS 180-4), in pieces: fingerprints of requests, digests of snapshots. sha256.c is the
 * one door to libmd. */
#ifndef WEFT_UTIL_SHA256_H
#define WEFT_UTIL_SHA256_H

#include "util/buf.h"

#define SHA256_SIZE 32u

/* Lifetime: a value on the stack; nothing is to be released. */
struct sha256 {
    uint64_t state[26]; /* libmd's context */
};

void sha256_init(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, struct slice bytes);
/* Shape: SHA256_SIZE bytes. The struct is used up. */
void sha256_finish(struct sha256 *sha256, uint8_t *out_digest);

#endif
