/* Keys of the index tables: big-endian and NUL-terminated parts, so that scan order is meaning.
 * Names contain no NUL (wire/field checks), so a terminated name is never a prefix of another. */
#ifndef WEFT_STORE_KEY_H
#define WEFT_STORE_KEY_H

#include "util/buf.h"
#include "util/ip.h"

#include <string.h>

static inline void key_put_name(struct buf *out, const char *name) {
    buf_append(out, name, strlen(name) + 1);
}

/* family, bytes */
static inline void key_put_address(struct buf *out, const struct ip_address *address) {
    buf_put_u8(out, address->family);
    buf_append(out, address->bytes, ip_address_size(address));
}

/* family, bytes, length */
static inline void key_put_prefix(struct buf *out, const struct ip_prefix *prefix) {
    key_put_address(out, &prefix->address);
    buf_put_u8(out, prefix->length);
}

static inline struct ip_address key_take_address(struct reader *reader) {
    uint8_t family = reader_u8(reader);
    struct ip_address address = {.family = family == IP_V4 || family == IP_V6 ? family : IP_NONE};
    struct slice bytes = reader_take(reader, ip_address_size(&address));
    return reader->is_broken ? (struct ip_address){0} : ip_from_bytes(address.family, bytes.data);
}

static inline struct ip_prefix key_take_prefix(struct reader *reader) {
    struct ip_address address = key_take_address(reader);
    return (struct ip_prefix){.address = address, .length = reader_u8(reader)};
}

#endif
