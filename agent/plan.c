#include "agent/plan.h"

#include <stdlib.h>
#include <string.h>

/* When a step's turn is; lower is earlier. Steps of one phase go by key. */
static const uint8_t phases[MODEL_CLASS_COUNT][PLAN_VERDICT_COUNT] = {
    [MODEL_LINK] = {[PLAN_DELETE] = 0, [PLAN_ADD] = 4, [PLAN_REPLACE] = 4},
    [MODEL_ROUTE] = {[PLAN_DELETE] = 1, [PLAN_ADD] = 9, [PLAN_REPLACE] = 9},
    [MODEL_NEIGHBOUR] = {[PLAN_DELETE] = 2, [PLAN_ADD] = 7, [PLAN_REPLACE] = 7},
    [MODEL_FDB] = {[PLAN_DELETE] = 3, [PLAN_ADD] = 8, [PLAN_REPLACE] = 8},
    [MODEL_ADDRESS] = {[PLAN_DELETE] = 6, [PLAN_ADD] = 5, [PLAN_REPLACE] = 5},
};

void plan_init(struct plan *plan) {
    *plan = (struct plan){0};
}

void plan_deinit(struct plan *plan) {
    free(plan->steps);
    *plan = (struct plan){0};
}

static void add_step(struct plan *plan, enum plan_verdict verdict,
                     const struct model_object *object) {
    plan->verdicts[verdict]++;
    if (verdict == PLAN_KEEP || verdict == PLAN_IGNORE) {
        return;
    }
    if (plan->count == plan->capacity) {
        plan->capacity = MAX_OF(plan->capacity * 2, 64u);
        plan->steps = must_realloc(plan->steps, plan->capacity * sizeof plan->steps[0]);
    }
    plan->steps[plan->count++] = (struct plan_step){.verdict = verdict, .object = *object};
}

/* A device that differs in what it is, not only in how it is set, cannot be changed in place. */
static bool must_be_made_again(const struct model_object *desired,
                               const struct model_object *actual) {
    struct model_object set_alike = *actual;
    set_alike.link.is_up = desired->link.is_up;
    set_alike.link.mtu = desired->link.mtu;
    return model_compare(desired, &set_alike) != 0;
}

static void judge_pair(struct plan *plan, const struct model_object *desired,
                       const struct model_object *actual) {
    if (model_compare(desired, actual) == 0) {
        add_step(plan, PLAN_KEEP, desired);
    } else if (desired->class == MODEL_LINK && must_be_made_again(desired, actual)) {
        add_step(plan, PLAN_DELETE, actual);
        add_step(plan, PLAN_ADD, desired);
    } else {
        add_step(plan, PLAN_REPLACE, desired);
    }
}

/* Whether the object goes with a device that the plan deletes. Devices come first in both states,
 * so the steps about them are complete and in front; few are ever deleted at once. */
static bool goes_with_its_device(const struct plan *plan, const struct model_object *actual) {
    const struct plan_step *step = plan->steps;
    const struct plan_step *end = step + plan->count;
    for (; actual->class != MODEL_LINK && step < end && step->object.class == MODEL_LINK; step++) {
        if (step->verdict == PLAN_DELETE &&
            strcmp(step->object.link.name, model_link_of(actual)) == 0) {
            return true;
        }
    }
    return false;
}

/* The merge walk. An object of somebody else is passed over, even in the place of a desired one:
 * ours is then tried beside it, and the kernel's refusal tells the operator. Where the kernel has
 * several objects of one key, the first meets the desired one and the others are too many. */
static void walk(const struct network_state *desired, const struct network_state *actual,
                 struct plan *plan) {
    const struct model_object *want = desired->objects;
    const struct model_object *want_end = want + desired->count;
    const struct model_object *have = actual->objects;
    const struct model_object *have_end = have + actual->count;
    while (want < want_end || have < have_end) {
        if (have < have_end && !model_is_ours(have)) {
            add_step(plan, PLAN_IGNORE, have++);
            continue;
        }
        if (have < have_end && goes_with_its_device(plan, have)) {
            have++;
            continue;
        }
        int order = have == have_end ? -1 : want == want_end ? 1 : model_compare_key(want, have);
        if (order < 0) {
            add_step(plan, PLAN_ADD, want++);
        } else if (order > 0) {
            add_step(plan, PLAN_DELETE, have++);
        } else {
            judge_pair(plan, want++, have++);
        }
    }
}

static int compare_steps(const void *a, const void *b) {
    const struct plan_step *x = a;
    const struct plan_step *y = b;
    int phase = (int)phases[x->object.class][x->verdict] - (int)phases[y->object.class][y->verdict];
    return phase != 0 ? phase : model_compare(&x->object, &y->object);
}

void plan_make(const struct network_state *desired, const struct network_state *actual,
               struct plan *out_plan) {
    out_plan->count = 0;
    memset(out_plan->verdicts, 0, sizeof out_plan->verdicts);
    walk(desired, actual, out_plan);
    if (out_plan->count > 0) {
        qsort(out_plan->steps, out_plan->count, sizeof out_plan->steps[0], compare_steps);
    }
}
