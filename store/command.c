#include "store/command.h"

#include "util/limits.h"

#define ENTRY_FORMAT 1u

/* clang-format off: a row a field */
static const struct field put_fields[] = {
    {.name = "key", .number = 1, .type = FIELD_TEXT, .offset = offsetof(struct command_put, key)},
    {.name = "payload",
     .number = 2,
     .type = FIELD_BYTES,
     .offset = offsetof(struct command_put, payload)},
    {.name = "content_type",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_put, content_type)},
    {.name = "if_revision",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_put, if_revision)},
    {.name = "if_absent",
     .number = 5,
     .type = FIELD_BOOL,
     .offset = offsetof(struct command_put, if_absent)},
};
static const struct field delete_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_delete, key)},
    {.name = "if_revision",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_delete, if_revision)},
    {.name = "is_forced",
     .number = 3,
     .type = FIELD_BOOL,
     .offset = offsetof(struct command_delete, is_forced)},
};
static const struct field delete_prefix_fields[] = {
    {.name = "prefix",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_delete_prefix, prefix)},
    {.name = "confirm",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_delete_prefix, confirm)},
};
static const struct field hold_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_subnet_hold, key)},
    {.name = "node",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_subnet_hold, node)},
    {.name = "epoch",
     .number = 3,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_subnet_hold, epoch)},
};
static const struct field expire_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_subnet_expire, key)},
    {.name = "epoch",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_subnet_expire, epoch)},
    {.name = "expires_log_ms",
     .number = 3,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_subnet_expire, expires_log_ms)},
    {.name = "quarantine_ms",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct command_subnet_expire, quarantine_ms)},
};
/* clang-format on */
static SHAPE(shape_command_put, command_put, put_fields);
static SHAPE(shape_command_delete, command_delete, delete_fields);
static SHAPE(shape_command_delete_prefix, command_delete_prefix, delete_prefix_fields);
static SHAPE(shape_command_subnet_hold, command_subnet_hold, hold_fields);
static SHAPE(shape_command_subnet_expire, command_subnet_expire, expire_fields);

static const struct shape *shape_of(uint64_t id) {
    switch (id) {
#define COMMAND(number, SYMBOL, symbol, shape)                                                     \
    case COMMAND_##SYMBOL:                                                                         \
        return &shape;
#include "store/command.def"
#undef COMMAND
    default:
        return NULL;
    }
}

void command_encode(enum command_id id, const void *arguments, struct buf *out) {
    const struct shape *shape = shape_of(id);
    CHECK(shape != NULL);
    buf_put_varint(out, id);
    field_encode(shape, arguments, out);
}

enum err command_decode(struct slice command, struct arena *arena, enum command_id *out_id,
                        void **out_arguments) {
    struct reader reader = reader_of(command.data, command.size);
    uint64_t id = reader_varint(&reader);
    const struct shape *shape = reader.is_broken ? NULL : shape_of(id);
    if (shape == NULL) {
        return ERR_CORRUPT;
    }
    *out_id = (enum command_id)id;
    *out_arguments = arena_alloc(arena, shape->size);
    return field_decode(shape, slice_of(reader.data, reader.size), arena, *out_arguments);
}

void entry_begin(const struct entry_header *header, struct buf *out) {
    buf_put_u8(out, ENTRY_FORMAT);
    buf_put_varint(out, header->log_time_ms);
    buf_put_varint(out, (uint64_t)header->wall_ms);
    buf_put_varint(out, header->command_count);
}

void entry_add_command(struct slice command, struct buf *out) {
    buf_put_bytes(out, command.data, command.size);
}

enum err entry_open(struct slice entry, struct entry_header *out_header, struct reader *out_rest) {
    struct reader reader = reader_of(entry.data, entry.size);
    bool is_known = reader_u8(&reader) == ENTRY_FORMAT;
    out_header->log_time_ms = reader_varint(&reader);
    out_header->wall_ms = (int64_t)reader_varint(&reader);
    out_header->command_count = reader_varint(&reader);
    *out_rest = reader;
    bool is_sane = out_header->command_count <= LIMIT_PROPOSE_ENTRY_COMMANDS_MAX;
    return is_known && is_sane && !reader.is_broken ? ERR_OK : ERR_CORRUPT;
}
