/* CRC32C (Castagnoli, RFC 3720 B.4): the checksum of log records, frames and files. Uses the
 * processor's instruction where there is one. */
#ifndef WEFT_UTIL_CRC_H
#define WEFT_UTIL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over `size` bytes. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
