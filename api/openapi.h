/* The API document (OpenAPI 3.1): generated from the tables that the server itself works by, so
 * that it cannot say anything else: routes, query parameters, the fields of kinds, the errors.
 * Served at /openapi.json, and kept in api/openapi.json for readers; a test compares the two. Pure.
 */
#ifndef WEFT_API_OPENAPI_H
#define WEFT_API_OPENAPI_H

#include "util/buf.h"

/* Indented, with a line's end behind it. */
void openapi_write(struct buf *out);

#endif
