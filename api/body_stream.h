/* Answers that are written over several turns of the loop, as fast as the client reads: lists
 * (limit=all) and snapshots. Each holds a view of the store meanwhile, so there are few of them.
 * Flow: a handler fills a stream in the request's arena -> body_stream_begin -> the API's turn
 * calls `write` while there is room -> the last `write` ends the request's stream, or aborts it, so
 * that the client sees it as cut. However the request ends, `release` is called once. */
#ifndef WEFT_API_BODY_STREAM_H
#define WEFT_API_BODY_STREAM_H

#include "util/list.h"

#include <stdbool.h>

struct api;
struct request;

struct body_stream {
    /* Sends about one chunk. */
    void (*write)(struct body_stream *stream);
    /* Gives back what the stream holds; its memory is the request's arena. */
    void (*release)(struct body_stream *stream);
    /* private */
    struct request *request;
    struct list node; /* in api->streams */
};

/* Begins the answer; the request is not the caller's any more. */
void body_stream_begin(struct body_stream *stream, struct request *request,
                       const char *content_type);
/* One chunk of every stream that has room. True when some want to go on. */
bool body_streams_turn(struct api *api);
/* Ends the request's stream, if it has one. */
void body_stream_release(struct request *request);

#endif
