/* The plan: which steps turn the kernel's actual state into the desired one. Pure: two states in, a
 * list out; the same two states always give the same list.
 *
 * Each object gets exactly one verdict, in one merge walk over the two sorted states. The one
 * exception is a device that is not what it should be: it is deleted and made again, and everything
 * that stood on it counts as gone, because the kernel removes it with the device.
 *
 * Order of the steps: what must go first goes first (devices, then routes before neighbours before
 * FDB entries: no traffic into a hole), then devices, new addresses, and only then old addresses
 * (the kernel drops all routes of a device that loses its last one), neighbours, FDB entries, and
 * last the routes that send traffic there.
 *
 * Invariant: a step deletes or replaces only what model_is_ours. */
#ifndef WEFT_AGENT_PLAN_H
#define WEFT_AGENT_PLAN_H

#include "agent/model.h"
#include "util/buf.h"

enum plan_verdict {
    PLAN_KEEP,    /* both have it, alike */
    PLAN_IGNORE,  /* not ours */
    PLAN_ADD,     /* desired only */
    PLAN_REPLACE, /* both have it, and it differs */
    PLAN_DELETE,  /* actual only, and ours */
    PLAN_VERDICT_COUNT
};

struct plan_step {
    enum plan_verdict verdict;  /* PLAN_ADD, PLAN_REPLACE, PLAN_DELETE */
    struct model_object object; /* the desired one; for PLAN_DELETE the actual one */
};

/* Lifetime: plan_init .. plan_deinit. */
struct plan {
    struct plan_step *steps;
    size_t count;
    size_t capacity;
    size_t verdicts[PLAN_VERDICT_COUNT]; /* how many objects got which; for logs and metrics */
};

void plan_init(struct plan *plan);
void plan_deinit(struct plan *plan);
/* Makes the plan anew. Shape: `desired` is settled, `actual` sorted (model.h). */
void plan_make(const struct network_state *desired, const struct network_state *actual,
               struct plan *out_plan);

/* Appends the step as the command of iproute2 that would do the same, without a newline. */
void plan_print_step(const struct plan_step *step, struct buf *out);
/* Appends all steps, a line each. */
void plan_print(const struct plan *plan, struct buf *out);

#endif
