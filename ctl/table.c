#include "ctl/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CELL_SIZE_MAX  60u /* longer cells are cut, and end in "..." */
#define SHORT_SIZE     12u
#define PATH_DEPTH_MAX 4u

struct table {
    const struct columns *columns;
    char **cells; /* row after row; "" is absent */
    size_t row_count;
    size_t row_capacity;
};

/* Cells. */

/* A terminal would obey control characters, so that no value may bring them along. */
static void append_safe(struct buf *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        buf_append_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

static void append_text(struct buf *out, const char *text) {
    append_safe(out, text, strlen(text));
}

static void append_scalar(struct buf *out, const struct json *value) {
    uint64_t number;
    struct json_writer writer = json_writer_to(out);
    switch (json_type_of(value)) {
    case JSON_TEXT:
        append_text(out, json_text(value));
        break;
    case JSON_NUMBER:
        if (json_number(value, &number)) {
            buf_appendf(out, "%" PRIu64, number);
        } else {
            json_put_value(&writer, value);
        }
        break;
    case JSON_BOOL:
        buf_append_text(out, json_is_true(value) ? "yes" : "");
        break;
    case JSON_NULL:
        break;
    case JSON_LIST:
    case JSON_OBJECT:
        json_put_value(&writer, value);
        break;
    }
}

static void append_plain(struct buf *out, const struct json *value) {
    enum json_type type = json_type_of(value);
    if (type != JSON_LIST && type != JSON_OBJECT) {
        append_scalar(out, value);
        return;
    }
    const char *comma = "";
    for (const struct json *item = json_first(value); item != NULL; item = json_next(item)) {
        buf_append_text(out, comma);
        if (type == JSON_OBJECT) {
            append_text(out, json_name(item));
            buf_append_char(out, '=');
        }
        append_scalar(out, item);
        comma = ",";
    }
}

/* RFC 4648 4: four characters stand for three bytes, each '=' at the end for one less. */
static void append_base64_size(struct buf *out, const char *text) {
    size_t size = strlen(text);
    size_t padding = 0;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=') {
        padding++;
    }
    buf_appendf(out, "%zu", size / 4 * 3 - MIN_OF(padding, size / 4 * 3));
}

static void append_second(struct buf *out, const char *time) {
    const char *fraction = strchr(time, '.');
    append_safe(out, time, fraction != NULL ? (size_t)(fraction - time) : strlen(time));
    if (fraction != NULL) {
        buf_append_char(out, 'Z');
    }
}

static void append_ports(struct buf *out, const struct json *ports) {
    const char *comma = "";
    for (const struct json *port = json_first(ports); port != NULL; port = json_next(port)) {
        const char *name = json_find_text(port, "name", "");
        buf_append_text(out, comma);
        append_text(out, name);
        buf_appendf(out, "%s%" PRIu64 "/", *name != 0 ? ":" : "",
                    json_find_number(port, "port", 0));
        append_text(out, json_find_text(port, "protocol", "TCP"));
        comma = ",";
    }
}

static const struct json *find_path(const struct json *object, const char *path) {
    for (unsigned depth = 0; depth < PATH_DEPTH_MAX && object != NULL; depth++) {
        char name[32];
        size_t size = strcspn(path, ".");
        CHECK(size < sizeof name);
        memcpy(name, path, size);
        name[size] = 0;
        object = json_find(object, name);
        if (path[size] == 0) {
            return object;
        }
        path += size + 1;
    }
    return NULL;
}

void table_cell(const struct column *column, const struct json *object, struct buf *out) {
    const struct json *value = find_path(object, column->path);
    const char *text = value != NULL ? json_text(value) : NULL;
    if (value == NULL) {
        return;
    }
    if (column->format == COLUMN_PORTS && json_type_of(value) == JSON_LIST) {
        append_ports(out, value);
    } else if (column->format == COLUMN_PLAIN || text == NULL) {
        append_plain(out, value);
    } else if (column->format == COLUMN_NAME) {
        const char *slash = strrchr(text, '/');
        append_text(out, slash != NULL ? slash + 1 : text);
    } else if (column->format == COLUMN_SECOND) {
        append_second(out, text);
    } else if (column->format == COLUMN_SHORT) {
        append_safe(out, text, strnlen(text, SHORT_SIZE));
    } else if (column->format == COLUMN_SIZE) {
        append_base64_size(out, text);
    }
}

/* Tables. */

struct table *table_new(const struct columns *columns) {
    struct table *table = must_alloc_zeroed(1, sizeof *table);
    table->columns = columns;
    return table;
}

void table_free(struct table *table) {
    for (size_t i = 0; i < table->row_count * table->columns->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0u) == 0x80u;
}

/* Characters, not bytes: RFC 3629 continuation bytes take no place. */
static size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text != 0; text++) {
        width += is_continuation(*text) ? 0 : 1;
    }
    return width;
}

static void cut_cell(struct buf *cell) {
    if (cell->size > CELL_SIZE_MAX) {
        size_t size = CELL_SIZE_MAX - 3;
        while (size > 0 && is_continuation((char)cell->data[size])) {
            size--;
        }
        cell->size = size;
        buf_append_text(cell, "...");
    }
}

void table_add(struct table *table, const struct json *object) {
    const struct columns *columns = table->columns;
    if (table->row_count == table->row_capacity) {
        table->row_capacity = MAX_OF(table->row_capacity * 2, (size_t)16);
        table->cells =
            must_realloc(table->cells, table->row_capacity * columns->count * sizeof *table->cells);
    }
    struct buf cell;
    buf_init(&cell);
    for (size_t i = 0; i < columns->count; i++) {
        buf_clear(&cell);
        table_cell(&columns->items[i], object, &cell);
        if (strcmp(columns->items[i].path, "key") != 0) {
            cut_cell(&cell); /* keys stay whole: people copy them */
        }
        table->cells[table->row_count * columns->count + i] = must_strdup(buf_text(&cell));
    }
    buf_deinit(&cell);
    table->row_count++;
}

/* The width of a column; 0 when it is left out. */
static size_t column_width(const struct table *table, size_t column) {
    size_t width = 0;
    for (size_t row = 0; row < table->row_count; row++) {
        size_t cell = text_width(table->cells[row * table->columns->count + column]);
        width = MAX_OF(width, cell);
    }
    const struct column *head = &table->columns->items[column];
    return width == 0 && head->is_optional ? 0 : MAX_OF(width, strlen(head->title));
}

/* No spaces at a line's end. */
static void write_cell(struct buf *out, const char *text, size_t width, size_t *pending) {
    if (width == 0) {
        return;
    }
    const char *shown = text[0] != 0 ? text : "-";
    buf_appendf(out, "%*s%s", (int)*pending, "", shown);
    *pending = width - text_width(shown) + 2;
}

void table_write(const struct table *table, struct buf *out) {
    size_t count = table->columns->count;
    size_t *widths = must_alloc_zeroed(count, sizeof *widths);
    size_t pending = 0;
    for (size_t i = 0; i < count; i++) {
        widths[i] = column_width(table, i);
        write_cell(out, table->columns->items[i].title, widths[i], &pending);
    }
    buf_append_char(out, '\n');
    for (size_t row = 0; row < table->row_count; row++) {
        pending = 0;
        for (size_t i = 0; i < count; i++) {
            write_cell(out, table->cells[row * count + i], widths[i], &pending);
        }
        buf_append_char(out, '\n');
    }
    free(widths);
}

void table_summarize(const struct columns *columns, const struct json *object, struct buf *out) {
    struct buf cell;
    buf_init(&cell);
    const char *space = "";
    for (size_t i = 0; i < columns->count; i++) {
        const struct column *column = &columns->items[i];
        if (strcmp(column->path, "key") == 0 || strcmp(column->path, "revision") == 0) {
            continue;
        }
        buf_clear(&cell);
        table_cell(column, object, &cell);
        cut_cell(&cell);
        if (cell.size > 0) {
            buf_appendf(out, "%s%s=%s", space, column->title, buf_text(&cell));
            space = " ";
        }
    }
    buf_deinit(&cell);
}
