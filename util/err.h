/* enum err: what every fallible function returns. The rows are in util/err.def; code, HTTP status,
 * retryability and texts come from there and cannot drift apart. ERR_OK is 0. */
#ifndef WEFT_UTIL_ERR_H
#define WEFT_UTIL_ERR_H

#include <stdbool.h>

enum err {
    ERR_OK = 0,
#define ERR(name, code, status, retryable, title, hint) ERR_##name,
#include "util/err.def"
#undef ERR
    ERR_COUNT
};

/* The API's code, "not_found"; "ok" for ERR_OK. */
const char *err_code(enum err err);
/* The HTTP status; 200 for ERR_OK. */
int err_status(enum err err);
bool err_retryable(enum err err);
/* A short title for people. */
const char *err_title(enum err err);
/* What the reader can do about it. */
const char *err_hint(enum err err);
/* The err with that code; false when there is none (a newer server's). */
bool err_find(const char *code, enum err *out_err);

#endif
