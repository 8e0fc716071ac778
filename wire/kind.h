/* Resource kinds: what may be stored, under which key, and what a valid one looks like. One ordered
 * key space holds them all: "networks/default", "subnets/default/10.244.7.0-24", "kv/any/thing". */
#ifndef WEFT_WIRE_KIND_H
#define WEFT_WIRE_KIND_H

#include "util/limits.h"
#include "wire/field.h"

enum kind_id {
    KIND_NONE = 0,
#define KIND(number, SYMBOL, symbol, name, collection, segments) KIND_##SYMBOL = number,
#include "wire/kind.def"
#undef KIND
};

#define KIND_SEGMENTS_MAX 2u

struct kind_key;

struct kind {
    enum kind_id id;
    const char *name;          /* "network" */
    const char *collection;    /* "networks" */
    unsigned segments;         /* names after the collection; 0: a free key (kv) */
    const struct shape *shape; /* NULL for kv */
    /* Checks the names of a key. NULL: any DNS-like name. Errors: ERR_INVALID with the problem
     * filled. */
    enum err (*check_key)(const struct kind_key *key, struct problem *problem);
    /* Reads a body that may have more than one form. NULL: one form, field_read by the shape.
     * Errors: ERR_INVALID with the problem filled. */
    enum err (*read)(const struct kind_key *key, const struct json *json, struct arena *arena,
                     void *out_object, struct problem *problem);
    /* Fills defaults and what the key says (name, network, ...), then checks what needs no state.
     * Errors: ERR_INVALID with the problem filled. */
    enum err (*complete)(const struct kind_key *key, void *object, struct arena *arena,
                         struct problem *problem);
};

/* A key, taken apart. Lifetime: the arena's. */
struct kind_key {
    const struct kind *kind;
    const char *text;                        /* the whole key */
    const char *segments[KIND_SEGMENTS_MAX]; /* the names; for kv segments[0] is all behind "kv/" */
};

extern const struct kind *const kinds[];
extern const unsigned kind_count;

const struct kind *kind_find(const char *collection); /* NULL when there is none */
const struct kind *kind_of(enum kind_id id);          /* must exist */

/* Takes a key apart and checks its form. Errors: ERR_NOT_FOUND for an unknown collection or a wrong
 * number of names, ERR_TOO_LARGE, ERR_INVALID; the problem is filled. */
MUST_USE enum err kind_parse_key(const char *key, struct arena *arena, struct kind_key *out_key,
                                 struct problem *problem);
/* Checks that the key's first name is a network's. Errors: ERR_INVALID with the problem filled. */
MUST_USE enum err kind_check_network_name(const struct kind_key *key, struct problem *problem);
/* Body to checked struct: read, then complete. `*out_object` is a kind->shape struct in the
 * arena. */
MUST_USE enum err kind_read(const struct kind_key *key, const struct json *json,
                            struct arena *arena, void **out_object, struct problem *problem);

#endif
