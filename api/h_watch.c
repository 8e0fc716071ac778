/* Requests that begin a watch; watch_stream.c carries it on. The first event is a BOOKMARK; a start
 * that is known to be compacted is refused before the stream begins. The client chooses the form by
 * Accept: NDJSON, or server-sent events, whose readers come back with Last-Event-ID. */
#include "api/handlers.h"

#include "api/h_list.h"
#include "api/watch_stream.h"

#include <string.h>

#define NDJSON_TYPE "application/x-ndjson"
#define SSE_TYPE    "text/event-stream"

/* Where the client was: Last-Event-ID, which a reader of server-sent events sends when it comes
 * back to the URL that it began with, or else `from`. */
static bool has_start(const struct request *request) {
    return http_find_header(request->message, "last-event-id") != NULL ||
           (request->params.given & PARAM_FROM) != 0;
}

/* False: the request is answered. */
static bool read_start(struct request *request) {
    const char *last_id = http_find_header(request->message, "last-event-id");
    uint64_t revision = 0;
    if (last_id == NULL) {
        request->watcher.revision = request->params.from;
        return true;
    }
    const char *digit = last_id;
    for (; *digit >= '0' && *digit <= '9' && revision <= LIMIT_REVISION_MAX / 10; digit++) {
        revision = revision * 10 + (uint64_t)(*digit - '0');
    }
    if (digit == last_id || *digit != 0 || revision > LIMIT_REVISION_MAX) {
        request_fail(request, ERR_BAD_REQUEST, "Last-Event-ID is a revision, not '%.60s'", last_id);
        return false;
    }
    request->watcher.revision = revision;
    return true;
}

/* The form that the client wants most; NDJSON where it does not care. False: it is answered. */
static bool choose_format(struct request *request) {
    unsigned ndjson = MAX_OF(http_accepts(request->message, NDJSON_TYPE),
                             http_accepts(request->message, JSON_TYPE));
    unsigned sse = http_accepts(request->message, SSE_TYPE);
    if (ndjson == 0 && sse == 0) {
        problem_set_hint(&request->problem, "Accept " NDJSON_TYPE " or " SSE_TYPE ".");
        request_fail(request, ERR_NOT_ACCEPTABLE,
                     "a watch is sent as " NDJSON_TYPE " or " SSE_TYPE);
        return false;
    }
    request->watcher.format = sse > ndjson ? EVENT_SSE : EVENT_NDJSON;
    return true;
}

static const char *content_type_of(const struct watcher *watcher) {
    return watcher->format == EVENT_SSE ? SSE_TYPE : NDJSON_TYPE;
}

static void begin(struct request *request) {
    struct watch_hub *hub = &request->api->hub;
    struct watcher *watcher = &request->watcher;
    if (!has_start(request)) {
        watcher->revision = store_revision(request->api->options.store);
    }
    if (watch_check(hub, watcher->revision, &request->problem) != ERR_OK) {
        request_refuse(request);
        return;
    }
    exchange_header(request->exchange, "Cache-Control", "no-cache");
    if (request->message->method == METHOD_HEAD) {
        request_stream(request, content_type_of(watcher));
        request_end_stream(request);
        return;
    }
    watch_stream_begin(request, content_type_of(watcher));
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
    if ((params->given & (PARAM_LIMIT | PARAM_CONTINUE | PARAM_INDEX | PARAM_WAIT)) != 0) {
        request_fail(request, ERR_BAD_REQUEST,
                     "limit, continue, index and wait belong to a list, not to a watch");
        return;
    }
    if (!choose_format(request) || !read_start(request)) {
        return;
    }
    exchange_measure(request->exchange, &request->api->counters.durations[ROUTE_CLASS_WATCH]);
    fill_prefixes(request, filter);
    filter->wants_previous = params->previous;
    if (params->selector != NULL &&
        selector_parse(params->selector, request->arena, &filter->selector, &request->problem) !=
            ERR_OK) {
        request_refuse(request);
        return;
    }
    if (has_start(request)) {
        begin(request);
    } else {
        request_read(request, begin);
    }
}
