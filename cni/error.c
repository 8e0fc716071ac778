#include "cni/error.h"

#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>

enum err cni_fail(struct cni_error *error, enum cni_code code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error->msg, sizeof error->msg, format, args);
    va_end(args);
    error->code = code;
    error->details[0] = 0;
    return ERR_INVALID;
}

void cni_set_details(struct cni_error *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error->details, sizeof error->details, format, args);
    va_end(args);
}

void cni_error_write(const struct cni_error *error, const char *version, struct buf *out) {
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    json_member_text(&writer, "cniVersion", version);
    json_member_number(&writer, "code", (uint64_t)error->code);
    json_member_text(&writer, "msg", error->msg);
    if (error->details[0] != 0) {
        json_member_text(&writer, "details", error->details);
    }
    json_close_object(&writer);
    buf_append_char(out, '\n');
}
