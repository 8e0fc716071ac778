/* GET /v1/snapshot: a consistent copy of the whole state at one revision (store/snapshot.h), while
 * writes go on. Its digest is known only at its end, so it comes as a trailer (RFC 9530). A store
 * that is replaced meanwhile cuts the answer: half a snapshot must not look like one. */
#include "api/body_stream.h"
#include "api/handlers.h"
#include "store/snapshot.h"
#include "util/base64.h"

#include <inttypes.h>

#define SNAPSHOT_TYPE "application/octet-stream"

struct snapshot_stream {
    struct body_stream stream;
    struct api *api;
    struct snapshot_writer *writer;
};

static void send_digest(struct request *request, const struct snapshot_writer *writer) {
    struct buf digest;
    buf_init(&digest);
    base64_encode(slice_of(snapshot_writer_sha256(writer), SHA256_SIZE), &digest);
    exchange_trailer(request->exchange, "Content-Digest", "sha-256=:%s:", buf_text(&digest));
    buf_deinit(&digest);
}

/* A piece is one chunk of the file. */
static void write_piece(struct body_stream *stream) {
    struct snapshot_stream *snapshot = CONTAINER_OF(stream, struct snapshot_stream, stream);
    struct request *request = stream->request;
    struct buf piece;
    buf_init(&piece);
    enum err err = snapshot_writer_pull(snapshot->writer, &piece);
    if (err != ERR_OK) {
        request_abort_stream(request);
    } else if (piece.size > 0) {
        exchange_send(request->exchange, buf_slice(&piece));
    } else {
        send_digest(request, snapshot->writer);
        request_end_stream(request);
    }
    buf_deinit(&piece);
}

static void release(struct body_stream *stream) {
    struct snapshot_stream *snapshot = CONTAINER_OF(stream, struct snapshot_stream, stream);
    snapshot->api->snapshot_count--;
    snapshot_writer_close(snapshot->writer);
}

static void add_headers(struct request *request) {
    struct replica_status status;
    replica_status(request->api->options.replica, &status);
    exchange_header(request->exchange, "Content-Disposition",
                    "attachment; filename=\"weft-%s-%" PRIu64 ".snapshot\"", status.cluster_id,
                    request->revision);
    exchange_header(request->exchange, "Trailer", "Content-Digest");
}

static void begin(struct request *request) {
    struct api *api = request->api;
    struct snapshot_writer *writer;
    if (api->snapshot_count == LIMIT_SNAPSHOT_DOWNLOADS_MAX) {
        request->problem.retry_after_s = 1;
        request_fail(request, ERR_OVERLOADED, "%u snapshots are being downloaded already",
                     LIMIT_SNAPSHOT_DOWNLOADS_MAX);
        return;
    }
    enum err err = replica_snapshot_begin(api->options.replica, &writer);
    if (err != ERR_OK) {
        request_fail(request, ERR_INTERNAL, "the store cannot be read: %s", err_title(err));
        return;
    }
    request->revision = snapshot_writer_state(writer)->revision;
    add_headers(request);
    if (request->message->method == METHOD_HEAD) {
        snapshot_writer_close(writer);
        request_stream(request, SNAPSHOT_TYPE);
        request_end_stream(request);
        return;
    }
    struct snapshot_stream *snapshot = arena_alloc(request->arena, sizeof *snapshot);
    *snapshot = (struct snapshot_stream){
        .stream = {.write = write_piece, .release = release}, .api = api, .writer = writer};
    api->snapshot_count++;
    body_stream_begin(&snapshot->stream, request, SNAPSHOT_TYPE);
}

void handle_snapshot(struct request *request) {
    if (http_accepts(request->message, SNAPSHOT_TYPE) == 0) {
        request_fail(request, ERR_NOT_ACCEPTABLE, "a snapshot is " SNAPSHOT_TYPE);
        return;
    }
    request_read(request, begin);
}
