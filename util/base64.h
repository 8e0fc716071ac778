/* Base64 (RFC 4648 section 4, with padding), for KV values inside JSON. */
#ifndef WEFT_UTIL_BASE64_H
#define WEFT_UTIL_BASE64_H

#include "util/buf.h"
#include "util/err.h"

void base64_encode(struct slice bytes, struct buf *out);
/* Strict: no white space, padding required, unused bits zero. ERR_INVALID leaves `out` as it was.
 */
MUST_USE enum err base64_decode(struct slice text, struct buf *out);

#endif
