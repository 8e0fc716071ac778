/* Whether a view that nobody sealed is whole: after a kill -9 it is, unless its file was damaged
 * meanwhile. The check (store/pages.h) runs in a process of its own, so that a disk that cannot be
 * read ends that one only. */
#ifndef WEFT_STORE_VERIFY_H
#define WEFT_STORE_VERIFY_H

#include <stdbool.h>

/* Reads the whole file at `path`, which nobody has open. It takes at most
 * LIMIT_VIEW_VERIFY_TIMEOUT_S. */
bool verify_view(const char *path);

#endif
