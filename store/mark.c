/*   slot = magic:u32 sequence:u64 applied_index:u64 applied_term:u64 boot:u64 is_sealed:u8
 *          view_size:u64 view_crc:u32 crc:u32 */
#include "store/mark.h"

#include "store/tally.h"
#include "util/buf.h"
#include "util/crc.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOT_COUNT   2u
#define SLOT_MAGIC   0x574D524Bu /* "WMRK" */
#define SLOT_SIZE    53u
#define SLOT_SPACING 4096u /* no disk writes two slots at once */
#define READ_SIZE    (1024u * 1024u)
#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

static bool slot_decode(const uint8_t *bytes, uint64_t *out_sequence,
                        struct mark_state *out_state) {
    struct reader reader = reader_of(bytes, SLOT_SIZE);
    bool is_ours = reader_u32(&reader) == SLOT_MAGIC;
    *out_sequence = reader_u64(&reader);
    *out_state = (struct mark_state){.applied_index = reader_u64(&reader),
                                     .applied_term = reader_u64(&reader),
                                     .boot = reader_u64(&reader),
                                     .is_sealed = reader_u8(&reader) != 0,
                                     .view_size = reader_u64(&reader),
                                     .view_crc = reader_u32(&reader)};
    return is_ours && reader_u32(&reader) == crc32c(0, bytes, SLOT_SIZE - 4);
}

static void slot_encode(uint64_t sequence, const struct mark_state *state, struct buf *out) {
    buf_put_u32(out, SLOT_MAGIC);
    buf_put_u64(out, sequence);
    buf_put_u64(out, state->applied_index);
    buf_put_u64(out, state->applied_term);
    buf_put_u64(out, state->boot);
    buf_put_u8(out, state->is_sealed ? 1 : 0);
    buf_put_u64(out, state->view_size);
    buf_put_u32(out, state->view_crc);
    buf_put_u32(out, crc32c(0, out->data, out->size));
    CHECK(out->size == SLOT_SIZE);
}

static void load(struct mark *mark) {
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        uint8_t bytes[SLOT_SIZE];
        uint64_t sequence;
        struct mark_state state;
        if (pread(mark->fd, bytes, sizeof bytes, (off_t)i * SLOT_SPACING) == SLOT_SIZE &&
            slot_decode(bytes, &sequence, &state) && sequence > mark->sequence) {
            mark->sequence = sequence;
            mark->state = state;
        }
    }
}

enum err mark_open(const char *directory, struct mark *out_mark) {
    char path[4096];
    snprintf(path, sizeof path, "%s/" MARK_NAME, directory);
    *out_mark = (struct mark){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (out_mark->fd < 0) {
        LOG_ERROR("cannot open the mark of the store", LOG_TEXT("path", path), LOG_ERRNO(errno));
        return ERR_SYSTEM;
    }
    load(out_mark);
    return ERR_OK;
}

void mark_close(struct mark *mark) {
    (void)close(mark->fd);
    mark->fd = -1;
}

int mark_write(struct mark *mark, bool is_synced) {
    struct buf slot;
    buf_init(&slot);
    mark->sequence++;
    slot_encode(mark->sequence, &mark->state, &slot);
    off_t at = (off_t)(mark->sequence % SLOT_COUNT) * SLOT_SPACING;
    ssize_t written;
    do {
        written = pwrite(mark->fd, slot.data, slot.size, at);
    } while (written < 0 && errno == EINTR);
    int error = 0;
    if (written != (ssize_t)slot.size) {
        error = written < 0 ? errno : EIO;
    } else if (is_synced && fsync(mark->fd) != 0) {
        error = errno;
    }
    buf_deinit(&slot);
    return error;
}

uint64_t mark_boot(const char *boot_id) {
    char text[64];
    if (boot_id != NULL) {
        return tally_hash(slice_of_text(boot_id));
    }
    int fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    return size > 0 ? tally_hash(slice_of(text, (size_t)size)) : 0;
}

int mark_measure(const char *path, uint64_t *out_size, uint32_t *out_crc) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    uint8_t *bytes = must_alloc(READ_SIZE);
    uint64_t size = 0;
    uint32_t crc = 0;
    ssize_t got;
    do {
        got = read(fd, bytes, READ_SIZE);
        if (got > 0) {
            crc = crc32c(crc, bytes, (size_t)got);
            size += (uint64_t)got;
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    int error = got < 0 ? errno : 0;
    free(bytes);
    (void)close(fd);
    *out_size = size;
    *out_crc = crc;
    return error;
}
