/* A growable byte buffer, and a bounded reader over bytes with a sticky error.
 *
 * Fixed-size integers are big-endian, so that the order of encoded keys is the order of the
 * numbers; varints are LEB128 (7 bits a byte, low first). Lifetime: buf_init .. buf_deinit, memory
 * is the buffer's own. A reader borrows; what it hands out lives as long as the bytes it reads. */
#ifndef WEFT_UTIL_BUF_H
#define WEFT_UTIL_BUF_H

#include "util/check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t size;     /* bytes used */
    size_t capacity; /* bytes allocated */
};

/* Bytes that somebody else owns. */
struct slice {
    const uint8_t *data;
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size) {
    return (struct slice){.data = data, .size = size};
}
struct slice slice_of_text(const char *text);
bool slice_equal(struct slice a, struct slice b);
/* memcmp order, a proper prefix first. */
int slice_compare(struct slice a, struct slice b);
bool slice_starts_with(struct slice whole, struct slice prefix);

void buf_init(struct buf *buf);
void buf_deinit(struct buf *buf);
/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *buf);
/* Room for `more` bytes behind the content; returns where they begin (buf->size is not changed). */
uint8_t *buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_char(struct buf *buf, char c);
void buf_appendf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vappendf(struct buf *buf, const char *format, va_list args);
/* Drops `size` bytes at the front (size <= buf->size). */
void buf_consume(struct buf *buf, size_t size);
/* The content as a NUL-terminated string; the NUL is not counted in size. Valid until the next
 * append. */
const char *buf_text(struct buf *buf);
static inline struct slice buf_slice(const struct buf *buf) {
    return slice_of(buf->data, buf->size);
}

void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_u16(struct buf *buf, uint16_t value);
void buf_put_u32(struct buf *buf, uint32_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
void buf_put_varint(struct buf *buf, uint64_t value);
/* A varint length, then the bytes. */
void buf_put_bytes(struct buf *buf, const void *data, size_t size);
/* Overwrites four bytes at `offset` (a length or checksum that is known later). */
void buf_set_u32(struct buf *buf, size_t offset, uint32_t value);

struct reader {
    const uint8_t *data;
    size_t size;    /* bytes left */
    bool is_broken; /* a read went past the end or was malformed; all later reads give zeroes */
};

struct reader reader_of(const void *data, size_t size);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
/* At most 10 bytes, the shortest form only. */
uint64_t reader_varint(struct reader *reader);
/* Exactly `size` bytes; an empty slice when there are fewer. */
struct slice reader_take(struct reader *reader, size_t size);
/* What buf_put_bytes wrote. */
struct slice reader_bytes(struct reader *reader);
/* Everything was read and nothing was broken. */
bool reader_is_done(const struct reader *reader);

#endif
