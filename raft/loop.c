/* The replica on libuv. See loop.h. */
#include "raft/loop.h"

#include "util/check.h"

#include <stdlib.h>
#include <uv.h>

struct loop {
    uv_loop_t *uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* active: the poll does not wait */
    uv_timer_t timer;
    unsigned work_count; /* out */
    void (*turn)(void *owner);
    void (*closed)(void *owner);
    void *owner;
    unsigned open_handles;
};

/* One job on a worker thread. */
struct work {
    uv_work_t request;
    struct loop *loop;
    void (*run)(void *job);
    void (*done)(void *owner, void *job);
    void *job;
};

static void turn(struct loop *loop) {
    (void)uv_idle_stop(&loop->idle);
    loop->turn(loop->owner);
}

static void prepare_fired(uv_prepare_t *handle) {
    turn(handle->data);
}

static void check_fired(uv_check_t *handle) {
    turn(handle->data);
}

static void idle_fired(uv_idle_t *handle) {
    (void)handle; /* it only keeps the poll from waiting */
}

static void timer_fired(uv_timer_t *handle) {
    (void)handle; /* the turn before the next poll sees the time */
}

struct loop *loop_open(struct uv_loop_s *uv, void (*turn_cb)(void *owner), void *owner) {
    struct loop *loop = must_alloc_zeroed(1, sizeof *loop);
    loop->uv = uv;
    loop->turn = turn_cb;
    loop->owner = owner;
    CHECK(uv_prepare_init(uv, &loop->prepare) == 0);
    CHECK(uv_check_init(uv, &loop->check) == 0);
    CHECK(uv_idle_init(uv, &loop->idle) == 0);
    CHECK(uv_timer_init(uv, &loop->timer) == 0);
    loop->prepare.data = loop;
    loop->check.data = loop;
    loop->open_handles = 4;
    CHECK(uv_prepare_start(&loop->prepare, prepare_fired) == 0);
    CHECK(uv_check_start(&loop->check, check_fired) == 0);
    loop_wake(loop);
    return loop;
}

void loop_wake(struct loop *loop) {
    CHECK(uv_idle_start(&loop->idle, idle_fired) == 0);
}

void loop_set_timer(struct loop *loop, msec_t delay_ms) {
    /* libuv counts from its own idea of now, which may be older than ours. */
    uv_update_time(loop->uv);
    CHECK(uv_timer_start(&loop->timer, timer_fired, delay_ms, 0) == 0);
}

static void work_run(uv_work_t *request) {
    struct work *work = CONTAINER_OF(request, struct work, request);
    work->run(work->job);
}

static void work_done(uv_work_t *request, int status) {
    struct work *work = CONTAINER_OF(request, struct work, request);
    CHECK(status == 0); /* nobody cancels it */
    work->loop->work_count--;
    work->done(work->loop->owner, work->job);
    free(work);
}

void loop_work(struct loop *loop, void (*run)(void *job), void (*done)(void *owner, void *job),
               void *job) {
    struct work *work = must_alloc_zeroed(1, sizeof *work);
    work->loop = loop;
    work->run = run;
    work->done = done;
    work->job = job;
    loop->work_count++;
    CHECK(uv_queue_work(loop->uv, &work->request, work_run, work_done) == 0);
}

bool loop_is_working(const struct loop *loop) {
    return loop->work_count > 0;
}

static void handle_closed(uv_handle_t *handle) {
    struct loop *loop = handle->data;
    loop->open_handles--;
    if (loop->open_handles > 0) {
        return;
    }
    void (*closed)(void *owner) = loop->closed;
    void *owner = loop->owner;
    free(loop);
    closed(owner);
}

void loop_close(struct loop *loop, void (*closed)(void *owner)) {
    CHECK(loop->work_count == 0);
    loop->closed = closed;
    loop->idle.data = loop;
    loop->timer.data = loop;
    uv_close((uv_handle_t *)&loop->prepare, handle_closed);
    uv_close((uv_handle_t *)&loop->check, handle_closed);
    uv_close((uv_handle_t *)&loop->idle, handle_closed);
    uv_close((uv_handle_t *)&loop->timer, handle_closed);
}
