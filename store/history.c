#include "store/history.h"

#include "store/objects.h"
#include "util/limits.h"

enum { FLAG_DELETE = 1, FLAG_PREVIOUS = 2 };

static void put_previous(const struct object *previous, struct buf *out) {
    struct buf record;
    buf_init(&record);
    object_encode(previous, &record);
    buf_put_bytes(out, record.data, record.size);
    buf_deinit(&record);
}

void history_append(struct txn *txn, uint64_t revision, uint32_t number,
                    const struct event *event) {
    struct buf key;
    struct buf value;
    buf_init(&key);
    buf_init(&value);
    buf_put_u64(&key, revision);
    buf_put_u32(&key, number);
    buf_put_u8(&value, (uint8_t)((event->is_delete ? FLAG_DELETE : 0) |
                                 (event->previous != NULL ? FLAG_PREVIOUS : 0)));
    buf_put_varint(&value, event->previous_revision);
    if (event->previous != NULL) {
        put_previous(event->previous, &value);
    }
    object_encode(&event->object, &value);
    txn_append(txn, TABLE_EVENTS, buf_slice(&key), buf_slice(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

bool history_is_compacted(struct txn *txn, uint64_t revision) {
    return revision <= txn_get_number(txn, HISTORY_COMPACT_REVISION);
}

static uint64_t revision_of(struct slice key) {
    struct reader reader = reader_of(key.data, key.size);
    return reader_u64(&reader);
}

/* ---- compaction ---- */

/* How far whole revisions go from the oldest event on. */
struct cut {
    uint64_t count_max;    /* events; the first revision may have more */
    uint64_t revision_max; /* none after it */
    uint64_t count;        /* events passed */
    uint64_t first;        /* the oldest revision */
    uint64_t revision;     /* of the event looked at last; at the end the answer */
    uint64_t whole;        /* the revision before it: all of its events were passed; 0: none */
};

static bool visit_cut(void *owner, struct slice key, struct slice value) {
    (void)value;
    struct cut *cut = owner;
    uint64_t revision = revision_of(key);
    if (revision != cut->revision) {
        cut->whole = cut->revision;
        cut->revision = revision;
        cut->first = cut->first == 0 ? revision : cut->first;
    }
    bool is_over = cut->count >= cut->count_max && revision != cut->first;
    if (revision > cut->revision_max || is_over) {
        cut->revision = cut->whole;
        return false;
    }
    cut->count++;
    return true;
}

static uint64_t find_cut(struct txn *txn, uint64_t count_max, uint64_t revision_max) {
    struct cut cut = {.count_max = MIN_OF(count_max, LIMIT_COMPACT_EVENTS_MAX),
                      .revision_max = revision_max};
    txn_walk(txn, TABLE_EVENTS, slice_of(NULL, 0), visit_cut, &cut);
    return cut.revision; /* stopped at the last whole one, or at the end of all */
}

uint64_t history_find_cut(struct txn *txn, uint64_t count) {
    return count == 0 ? 0 : find_cut(txn, count, UINT64_MAX);
}

static bool visit_compact(void *owner, struct slice key, struct slice value) {
    (void)value;
    return revision_of(key) <= *(uint64_t *)owner;
}

void history_compact(struct txn *txn, uint64_t revision) {
    uint64_t cut = find_cut(txn, LIMIT_COMPACT_EVENTS_MAX, revision);
    if (cut > 0) {
        txn_trim(txn, TABLE_EVENTS, slice_of(NULL, 0), visit_compact, &cut);
        txn_put_number(txn, HISTORY_COMPACT_REVISION, cut);
    }
}

/* ---- reading ---- */

struct walk {
    store_event_cb callback;
    void *owner;
    bool is_broken;
};

/* `previous` is where the event's may lie. */
static enum err decode_event(struct slice value, struct event *event, struct object *previous) {
    struct reader reader = reader_of(value.data, value.size);
    uint8_t flags = reader_u8(&reader);
    *event = (struct event){.is_delete = (flags & FLAG_DELETE) != 0,
                            .previous_revision = reader_varint(&reader)};
    if ((flags & FLAG_PREVIOUS) != 0) {
        event->previous = previous;
        if (object_decode(reader_bytes(&reader), previous) != ERR_OK) {
            return ERR_CORRUPT;
        }
    }
    return reader.is_broken ? ERR_CORRUPT
                            : object_decode(slice_of(reader.data, reader.size), &event->object);
}

static bool visit(void *owner, struct slice key, struct slice value) {
    (void)key;
    struct walk *walk = owner;
    struct event event;
    struct object previous;
    if (decode_event(value, &event, &previous) != ERR_OK) {
        walk->is_broken = true;
        return false;
    }
    return walk->callback(walk->owner, &event);
}

void history_walk(struct txn *txn, uint64_t after, store_event_cb callback, void *owner) {
    struct walk walk = {.callback = callback, .owner = owner};
    struct buf from;
    buf_init(&from);
    buf_put_u64(&from, after + 1);
    txn_walk(txn, TABLE_EVENTS, buf_slice(&from), visit, &walk);
    buf_deinit(&from);
    if (walk.is_broken && txn->status == 0) {
        txn->status = MDB_CORRUPTED;
    }
}
