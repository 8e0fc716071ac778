/* The bytes half of the field walkers: wire/field.h, "Bytes". */
#include "wire/field.h"

#include <string.h>

#define TAG_BYTES 1u

static void put_tag(struct buf *out, const struct field *field, bool is_bytes) {
    buf_put_varint(out, (uint64_t)field->number << 1 | (is_bytes ? TAG_BYTES : 0));
}

static void put_number(struct buf *out, const struct field *field, uint64_t value) {
    if (value != 0) {
        put_tag(out, field, false);
        buf_put_varint(out, value);
    }
}

static void put_bytes(struct buf *out, const struct field *field, const void *data, size_t size) {
    put_tag(out, field, true);
    buf_put_bytes(out, data, size);
}

static void put_port(struct buf *out, const struct field *field, const struct port *port) {
    if (port->name != NULL) {
        put_bytes(out, field, port->name, strlen(port->name));
    } else {
        put_number(out, field, port->number);
    }
}

/* A list that is there and has no items: its number, 0. */
static void put_empty(struct buf *out, const struct field *field, const void *items, size_t count) {
    if ((field->flags & FIELD_EMPTY) != 0 && items != NULL && count == 0) {
        put_tag(out, field, false);
        buf_put_varint(out, 0);
    }
}

/* An address is its bytes; a prefix has its length behind them. */
static void put_prefix(struct buf *out, const struct field *field, const struct ip_prefix *prefix) {
    if (prefix->address.family != IP_NONE) {
        uint8_t bytes[17];
        unsigned size = ip_address_size(&prefix->address);
        memcpy(bytes, prefix->address.bytes, size);
        bytes[size] = prefix->length;
        put_bytes(out, field, bytes, size + 1);
    }
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables nest, whatever the bytes */
static void put_nested(struct buf *out, const struct field *field, const void *object) {
    struct buf nested;
    buf_init(&nested);
    field_encode(field->shape, object, &nested);
    put_bytes(out, field, nested.data, nested.size);
    buf_deinit(&nested);
}

static void put_texts(struct buf *out, const struct field *field, const struct text_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        put_bytes(out, field, list->items[i], strlen(list->items[i]));
    }
    put_empty(out, field, list->items, list->count);
}

static void put_map(struct buf *out, const struct field *field, const struct text_map *map) {
    struct buf pair;
    buf_init(&pair);
    for (size_t i = 0; i < map->count; i++) {
        buf_clear(&pair);
        buf_put_bytes(&pair, map->items[i].name, strlen(map->items[i].name));
        buf_append_text(&pair, map->items[i].value);
        put_bytes(out, field, pair.data, pair.size);
    }
    buf_deinit(&pair);
    put_empty(out, field, map->items, map->count);
}

static void put_field(struct buf *out, const struct field *field, const void *member) {
    switch (field->type) {
    case FIELD_TEXT: {
        const char *text = *(const char *const *)member;
        if (text != NULL) {
            put_bytes(out, field, text, strlen(text));
        }
        break;
    }
    case FIELD_BOOL:
        put_number(out, field, *(const bool *)member ? 1 : 0);
        break;
    case FIELD_NUMBER:
        put_number(out, field, *(const uint64_t *)member);
        break;
    case FIELD_PORT:
        put_port(out, field, member);
        break;
    case FIELD_TIME:
        put_number(out, field, (uint64_t) * (const int64_t *)member);
        break;
    case FIELD_ADDRESS: {
        const struct ip_address *address = member;
        if (address->family != IP_NONE) {
            put_bytes(out, field, address->bytes, ip_address_size(address));
        }
        break;
    }
    case FIELD_PREFIX:
        put_prefix(out, field, member);
        break;
    case FIELD_MAC:
        if (!mac_is_zero(member)) {
            put_bytes(out, field, ((const struct mac_address *)member)->bytes, 6);
        }
        break;
    case FIELD_TEXTS:
        put_texts(out, field, member);
        break;
    case FIELD_MAP:
        put_map(out, field, member);
        break;
    case FIELD_OBJECT:
        if (*(void *const *)member != NULL) {
            put_nested(out, field, *(void *const *)member);
        }
        break;
    case FIELD_OBJECTS: {
        const struct object_list *list = member;
        for (size_t i = 0; i < list->count; i++) {
            put_nested(out, field, (const char *)list->items + i * field->shape->size);
        }
        put_empty(out, field, list->items, list->count);
        break;
    }
    case FIELD_JSON:
    case FIELD_BYTES: {
        const struct slice *bytes = member;
        if (bytes->size > 0) {
            put_bytes(out, field, bytes->data, bytes->size);
        }
        break;
    }
    }
}

void field_encode(const struct shape *shape, const void *object, struct buf *out) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        put_field(out, field, (const char *)object + field->offset);
    }
}

static enum err take_address(struct slice bytes, struct ip_address *out_address) {
    if (bytes.size != 4 && bytes.size != 16) {
        return ERR_CORRUPT;
    }
    *out_address = ip_from_bytes(bytes.size == 4 ? IP_V4 : IP_V6, bytes.data);
    return ERR_OK;
}

static enum err take_prefix(struct slice bytes, struct ip_prefix *out_prefix) {
    if (bytes.size == 0 ||
        take_address(slice_of(bytes.data, bytes.size - 1), &out_prefix->address) != ERR_OK) {
        return ERR_CORRUPT;
    }
    out_prefix->length = bytes.data[bytes.size - 1];
    return out_prefix->length <= ip_address_bits(&out_prefix->address) ? ERR_OK : ERR_CORRUPT;
}

/* Lists come as repeated fields. The arena cannot shrink or move, so room doubles: at 0, 1, 2,
 * 4, 8... */
static void *grow(struct arena *arena, void *items, size_t count, size_t item_size) {
    if ((count & (count - 1)) != 0) {
        return items;
    }
    void *larger = arena_alloc(arena, (count > 0 ? count * 2 : 1) * item_size);
    if (count > 0) {
        memcpy(larger, items, count * item_size);
    }
    return larger;
}

static void take_text_item(struct arena *arena, struct slice bytes, struct text_list *list) {
    list->items = grow(arena, list->items, list->count, sizeof *list->items);
    list->items[list->count++] = arena_strndup(arena, bytes.data, bytes.size);
}

static enum err take_pair(struct arena *arena, struct slice bytes, struct text_map *map) {
    struct reader reader = reader_of(bytes.data, bytes.size);
    struct slice name = reader_bytes(&reader);
    if (reader.is_broken) {
        return ERR_CORRUPT;
    }
    map->items = grow(arena, map->items, map->count, sizeof *map->items);
    map->items[map->count++] =
        (struct text_pair){.name = arena_strndup(arena, name.data, name.size),
                           .value = arena_strndup(arena, reader.data, reader.size)};
    return ERR_OK;
}

static enum err take_item(struct arena *arena, const struct field *field, struct slice bytes,
                          struct object_list *list) {
    list->items = grow(arena, list->items, list->count, field->shape->size);
    void *item = (char *)list->items + list->count * field->shape->size;
    list->count++;
    return field_decode(field->shape, bytes, arena, item);
}

static enum err take_bytes(const struct field *field, struct slice bytes, struct arena *arena,
                           void *member) {
    switch (field->type) {
    case FIELD_TEXT:
        *(const char **)member = arena_strndup(arena, bytes.data, bytes.size);
        return ERR_OK;
    case FIELD_PORT:
        ((struct port *)member)->name = arena_strndup(arena, bytes.data, bytes.size);
        return ERR_OK;
    case FIELD_ADDRESS:
        return take_address(bytes, member);
    case FIELD_PREFIX:
        return take_prefix(bytes, member);
    case FIELD_MAC:
        if (bytes.size != 6) {
            return ERR_CORRUPT;
        }
        memcpy(((struct mac_address *)member)->bytes, bytes.data, 6);
        return ERR_OK;
    case FIELD_TEXTS:
        take_text_item(arena, bytes, member);
        return ERR_OK;
    case FIELD_MAP:
        return take_pair(arena, bytes, member);
    case FIELD_OBJECT:
        *(void **)member = arena_alloc(arena, field->shape->size);
        return field_decode(field->shape, bytes, arena, *(void **)member);
    case FIELD_OBJECTS:
        return take_item(arena, field, bytes, member);
    case FIELD_JSON:
    case FIELD_BYTES:
        *(struct slice *)member = arena_copy(arena, bytes);
        return ERR_OK;
    case FIELD_BOOL:
    case FIELD_NUMBER:
    case FIELD_TIME:
        break;
    }
    return ERR_CORRUPT; /* a number's field with bytes */
}

/* The number of a list: 0, it is there and has no items. */
static enum err take_empty(const struct field *field, uint64_t value, struct arena *arena,
                           void *member) {
    if ((field->flags & FIELD_EMPTY) == 0 || value != 0) {
        return ERR_CORRUPT;
    }
    struct text_list *texts = member;
    struct text_map *map = member;
    struct object_list *objects = member;
    if (field->type == FIELD_TEXTS && texts->items == NULL) {
        texts->items = arena_alloc(arena, 0);
    } else if (field->type == FIELD_MAP && map->items == NULL) {
        map->items = arena_alloc(arena, 0);
    } else if (field->type == FIELD_OBJECTS && objects->items == NULL) {
        objects->items = arena_alloc(arena, 0);
    } else {
        return ERR_CORRUPT; /* twice */
    }
    return ERR_OK;
}

static enum err take_number(const struct field *field, uint64_t value, struct arena *arena,
                            void *member) {
    switch (field->type) {
    case FIELD_BOOL:
        *(bool *)member = value != 0;
        return ERR_OK;
    case FIELD_NUMBER:
        *(uint64_t *)member = value;
        return ERR_OK;
    case FIELD_PORT:
        ((struct port *)member)->number = value;
        return ERR_OK;
    case FIELD_TEXTS:
    case FIELD_MAP:
    case FIELD_OBJECTS:
        return take_empty(field, value, arena, member);
    case FIELD_TIME:
        *(int64_t *)member = (int64_t)value;
        return ERR_OK;
    default:
        return ERR_CORRUPT;
    }
}

static const struct field *find_by_number(const struct shape *shape, uint64_t number) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].number == number) {
            return &shape->fields[i];
        }
    }
    return NULL;
}

enum err field_decode(const struct shape *shape, struct slice bytes, struct arena *arena,
                      void *out_object) {
    memset(out_object, 0, shape->size);
    struct reader reader = reader_of(bytes.data, bytes.size);
    while (reader.size > 0 && !reader.is_broken) {
        uint64_t tag = reader_varint(&reader);
        const struct field *field = find_by_number(shape, tag >> 1);
        bool is_bytes = (tag & TAG_BYTES) != 0;
        struct slice value = is_bytes ? reader_bytes(&reader) : slice_of(NULL, 0);
        uint64_t number = is_bytes ? 0 : reader_varint(&reader);
        if (reader.is_broken || field == NULL) {
            continue; /* broken ends the loop; an unknown field is a newer server's */
        }
        void *member = (char *)out_object + field->offset;
        enum err err = is_bytes ? take_bytes(field, value, arena, member)
                                : take_number(field, number, arena, member);
        if (err != ERR_OK) {
            return err;
        }
    }
    return reader.is_broken ? ERR_CORRUPT : ERR_OK;
}
/* NOLINTEND(misc-no-recursion) */
