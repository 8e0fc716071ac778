/* Term and vote on disk. See ballot.h; util/durable keeps the file whole.
 *
 *   content = format:u8 term:u64 vote:u64 cluster:u64 server_id:u64 */
#include "raft/ballot.h"

#include "util/durable.h"
#include "util/log.h"

#include <errno.h>

#define BALLOT_NAME   "ballot"
#define BALLOT_FORMAT 1u

static enum err decode(struct slice bytes, struct ballot *out_ballot) {
    struct reader reader = reader_of(bytes.data, bytes.size);
    uint8_t format = reader_u8(&reader);
    struct ballot ballot;
    ballot.term = reader_u64(&reader);
    ballot.vote = reader_u64(&reader);
    ballot.cluster = reader_u64(&reader);
    ballot.server_id = reader_u64(&reader);
    if (!reader_is_done(&reader) || format != BALLOT_FORMAT) {
        return ERR_CORRUPT;
    }
    *out_ballot = ballot;
    return ERR_OK;
}

enum err ballot_load(const char *directory, struct ballot *out_ballot) {
    struct buf bytes;
    buf_init(&bytes);
    enum err err = durable_read(directory, BALLOT_NAME, &bytes);
    if (err == ERR_OK) {
        err = decode(buf_slice(&bytes), out_ballot);
    }
    if (err == ERR_IO) {
        LOG_ERROR("ballot cannot be read", LOG_TEXT("directory", directory), LOG_ERRNO(errno));
    } else if (err != ERR_OK && err != ERR_NOT_FOUND) {
        LOG_ERROR("ballot is damaged: restore this server from its peers or a backup",
                  LOG_TEXT("directory", directory), LOG_TEXT("file", BALLOT_NAME));
        err = ERR_CORRUPT;
    }
    buf_deinit(&bytes);
    return err;
}

enum err ballot_save(const char *directory, const struct ballot *ballot) {
    struct buf bytes;
    buf_init(&bytes);
    buf_put_u8(&bytes, BALLOT_FORMAT);
    buf_put_u64(&bytes, ballot->term);
    buf_put_u64(&bytes, ballot->vote);
    buf_put_u64(&bytes, ballot->cluster);
    buf_put_u64(&bytes, ballot->server_id);
    enum err err = durable_write(directory, BALLOT_NAME, buf_slice(&bytes));
    if (err != ERR_OK) {
        LOG_ERROR(
            "ballot cannot be written: make room or replace the disk, and start this server again",
            LOG_TEXT("directory", directory), LOG_ERRNO(errno));
    }
    buf_deinit(&bytes);
    return err;
}
