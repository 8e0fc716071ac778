#include "util/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARINT_SIZE_MAX 10u

struct slice slice_of_text(const char *text) {
    return slice_of(text, strlen(text));
}

bool slice_equal(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int slice_compare(struct slice a, struct slice b) {
    size_t common = MIN_OF(a.size, b.size);
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool slice_starts_with(struct slice whole, struct slice prefix) {
    return whole.size >= prefix.size && slice_equal(slice_of(whole.data, prefix.size), prefix);
}

void buf_init(struct buf *buf) {
    *buf = (struct buf){0};
}

void buf_deinit(struct buf *buf) {
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf) {
    buf->size = 0;
}

uint8_t *buf_reserve(struct buf *buf, size_t more) {
    CHECK(more <= SIZE_MAX / 4 && buf->size <= SIZE_MAX / 4);
    size_t needed = buf->size + more;
    if (needed > buf->capacity || buf->data == NULL) {
        size_t capacity = buf->capacity > 0 ? buf->capacity : 64;
        while (capacity < needed) {
            capacity *= 2;
        }
        buf->data = must_realloc(buf->data, capacity);
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

void buf_append(struct buf *buf, const void *data, size_t size) {
    if (size > 0) {
        memcpy(buf_reserve(buf, size), data, size);
        buf->size += size;
    }
}

void buf_append_text(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

void buf_append_char(struct buf *buf, char c) {
    buf_put_u8(buf, (uint8_t)c);
}

void buf_appendf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vappendf(buf, format, args);
    va_end(args);
}

void buf_vappendf(struct buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    CHECK(size >= 0);
    uint8_t *at = buf_reserve(buf, (size_t)size + 1);
    CHECK(vsnprintf((char *)at, (size_t)size + 1, format, again) == size);
    buf->size += (size_t)size;
    va_end(again);
}

void buf_consume(struct buf *buf, size_t size) {
    CHECK(size <= buf->size);
    if (size > 0 && size < buf->size) {
        memmove(buf->data, buf->data + size, buf->size - size);
    }
    buf->size -= size;
}

const char *buf_text(struct buf *buf) {
    *buf_reserve(buf, 1) = 0;
    return (const char *)buf->data;
}

void buf_put_u8(struct buf *buf, uint8_t value) {
    buf_append(buf, &value, 1);
}

static void put_big_endian(struct buf *buf, uint64_t value, size_t size) {
    uint8_t *at = buf_reserve(buf, size);
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
    buf->size += size;
}

void buf_put_u16(struct buf *buf, uint16_t value) {
    put_big_endian(buf, value, 2);
}

void buf_put_u32(struct buf *buf, uint32_t value) {
    put_big_endian(buf, value, 4);
}

void buf_put_u64(struct buf *buf, uint64_t value) {
    put_big_endian(buf, value, 8);
}

void buf_put_varint(struct buf *buf, uint64_t value) {
    uint8_t *at = buf_reserve(buf, VARINT_SIZE_MAX);
    size_t size = 0;
    while (value >= 0x80) {
        at[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[size++] = (uint8_t)value;
    buf->size += size;
}

void buf_put_bytes(struct buf *buf, const void *data, size_t size) {
    buf_put_varint(buf, size);
    buf_append(buf, data, size);
}

void buf_set_u32(struct buf *buf, size_t offset, uint32_t value) {
    CHECK(offset + 4 <= buf->size);
    for (size_t i = 0; i < 4; i++) {
        buf->data[offset + i] = (uint8_t)(value >> (8 * (3 - i)));
    }
}

struct reader reader_of(const void *data, size_t size) {
    return (struct reader){.data = data, .size = size};
}

struct slice reader_take(struct reader *reader, size_t size) {
    if (reader->is_broken || size > reader->size) {
        reader->is_broken = true;
        return slice_of(NULL, 0);
    }
    struct slice taken = slice_of(reader->data, size);
    if (size > 0) {
        reader->data += size;
        reader->size -= size;
    }
    return taken;
}

static uint64_t take_big_endian(struct reader *reader, size_t size) {
    struct slice bytes = reader_take(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        value = value << 8 | bytes.data[i];
    }
    return value;
}

uint8_t reader_u8(struct reader *reader) {
    return (uint8_t)take_big_endian(reader, 1);
}

uint16_t reader_u16(struct reader *reader) {
    return (uint16_t)take_big_endian(reader, 2);
}

uint32_t reader_u32(struct reader *reader) {
    return (uint32_t)take_big_endian(reader, 4);
}

uint64_t reader_u64(struct reader *reader) {
    return take_big_endian(reader, 8);
}

uint64_t reader_varint(struct reader *reader) {
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_SIZE_MAX; i++) {
        uint8_t byte = reader_u8(reader);
        if (i == VARINT_SIZE_MAX - 1 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (byte == 0 && i > 0) {
                break; /* not the shortest form */
            }
            return reader->is_broken ? 0 : value;
        }
    }
    reader->is_broken = true;
    return 0;
}

struct slice reader_bytes(struct reader *reader) {
    uint64_t size = reader_varint(reader);
    if (size > reader->size) {
        reader->is_broken = true;
        return slice_of(NULL, 0);
    }
    return reader_take(reader, (size_t)size);
}

bool reader_is_done(const struct reader *reader) {
    return !reader->is_broken && reader->size == 0;
}
