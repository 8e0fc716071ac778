#include "store/objects.h"

#include "store/bucket.h"

#include <string.h>

#define DIRECT_KEY_SIZE_MAX 510u
#define LONG_COUNTER        "long_keys" /* numbers in TABLE_LONG given so far */
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

/* The key of a long key's record in TABLE_LONG. */
struct number_key {
    uint8_t bytes[8];
};

static struct slice number_key(uint64_t number, struct number_key *out_key) {
    for (unsigned i = 0; i < 8; i++) {
        out_key->bytes[i] = (uint8_t)(number >> (8 * (7 - i)));
    }
    return slice_of(out_key->bytes, sizeof out_key->bytes);
}

static bool get_long(struct txn *txn, uint64_t number, struct object *out_object) {
    struct number_key key;
    struct slice record;
    if (!txn_get(txn, TABLE_LONG, number_key(number, &key), &record)) {
        txn->status = txn->status != 0 ? txn->status : MDB_CORRUPTED; /* a bucket names it */
        return false;
    }
    return decode_or_mark(txn, record, out_object);
}

bool objects_get(struct txn *txn, const char *key, struct object *out_object) {
    struct place place;
    struct slice lmdb_key = place_of(key, &place);
    struct slice value;
    if (!txn_get(txn, TABLE_OBJECTS, lmdb_key, &value)) {
        return false;
    }
    if (!place.is_bucket) {
        return decode_or_mark(txn, value, out_object);
    }
    uint64_t number = bucket_find(value, slice_of_text(key));
    return number != 0 && get_long(txn, number, out_object);
}

static void put_long(struct txn *txn, struct slice lmdb_key, const char *key, struct slice record) {
    struct slice bucket = slice_of(NULL, 0);
    struct number_key number;
    txn_get(txn, TABLE_OBJECTS, lmdb_key, &bucket);
    struct bucket_entry entry = {.key = slice_of_text(key)};
    entry.number = bucket_find(bucket, entry.key);
    if (entry.number == 0) {
        struct buf changed; /* made before anything is written: the bucket lies in a page */
        buf_init(&changed);
        entry.number = txn_get_number(txn, LONG_COUNTER) + 1;
        bucket_add(bucket, &entry, &changed);
        txn_put_number(txn, LONG_COUNTER, entry.number);
        txn_put(txn, TABLE_OBJECTS, lmdb_key, buf_slice(&changed));
        buf_deinit(&changed);
    }
    txn_put(txn, TABLE_LONG, number_key(entry.number, &number), record);
}

static void delete_long(struct txn *txn, struct slice lmdb_key, const char *key) {
    struct slice bucket = slice_of(NULL, 0);
    struct number_key number;
    txn_get(txn, TABLE_OBJECTS, lmdb_key, &bucket);
    uint64_t found = bucket_find(bucket, slice_of_text(key));
    if (found == 0) {
        return;
    }
    struct buf changed;
    buf_init(&changed);
    bucket_remove(bucket, slice_of_text(key), &changed);
    if (changed.size > 0) {
        txn_put(txn, TABLE_OBJECTS, lmdb_key, buf_slice(&changed));
    } else {
        txn_delete(txn, TABLE_OBJECTS, lmdb_key);
    }
    buf_deinit(&changed);
    txn_delete(txn, TABLE_LONG, number_key(found, &number));
}

void objects_put(struct txn *txn, const struct object *object) {
    struct place place;
    struct slice lmdb_key = place_of(object->key, &place);
    struct buf record;
    buf_init(&record);
    object_encode(object, &record);
    if (place.is_bucket) {
        put_long(txn, lmdb_key, object->key, buf_slice(&record));
    } else {
        txn_put(txn, TABLE_OBJECTS, lmdb_key, buf_slice(&record));
    }
    buf_deinit(&record);
}

void objects_delete(struct txn *txn, const char *key) {
    struct place place;
    struct slice lmdb_key = place_of(key, &place);
    if (place.is_bucket) {
        delete_long(txn, lmdb_key, key);
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

static bool fail_walk(struct walk *walk) {
    walk->status = walk->txn->status != 0 ? walk->txn->status : MDB_CORRUPTED;
    return false;
}

/* What the walk does with a key. */
enum verdict { VERDICT_TAKE, VERDICT_PASS_OVER, VERDICT_END };

static enum verdict judge(const struct walk *walk, struct slice key) {
    if (!slice_starts_with(key, walk->prefix)) {
        return slice_compare(key, walk->prefix) < 0 ? VERDICT_PASS_OVER : VERDICT_END;
    }
    bool is_before = walk->after != NULL && slice_compare(key, slice_of_text(walk->after)) <= 0;
    return is_before ? VERDICT_PASS_OVER : VERDICT_TAKE;
}

static bool visit_bucket(struct walk *walk, struct slice bucket) {
    struct reader reader = reader_of(bucket.data, bucket.size);
    struct bucket_entry entry;
    while (bucket_next(&reader, &entry)) {
        enum verdict verdict = judge(walk, entry.key);
        struct object object;
        if (verdict == VERDICT_END) {
            return false;
        }
        if (verdict == VERDICT_TAKE && !get_long(walk->txn, entry.number, &object)) {
            return fail_walk(walk);
        }
        if (verdict == VERDICT_TAKE && !walk->callback(walk->owner, &object)) {
            return false;
        }
    }
    return !reader.is_broken || fail_walk(walk);
}

static bool visit_row(void *owner, struct slice key, struct slice value) {
    struct walk *walk = owner;
    if (is_bucket(key)) {
        return visit_bucket(walk, value);
    }
    enum verdict verdict = judge(walk, key);
    struct object object;
    if (verdict != VERDICT_TAKE) {
        return verdict == VERDICT_PASS_OVER;
    }
    return decode_or_mark(walk->txn, value, &object) ? walk->callback(walk->owner, &object)
                                                     : fail_walk(walk);
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
