/* Keeps one file equal to what its owner holds in memory, without blocking the loop: the content is
 * taken on the loop, written and synced on a worker thread (util/durable.h). Requests that come
 * while one is being written share the next one, so many callers cost few syncs.
 *
 * Invariant: a waiter is called after a write that began after it asked. A failed write is reported
 * to its waiters and tried again with the next request. */
#ifndef WEFT_AGENT_SAVE_H
#define WEFT_AGENT_SAVE_H

#include "util/buf.h"
#include "util/err.h"
#include "util/list.h"

#include <uv.h>

/* Appends the content as it is now. */
typedef void (*save_encode_cb)(void *owner, struct buf *out);

/* Embedded in who waits; lives until `done`. */
struct save_waiter {
    struct list node;
    void (*done)(struct save_waiter *waiter, enum err err);
};

struct save {
    uv_loop_t *loop;
    const char *dir;
    const char *name;
    save_encode_cb encode;
    void *owner;
    struct list waiting; /* for the next write */
    struct list served;  /* by the write that is on its way */
    bool is_wanted;
    bool is_running;
    uv_work_t work;
    struct buf content; /* the worker's while is_running */
    enum err result;
    int result_errno;
};

/* `dir` and `name` are borrowed for the save's life. */
void save_init(struct save *save, uv_loop_t *loop, const char *dir, const char *name,
               save_encode_cb encode, void *owner);
/* No write may be on its way. */
void save_deinit(struct save *save);
/* Asks for a write; `waiter` may be NULL. Errors come to the waiter: ERR_IO. */
void save_request(struct save *save, struct save_waiter *waiter);

#endif
