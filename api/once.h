/* Idempotency-Key: a write that carries one is applied at most once, and whoever repeats it gets
 * the first answer again. The key's checks, the request's fingerprint, and the command around the
 * command; what is kept is the state machine's (store/op_once.c).
 *
 * Two requests are the same when method, path, query, conditions, the Content-Type of a raw body
 * and the body are. Not part of it: `timeout` (how long one waits) and `dry_run` (which keeps
 * nothing).
 *
 * The client's identity is empty: over plain TCP nobody is who he says, and a name that a client
 * chooses would protect nobody. Keys of all clients share one space; 16 random bytes in them keep
 * them apart. */
#ifndef WEFT_API_ONCE_H
#define WEFT_API_ONCE_H

#include "util/buf.h"
#include "wire/http.h"

struct request;

/* Whether the header, if there is one, is 1 to 64 printable bytes. Errors: ERR_BAD_REQUEST. */
MUST_USE enum err once_check(const struct http_message *message, struct problem *problem);
/* Puts the encoded command of a request with a key into a COMMAND_ONCE; others stay as they are. */
void once_wrap(struct request *request, struct buf *command);

#endif
