/* Field tables: one row a field, and four walkers that every resource and every command shares:
 * JSON in (with all checks), JSON out, bytes in, bytes out. A new field is a new row.
 *
 * Absent values are zero: NULL text, 0, IP_NONE, count 0. A field is left out of JSON and bytes
 * when it is absent, unless FIELD_ALWAYS asks for it in JSON. Bytes: per present field a varint
 * (number << 1 | is_bytes), then a varint or a length and bytes; a list is its items' fields, and
 * the number 0 where it is there and empty; unknown numbers are skipped, so that an older server
 * reads a newer one's records. */
#ifndef WEFT_WIRE_FIELD_H
#define WEFT_WIRE_FIELD_H

#include "util/arena.h"
#include "util/err.h"
#include "util/ip.h"
#include "wire/json.h"
#include "wire/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_TEXT,    /* const char * */
    FIELD_BOOL,    /* bool */
    FIELD_NUMBER,  /* uint64_t, min..max */
    FIELD_PORT,    /* struct port: a number or a name */
    FIELD_ADDRESS, /* struct ip_address */
    FIELD_PREFIX,  /* struct ip_prefix, no host bits */
    FIELD_MAC,     /* struct mac_address; zero is absent */
    FIELD_TIME,    /* int64_t, wall milliseconds; RFC 3339 in JSON; only out */
    FIELD_TEXTS,   /* struct text_list */
    FIELD_MAP,     /* struct text_map, sorted by name */
    FIELD_OBJECT,  /* pointer to the struct of `shape`, NULL is absent */
    FIELD_OBJECTS, /* struct object_list of the structs of `shape` */
    FIELD_JSON,    /* struct slice: any JSON value, kept as canonical text */
    FIELD_BYTES    /* struct slice: raw bytes; never in JSON */
};

enum field_flag {
    FIELD_REQUIRED = 1 << 0, /* absent in a request is an error */
    FIELD_READONLY = 1 << 1, /* ours: shown, and passed over in a request */
    FIELD_HIDDEN = 1 << 2,   /* bytes only, unknown to JSON */
    FIELD_ALWAYS = 1 << 3,   /* shown also when absent: 0, false, "", [] */
    FIELD_EMPTY = 1 << 4,    /* lists and maps: [] is not absent. Then `items` is not NULL */
    FIELD_TRUE = 1 << 5      /* FIELD_BOOL: true when a body does not say; wants FIELD_ALWAYS */
};

/* A transport port, as a number or as the name that its owner gives it; both zero: absent. */
struct port {
    uint64_t number;
    const char *name;
};

struct text_list {
    const char **items;
    size_t count;
};

struct text_pair {
    const char *name;
    const char *value;
};

struct text_map {
    struct text_pair *items;
    size_t count;
};

struct object_list {
    void *items; /* count structs of the field's shape, side by side */
    size_t count;
};

/* What a text must look like. */
struct field_format {
    const char *expects; /* "a DNS label (RFC 1123)": for the message */
    bool (*is_valid)(const char *text);
};
extern const struct field_format field_format_dns_label;     /* a-z 0-9 -, 63 at most */
extern const struct field_format field_format_dns_subdomain; /* labels with dots, 253 at most */
extern const struct field_format field_format_token;         /* A-Za-z0-9 and _ . - , 253 at most */
extern const struct field_format field_format_port_name;     /* IANA_SVC_NAME, RFC 6335 5.1 */

struct shape;

struct field {
    const char *name;
    uint16_t number; /* in bytes; from 1, never reused */
    enum field_type type;
    unsigned flags;
    size_t offset;
    uint64_t min, max; /* FIELD_NUMBER: value; FIELD_TEXT: size (max 0: LIMIT_NAME_SIZE_MAX);
                        * FIELD_TEXTS, _MAP, _OBJECTS: max count (0: LIMIT_LABEL_COUNT_MAX) */
    const struct field_format *format; /* FIELD_TEXT, items of FIELD_TEXTS, values of FIELD_MAP */
    const struct field_format *name_format; /* FIELD_MAP: its names; NULL: 1 to 253 bytes */
    const char *const *choices;             /* FIELD_TEXT: NULL-terminated, the legal values */
    const struct shape *shape;              /* FIELD_OBJECT, FIELD_OBJECTS */
    const char *help;                       /* one line, for the API document */
};

struct shape {
    const char *name;
    size_t size; /* of the struct */
    const struct field *fields;
    size_t field_count;
};

#define SHAPE(symbol, struct_tag, rows)                                                            \
    const struct shape symbol = {.name = #struct_tag,                                              \
                                 .size = sizeof(struct struct_tag),                                \
                                 .fields = (rows),                                                 \
                                 .field_count = ARRAY_COUNT(rows)}

/* Fills `out_object` (shape->size bytes, zeroed here) from a JSON object. All faults are collected
 * in `problem` with pointers below `pointer` ("" for the body). Owns: values live in the arena.
 * Errors: ERR_INVALID. */
MUST_USE enum err field_read(const struct shape *shape, const struct json *json,
                             const char *pointer, struct arena *arena, void *out_object,
                             struct problem *problem);
/* Reads what a server answered: its own fields (FIELD_READONLY) are taken too, unknown fields and
 * absent required ones are passed over, times (for people only) stay 0. `problem` collects wrong
 * types and values. Owns: values live in the arena. Errors: ERR_INVALID. */
MUST_USE enum err field_read_answer(const struct shape *shape, const struct json *json,
                                    struct arena *arena, void *out_object, struct problem *problem);
/* Writes the members of `object` into an object that the caller has opened. */
void field_write(const struct shape *shape, const void *object, struct json_writer *writer);
void field_encode(const struct shape *shape, const void *object, struct buf *out);
/* Errors: ERR_CORRUPT. Owns: values are copied into the arena. */
MUST_USE enum err field_decode(const struct shape *shape, struct slice bytes, struct arena *arena,
                               void *out_object);

#endif
