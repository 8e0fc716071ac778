#include "api/render.h"

#include "api/lease_id.h"
#include "util/base64.h"

static void write_revisions(const struct object *object, struct json_writer *writer) {
    json_member_number(writer, "revision", object->revision);
    json_member_number(writer, "created_revision", object->created_revision);
    json_member_number(writer, "version", object->version);
}

static void write_lease(const struct object *object, struct json_writer *writer) {
    if (object->lease != 0) {
        char id[LEASE_ID_SIZE];
        lease_id_format(object->lease, id);
        json_member_text(writer, "lease", id);
    }
}

static void render_kv(const struct object *object, struct json_writer *writer) {
    json_member_text(writer, "key", object->key);
    json_key(writer, "value_b64");
    buf_append_char(writer->out, '"');
    base64_encode(object->payload, writer->out);
    buf_append_char(writer->out, '"');
    writer->needs_comma = true;
    json_member_text(writer, "content_type",
                     object->content_type != NULL ? object->content_type
                                                  : "application/octet-stream");
    write_revisions(object, writer);
    write_lease(object, writer);
}

static void render_resource(const struct object *object, struct json_writer *writer) {
    const struct shape *shape = kind_of(object->kind)->shape;
    struct arena arena;
    arena_init(&arena);
    void *value = arena_alloc(&arena, shape->size);
    CHECK(field_decode(shape, object->payload, &arena, value) == ERR_OK);
    field_write(shape, value, writer);
    arena_deinit(&arena);
    json_member_text(writer, "key", object->key);
    write_revisions(object, writer);
    write_lease(object, writer);
}

void render_object(const struct object *object, struct json_writer *writer) {
    json_open_object(writer);
    if (object->kind == KIND_KV) {
        render_kv(object, writer);
    } else {
        render_resource(object, writer);
    }
    json_close_object(writer);
}

struct slice render_to_arena(const struct object *object, struct arena *arena) {
    struct buf text;
    buf_init(&text);
    struct json_writer writer = json_writer_to(&text);
    render_object(object, &writer);
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

void render_written(const struct object *object, struct json_writer *writer) {
    json_open_object(writer);
    json_member_text(writer, "key", object->key);
    write_revisions(object, writer);
    json_close_object(writer);
}

void render_deleted(const char *key, uint64_t revision, uint64_t deleted,
                    struct json_writer *writer) {
    json_open_object(writer);
    json_member_text(writer, "key", key);
    json_member_number(writer, "revision", revision);
    json_member_number(writer, "deleted", deleted);
    json_close_object(writer);
}
