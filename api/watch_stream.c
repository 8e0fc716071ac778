#include "api/watch_stream.h"

#include "api/request.h"

#include <stdlib.h>
#include <string.h>

struct watch_stream {
    struct api *api;
    struct exchange *exchange;
    struct watcher watcher;
    char texts[]; /* the filter's */
};

static void write_lines(struct watcher *watcher, struct slice lines, bool has_changes) {
    (void)has_changes;
    exchange_send(CONTAINER_OF(watcher, struct watch_stream, watcher)->exchange, lines);
}

static size_t queued_size(const struct watcher *watcher) {
    const struct watch_stream *stream =
        (const struct watch_stream *)(const void *)((const char *)watcher -
                                                    offsetof(struct watch_stream, watcher));
    return exchange_queued_size(stream->exchange);
}

/* The last line says why, and up to where the watch was complete. */
static void ended(struct watcher *watcher, const struct problem *problem) {
    struct watch_stream *stream = CONTAINER_OF(watcher, struct watch_stream, watcher);
    struct exchange *exchange = stream->exchange;
    struct buf line;
    buf_init(&line);
    struct event_writer writer = event_writer_to(&line, watcher->format);
    event_write_error(&writer, problem, watcher->revision);
    exchange_send(exchange, buf_slice(&line));
    buf_deinit(&line);
    free(stream);
    exchange_end_stream(exchange);
}

static const struct watcher_handlers watcher_handlers = {
    .write = write_lines, .queued_size = queued_size, .ended = ended};

static void gone(struct exchange *exchange, void *owner) {
    struct watch_stream *stream = owner;
    (void)exchange;
    watch_stop(&stream->api->hub, &stream->watcher);
    free(stream);
}

static void drained(struct exchange *exchange, void *owner) {
    struct watch_stream *stream = owner;
    (void)exchange;
    api_wake(stream->api);
}

static const struct exchange_handlers exchange_handlers = {.gone = gone, .drained = drained};

/* The filter's texts, one behind the other; with `to` NULL they are only measured. */

static void keep_text(const char **text, char *to, size_t *size) {
    size_t text_size = strlen(*text) + 1;
    if (to != NULL) {
        *text = memcpy(to + *size, *text, text_size);
    }
    *size += text_size;
}

static size_t keep_texts(struct watch_filter *filter, char *to) {
    size_t size = 0;
    for (unsigned i = 0; i < filter->prefix_count; i++) {
        keep_text(&filter->prefixes[i], to, &size);
    }
    for (unsigned i = 0; i < filter->selector.count; i++) {
        keep_text(&filter->selector.terms[i].name, to, &size);
        keep_text(&filter->selector.terms[i].value, to, &size);
    }
    return size;
}

void watch_stream_begin(struct request *request, const char *content_type) {
    struct api *api = request->api;
    struct watcher *wanted = &request->watcher;
    struct watch_stream *stream = must_alloc(sizeof *stream + keep_texts(&wanted->filter, NULL));
    stream->api = api;
    stream->watcher = *wanted;
    stream->watcher.handlers = &watcher_handlers;
    (void)keep_texts(&stream->watcher.filter, stream->texts);
    stream->exchange = request_hand_over(request);
    exchange_set_handlers(stream->exchange, &exchange_handlers, stream);
    exchange_begin_long_stream(stream->exchange, 200, content_type);
    watch_greet(&api->hub, &stream->watcher);
    watch_start(&api->hub, &stream->watcher);
    api_wake(api);
}
