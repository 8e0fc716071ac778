/* The API's client for programs without a loop: the CNI plugin and the command line. Plain sockets,
 * poll() and a deadline around wire/http; libuv is not needed.
 *
 * Which server, and whether to try again, is decided by retry.h, the same for call.h: a server that
 * cannot be reached is passed over; a write whose outcome is unknown is repeated only with an
 * Idempotency-Key; an answer that says "not applied, retryable" (no_leader) is repeated with a
 * growing pause until the deadline. One connection a try, closed after it. One thread. */
#ifndef WEFT_CLIENT_CLIENT_H
#define WEFT_CLIENT_CLIENT_H

#include "client/request.h"
#include "client/url.h"

struct client;

/* Copies the server list; connects to nothing yet. `timeout_ms` bounds each call whose request
 * names no timeout (0: LIMIT_CALL_TIMEOUT_DEFAULT_MS). Owns: the caller, client_close. */
MUST_USE struct client *client_open(const struct server_list *servers, msec_t timeout_ms);
void client_close(struct client *client); /* NULL is fine */

/* Sends a request and waits for its answer. ERR_OK: a 2xx answer. An answer with another status
 * returns its problem's code with `problem` and `out_answer` both filled. Without an answer
 * out_answer->status is 0 and the code is ERR_UNREACHABLE (no server could be reached: the problem
 * names each with its reason), ERR_TIMEOUT, ERR_CLOSED or ERR_BAD_REQUEST (not HTTP); for a write
 * problem->outcome says whether it may have happened. Lifetime: the answer lives until the next
 * call on this client or client_close. */
MUST_USE enum err client_call(struct client *client, const struct client_request *request,
                              struct client_answer *out_answer, struct problem *problem);

/* Gets one line of a streamed answer, without its line feed; false stops. */
typedef bool (*client_line_cb)(void *owner, struct slice line);

/* Sends a GET and hands the lines of its 2xx answer over as they come, until the answer ends
 * (ERR_OK), the callback stops it (ERR_OK), nothing came for request->idle_ms (ERR_TIMEOUT) or the
 * connection breaks (ERR_CLOSED). Before the first line it tries servers as client_call does;
 * after it, never. Errors: also ERR_TOO_LARGE for a line over LIMIT_CLIENT_LINE_SIZE_MAX. */
MUST_USE enum err client_stream(struct client *client, const struct client_request *request,
                                client_line_cb line, void *owner, struct problem *problem);

#endif
