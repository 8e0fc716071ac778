/* JSON: the fence around cJSON, and a writer of our own. The only file that includes cJSON.h is
 * json.c.
 *
 * Reading: a strict check (RFC 8259, UTF-8, depth 32, at most 20,000 values, no duplicate keys, no
 * \u0000, nothing trailing) comes first; what it refuses never reaches cJSON. Writing: appends to a
 * buf, integers exactly, no white space. Lifetime: a parsed tree belongs to the caller until
 * json_free; all accessors borrow from it. */
#ifndef WEFT_WIRE_JSON_H
#define WEFT_WIRE_JSON_H

#include "util/buf.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

struct json; /* one parsed value */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT };

struct json_fault {
    size_t offset;       /* byte at which the text breaks */
    const char *message; /* static */
};

/* Errors: ERR_BAD_JSON with *out_fault filled. Owns: the caller, json_free. */
MUST_USE enum err json_parse(struct slice text, struct json **out_json,
                             struct json_fault *out_fault);
void json_free(struct json *json); /* NULL is fine */

enum json_type json_type_of(const struct json *json);
/* "a string", "an object": for messages. */
const char *json_type_name(enum json_type type);
/* A member's name; NULL for a value that is no member. */
const char *json_name(const struct json *json);
/* The first child of a list or object, the next sibling; NULL at the end. */
const struct json *json_first(const struct json *json);
const struct json *json_next(const struct json *json);
/* The member with exactly that name (case counts); NULL when absent or `json` is no object. */
const struct json *json_find(const struct json *json, const char *name);
/* Text of a JSON_TEXT, else NULL. */
const char *json_text(const struct json *json);
/* True for a whole number from 0 to 2^53-1. */
bool json_number(const struct json *json, uint64_t *out_number);
bool json_is_true(const struct json *json);

/* The member's text or number when it is there with that type, else the fallback: for reading
 * answers. */
const char *json_find_text(const struct json *json, const char *name, const char *fallback);
uint64_t json_find_number(const struct json *json, const char *name, uint64_t fallback);

/* Writer. Lifetime: a value on the stack; `out` is borrowed. */
struct json_writer {
    struct buf *out;
    bool needs_comma;
};

struct json_writer json_writer_to(struct buf *out);
void json_open_object(struct json_writer *writer);
void json_close_object(struct json_writer *writer);
void json_open_list(struct json_writer *writer);
void json_close_list(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *name);
void json_put_text(struct json_writer *writer, const char *text);   /* NULL writes null */
void json_put_slice(struct json_writer *writer, struct slice text); /* as a string */
void json_put_number(struct json_writer *writer, uint64_t number);
void json_put_signed(struct json_writer *writer, int64_t number);
void json_put_bool(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);
/* Already JSON: inserted as it is. */
void json_put_raw(struct json_writer *writer, struct slice json_text);
/* A parsed value, written again in canonical form (no white space, members in their order). */
void json_put_value(struct json_writer *writer, const struct json *json);

/* Compact JSON, as the writer makes it, for people: a value that fits a line of `line_size_max`
 * bytes stays on it, another has a line for each member. Ends with a line's end. */
void json_indent(struct slice json, size_t line_size_max, struct buf *out);

/* Key and value at once. */
void json_member_text(struct json_writer *writer, const char *name, const char *text);
void json_member_number(struct json_writer *writer, const char *name, uint64_t number);
void json_member_bool(struct json_writer *writer, const char *name, bool value);

#endif
