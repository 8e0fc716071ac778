#include "api/event.h"

#include "api/render.h"

#include <inttypes.h>
#include <string.h>

struct filling {
    struct batch *batch;
    const struct watch_filter *filter;
    size_t seen;
    size_t count_max;
};

void batch_init(struct batch *batch, struct store_read *read) {
    *batch = (struct batch){.read = read};
    arena_init(&batch->arena);
    buf_init(&batch->changes);
}

void batch_deinit(struct batch *batch) {
    buf_deinit(&batch->changes);
    arena_deinit(&batch->arena);
}

size_t batch_count(const struct batch *batch) {
    return batch->changes.size / sizeof(struct change);
}

struct change *batch_at(struct batch *batch, size_t index) {
    CHECK(index < batch_count(batch));
    return &((struct change *)(void *)batch->changes.data)[index];
}

bool watch_filter_matches_key(const struct watch_filter *filter, const char *key) {
    for (unsigned i = 0; i < filter->prefix_count; i++) {
        if (strncmp(key, filter->prefixes[i], strlen(filter->prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void copy_object(struct arena *arena, const struct object *from, struct object *to) {
    *to = *from;
    to->key = arena_strdup(arena, from->key);
    to->content_type = from->content_type != NULL ? arena_strdup(arena, from->content_type) : NULL;
    to->payload = arena_copy(arena, from->payload);
}

static bool fill_one(void *owner, const struct event *event) {
    struct filling *filling = owner;
    struct batch *batch = filling->batch;
    uint64_t revision = event->object.revision;
    if (filling->seen >= filling->count_max && revision != batch->revision) {
        batch->is_complete = false;
        return false;
    }
    filling->seen++;
    batch->revision = revision;
    if (filling->filter != NULL && !watch_filter_matches_key(filling->filter, event->object.key)) {
        return true;
    }
    struct change change = {.event = *event};
    copy_object(&batch->arena, &event->object, &change.event.object);
    if (event->previous != NULL) {
        copy_object(&batch->arena, event->previous, &change.previous);
        change.event.previous = NULL; /* it was borrowed */
        change.is_previous_loaded = true;
        change.has_previous = true;
    }
    buf_append(&batch->changes, &change, sizeof change);
    return true;
}

void batch_fill(struct batch *batch, uint64_t after, size_t count_max,
                const struct watch_filter *filter) {
    struct filling filling = {.batch = batch, .filter = filter, .count_max = count_max};
    batch->revision = after;
    batch->is_complete = true;
    store_events(batch->read, after, fill_one, &filling);
    if (batch->is_complete) {
        batch->revision = MAX_OF(after, batch->read->revision);
    }
}

/* What the key held before the change; nothing when that is compacted. */
static void load_previous(struct batch *batch, struct change *change) {
    struct object object;
    if (change->is_previous_loaded) {
        return;
    }
    change->is_previous_loaded = true;
    uint64_t revision = change->event.previous_revision;
    if (revision == 0 ||
        store_get_at(batch->read, change->event.object.key, revision, &object) != ERR_OK) {
        return;
    }
    change->has_previous = true;
    copy_object(&batch->arena, &object, &change->previous);
}

static void write_change(const struct change *change, bool as_delete, bool with_previous,
                         struct buf *out) {
    const struct object *object = &change->event.object;
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    json_member_text(&writer, "type", as_delete ? "DELETE" : "PUT");
    json_member_number(&writer, "revision", object->revision);
    json_member_text(&writer, "kind", kind_of(object->kind)->name);
    json_member_text(&writer, "key", object->key);
    if (!as_delete) {
        json_key(&writer, "object");
        render_object(object, &writer);
    }
    if (with_previous && change->has_previous) {
        json_key(&writer, "previous");
        render_object(&change->previous, &writer);
    }
    json_close_object(&writer);
}

static bool object_matches(struct batch *batch, const struct object *object,
                           const struct selector *selector) {
    const struct shape *shape = kind_of(object->kind)->shape;
    if (selector->count == 0) {
        return true;
    }
    if (shape == NULL) {
        return selector_matches(selector, NULL);
    }
    void *value = arena_alloc(&batch->arena, shape->size);
    CHECK(field_decode(shape, object->payload, &batch->arena, value) == ERR_OK);
    return selector_matches(selector, selector_labels(shape, value));
}

/* Whether the watcher hears of the change, and as what. */
static bool judge(struct batch *batch, struct change *change, const struct watch_filter *filter,
                  bool *out_as_delete) {
    *out_as_delete = change->event.is_delete;
    if (!watch_filter_matches_key(filter, change->event.object.key)) {
        return false;
    }
    if (filter->selector.count == 0) {
        return true;
    }
    if (!change->event.is_delete &&
        object_matches(batch, &change->event.object, &filter->selector)) {
        return true;
    }
    load_previous(batch, change);
    *out_as_delete = true;
    if (!change->has_previous) {
        /* It was there, but what it was is compacted: one DELETE too many does no harm. */
        return change->event.previous_revision != 0;
    }
    return object_matches(batch, &change->previous, &filter->selector);
}

/* The change's line for this watcher, without the line's end; empty when it does not concern it. */
static struct slice find_line(struct batch *batch, struct change *change,
                              const struct watch_filter *filter, bool *out_as_delete) {
    if (!judge(batch, change, filter, out_as_delete)) {
        return slice_of(NULL, 0);
    }
    struct slice *line = &change->lines[*out_as_delete][filter->wants_previous];
    if (line->size == 0) {
        struct buf text;
        if (filter->wants_previous) {
            load_previous(batch, change);
        }
        buf_init(&text);
        write_change(change, *out_as_delete, filter->wants_previous, &text);
        *line = arena_copy(&batch->arena, buf_slice(&text));
        buf_deinit(&text);
    }
    return *line;
}

/* --- Streams. --- */

struct event_writer event_writer_to(struct buf *out, enum event_format format) {
    return (struct event_writer){.out = out, .format = format};
}

void event_writer_finish(struct event_writer *writer) {
    if (writer->open_revision != 0) {
        buf_appendf(writer->out, "id: %" PRIu64 "\n\n", writer->open_revision);
        writer->open_revision = 0;
    }
}

/* One event; JSON holds no line's end, so it is one `data` line. */
static void begin_event(struct event_writer *writer, const char *type) {
    if (writer->format == EVENT_SSE) {
        buf_append_text(writer->out, "event: ");
        buf_append_text(writer->out, type);
        buf_append_text(writer->out, "\ndata: ");
    }
}

void event_write_change(struct event_writer *writer, struct batch *batch, struct change *change,
                        const struct watch_filter *filter) {
    uint64_t revision = change->event.object.revision;
    bool as_delete;
    struct slice line = find_line(batch, change, filter, &as_delete);
    if (line.size == 0) {
        return;
    }
    if (writer->open_revision == revision) {
        buf_append_char(writer->out, '\n'); /* more of the revision comes: no id yet */
    } else {
        event_writer_finish(writer);
    }
    begin_event(writer, as_delete ? "DELETE" : "PUT");
    buf_append(writer->out, line.data, line.size);
    buf_append_char(writer->out, '\n');
    writer->open_revision = writer->format == EVENT_SSE ? revision : 0;
    writer->count++;
}

void event_write_bookmark(struct event_writer *writer, uint64_t revision, bool is_first) {
    struct json_writer json = json_writer_to(writer->out);
    event_writer_finish(writer);
    if (writer->format == EVENT_SSE && is_first) {
        buf_appendf(writer->out, "retry: %u\n", LIMIT_WATCH_RETRY_MS);
    }
    begin_event(writer, "BOOKMARK");
    json_open_object(&json);
    json_member_text(&json, "type", "BOOKMARK");
    json_member_number(&json, "revision", revision);
    json_close_object(&json);
    buf_append_char(writer->out, '\n');
    if (writer->format == EVENT_SSE) {
        buf_appendf(writer->out, "id: %" PRIu64 "\n\n", revision);
    }
}

void event_write_error(struct event_writer *writer, const struct problem *problem,
                       uint64_t revision) {
    struct json_writer json = json_writer_to(writer->out);
    event_writer_finish(writer);
    begin_event(writer, "ERROR");
    json_open_object(&json);
    json_member_text(&json, "type", "ERROR");
    json_member_number(&json, "revision", revision);
    json_key(&json, "error");
    problem_write(problem, NULL, writer->out);
    json.needs_comma = true;
    json_close_object(&json);
    buf_append_char(writer->out, '\n');
    if (writer->format == EVENT_SSE) {
        buf_append_char(writer->out, '\n');
    }
}
