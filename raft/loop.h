/* The replica's place on the libuv loop, and the only file of raft/ that calls libuv: a turn before
 * and after each poll, one timer, a way to ask for another turn, and worker threads for what
 * blocks. Everything else in raft/ is told the time and does what is due. */
#ifndef WEFT_RAFT_LOOP_H
#define WEFT_RAFT_LOOP_H

#include "util/clock.h"

#include <stdbool.h>

struct uv_loop_s;
struct loop;

/* `turn` is called before each poll (timers have run) and after it (input has come). Owns: the
 * caller, loop_close. */
struct loop *loop_open(struct uv_loop_s *uv, void (*turn)(void *owner), void *owner);
/* Another turn comes without waiting for input. */
void loop_wake(struct loop *loop);
/* A turn comes in `delay_ms` at the latest; replaces the delay set before. */
void loop_set_timer(struct loop *loop, msec_t delay_ms);
/* Calls `run(job)` on a worker thread, then `done(owner, job)` on the loop. Several may be out;
 * they run and end in any order. */
void loop_work(struct loop *loop, void (*run)(void *job), void (*done)(void *owner, void *job),
               void *job);
bool loop_is_working(const struct loop *loop);
/* No work may be out. No turn comes any more; frees the loop, then calls back. */
void loop_close(struct loop *loop, void (*closed)(void *owner));

#endif
