/* Label selectors: "app=web,tier!=db" ("==" is "="). An object matches when every term does; a term
 * with != matches also where the label is absent, as in Kubernetes. Pure. */
#ifndef WEFT_API_SELECTOR_H
#define WEFT_API_SELECTOR_H

#include "util/arena.h"
#include "wire/field.h"

#define SELECTOR_TERMS_MAX 16u

struct selector_term {
    const char *name;
    const char *value;
    bool is_negated;
};

struct selector {
    struct selector_term terms[SELECTOR_TERMS_MAX];
    unsigned count; /* 0: everything matches */
};

/* Owns: texts live in the arena. Errors: ERR_BAD_REQUEST with the problem filled. */
MUST_USE enum err selector_parse(const char *text, struct arena *arena,
                                 struct selector *out_selector, struct problem *problem);
bool selector_matches(const struct selector *selector, const struct text_map *labels);
/* The labels of an object: the field `labels` of its shape, or of one of its parts (a pod's). NULL
 * when it has none. */
const struct text_map *selector_labels(const struct shape *shape, const void *object);

#endif
