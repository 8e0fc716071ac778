/* What a person writes after a command, turned into a target of the API: "networks/default",
 * "networks default", "/v1/networks/default", "subnets/default/10.244.7.0/24", "kv/a b". Pure. */
#ifndef WEFT_CTL_PATH_H
#define WEFT_CTL_PATH_H

#include "util/buf.h"

#include <stdbool.h>

/* Joins words with '/', without a leading "/v1/" or "/"; the prefix of a subnet gets its dash. */
void path_join(const char *const *words, unsigned count, struct buf *out_key);
/* "kv/...": raw bytes rather than JSON. */
bool path_is_value(const char *key);
/* "/v1/networks/default", escaped. */
void path_object_target(const char *key, struct buf *out);
/* The list that the key names or lies in, escaped, and what is left of the key as ?prefix=:
 * "kv/a/" -> "/v1/kv?prefix=a%2F", "nodes" -> "/v1/nodes". */
void path_list_target(const char *key, struct buf *out);
/* Appends a parameter: '?' before the first, '&' before the others; the value is escaped. */
void path_add_query(struct buf *target, const char *name, const char *value);

#endif
