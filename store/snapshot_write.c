/* Writing snapshots: pulled piece by piece from a read of the store, by whoever wants the bytes. */
#include "store/snapshot_format.h"
#include "store/view.h"
#include "util/crc.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_BEHIND_SIZE (1024 * 1024) /* the disk begins with what is older than this */

enum part { PART_HEAD, PART_RECORDS, PART_SHA256, PART_NONE };

struct snapshot_writer {
    struct store_read read;
    pthread_mutex_t lock; /* of the read: the store may end it while another thread pulls */
    struct meta state;
    struct buf note;
    enum part part;      /* the next one */
    unsigned table;      /* whose rows are next */
    struct buf last_key; /* of it, that was written; empty: none yet */
    uint64_t record_count;
    struct sha256 sha;
    uint8_t sha256[SHA256_SIZE];
};

enum err snapshot_writer_open(struct store *store, struct slice note,
                              struct snapshot_writer **out_writer) {
    CHECK(note.size <= LIMIT_SNAPSHOT_NOTE_SIZE_MAX);
    struct snapshot_writer *writer = must_alloc_zeroed(1, sizeof *writer);
    enum err err = store_read_begin(store, &writer->read);
    if (err != ERR_OK) {
        free(writer);
        return err;
    }
    pthread_mutex_init(&writer->lock, NULL);
    writer->read.lock = &writer->lock;
    struct txn txn = view_txn(&writer->read);
    environment_get_meta(&txn, &writer->state);
    buf_init(&writer->note);
    buf_append(&writer->note, note.data, note.size);
    buf_init(&writer->last_key);
    writer->table = TABLE_META + 1;
    sha256_init(&writer->sha);
    *out_writer = writer;
    return ERR_OK;
}

void snapshot_writer_close(struct snapshot_writer *writer) {
    store_read_end(&writer->read);
    pthread_mutex_destroy(&writer->lock);
    buf_deinit(&writer->note);
    buf_deinit(&writer->last_key);
    free(writer);
}

const struct meta *snapshot_writer_state(const struct snapshot_writer *writer) {
    return &writer->state;
}

const uint8_t *snapshot_writer_sha256(const struct snapshot_writer *writer) {
    CHECK(writer->part == PART_NONE);
    return writer->sha256;
}

/* ---- the parts ---- */

static void put_crc(struct buf *out, size_t begin) {
    buf_put_u32(out, crc32c(0, out->data + begin, out->size - begin));
}

static void put_head(struct snapshot_writer *writer, struct buf *out) {
    size_t begin = out->size;
    buf_put_u64(out, SNAPSHOT_MAGIC);
    buf_put_u32(out, SNAPSHOT_FORMAT);
    buf_put_u32(out, META_SIZE + (uint32_t)writer->note.size);
    meta_encode(&writer->state, out);
    buf_append(out, writer->note.data, writer->note.size);
    put_crc(out, begin);
    writer->part = PART_RECORDS;
}

struct fill {
    struct snapshot_writer *writer;
    struct buf *out;
    size_t begin; /* of the chunk in `out` */
    bool is_full;
};

static bool visit(void *owner, struct slice key, struct slice value) {
    struct fill *fill = owner;
    struct snapshot_writer *writer = fill->writer;
    if (slice_equal(key, buf_slice(&writer->last_key))) {
        return true; /* the walk begins with the last one again */
    }
    buf_put_u8(fill->out, (uint8_t)writer->table);
    buf_put_bytes(fill->out, key.data, key.size);
    buf_put_bytes(fill->out, value.data, value.size);
    writer->record_count++;
    fill->is_full = fill->out->size - fill->begin >= LIMIT_SNAPSHOT_CHUNK_SIZE;
    if (fill->is_full) {
        buf_clear(&writer->last_key);
        buf_append(&writer->last_key, key.data, key.size);
    }
    return !fill->is_full;
}

static void put_end(struct snapshot_writer *writer, struct buf *out) {
    size_t begin = out->size;
    buf_put_u32(out, 0);
    buf_put_u64(out, writer->record_count);
    put_crc(out, begin);
    writer->part = PART_SHA256;
}

/* Errors: ERR_IO. */
static enum err put_chunk(struct snapshot_writer *writer, struct buf *out) {
    struct txn txn = view_txn(&writer->read);
    struct fill fill = {.writer = writer, .out = out, .begin = out->size};
    buf_put_u32(out, 0);
    while (!fill.is_full && writer->table < TABLE_COUNT) {
        txn_walk(&txn, (enum table)writer->table, buf_slice(&writer->last_key), visit, &fill);
        if (!fill.is_full) {
            writer->table++;
            buf_clear(&writer->last_key);
        }
    }
    if (txn.status != 0) {
        LOG_ERROR("cannot read the store", LOG_TEXT("reason", environment_reason(txn.status)));
        return ERR_IO;
    }
    size_t size = out->size - fill.begin - sizeof(uint32_t);
    if (size == 0) {
        out->size = fill.begin;
        put_end(writer, out);
        return ERR_OK;
    }
    buf_set_u32(out, fill.begin, (uint32_t)size);
    put_crc(out, fill.begin);
    return ERR_OK;
}

static enum err put_part(struct snapshot_writer *writer, struct buf *out) {
    if (writer->part == PART_HEAD) {
        put_head(writer, out);
        return ERR_OK;
    }
    pthread_mutex_lock(&writer->lock);
    enum err err = store_read_is_open(&writer->read) ? put_chunk(writer, out) : ERR_CLOSED;
    pthread_mutex_unlock(&writer->lock);
    return err;
}

/* The digest in the file is that of all before it, the digest of the file that of all. */
static void put_sha256(struct snapshot_writer *writer, struct buf *out) {
    struct sha256 before = writer->sha;
    sha256_finish(&before, writer->sha256);
    buf_append(out, writer->sha256, sizeof writer->sha256);
    sha256_add(&writer->sha, slice_of(writer->sha256, sizeof writer->sha256));
    sha256_finish(&writer->sha, writer->sha256);
    writer->part = PART_NONE;
}

enum err snapshot_writer_pull(struct snapshot_writer *writer, struct buf *out) {
    if (writer->part == PART_NONE) {
        return ERR_OK;
    }
    if (writer->part == PART_SHA256) {
        put_sha256(writer, out);
        return ERR_OK;
    }
    size_t begin = out->size;
    enum err err = put_part(writer, out);
    if (err == ERR_OK) {
        sha256_add(&writer->sha, slice_of(out->data + begin, out->size - begin));
    }
    return err;
}

/* ---- into a file ---- */

static bool write_all(int fd, struct slice bytes) {
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        size_t step = written < 0 ? 0 : (size_t)written;
        bytes = slice_of(bytes.data + step, bytes.size - step);
    }
    return true;
}

/* Errors: ERR_CLOSED, ERR_IO with errno. */
static enum err write_pieces(struct snapshot_writer *writer, int fd) {
    struct buf piece;
    buf_init(&piece);
    off_t size = 0;
    off_t begun = 0;
    enum err err = snapshot_writer_pull(writer, &piece);
    while (err == ERR_OK && piece.size > 0) {
        err = write_all(fd, buf_slice(&piece)) ? ERR_OK : ERR_IO;
        size += (off_t)piece.size;
        if (size - begun > WRITE_BEHIND_SIZE) {
            /* A hint, and so its result is no matter: one large sync at the end would hold up the
             * log's. */
            (void)sync_file_range(fd, begun, size - begun, SYNC_FILE_RANGE_WRITE);
            begun = size;
        }
        buf_clear(&piece);
        err = err == ERR_OK ? snapshot_writer_pull(writer, &piece) : err;
    }
    buf_deinit(&piece);
    return err == ERR_OK && fsync(fd) != 0 ? ERR_IO : err;
}

static bool sync_directory(const char *directory) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_done;
}

/* Errors: as snapshot_write, not logged, errno says why. */
static enum err write_file(struct snapshot_writer *writer, const char *directory,
                           const char *temporary, const char *path) {
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return ERR_IO;
    }
    enum err err = write_pieces(writer, fd);
    (void)close(fd);
    if (err == ERR_OK && (rename(temporary, path) != 0 || !sync_directory(directory))) {
        err = ERR_IO;
    }
    return err;
}

enum err snapshot_write(struct snapshot_writer *writer, const char *path) {
    struct buf temporary;
    char *copy = must_strdup(path);
    const char *directory = dirname(copy);
    buf_init(&temporary);
    buf_appendf(&temporary, "%s/" SNAPSHOT_UNFINISHED_NAME, directory);
    enum err err = write_file(writer, directory, buf_text(&temporary), path);
    if (err == ERR_IO) {
        LOG_ERROR("cannot write a snapshot", LOG_TEXT("path", path), LOG_ERRNO(errno));
    }
    if (err != ERR_OK) {
        (void)unlink(buf_text(&temporary)); /* what is left of it is made anew the next time */
    }
    buf_deinit(&temporary);
    free(copy);
    return err;
}
