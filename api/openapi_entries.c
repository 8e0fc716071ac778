#include "api/openapi_entries.h"

#include "api/operations.h"

#include <stdio.h>
#include <string.h>

static struct entry *add_entry(struct entries *entries, const struct route *route) {
    CHECK(entries->count < OPENAPI_ENTRIES_MAX);
    struct entry *entry = &entries->items[entries->count++];
    entry->route = route;
    return entry;
}

/* "/v1/subnets/{network}/{subnet}": what the names of a kind's key are called, its first fields
 * say. */
static void add_kind_entry(struct entries *entries, const struct route *route,
                           const struct kind *kind, unsigned names) {
    struct entry *entry = add_entry(entries, route);
    size_t size = (size_t)snprintf(entry->path, sizeof entry->path, "/v1/%s", kind->collection);
    entry->kind = kind;
    entry->names = names;
    for (unsigned i = 0; i < names; i++) {
        CHECK(size < sizeof entry->path);
        size += (size_t)snprintf(entry->path + size, sizeof entry->path - size, "/{%s}",
                                 kind->shape->fields[i].name);
    }
    CHECK(size < sizeof entry->path);
}

/* A row for one kind comes before the one for any. */
static bool is_row_of(const struct route *route, const struct kind *kind) {
    for (unsigned i = 0; i < route_count; i++) {
        const struct route *row = &routes[i];
        if (row->method == route->method && strcmp(row->pattern, route->pattern) == 0 &&
            (row->kind == kind->id || row->kind == KIND_NONE)) {
            return row == route;
        }
    }
    return false;
}

static void add_kind_entries(struct entries *entries, const struct route *route) {
    bool is_item = strcmp(route->pattern, ":item") == 0;
    for (unsigned i = 0; i < kind_count; i++) {
        const struct kind *kind = kinds[i];
        if (kind->shape == NULL || !is_row_of(route, kind)) {
            continue;
        }
        unsigned first = is_item ? kind->segments : 0;
        unsigned last = is_item ? kind->segments : kind->segments - 1;
        for (unsigned names = first; names <= last; names++) {
            add_kind_entry(entries, route, kind, names);
        }
    }
}

/* "*" and "**" become names in braces. */
static void add_plain_entry(struct entries *entries, const struct route *route) {
    struct entry *entry = add_entry(entries, route);
    const struct operation *operation = operation_find(route->handle);
    struct buf path;
    unsigned name = 0;
    buf_init(&path);
    for (const char *at = route->pattern; *at != 0; at++) {
        if (*at == '*') {
            CHECK(name < ARRAY_COUNT(operation->names) && operation->names[name] != NULL);
            buf_appendf(&path, "{%s}", operation->names[name++]);
            at += at[1] == '*';
        } else {
            buf_append_char(&path, *at);
        }
    }
    CHECK(path.size < sizeof entry->path);
    memcpy(entry->path, buf_text(&path), path.size + 1);
    buf_deinit(&path);
    if (strncmp(entry->path, "/v1/kv", strlen("/v1/kv")) == 0) {
        entry->kind = kind_of(KIND_KV);
    }
}

void openapi_collect_entries(struct entries *out_entries) {
    struct entries *entries = out_entries;
    for (unsigned i = 0; i < route_count; i++) {
        if (routes[i].pattern[0] == ':') {
            add_kind_entries(entries, &routes[i]);
        } else {
            add_plain_entry(entries, &routes[i]);
        }
    }
}
