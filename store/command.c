#include "store/command.h"

#include "store/command_shape.h"
#include "util/limits.h"

#define ENTRY_FORMAT 1u

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

/* What a ONCE may carry: what a client may ask for. */
static bool is_clients(uint64_t id) {
    switch (id) {
    case COMMAND_ONCE:
    case COMMAND_SUBNET_EXPIRE:
    case COMMAND_LEASE_EXPIRE:
    case COMMAND_COMPACT:
        return false;
    default:
        return shape_of(id) != NULL;
    }
}

static enum err check_once(const struct command_once *once) {
    struct reader reader = reader_of(once->command.data, once->command.size);
    uint64_t id = reader_varint(&reader);
    return once->client != NULL && once->key != NULL && is_clients(id) ? ERR_OK : ERR_CORRUPT;
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
    enum err err = field_decode(shape, slice_of(reader.data, reader.size), arena, *out_arguments);
    return err == ERR_OK && id == COMMAND_ONCE ? check_once(*out_arguments) : err;
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
