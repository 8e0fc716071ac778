/* What the API document says of each handler that the tables of routes, parameters and fields do
 * not: a name, a sentence, and the form of what it answers. A row a handler; a route whose handler
 * has none fails a test. */
#ifndef WEFT_API_OPERATIONS_H
#define WEFT_API_OPERATIONS_H

#include "wire/field.h"

struct request;

enum answer_form {
    ANSWER_SHAPE,  /* JSON: answer_shape */
    ANSWER_OBJECT, /* JSON: an object of the route's kind */
    ANSWER_LIST,   /* JSON: a list of the route's kind; as a watch, events */
    ANSWER_EVENTS,
    ANSWER_VALUE, /* a KV value as it was stored */
    ANSWER_TEXT,
    ANSWER_JSON, /* any */
    ANSWER_BYTES
};

enum operation_flag {
    OPERATION_CREATES = 1 << 0,  /* 201 too, when something new came into being */
    OPERATION_IS_201 = 1 << 1,   /* only 201 */
    OPERATION_GONE = 1 << 2,     /* may find what it asks for compacted: 410 */
    OPERATION_CONFLICTS = 1 << 3 /* the state machine may decide against it: 409 */
};

struct operation {
    void (*handle)(struct request *request);
    const char *id;           /* "get"; where a route is for a kind, the kind's name follows */
    const char *tag;          /* NULL: the kind's collection */
    const char *summary;      /* one sentence */
    const char *names[2];     /* what "*" and "**" of the route's pattern are called, in order */
    const struct shape *body; /* NULL: none, or the kind's own */
    enum answer_form answer;
    const struct shape *answer_shape;
    unsigned flags; /* enum operation_flag */
};

/* NULL: nobody has described it. */
const struct operation *operation_find(void (*handle)(struct request *request));

#endif
