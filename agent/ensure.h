/* Makes one object of the store be what it should be: reads it, compares, and writes only when it
 * differs, on condition that nobody changed it in between. The node's own object and the pods'
 * endpoints are kept this way: whoever else changes them is seen, and nothing is written twice
 * (each write wakes every watcher).
 *
 * Flow: GET -> decide -> PUT or DELETE with If-Match -> done. One object at a time; the owner
 * starts the next, and decides when to try again. */
#ifndef WEFT_AGENT_ENSURE_H
#define WEFT_AGENT_ENSURE_H

#include "client/call.h"
#include "wire/json.h"

enum ensure_verdict {
    ENSURE_KEEP, /* it is as it should be, or not ours to change */
    ENSURE_PUT,
    ENSURE_DELETE
};

struct ensure;

/* Looks at the object (NULL: there is none) and appends the body to put. */
typedef enum ensure_verdict (*ensure_decide_cb)(void *owner, const struct json *current,
                                                struct buf *out_body);
/* It agrees (ERR_OK), or not: ERR_PRECONDITION_FAILED when somebody was faster, else as call.h;
 * `problem` tells, for the log. */
typedef void (*ensure_done_cb)(void *owner, enum err err, const struct problem *problem);

struct ensure {
    struct call_pool *pool;
    struct server_list *servers;
    struct call call;
    char target[LIMIT_KEY_SIZE_MAX];
    ensure_decide_cb decide;
    ensure_done_cb done;
    void *owner;
    bool is_active;
};

/* `pool` and `servers` are borrowed for the ensure's life. */
void ensure_init(struct ensure *ensure, struct call_pool *pool, struct server_list *servers);
/* Begins; not active before. `target` is an escaped path of less than LIMIT_KEY_SIZE_MAX bytes. */
void ensure_start(struct ensure *ensure, const char *target, ensure_decide_cb decide,
                  ensure_done_cb done, void *owner);
/* Ends it without its callback. */
void ensure_cancel(struct ensure *ensure);

#endif
