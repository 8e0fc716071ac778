/* An arena: memory that is released all at once, at the end of a request. Never fails (see
 * must_alloc). Lifetime: arena_init .. arena_deinit; arena_reset keeps the first chunk for the next
 * request. */
#ifndef WEFT_UTIL_ARENA_H
#define WEFT_UTIL_ARENA_H

#include "util/buf.h"
#include "util/check.h"

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* newest first; NULL before the first allocation */
};

void arena_init(struct arena *arena);
void arena_deinit(struct arena *arena);
void arena_reset(struct arena *arena);
/* Zeroed memory, aligned for any type. Owns: the arena. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy. */
MUST_USE char *arena_strdup(struct arena *arena, const char *text);
MUST_USE char *arena_strndup(struct arena *arena, const void *text, size_t size);
MUST_USE struct slice arena_copy(struct arena *arena, struct slice bytes);
MUST_USE char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
