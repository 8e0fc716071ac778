/* The operations of the API document: the table of routes, with the patterns for kinds written out
 * for each kind. Pure. */
#ifndef WEFT_API_OPENAPI_ENTRIES_H
#define WEFT_API_OPENAPI_ENTRIES_H

#include "api/dispatch.h"

#define OPENAPI_ENTRIES_MAX   160u
#define OPENAPI_PATH_SIZE_MAX 128u

/* One operation: a row of the table of routes, or of a pattern for kinds one row for each of them.
 */
struct entry {
    char path[OPENAPI_PATH_SIZE_MAX];
    const struct route *route;
    const struct kind *kind; /* NULL: the route is for no kind */
    unsigned names;          /* of the kind's key that are in the path */
};

struct entries {
    struct entry items[OPENAPI_ENTRIES_MAX];
    unsigned count;
};

void openapi_collect_entries(struct entries *out_entries);

#endif
