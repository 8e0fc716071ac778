/* Tables from JSON: which columns a kind has, and how they are aligned. Pure: writes into a buf. */
#ifndef WEFT_CTL_TABLE_H
#define WEFT_CTL_TABLE_H

#include "util/buf.h"
#include "wire/json.h"

#include <stdbool.h>
#include <stddef.h>

enum column_format {
    COLUMN_PLAIN,  /* text, number, bool; a list joined by commas; an object as k=v,... */
    COLUMN_NAME,   /* what stands behind the last slash */
    COLUMN_SECOND, /* a time, without its fraction */
    COLUMN_SHORT,  /* the first 12 characters of an id */
    COLUMN_SIZE,   /* of a base64 text: how many bytes it stands for */
    COLUMN_PORTS   /* a list of {name, port, protocol}: "http:80/TCP,53/UDP" */
};

struct column {
    const char *title;
    const char *path; /* member, below objects with dots: "backend.type" */
    enum column_format format;
    bool is_optional; /* left out when no row has it */
};

/* The columns of one kind of object. */
struct columns {
    const char *collection; /* "networks", "members" */
    const struct column *items;
    size_t count;
};

/* The columns of a collection; those that every object has when it is none that we know. */
const struct columns *columns_find(const char *collection, size_t collection_size);

struct table;
/* Owns: the caller, table_free. `columns` is borrowed. */
MUST_USE struct table *table_new(const struct columns *columns);
void table_free(struct table *table);
/* Adds a row; the object is not needed afterwards. */
void table_add(struct table *table, const struct json *object);
/* Appends titles and rows, columns aligned by two spaces, "-" for what is absent. */
void table_write(const struct table *table, struct buf *out);

/* Appends one object on one line: "NODE=edge-1 PUBLIC-IP=192.0.2.11". What is absent, the key and
 * the revision are left out. */
void table_summarize(const struct columns *columns, const struct json *object, struct buf *out);
/* Appends one member as a cell; nothing when it is absent. Control characters become '?'. */
void table_cell(const struct column *column, const struct json *object, struct buf *out);

#endif
