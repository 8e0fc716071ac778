/* Watches: an exchange that never ends by itself, fed by the hub (api/watch.h). The first line is a
 * BOOKMARK; a start that is known to be compacted is refused before the stream begins. */
#include "api/handlers.h"

#include "api/h_list.h"

#include <string.h>

#define NDJSON_TYPE "application/x-ndjson"

static void write_lines(struct watcher *watcher, struct slice lines, bool has_changes) {
    (void)has_changes;
    struct request *request = CONTAINER_OF(watcher, struct request, watcher);
    exchange_send(request->exchange, lines);
}

static size_t queued_size(const struct watcher *watcher) {
    const struct request *request =
        (const struct request *)(const void *)((const char *)watcher -
                                               offsetof(struct request, watcher));
    return exchange_queued_size(request->exchange);
}

/* The last line says why, and up to where the watch was complete. */
static void ended(struct watcher *watcher, const struct problem *problem) {
    struct request *request = CONTAINER_OF(watcher, struct request, watcher);
    struct buf line;
    buf_init(&line);
    event_write_error(problem, watcher->revision, &line);
    exchange_send(request->exchange, buf_slice(&line));
    buf_deinit(&line);
    request_end_stream(request);
}

static const struct watcher_handlers handlers = {
    .write = write_lines, .queued_size = queued_size, .ended = ended};

static void begin(struct request *request) {
    struct watch_hub *hub = &request->api->hub;
    struct watcher *watcher = &request->watcher;
    if ((request->params.given & PARAM_FROM) != 0) {
        watcher->revision = request->params.from;
    } else {
        watcher->revision = store_revision(request->api->options.store);
    }
    if (watch_check(hub, watcher->revision, &request->problem) != ERR_OK) {
        request_refuse(request);
        return;
    }
    if (request->message->method == METHOD_HEAD) {
        request_reply(request, 200, NDJSON_TYPE, 0, slice_of(NULL, 0));
        return;
    }
    watcher->handlers = &handlers;
    request_stream(request, NDJSON_TYPE);
    watch_bookmark(watcher);
    watch_start(hub, watcher);
    api_wake(request->api);
}

static void fill_prefixes(struct request *request, struct watch_filter *filter) {
    const struct params *params = &request->params;
    if (strcmp(request->route->pattern, "/v1/watch") != 0) {
        filter->prefixes[filter->prefix_count++] = list_key_prefix(request);
        return;
    }
    for (unsigned i = 0; i < params->prefix_count; i++) {
        filter->prefixes[filter->prefix_count++] = params->prefixes[i];
    }
    if (filter->prefix_count == 0) {
        filter->prefixes[filter->prefix_count++] = ""; /* everything */
    }
}

void handle_watch(struct request *request) {
    const struct params *params = &request->params;
    struct watch_filter *filter = &request->watcher.filter;
    const char *accept = http_find_header(request->message, "accept");
    if ((params->given & (PARAM_LIMIT | PARAM_CONTINUE | PARAM_INDEX | PARAM_WAIT)) != 0) {
        request_fail(request, ERR_BAD_REQUEST,
                     "limit, continue, index and wait belong to a list, not to a watch");
        return;
    }
    if (accept != NULL && strcmp(accept, "text/event-stream") == 0) {
        problem_set_hint(&request->problem, "Accept " NDJSON_TYPE ".");
        request_fail(request, ERR_NOT_ACCEPTABLE, "a watch is sent as " NDJSON_TYPE);
        return;
    }
    fill_prefixes(request, filter);
    filter->wants_previous = params->previous;
    if (params->selector != NULL &&
        selector_parse(params->selector, request->arena, &filter->selector, &request->problem) !=
            ERR_OK) {
        request_refuse(request);
        return;
    }
    if ((params->given & PARAM_FROM) != 0) {
        begin(request);
    } else {
        request_read(request, begin);
    }
}
