#include "util/err.h"

#include "util/check.h"

#include <string.h>

struct err_row {
    const char *code;
    int status;
    bool retryable;
    const char *title;
    const char *hint;
};

static const struct err_row rows[] = {
    [ERR_OK] = {"ok", 200, false, "OK", ""},
#define ERR(name, code, status, retryable, title, hint)                                            \
    [ERR_##name] = {code, status, retryable, title, hint},
#include "util/err.def"
#undef ERR
};
static_assert(ARRAY_COUNT(rows) == ERR_COUNT, "a row for each error");

static const struct err_row *row(enum err err) {
    CHECK((unsigned)err < ERR_COUNT);
    return &rows[err];
}

const char *err_code(enum err err) {
    return row(err)->code;
}

int err_status(enum err err) {
    return row(err)->status;
}

bool err_retryable(enum err err) {
    return row(err)->retryable;
}

const char *err_title(enum err err) {
    return row(err)->title;
}

const char *err_hint(enum err err) {
    return row(err)->hint;
}

bool err_find(const char *code, enum err *out_err) {
    for (unsigned i = 0; i < ERR_COUNT; i++) {
        if (strcmp(rows[i].code, code) == 0) {
            *out_err = (enum err)i;
            return true;
        }
    }
    return false;
}
