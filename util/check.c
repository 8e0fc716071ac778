#include "util/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void check_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "weft: check failed at %s:%d: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}

void stop_process(void) {
    _exit(EXIT_FAILURE);
}

void *must_alloc(size_t size) {
    void *memory = malloc(size > 0 ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

void *must_alloc_zeroed(size_t count, size_t size) {
    void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

void *must_realloc(void *old, size_t size) {
    void *memory = realloc(old, size > 0 ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

char *must_strdup(const char *text) {
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}
