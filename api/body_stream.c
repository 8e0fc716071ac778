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
    struct list due;
    unsigned count = 0;
    list_init(&due);
    list_move_all(&api->streams, &due);
    while (count < LIMIT_BODY_STREAMS_TURN && !list_is_empty(&due)) {
        struct list *node = list_take_first(&due);
        struct body_stream *stream = CONTAINER_OF(node, struct body_stream, node);
        list_append(&api->streams, node);
        if (exchange_queued_size(stream->request->exchange) <= LIMIT_BODY_CHUNK_SIZE) {
            stream->write(stream);
            count++;
        }
    }
    list_move_all(&api->streams, &due); /* who had no turn now begins the next */
    list_move_all(&due, &api->streams);
    return count > 0 && !list_is_empty(&api->streams);
}

void body_stream_release(struct request *request) {
    struct body_stream *stream = request->stream;
    if (stream != NULL) {
        request->stream = NULL;
        list_remove(&stream->node);
        stream->release(stream);
    }
}
