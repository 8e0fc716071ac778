/* Waiting for a leader. A write, or a read that must be confirmed, that nobody takes at the moment
 * waits within its timeout: elections are ordinary, and a client that hears of one can only do what
 * we do here, later. It is tried again when the leader changes, and every
 * LIMIT_LEADER_LOOK_MS while one is known (it may have been out of reach for a moment).
 *
 * It ends at once only where waiting is vain: a majority has been silent for longer than an
 * election timeout. Nothing is tried again that may be in the log, unless its Idempotency-Key makes
 * that safe. */
#ifndef WEFT_API_LEADER_H
#define WEFT_API_LEADER_H

struct api;
struct request;

void leader_waits_init(struct api *api);
/* Waits, or refuses what came through another server, which does the waiting. The request must not
 * have been decided, and is repeatable or was certainly not applied. */
void leader_await(struct request *request);
/* Role or leader changed: all that waits is tried again, and calls to the former leader that were
 * not sent, or that are repeatable, go to the new one. */
void leader_changed(struct api *api);

#endif
