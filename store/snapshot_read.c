/* Reading snapshots: one pass from the head to the last byte, in which everything is checked. */
#include "store/snapshot_format.h"
#include "util/crc.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct source {
    int fd;
    uint64_t size_left; /* of the file, behind what was read */
    struct sha256 sha;
    struct buf part; /* the head, a chunk or the end, whole */
    struct meta state;
    struct tally tally; /* of the records so far */
    uint64_t record_count, event_count;
    unsigned last_table; /* of the last record */
    struct buf last_key;
};

/* ---- bytes ---- */

/* Appends exactly `size` bytes of the file to the part. Errors: ERR_CORRUPT (the file is too
 * short), ERR_IO with errno. */
static enum err take_bytes(struct source *source, size_t size) {
    if (size > source->size_left) {
        return ERR_CORRUPT;
    }
    uint8_t *to = buf_reserve(&source->part, size);
    for (size_t have = 0; have < size;) {
        ssize_t got = read(source->fd, to + have, size - have);
        if (got == 0) {
            return ERR_CORRUPT; /* it became shorter */
        }
        if (got < 0 && errno != EINTR) {
            return ERR_IO;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    source->part.size += size;
    source->size_left -= size;
    sha256_add(&source->sha, slice_of(to, size));
    return ERR_OK;
}

/* The part's last four bytes are the CRC of those before. */
static bool has_crc(const struct buf *part) {
    size_t size = part->size - SNAPSHOT_CRC_SIZE;
    struct reader crc = reader_of(part->data + size, SNAPSHOT_CRC_SIZE);
    return reader_u32(&crc) == crc32c(0, part->data, size);
}

/* ---- parts ---- */

static enum err take_head(struct source *source, struct slice *out_note) {
    buf_clear(&source->part);
    enum err err = take_bytes(source, SNAPSHOT_HEAD_SIZE);
    if (err != ERR_OK) {
        return err;
    }
    struct reader reader = reader_of(source->part.data, source->part.size);
    bool is_ours = reader_u64(&reader) == SNAPSHOT_MAGIC && reader_u32(&reader) == SNAPSHOT_FORMAT;
    uint32_t size = reader_u32(&reader);
    if (!is_ours || size < META_SIZE || size > META_SIZE + LIMIT_SNAPSHOT_NOTE_SIZE_MAX) {
        return ERR_CORRUPT;
    }
    err = take_bytes(source, size + SNAPSHOT_CRC_SIZE);
    if (err != ERR_OK || !has_crc(&source->part)) {
        return err != ERR_OK ? err : ERR_CORRUPT;
    }
    const uint8_t *meta = source->part.data + SNAPSHOT_HEAD_SIZE;
    *out_note = slice_of(meta + META_SIZE, size - META_SIZE);
    return meta_decode(slice_of(meta, META_SIZE), &source->state);
}

/* Whether a record is behind the last one. */
static bool is_next(struct source *source, unsigned table, struct slice key) {
    if (table == source->last_table && slice_compare(key, buf_slice(&source->last_key)) <= 0) {
        return false;
    }
    bool is_known = table >= source->last_table && table > TABLE_META && table < TABLE_COUNT;
    source->last_table = table;
    buf_clear(&source->last_key);
    buf_append(&source->last_key, key.data, key.size);
    return is_known;
}

static enum err give_records(struct source *source, const struct snapshot_sink *sink) {
    struct reader reader = reader_of(source->part.data + sizeof(uint32_t),
                                     source->part.size - sizeof(uint32_t) - SNAPSHOT_CRC_SIZE);
    enum err err = ERR_OK;
    while (err == ERR_OK && reader.size > 0) {
        unsigned table = reader_u8(&reader);
        struct slice key = reader_bytes(&reader);
        struct slice value = reader_bytes(&reader);
        if (reader.is_broken || key.size == 0 || !is_next(source, table, key)) {
            return ERR_CORRUPT;
        }
        tally_add(&source->tally, table, key, value);
        source->record_count++;
        source->event_count += table == TABLE_EVENTS ? 1 : 0;
        err = sink != NULL ? sink->take(sink->owner, table, key, value) : ERR_OK;
    }
    return err;
}

/* A chunk, or the end. */
static enum err take_chunk(struct source *source, const struct snapshot_sink *sink,
                           bool *out_is_end) {
    buf_clear(&source->part);
    enum err err = take_bytes(source, sizeof(uint32_t));
    if (err != ERR_OK) {
        return err;
    }
    struct reader reader = reader_of(source->part.data, source->part.size);
    uint32_t size = reader_u32(&reader);
    *out_is_end = size == 0;
    err = take_bytes(source, (size_t)(size == 0 ? SNAPSHOT_COUNT_SIZE : size) + SNAPSHOT_CRC_SIZE);
    if (err != ERR_OK || !has_crc(&source->part)) {
        return err != ERR_OK ? err : ERR_CORRUPT;
    }
    if (!*out_is_end) {
        return give_records(source, sink);
    }
    reader = reader_of(source->part.data + sizeof(uint32_t), SNAPSHOT_COUNT_SIZE);
    return reader_u64(&reader) == source->record_count ? ERR_OK : ERR_CORRUPT;
}

static enum err take_sha256(struct source *source) {
    uint8_t expected[SHA256_SIZE];
    struct sha256 before = source->sha;
    sha256_finish(&before, expected);
    buf_clear(&source->part);
    enum err err = take_bytes(source, SHA256_SIZE);
    bool is_right = err == ERR_OK && source->size_left == 0 &&
                    memcmp(source->part.data, expected, sizeof expected) == 0;
    return err == ERR_OK && !is_right ? ERR_CORRUPT : err;
}

static enum err take_all(struct source *source, const struct snapshot_sink *sink) {
    struct slice note;
    bool is_end = false;
    enum err err = take_head(source, &note);
    while (err == ERR_OK && !is_end) {
        err = take_chunk(source, sink, &is_end);
    }
    if (err == ERR_OK) {
        err = take_sha256(source);
    }
    const struct meta *state = &source->state;
    bool adds_up = source->tally.digest == state->tally.digest &&
                   source->tally.size == state->tally.size &&
                   source->event_count == state->event_count;
    return err == ERR_OK && !adds_up ? ERR_CORRUPT : err;
}

/* ---- files ---- */

/* Errors: ERR_NOT_FOUND, ERR_IO with errno. */
static enum err source_open(const char *path, struct source *out_source) {
    struct stat stat;
    *out_source = (struct source){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (out_source->fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    if (fstat(out_source->fd, &stat) != 0) {
        (void)close(out_source->fd);
        return ERR_IO;
    }
    out_source->size_left = (uint64_t)stat.st_size;
    sha256_init(&out_source->sha);
    buf_init(&out_source->part);
    buf_init(&out_source->last_key);
    return ERR_OK;
}

static void source_close(struct source *source) {
    (void)close(source->fd);
    buf_deinit(&source->part);
    buf_deinit(&source->last_key);
}

static enum err report(const char *path, enum err err) {
    if (err == ERR_IO) {
        LOG_ERROR("cannot read a snapshot", LOG_TEXT("path", path), LOG_ERRNO(errno));
    }
    return err;
}

enum err snapshot_read_head(const char *path, struct meta *out_state, struct buf *out_note) {
    struct source source;
    enum err err = source_open(path, &source);
    if (err != ERR_OK) {
        return report(path, err);
    }
    struct slice note;
    err = report(path, take_head(&source, &note));
    if (err == ERR_OK) {
        *out_state = source.state;
        if (out_note != NULL) {
            buf_append(out_note, note.data, note.size);
        }
    }
    source_close(&source);
    return err;
}

enum err snapshot_scan(const char *path, const struct snapshot_sink *sink, struct meta *out_state) {
    struct source source;
    enum err err = source_open(path, &source);
    if (err != ERR_OK) {
        return report(path, err);
    }
    err = report(path, take_all(&source, sink));
    if (err == ERR_OK) {
        *out_state = source.state;
    }
    source_close(&source);
    return err;
}

enum err snapshot_check(const char *path, struct meta *out_state) {
    return snapshot_scan(path, NULL, out_state);
}
