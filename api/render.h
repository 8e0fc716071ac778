/* Objects of the store as JSON, in the one form that single objects, list items and watch events
 * share (docs/api.md): the kind's fields, then key, revision, created_revision, version and, when
 * attached, lease. A KV item is its bytes in base64. Pure. */
#ifndef WEFT_API_RENDER_H
#define WEFT_API_RENDER_H

#include "store/store.h"
#include "util/buf.h"
#include "wire/json.h"

/* One object. The store's payload was checked when it was written, so it decodes. */
void render_object(const struct object *object, struct json_writer *writer);
/* The same as a text of its own. Owns: the arena. */
MUST_USE struct slice render_to_arena(const struct object *object, struct arena *arena);
/* What a KV PUT answers: key, revision, created_revision, version. */
void render_written(const struct object *object, struct json_writer *writer);
/* What a DELETE answers: key, revision, deleted. */
void render_deleted(const char *key, uint64_t revision, uint64_t deleted,
                    struct json_writer *writer);

#endif
