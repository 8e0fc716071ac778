#include "util/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE_MIN 4096u
#define CHUNK_SIZE_MAX (64u * 1024u) /* of one that holds several allocations */

struct arena_chunk {
    struct arena_chunk *older;
    size_t capacity;
    size_t used;
    max_align_t memory[];
};

void arena_init(struct arena *arena) {
    arena->chunk = NULL;
}

static void free_older_than(struct arena_chunk *keep) {
    struct arena_chunk *chunk = keep->older;
    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
    keep->older = NULL;
}

void arena_deinit(struct arena *arena) {
    if (arena->chunk != NULL) {
        free_older_than(arena->chunk);
        free(arena->chunk);
        arena->chunk = NULL;
    }
}

void arena_reset(struct arena *arena) {
    if (arena->chunk != NULL) {
        free_older_than(arena->chunk);
        arena->chunk->used = 0;
    }
}

/* Each chunk is twice the last one, so that the one that a reset keeps soon holds all of a round.
 */
static size_t next_capacity(const struct arena_chunk *last) {
    size_t capacity = last == NULL ? 0 : MIN_OF(last->capacity, (size_t)CHUNK_SIZE_MAX / 2) * 2;
    return MAX_OF(capacity, (size_t)CHUNK_SIZE_MIN);
}

void *arena_alloc(struct arena *arena, size_t size) {
    CHECK(size < SIZE_MAX / 2);
    size_t rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct arena_chunk *chunk = arena->chunk;
    if (chunk == NULL || chunk->capacity - chunk->used < rounded) {
        size_t capacity = MAX_OF(rounded, next_capacity(chunk));
        chunk = must_alloc(sizeof *chunk + capacity);
        *chunk = (struct arena_chunk){.older = arena->chunk, .capacity = capacity};
        arena->chunk = chunk;
    }
    void *memory = (char *)chunk->memory + chunk->used;
    chunk->used += rounded;
    return memset(memory, 0, rounded);
}

char *arena_strdup(struct arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const void *text, size_t size) {
    char *copy = arena_alloc(arena, size + 1);
    if (size > 0) {
        memcpy(copy, text, size);
    }
    return copy;
}

struct slice arena_copy(struct arena *arena, struct slice bytes) {
    return slice_of(arena_strndup(arena, bytes.data, bytes.size), bytes.size);
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    CHECK(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    CHECK(vsnprintf(text, (size_t)size + 1, format, again) == size);
    va_end(again);
    va_end(args);
    return text;
}
