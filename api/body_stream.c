#include "api/body_stream.h"

#include "api/request.h"

void body_stream_begin(struct body_stream *stream, struct request *request,
                       const char *content_type) {
    struct api *api = request->api;
    stream->request = request;
    list_init(&stream->node);
    list_append(&api->streams, &stream->node);
    request->stream = stream;
    request_stream(request, content_type);
    api_wake(api);
}

bool body_streams_turn(struct api *api) {
    bool wants_more = false;
    LIST_FOR_EACH(&api->streams, node) {
        struct body_stream *stream = CONTAINER_OF(node, struct body_stream, node);
        if (exchange_queued_size(stream->request->exchange) <= LIMIT_BODY_CHUNK_SIZE) {
            stream->write(stream);
            wants_more = true;
        }
    }
    return wants_more && !list_is_empty(&api->streams);
}

void body_stream_release(struct request *request) {
    struct body_stream *stream = request->stream;
    if (stream != NULL) {
        request->stream = NULL;
        list_remove(&stream->node);
        stream->release(stream);
    }
}
