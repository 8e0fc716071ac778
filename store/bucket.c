#include "store/bucket.h"

bool bucket_next(struct reader *reader, struct bucket_entry *out_entry) {
    if (reader->size == 0) {
        return false;
    }
    out_entry->key = reader_bytes(reader);
    out_entry->number = reader_varint(reader);
    return !reader->is_broken;
}

static void put(struct buf *out, const struct bucket_entry *entry) {
    buf_put_bytes(out, entry->key.data, entry->key.size);
    buf_put_varint(out, entry->number);
}

uint64_t bucket_find(struct slice bucket, struct slice key) {
    struct reader reader = reader_of(bucket.data, bucket.size);
    struct bucket_entry entry;
    while (bucket_next(&reader, &entry)) {
        if (slice_equal(entry.key, key)) {
            return entry.number;
        }
    }
    return 0;
}

void bucket_add(struct slice bucket, const struct bucket_entry *entry, struct buf *out) {
    struct reader reader = reader_of(bucket.data, bucket.size);
    struct bucket_entry next;
    bool is_placed = false;
    while (bucket_next(&reader, &next)) {
        if (!is_placed && slice_compare(next.key, entry->key) > 0) {
            put(out, entry);
            is_placed = true;
        }
        put(out, &next);
    }
    if (!is_placed) {
        put(out, entry);
    }
}

void bucket_remove(struct slice bucket, struct slice key, struct buf *out) {
    struct reader reader = reader_of(bucket.data, bucket.size);
    struct bucket_entry next;
    while (bucket_next(&reader, &next)) {
        if (!slice_equal(next.key, key)) {
            put(out, &next);
        }
    }
}
