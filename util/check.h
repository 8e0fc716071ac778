/* Assertions that stay on in release, and the small macros that every file needs.
 *
 * CHECK stops the process: it guards what only a programmer can get wrong. Input from the network,
 * the disk or the kernel is validated and answered with an enum err, never CHECKed. Where a disk
 * leaves no safe way on, stop_process ends it. */
#ifndef WEFT_UTIL_CHECK_H
#define WEFT_UTIL_CHECK_H

#include <assert.h>
#include <stddef.h>

#define MUST_USE                         __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define NO_RETURN                        __attribute__((noreturn))

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            check_failed(__FILE__, __LINE__, #condition);                                          \
        }                                                                                          \
    } while (0)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of `type` whose `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(void *)(pointer)-offsetof(type, member)))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Prints where and what to stderr, then aborts (so that a core dump shows the caller). */
NO_RETURN void check_failed(const char *file, int line, const char *condition);

/* Ends the process at once, with exit status 1 and without a core dump: where no bug is to blame
 * and yet there is no safe way on, such as a disk that refuses a write. The caller has logged why.
 */
NO_RETURN void stop_process(void);

/* malloc, calloc, realloc and strdup that never return NULL: out of memory stops the process, as
 * the kernel's OOM killer would, and the log survives that by design. Owns: the caller frees. */
MUST_USE void *must_alloc(size_t size);
MUST_USE void *must_alloc_zeroed(size_t count, size_t size);
MUST_USE void *must_realloc(void *old, size_t size);
MUST_USE char *must_strdup(const char *text);

#endif
