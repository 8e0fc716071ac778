/* Dispatch: from a request line to a row of the one table of routes (api/routes.c). 404, 405 with
 * Allow, unknown parameters, Content-Type rules and the body's form follow from the row, so that a
 * handler meets only what it can answer. Pure. */
#ifndef WEFT_API_DISPATCH_H
#define WEFT_API_DISPATCH_H

#include "api/param.h"
#include "util/arena.h"
#include "wire/http.h"
#include "wire/kind.h"

struct request;

enum body_kind {
    BODY_NONE, /* a body is refused */
    BODY_RAW,  /* any bytes, any Content-Type */
    BODY_JSON  /* JSON, also without a Content-Type */
};

enum route_flag {
    ROUTE_WRITE = 1 << 0,      /* goes to the leader; failures carry `outcome` */
    ROUTE_CONDITIONS = 1 << 1, /* takes If-Match; on a PUT also If-None-Match: * */
    ROUTE_ANY_TYPE = 1 << 2    /* the answer is not JSON, or the handler looks at Accept */
};

/* Patterns: "*" is one segment, "**" the rest (not empty), ":list" a kind's collection with fewer
 * names behind it than its keys have, ":item" one with exactly as many (wire/kind.def). HEAD is
 * served by the row of GET. */
struct route {
    const char *pattern;
    enum method method;
    enum kind_id kind; /* KIND_NONE: any kind */
    unsigned flags;    /* enum route_flag */
    enum body_kind body;
    unsigned params; /* enum param: the query parameters that it takes */
    void (*handle)(struct request *request);
};

extern const struct route routes[];
extern const unsigned route_count;

bool route_matches(const char *pattern, const char *path);
/* Finds the row: the first pattern that matches decides the path. Errors: ERR_NOT_FOUND;
 * ERR_METHOD_NOT_ALLOWED with problem->allow, which lives in the arena. */
MUST_USE enum err dispatch_find(enum method method, const char *path, struct arena *arena,
                                const struct route **out_route, struct problem *problem);
/* Whether the row takes this message's headers and body, and answers what the client accepts.
 * Errors: ERR_UNSUPPORTED_MEDIA_TYPE, ERR_NOT_ACCEPTABLE, ERR_BAD_REQUEST. */
MUST_USE enum err dispatch_check_message(const struct route *route,
                                         const struct http_message *message,
                                         struct problem *problem);

#endif
