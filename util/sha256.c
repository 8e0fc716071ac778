#include "util/sha256.h"

#include <assert.h>
#include <sha2.h>

static_assert(sizeof(SHA2_CTX) <= sizeof(struct sha256), "libmd's context fits");
static_assert(SHA256_DIGEST_LENGTH == SHA256_SIZE, "SHA-256 has 32 bytes");

static SHA2_CTX *context_of(struct sha256 *sha256) {
    return (SHA2_CTX *)(void *)sha256->state;
}

void sha256_init(struct sha256 *sha256) {
    SHA256Init(context_of(sha256));
}

void sha256_add(struct sha256 *sha256, struct slice bytes) {
    if (bytes.size > 0) {
        SHA256Update(context_of(sha256), bytes.data, bytes.size);
    }
}

void sha256_finish(struct sha256 *sha256, uint8_t *out_digest) {
    SHA256Final(out_digest, context_of(sha256));
}
