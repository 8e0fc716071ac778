/* Lists: a page in one answer, or everything in chunks. Both walk the keys of one view, so an
 * answer is one revision. The token of the next page is "<revision>-<last key in hex>": all pages
 * carry the first page's revision, so that a watch from it misses nothing. */
#include "api/h_list.h"

#include "api/body_stream.h"
#include "api/handlers.h"
#include "api/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 64u /* each holds an LMDB reader */

/* What is being walked. */
struct listing {
    const char *prefix;
    const char *after; /* NULL: from the start */
    struct selector selector;
    uint64_t revision; /* that the answer says */
    uint64_t count;
    uint64_t count_max;
    uint64_t walked; /* objects in this step, selected or not */
    size_t size_max; /* of `out`; one item more than that may come */
    bool has_more;
    struct buf last_key;
    struct buf after_key; /* streams: what `after` points to */
    struct buf out;
    struct json_writer writer;
};

/* One view of the store, kept open over several turns. */
struct list_stream {
    struct body_stream stream;
    struct api *api;
    struct store_read read;
    struct listing listing;
};

const char *list_key_prefix(struct request *request) {
    const struct params *params = &request->params;
    return arena_printf(request->arena, "%s/%s", request_path_key(request),
                        params->prefix_count > 0 ? params->prefixes[0] : "");
}

/* --- The token. --- */

static void write_token(const struct listing *listing, struct json_writer *writer) {
    json_key(writer, "continue");
    buf_appendf(writer->out, "\"%" PRIu64 "-", listing->revision);
    for (size_t i = 0; i < listing->last_key.size; i++) {
        buf_appendf(writer->out, "%02x", listing->last_key.data[i]);
    }
    buf_append_char(writer->out, '"');
    writer->needs_comma = true;
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool parse_token(const char *token, struct arena *arena, uint64_t *out_revision,
                        const char **out_key) {
    char *rest;
    *out_revision = strtoull(token, &rest, 10);
    size_t size = *rest == '-' ? strlen(rest + 1) : 0;
    if (rest == token || size == 0 || size % 2 != 0 || size / 2 > LIMIT_KEY_SIZE_MAX) {
        return false;
    }
    char *key = arena_alloc(arena, size / 2 + 1);
    for (size_t i = 0; i < size / 2; i++) {
        int high = hex_value(rest[1 + 2 * i]);
        int low = hex_value(rest[2 + 2 * i]);
        if (high < 0 || low < 0 || high + low == 0) {
            return false;
        }
        key[i] = (char)(high * 16 + low);
    }
    *out_key = key;
    return *out_revision <= LIMIT_REVISION_MAX;
}

/* --- Walking. --- */

static bool is_selected(const struct listing *listing, const struct object *object) {
    const struct shape *shape = kind_of(object->kind)->shape;
    struct arena arena;
    if (listing->selector.count == 0) {
        return true;
    }
    arena_init(&arena);
    void *value = arena_alloc(&arena, shape->size);
    CHECK(field_decode(shape, object->payload, &arena, value) == ERR_OK);
    bool is_match = selector_matches(&listing->selector, selector_labels(shape, value));
    arena_deinit(&arena);
    return is_match;
}

static bool add_item(void *owner, const struct object *object) {
    struct listing *listing = owner;
    bool selected = is_selected(listing, object);
    bool is_full = listing->count == listing->count_max || listing->out.size >= listing->size_max;
    if ((selected && is_full) || listing->walked == LIMIT_LIST_WALK_MAX) {
        listing->has_more = true;
        return false;
    }
    if (selected) {
        render_object(object, &listing->writer);
        listing->count++;
    }
    listing->walked++;
    buf_clear(&listing->last_key);
    buf_append_text(&listing->last_key, object->key);
    return true;
}

static void listing_init(struct listing *listing, size_t size_max) {
    listing->size_max = size_max;
    buf_init(&listing->last_key);
    buf_init(&listing->after_key);
    buf_init(&listing->out);
    listing->writer = json_writer_to(&listing->out);
}

static void listing_deinit(struct listing *listing) {
    buf_deinit(&listing->last_key);
    buf_deinit(&listing->after_key);
    buf_deinit(&listing->out);
}

/* What the request asks for. False: it is answered. */
static bool read_listing(struct request *request, struct listing *out_listing) {
    const struct params *params = &request->params;
    *out_listing =
        (struct listing){.prefix = list_key_prefix(request), .count_max = params->limit_count};
    if (params->selector != NULL &&
        selector_parse(params->selector, request->arena, &out_listing->selector,
                       &request->problem) != ERR_OK) {
        request_refuse(request);
        return false;
    }
    if (params->continue_token != NULL &&
        (!parse_token(params->continue_token, request->arena, &out_listing->revision,
                      &out_listing->after) ||
         strncmp(out_listing->after, out_listing->prefix, strlen(out_listing->prefix)) != 0)) {
        request_fail(request, ERR_BAD_REQUEST, "continue is not from a page of this list");
        return false;
    }
    return true;
}

static void open_body(struct listing *listing) {
    json_open_object(&listing->writer);
    json_member_number(&listing->writer, "revision", listing->revision);
    json_key(&listing->writer, "items");
    json_open_list(&listing->writer);
}

static void close_body(struct listing *listing) {
    json_close_list(&listing->writer);
    if (listing->has_more) {
        write_token(listing, &listing->writer);
    }
    json_close_object(&listing->writer);
}

static void reply_page(struct request *request, struct listing *listing) {
    struct store_read read;
    if (!request_view(request, &read)) {
        return;
    }
    if (listing->after == NULL) {
        listing->revision = read.revision;
    }
    listing_init(listing, LIMIT_LIST_BODY_SIZE_MAX);
    open_body(listing);
    store_list(&read, listing->prefix, listing->after, add_item, listing);
    store_read_end(&read);
    close_body(listing);
    struct listing rest = *listing; /* it is in the arena, which goes with the reply */
    request_reply(request, 200, JSON_TYPE, 0, buf_slice(&rest.out));
    listing_deinit(&rest);
}

/* --- Streaming. --- */

static void release(struct body_stream *body) {
    struct list_stream *stream = CONTAINER_OF(body, struct list_stream, stream);
    stream->api->list_count--;
    listing_deinit(&stream->listing);
    store_read_end(&stream->read);
}

/* One chunk. The stream is released with the last one. */
static void write_chunk(struct body_stream *body) {
    struct list_stream *stream = CONTAINER_OF(body, struct list_stream, stream);
    struct listing *listing = &stream->listing;
    struct request *request = body->request;
    if (!store_read_is_open(&stream->read)) { /* the store was replaced: the rest is not there */
        request_abort_stream(request);
        return;
    }
    listing->has_more = false;
    listing->walked = 0;
    store_list(&stream->read, listing->prefix, listing->after, add_item, listing);
    if (listing->has_more) {
        exchange_send(request->exchange, buf_slice(&listing->out));
        buf_clear(&listing->out);
        /* last_key is written over by the walk that reads `after`. */
        struct buf freed = listing->after_key;
        listing->after_key = listing->last_key;
        listing->last_key = freed;
        listing->after = buf_text(&listing->after_key);
        return;
    }
    close_body(listing);
    exchange_send(request->exchange, buf_slice(&listing->out));
    request_end_stream(request);
}

static void begin_stream(struct request *request, const struct listing *listing) {
    struct api *api = request->api;
    struct list_stream *stream = arena_alloc(request->arena, sizeof *stream);
    if (api->list_count == STREAMS_MAX) {
        request->problem.retry_after_s = 1;
        request_fail(request, ERR_OVERLOADED, "%u lists are being streamed already", STREAMS_MAX);
        return;
    }
    if (!request_view(request, &stream->read)) {
        return;
    }
    stream->stream = (struct body_stream){.write = write_chunk, .release = release};
    stream->api = api;
    stream->listing = *listing;
    if (listing->after == NULL) {
        stream->listing.revision = stream->read.revision;
    }
    listing_init(&stream->listing, LIMIT_BODY_CHUNK_SIZE);
    open_body(&stream->listing);
    api->list_count++;
    body_stream_begin(&stream->stream, request, JSON_TYPE);
}

/* --- The handler. --- */

static void reply_list(struct request *request) {
    struct listing *listing = arena_alloc(request->arena, sizeof *listing);
    if (!read_listing(request, listing)) {
        return;
    }
    if (request->params.is_unlimited) {
        begin_stream(request, listing);
    } else {
        reply_page(request, listing);
    }
}

static void changed(struct request *request) {
    request_read(request, reply_list);
}

static bool check_params(struct request *request) {
    unsigned given = request->params.given;
    if ((given & (PARAM_FROM | PARAM_PREVIOUS)) != 0) {
        request_fail(request, ERR_BAD_REQUEST, "from and previous belong to watch=true");
        return false;
    }
    if ((given & PARAM_WAIT) != 0 && (given & PARAM_INDEX) == 0) {
        request_fail(request, ERR_BAD_REQUEST, "wait belongs to index=<revision>");
        return false;
    }
    return true;
}

void handle_list(struct request *request) {
    struct params *params = &request->params;
    if (params->watch) {
        handle_watch(request);
        return;
    }
    if (!check_params(request)) {
        return;
    }
    if (http_accepts(request->message, JSON_TYPE) == 0) {
        request_fail(request, ERR_NOT_ACCEPTABLE,
                     "a list is " JSON_TYPE "; to follow it, add "
                     "watch=true");
        return;
    }
    if ((params->given & PARAM_INDEX) == 0) {
        request_read(request, reply_list);
        return;
    }
    struct histogram *durations = request->api->counters.durations;
    exchange_measure(request->exchange, &durations[ROUTE_CLASS_WATCH]);
    struct watch_filter *filter = &request->watcher.filter;
    filter->prefixes[filter->prefix_count++] = list_key_prefix(request);
    if (params->selector != NULL &&
        selector_parse(params->selector, request->arena, &filter->selector, &request->problem) !=
            ERR_OK) {
        request_refuse(request);
        return;
    }
    request->watcher.revision = params->index;
    msec_t wait_ms = (params->given & PARAM_WAIT) != 0 ? params->wait_ms : params->timeout_ms;
    request_wait_change(request, wait_ms, changed);
}
