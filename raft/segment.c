/* The bytes of a log file. See segment.h. Owns nothing, does no I/O. */
#include "raft/segment.h"

#include "util/crc.h"
#include "util/limits.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAGIC   0x57524543u /* "WREC" */
#define RECORD_TRAILER 0xA55AC33Cu
#define RECORD_MARK    0x5Au
/* The unit that a disk writes whole or not at all. */
#define SECTOR_SIZE 512u

static const char file_magic[8] = {'W', 'E', 'F', 'T', 'L', 'O', 'G', '1'};

/* What is at an offset. */
enum found {
    FOUND_RECORD,
    FOUND_NOTHING,    /* zeroes, or the end of the file */
    FOUND_BAD_HEADER, /* something, and not even its size can be trusted */
    FOUND_BAD_DATA    /* a good header before damaged data */
};

void segment_name(uint64_t sequence, char out[SEGMENT_NAME_SIZE]) {
    snprintf(out, SEGMENT_NAME_SIZE, "segment-%08" PRIu64, sequence);
}

bool segment_name_parse(const char *name, uint64_t *out_sequence) {
    const char *prefix = "segment-";
    if (strncmp(name, prefix, strlen(prefix)) != 0) {
        return false;
    }
    uint64_t sequence = strtoull(name + strlen(prefix), NULL, 10);
    char again[SEGMENT_NAME_SIZE];
    segment_name(sequence, again);
    if (sequence == 0 || strcmp(again, name) != 0) {
        return false;
    }
    *out_sequence = sequence;
    return true;
}

void segment_put_header(struct buf *out, uint64_t sequence) {
    size_t start = out->size;
    buf_append(out, file_magic, sizeof file_magic);
    buf_put_u64(out, sequence);
    buf_put_u32(out, crc32c(0, out->data + start, out->size - start));
}

void segment_put_record(struct buf *out, const struct segment_record *record) {
    size_t start = out->size;
    buf_put_u32(out, RECORD_MAGIC);
    buf_put_u32(out, (uint32_t)record->data.size);
    buf_put_u64(out, record->index);
    buf_put_u64(out, record->term);
    buf_put_u64(out, record->batch);
    buf_put_u8(out, record->type);
    buf_put_u32(out, crc32c(0, record->data.data, record->data.size));
    buf_put_u32(out, crc32c(0, out->data + start, out->size - start));
    buf_put_u8(out, RECORD_MARK);
    buf_append(out, record->data.data, record->data.size);
    buf_put_u32(out, RECORD_TRAILER);
}

static bool is_zero(const uint8_t *data, size_t size) {
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static bool header_is_good(const uint8_t *header) {
    const size_t crc_at = SEGMENT_RECORD_HEADER_SIZE - 5;
    struct reader crc = reader_of(header + crc_at, 4);
    return header[SEGMENT_RECORD_HEADER_SIZE - 1] == RECORD_MARK &&
           crc32c(0, header, crc_at) == reader_u32(&crc);
}

static enum found look_at(struct slice file, size_t offset, struct segment_record *out_record) {
    if (offset > file.size || file.size - offset < SEGMENT_RECORD_HEADER_SIZE) {
        return FOUND_NOTHING;
    }
    const uint8_t *header = file.data + offset;
    if (is_zero(header, SEGMENT_RECORD_HEADER_SIZE)) {
        return FOUND_NOTHING;
    }
    struct reader reader = reader_of(header, SEGMENT_RECORD_HEADER_SIZE);
    uint32_t magic = reader_u32(&reader);
    uint32_t size = reader_u32(&reader);
    out_record->index = reader_u64(&reader);
    out_record->term = reader_u64(&reader);
    out_record->batch = reader_u64(&reader);
    out_record->type = reader_u8(&reader);
    uint32_t data_crc = reader_u32(&reader);
    out_record->offset = (uint32_t)offset;
    if (magic != RECORD_MAGIC || !header_is_good(header)) {
        return FOUND_BAD_HEADER;
    }
    size_t left = file.size - offset;
    if (left < SEGMENT_RECORD_OVERHEAD || size > left - SEGMENT_RECORD_OVERHEAD) {
        return FOUND_BAD_HEADER;
    }
    out_record->data = slice_of(header + SEGMENT_RECORD_HEADER_SIZE, size);
    struct reader trailer = reader_of(out_record->data.data + size, 4);
    if (reader_u32(&trailer) != RECORD_TRAILER ||
        crc32c(0, out_record->data.data, size) != data_crc) {
        return FOUND_BAD_DATA;
    }
    return FOUND_RECORD;
}

enum err segment_get_record(struct slice file, size_t offset, struct segment_record *out_record) {
    struct segment_record record;
    if (look_at(file, offset, &record) != FOUND_RECORD) {
        return ERR_CORRUPT;
    }
    *out_record = record;
    return ERR_OK;
}

/* Whether a sector's share of [from, to) was never written. `to` is behind a byte that is never
 * zero in a whole record, so a write that stopped early shows there. */
static bool has_missing_part(struct slice file, size_t from, size_t to) {
    if (file.data[to - 1] == 0) {
        return true;
    }
    while (from < to) {
        size_t next = MIN_OF((from / SECTOR_SIZE + 1) * SECTOR_SIZE, to);
        if (is_zero(file.data + from, next - from)) {
            return true;
        }
        from = next;
    }
    return false;
}

/* The highest batch number of a good record behind `offset`; 0 when there is none. */
static uint64_t newest_batch_after(struct slice file, size_t offset) {
    uint64_t newest = 0;
    for (size_t at = offset + 1; at + SEGMENT_RECORD_OVERHEAD <= file.size; at++) {
        struct segment_record record;
        if (file.data[at] == RECORD_MAGIC >> 24 && look_at(file, at, &record) == FOUND_RECORD) {
            newest = MAX_OF(newest, record.batch);
        }
    }
    return newest;
}

/* Whether the damage at `offset` is what a torn write of the newest batch leaves. */
static bool is_torn_write(struct slice file, size_t offset, enum found found,
                          const struct segment_record *record, uint64_t last_batch) {
    uint64_t batch = found == FOUND_BAD_DATA ? record->batch : last_batch + 1;
    if (newest_batch_after(file, offset) > batch) {
        return false;
    }
    if (found == FOUND_BAD_HEADER) {
        return has_missing_part(file, offset, offset + SEGMENT_RECORD_HEADER_SIZE);
    }
    if (found == FOUND_BAD_DATA) {
        size_t data_at = offset + SEGMENT_RECORD_HEADER_SIZE;
        return has_missing_part(file, data_at, data_at + record->data.size + 4);
    }
    return true;
}

static enum err refuse(const char *path, size_t offset) {
    LOG_ERROR("log is damaged: restore this server from its peers or a backup",
              LOG_TEXT("file", path), LOG_U64("offset", offset));
    return ERR_CORRUPT;
}

static bool file_header_is_good(struct slice file, uint64_t sequence) {
    struct buf expected;
    buf_init(&expected);
    segment_put_header(&expected, sequence);
    bool is_good = slice_starts_with(file, buf_slice(&expected));
    buf_deinit(&expected);
    return is_good;
}

enum err segment_scan(const char *path, struct slice file, uint64_t sequence, bool is_newest,
                      segment_record_cb callback, void *owner, uint32_t *out_end,
                      bool *out_is_torn) {
    if (!file_header_is_good(file, sequence)) {
        return refuse(path, 0);
    }
    size_t offset = SEGMENT_HEADER_SIZE;
    uint64_t last_batch = 0;
    struct segment_record record;
    enum found found = look_at(file, offset, &record);
    while (found == FOUND_RECORD) {
        enum err err = callback(owner, &record);
        if (err != ERR_OK) {
            (void)refuse(path, offset);
            return err;
        }
        last_batch = record.batch;
        offset += SEGMENT_RECORD_OVERHEAD + record.data.size;
        found = look_at(file, offset, &record);
    }
    bool is_clean = found == FOUND_NOTHING && is_zero(file.data + offset, file.size - offset);
    if (!is_clean && (!is_newest || !is_torn_write(file, offset, found, &record, last_batch))) {
        return refuse(path, offset);
    }
    *out_end = (uint32_t)offset;
    *out_is_torn = !is_clean;
    return ERR_OK;
}
