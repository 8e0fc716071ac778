#include "store/objects.h"

#include <string.h>

#define DIRECT_KEY_SIZE_MAX 510u
#define BUCKET_MARK         0xFFu

static void put_text(struct buf *out, const char *text) {
    buf_append(out, text, strlen(text) + 1);
}

void object_encode(const struct object *object, struct buf *out) {
    buf_put_u8(out, (uint8_t)object->kind);
    buf_put_varint(out, object->revision);
    buf_put_varint(out, object->created_revision);
    buf_put_varint(out, object->version);
    buf_put_varint(out, object->lease);
    put_text(out, object->key);
    put_text(out, object->content_type != NULL ? object->content_type : "");
    buf_append(out, object->payload.data, object->payload.size);
}

static const char *take_text(struct reader *reader) {
    const uint8_t *end = reader->size > 0 ? memchr(reader->data, 0, reader->size) : NULL;
    if (end == NULL) {
        reader->is_broken = true;
        return "";
    }
    return (const char *)reader_take(reader, (size_t)(end - reader->data) + 1).data;
}

enum err object_decode(struct slice record, struct object *out_object) {
    struct reader reader = reader_of(record.data, record.size);
    *out_object = (struct object){.kind = (enum kind_id)reader_u8(&reader),
                                  .revision = reader_varint(&reader),
                                  .created_revision = reader_varint(&reader),
                                  .version = reader_varint(&reader),
                                  .lease = reader_varint(&reader)};
    out_object->key = take_text(&reader);
    const char *content_type = take_text(&reader);
    out_object->content_type = content_type[0] != 0 ? content_type : NULL;
    out_object->payload = slice_of(reader.data, reader.size);
    return reader.is_broken ? ERR_CORRUPT : ERR_OK;
}

struct place {
    uint8_t bytes[DIRECT_KEY_SIZE_MAX + 1];
    size_t size;
    bool is_bucket;
};

static struct slice place_of(const char *key, struct place *place) {
    size_t size = strlen(key);
    place->is_bucket = size > DIRECT_KEY_SIZE_MAX;
    place->size = place->is_bucket ? DIRECT_KEY_SIZE_MAX + 1 : size;
    memcpy(place->bytes, key, MIN_OF(size, (size_t)DIRECT_KEY_SIZE_MAX));
    if (place->is_bucket) {
        place->bytes[DIRECT_KEY_SIZE_MAX] = BUCKET_MARK;
    }
    return slice_of(place->bytes, place->size);
}

static bool is_bucket(struct slice lmdb_key) {
    return lmdb_key.size == DIRECT_KEY_SIZE_MAX + 1 &&
           lmdb_key.data[DIRECT_KEY_SIZE_MAX] == BUCKET_MARK;
}

/* A damaged record means that LMDB or this program is broken: the sticky error stops the process.
 */
static bool decode_or_mark(struct txn *txn, struct slice record, struct object *out_object) {
    if (object_decode(record, out_object) != ERR_OK) {
        txn->status = MDB_CORRUPTED;
        return false;
    }
    return true;
}

/* A bucket is a row of records with their sizes, sorted by key. */
static bool bucket_find(struct txn *txn, struct slice bucket, const char *key,
                        struct object *out_object) {
    struct reader reader = reader_of(bucket.data, bucket.size);
    while (reader.size > 0 && txn->status == 0) {
        struct object object;
        if (decode_or_mark(txn, reader_bytes(&reader), &object) && strcmp(object.key, key) == 0) {
            *out_object = object;
            return true;
        }
    }
    return false;
}

bool objects_get(struct txn *txn, const char *key, struct object *out_object) {
    struct place place;
    struct slice lmdb_key = place_of(key, &place);
    struct slice value;
    if (!txn_get(txn, TABLE_OBJECTS, lmdb_key, &value)) {
        return false;
    }
    return place.is_bucket ? bucket_find(txn, value, key, out_object)
                           : decode_or_mark(txn, value, out_object);
}

/* The bucket without `key`, and with `record` (when it is not empty) in its sorted place. */
static void bucket_change(struct txn *txn, struct slice lmdb_key, const char *key,
                          struct slice record) {
    struct slice old = slice_of(NULL, 0);
    txn_get(txn, TABLE_OBJECTS, lmdb_key, &old);
    struct buf bucket;
    buf_init(&bucket);
    bool is_placed = record.size == 0;
    struct reader reader = reader_of(old.data, old.size);
    while (reader.size > 0 && txn->status == 0) {
        struct slice entry = reader_bytes(&reader);
        struct object object;
        int order = decode_or_mark(txn, entry, &object) ? strcmp(object.key, key) : 0;
        if (!is_placed && order > 0) {
            buf_put_bytes(&bucket, record.data, record.size);
            is_placed = true;
        }
        if (order != 0) {
            buf_put_bytes(&bucket, entry.data, entry.size);
        }
    }
    if (!is_placed) {
        buf_put_bytes(&bucket, record.data, record.size);
    }
    if (bucket.size > 0) {
        txn_put(txn, TABLE_OBJECTS, lmdb_key, buf_slice(&bucket));
    } else {
        txn_delete(txn, TABLE_OBJECTS, lmdb_key);
    }
    buf_deinit(&bucket);
}

void objects_put(struct txn *txn, const struct object *object) {
    struct place place;
    struct slice lmdb_key = place_of(object->key, &place);
    struct buf record;
    buf_init(&record);
    object_encode(object, &record);
    if (place.is_bucket) {
        bucket_change(txn, lmdb_key, object->key, buf_slice(&record));
    } else {
        txn_put(txn, TABLE_OBJECTS, lmdb_key, buf_slice(&record));
    }
    buf_deinit(&record);
}

void objects_delete(struct txn *txn, const char *key) {
    struct place place;
    struct slice lmdb_key = place_of(key, &place);
    if (place.is_bucket) {
        bucket_change(txn, lmdb_key, key, slice_of(NULL, 0));
    } else {
        txn_delete(txn, TABLE_OBJECTS, lmdb_key);
    }
}

struct walk {
    struct txn *txn;
    struct slice prefix;
    const char *after;
    store_object_cb callback;
    void *owner;
    int status; /* the walk's own: txn->status is overwritten when txn_walk returns */
};

/* One record of the walk; false ends it. */
static bool visit(struct walk *walk, struct slice record) {
    struct object object;
    if (object_decode(record, &object) != ERR_OK) {
        walk->status = MDB_CORRUPTED;
        return false;
    }
    struct slice key = slice_of_text(object.key);
    if (!slice_starts_with(key, walk->prefix)) {
        return slice_compare(key, walk->prefix) < 0;
    }
    if (walk->after != NULL && strcmp(object.key, walk->after) <= 0) {
        return true;
    }
    return walk->callback(walk->owner, &object);
}

static bool visit_row(void *owner, struct slice key, struct slice value) {
    struct walk *walk = owner;
    if (!is_bucket(key)) {
        return visit(walk, value);
    }
    struct reader reader = reader_of(value.data, value.size);
    while (reader.size > 0) {
        if (!visit(walk, reader_bytes(&reader))) {
            return false;
        }
    }
    return true;
}

void objects_walk(struct txn *txn, const char *prefix, const char *after, store_object_cb callback,
                  void *owner) {
    struct walk walk = {.txn = txn,
                        .prefix = slice_of_text(prefix),
                        .after = after,
                        .callback = callback,
                        .owner = owner};
    struct place place;
    bool is_past_prefix = after != NULL && strcmp(after, prefix) > 0;
    struct slice from = place_of(is_past_prefix ? after : prefix, &place);
    txn_walk(txn, TABLE_OBJECTS, from, visit_row, &walk);
    if (txn->status == 0) {
        txn->status = walk.status;
    }
}
