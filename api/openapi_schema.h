/* JSON Schema (2020-12) of shapes and query parameters, for the API document. Pure. */
#ifndef WEFT_API_OPENAPI_SCHEMA_H
#define WEFT_API_OPENAPI_SCHEMA_H

#include "api/param.h"
#include "wire/field.h"
#include "wire/json.h"

struct kind;

/* The members of `components.schemas`: every shape that routes, kinds and answers speak of. */
void openapi_write_schemas(struct json_writer *writer);
void openapi_write_param_schema(const struct param_row *row, struct json_writer *writer);
/* {"$ref": "#/components/<group>/<name><suffix>"} */
void openapi_put_ref(const char *group, const char *name, const char *suffix,
                     struct json_writer *writer);
/* The component of an object of the kind, and of a list of them, is its name with these behind. */
#define OPENAPI_OBJECT "_object"
#define OPENAPI_LIST   "_list"

#endif
