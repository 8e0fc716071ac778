/* Small files that survive: whole or not there, never half. Written to a temporary name, synced,
 * renamed, the directory synced; read back with their CRC32C verified.
 *
 * The first line names format, checksum and size; the content follows as it was given:
 *     weft-durable 1 crc32c=5f0a3c11 size=184
 * Calls block; on a loop they belong on a worker thread. One writer a file at a time. */
#ifndef WEFT_UTIL_DURABLE_H
#define WEFT_UTIL_DURABLE_H

#include "util/buf.h"
#include "util/check.h"
#include "util/err.h"

/* Makes a directory and its missing parents, 0755. Errors: ERR_IO, errno says why. */
MUST_USE enum err durable_make_dir(const char *dir);
/* Replaces DIR/NAME. Returns once the content is on the disk. Shape: `name` has no slash and does
 * not begin with a dot. Errors: ERR_IO, errno says why; what was there before is still whole. */
MUST_USE enum err durable_write(const char *dir, const char *name, struct slice content);
/* Reads DIR/NAME into `out_content`. Errors: ERR_NOT_FOUND; ERR_CORRUPT when the first line, the
 * size or the checksum is wrong; ERR_TOO_LARGE over LIMIT_DURABLE_SIZE_MAX; ERR_IO. */
MUST_USE enum err durable_read(const char *dir, const char *name, struct buf *out_content);
/* Removes DIR/NAME; a file that is not there is fine. Errors: ERR_IO, errno says why. */
MUST_USE enum err durable_remove(const char *dir, const char *name);

#endif
