#include "util/crc.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82F63B78) /* reversed */

static uint32_t crc32c_table(uint32_t crc, const uint8_t *data, size_t size) {
    static uint32_t table[256];
    if (table[1] == 0) { /* the fill is idempotent: two threads at once write the same values */
        for (uint32_t i = 255; i > 0; i--) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; bit++) {
                value = (value >> 1) ^ ((value & 1) != 0 ? POLYNOMIAL : 0);
            }
            __atomic_store_n(&table[i], value, __ATOMIC_RELEASE);
        }
    }
    for (size_t i = 0; i < size; i++) {
        crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xff];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *data,
                                                               size_t size) {
    uint64_t wide = crc;
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        wide = __builtin_ia32_crc32di(wide, word);
        data += 8;
        size -= 8;
    }
    crc = (uint32_t)wide;
    while (size > 0) {
        crc = __builtin_ia32_crc32qi(crc, *data);
        data++;
        size--;
    }
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size) {
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc32c_sse42(crc, data, size);
    }
#endif
    return ~crc32c_table(crc, data, size);
}
