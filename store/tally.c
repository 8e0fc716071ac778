#define XXH_INLINE_ALL
#include "store/tally.h"

#include <xxhash.h>

/* The key's hash carries the table as its seed, and both hashes carry their sizes. */
static uint64_t record_hash(unsigned table, struct slice key, struct slice value) {
    const uint64_t parts[] = {XXH3_64bits_withSeed(key.data, key.size, table),
                              XXH3_64bits(value.data, value.size)};
    return XXH3_64bits(parts, sizeof parts);
}

static uint64_t record_size(struct slice key, struct slice value) {
    return key.size + value.size + TALLY_RECORD_SIZE;
}

void tally_add(struct tally *tally, unsigned table, struct slice key, struct slice value) {
    tally->digest += record_hash(table, key, value);
    tally->size += record_size(key, value);
}

void tally_subtract(struct tally *tally, unsigned table, struct slice key, struct slice value) {
    tally->digest -= record_hash(table, key, value);
    tally->size -= record_size(key, value);
}

uint64_t tally_hash(struct slice bytes) {
    return XXH3_64bits(bytes.data, bytes.size);
}
