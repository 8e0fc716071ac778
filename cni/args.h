/* What the runtime asks: the environment of a CNI call, checked (stdin is config.h's). Pure: the
 * variables come in a struct, so that tests need no process.
 *
 * Source: CNI 1.1.0, "Parameters". */
#ifndef WEFT_CNI_ARGS_H
#define WEFT_CNI_ARGS_H

#include "cni/error.h"
#include "util/arena.h"
#include "wire/attachment.h"

enum cni_verb {
    CNI_VERB_ADD,
    CNI_VERB_DEL,
    CNI_VERB_CHECK,
    CNI_VERB_GC,
    CNI_VERB_STATUS,
    CNI_VERB_VERSION
};

/* The variables as they are; NULL: not set. An empty one counts as not set. */
struct cni_environment {
    const char *command;
    const char *container_id;
    const char *netns;
    const char *ifname;
    const char *args;
};

struct cni_args {
    enum cni_verb verb;
    const char *container_id; /* "" where the verb needs none */
    const char *netns;        /* "" when absent, which only DEL may have */
    const char *ifname;
    struct endpoint_pod *pod; /* from CNI_ARGS; NULL when it names no pod that the API can hold */
};

const char *cni_verb_name(enum cni_verb verb);
/* Fills `out_args`; texts are borrowed from the environment, the pod lives in the arena. Errors:
 * ERR_INVALID with `error` filled (code 4). */
MUST_USE enum err cni_args_read(const struct cni_environment *environment, struct arena *arena,
                                struct cni_args *out_args, struct cni_error *error);

#endif
