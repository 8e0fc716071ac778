/* The components of the API document beside the schemas: parameters, headers, problems by status.
 * Pure. */
#ifndef WEFT_API_OPENAPI_COMPONENTS_H
#define WEFT_API_OPENAPI_COMPONENTS_H

#include "wire/json.h"

/* The member `components`. */
void openapi_write_components(struct json_writer *writer);
/* "type": {"schema": ...}, by reference or written out. */
void openapi_put_media(const char *type, const char *schema, const char *suffix,
                       struct json_writer *writer);
void openapi_put_raw_media(const char *type, const char *schema, struct json_writer *writer);
/* The statuses of util/err.def that the API sends, rising; 0 behind the last one. */
int openapi_next_status(int after);

#endif
