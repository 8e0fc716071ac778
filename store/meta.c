#include "store/meta.h"

#include "util/crc.h"

#define META_FORMAT 1u

void meta_encode(const struct meta *meta, struct buf *out) {
    size_t begin = out->size;
    buf_put_u8(out, META_FORMAT);
    buf_put_u64(out, meta->revision);
    buf_put_u64(out, meta->applied_index);
    buf_put_u64(out, meta->applied_term);
    buf_put_u64(out, meta->log_time_ms);
    buf_put_u64(out, meta->compact_revision);
    buf_put_u64(out, meta->event_count);
    buf_put_u64(out, meta->tally.digest);
    buf_put_u64(out, meta->tally.size);
    buf_put_u32(out, crc32c(0, out->data + begin, out->size - begin));
    CHECK(out->size - begin == META_SIZE);
}

enum err meta_decode(struct slice row, struct meta *out_meta) {
    struct reader reader = reader_of(row.data, row.size);
    bool is_known = reader_u8(&reader) == META_FORMAT;
    struct meta meta = {0};
    meta.revision = reader_u64(&reader);
    meta.applied_index = reader_u64(&reader);
    meta.applied_term = reader_u64(&reader);
    meta.log_time_ms = reader_u64(&reader);
    meta.compact_revision = reader_u64(&reader);
    meta.event_count = reader_u64(&reader);
    meta.tally.digest = reader_u64(&reader);
    meta.tally.size = reader_u64(&reader);
    uint32_t crc = reader_u32(&reader);
    if (!is_known || !reader_is_done(&reader) || crc != crc32c(0, row.data, row.size - 4)) {
        return ERR_CORRUPT;
    }
    *out_meta = meta;
    return ERR_OK;
}

uint64_t meta_digest(const struct meta *meta) {
    struct buf bytes;
    buf_init(&bytes);
    buf_put_u64(&bytes, meta->tally.digest);
    buf_put_u64(&bytes, meta->tally.size);
    buf_put_u64(&bytes, meta->revision);
    buf_put_u64(&bytes, meta->log_time_ms);
    uint64_t digest = tally_hash(buf_slice(&bytes));
    buf_deinit(&bytes);
    return digest;
}
