#include "agent/save.h"

#include "util/durable.h"
#include "util/log.h"

#include <errno.h>

void save_init(struct save *save, uv_loop_t *loop, const char *dir, const char *name,
               save_encode_cb encode, void *owner) {
    *save = (struct save){.loop = loop, .dir = dir, .name = name, .encode = encode, .owner = owner};
    list_init(&save->waiting);
    list_init(&save->served);
    buf_init(&save->content);
}

void save_deinit(struct save *save) {
    CHECK(!save->is_running);
    buf_deinit(&save->content);
}

/* On the worker thread: touches nothing but what the loop leaves alone meanwhile. */
static void write_content(uv_work_t *work) {
    struct save *save = CONTAINER_OF(work, struct save, work);
    save->result = durable_write(save->dir, save->name, buf_slice(&save->content));
    save->result_errno = errno;
}

static void begin(struct save *save);

static void write_done(uv_work_t *work, int status) {
    struct save *save = CONTAINER_OF(work, struct save, work);
    CHECK(status == 0); /* nobody cancels it */
    struct list served;
    list_init(&served);
    list_move_all(&save->served, &served);
    enum err result = save->result;
    if (result != ERR_OK) {
        LOG_ERROR("file not written", LOG_TEXT("dir", save->dir), LOG_TEXT("name", save->name),
                  LOG_ERRNO(save->result_errno));
    }
    save->is_running = false;
    if (save->is_wanted) {
        begin(save);
    }
    for (struct list *node = list_take_first(&served); node != NULL;
         node = list_take_first(&served)) {
        struct save_waiter *waiter = CONTAINER_OF(node, struct save_waiter, node);
        waiter->done(waiter, result);
    }
}

static void begin(struct save *save) {
    save->is_running = true;
    save->is_wanted = false;
    list_move_all(&save->waiting, &save->served);
    buf_clear(&save->content);
    save->encode(save->owner, &save->content);
    CHECK(uv_queue_work(save->loop, &save->work, write_content, write_done) == 0);
}

void save_request(struct save *save, struct save_waiter *waiter) {
    if (waiter != NULL) {
        list_append(&save->waiting, &waiter->node);
    }
    save->is_wanted = true;
    if (!save->is_running) {
        begin(save);
    }
}
