/* Encoding and decoding of frames. See codec.h. */
#include "raft/codec.h"

#include "util/crc.h"
#include "util/limits.h"

#include <string.h>

/* What an entry takes at least: term, type, size. */
#define ENTRY_SIZE_MIN 13u
/* An index, a term or a size beyond this is nonsense, and could overflow sums. */
#define FRAME_NUMBER_MAX (UINT64_C(1) << 62)

static void put_text(struct buf *out, const char *text) {
    buf_put_bytes(out, text, strlen(text));
}

static void put_request_vote(const struct raft_request_vote *args, struct buf *out) {
    buf_put_u8(out, args->version);
    buf_put_u64(out, args->term);
    buf_put_u64(out, args->candidate_id);
    buf_put_u64(out, args->last_log_index);
    buf_put_u64(out, args->last_log_term);
    buf_put_u8(out, args->disrupt_leader);
    buf_put_u8(out, args->pre_vote);
}

static void put_request_vote_result(const struct raft_request_vote_result *result,
                                    struct buf *out) {
    buf_put_u8(out, result->version);
    buf_put_u64(out, result->term);
    buf_put_u8(out, result->vote_granted);
    buf_put_u8(out, result->pre_vote);
    buf_put_u16(out, result->features);
    buf_put_u16(out, result->capacity);
}

static void put_append_entries(const struct raft_append_entries *args, struct buf *out) {
    buf_put_u8(out, args->version);
    buf_put_u64(out, args->term);
    buf_put_u64(out, args->prev_log_index);
    buf_put_u64(out, args->prev_log_term);
    buf_put_u64(out, args->leader_commit);
    buf_put_u32(out, args->n_entries);
    for (unsigned i = 0; i < args->n_entries; i++) {
        const struct raft_entry *entry = &args->entries[i];
        buf_put_u64(out, entry->term);
        buf_put_u8(out, (uint8_t)entry->type);
        buf_put_u32(out, (uint32_t)entry->buf.len);
        buf_append(out, entry->buf.base, entry->buf.len);
    }
}

static void put_append_entries_result(const struct raft_append_entries_result *result,
                                      struct buf *out) {
    buf_put_u8(out, result->version);
    buf_put_u64(out, result->term);
    buf_put_u64(out, result->rejected);
    buf_put_u64(out, result->last_log_index);
    buf_put_u16(out, result->features);
    buf_put_u16(out, result->capacity);
}

static void put_timeout_now(const struct raft_timeout_now *args, struct buf *out) {
    buf_put_u8(out, args->version);
    buf_put_u64(out, args->term);
    buf_put_u64(out, args->last_log_index);
    buf_put_u64(out, args->last_log_term);
}

static void put_message(const struct raft_message *message, struct buf *out) {
    buf_put_u8(out, (uint8_t)message->type);
    switch (message->type) {
    case RAFT_APPEND_ENTRIES:
        put_append_entries(&message->append_entries, out);
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        put_append_entries_result(&message->append_entries_result, out);
        break;
    case RAFT_REQUEST_VOTE:
        put_request_vote(&message->request_vote, out);
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        put_request_vote_result(&message->request_vote_result, out);
        break;
    case RAFT_TIMEOUT_NOW:
        put_timeout_now(&message->timeout_now, out);
        break;
    default:
        CHECK(false);
    }
}

static void put_snapshot(const struct frame_snapshot *snapshot, struct buf *out) {
    buf_put_u64(out, snapshot->term);
    buf_put_u64(out, snapshot->size);
    buf_put_u64(out, snapshot->point.index);
    buf_put_u64(out, snapshot->point.term);
    buf_put_u64(out, snapshot->point.configuration_index);
    buf_put_bytes(out, snapshot->point.configuration.data, snapshot->point.configuration.size);
}

static void put_chunk_ask(const struct frame_chunk *chunk, struct buf *out) {
    buf_put_u64(out, chunk->index);
    buf_put_u64(out, chunk->term);
    buf_put_u64(out, chunk->offset);
}

static void put_payload(const struct frame *frame, struct buf *out) {
    switch (frame->type) {
    case FRAME_HELLO:
        buf_put_u32(out, frame->hello.version);
        buf_put_u64(out, frame->hello.cluster);
        buf_put_u64(out, frame->hello.from);
        buf_put_u64(out, frame->hello.to);
        put_text(out, frame->hello.name);
        put_text(out, frame->hello.program);
        break;
    case FRAME_MESSAGE:
        put_message(&frame->message, out);
        break;
    case FRAME_CONFIRM:
    case FRAME_CONFIRM_REPLY:
        buf_put_u64(out, frame->confirm.nonce);
        buf_put_u64(out, frame->confirm.term);
        break;
    case FRAME_READ_ASK:
        buf_put_u64(out, frame->nonce);
        break;
    case FRAME_READ_ANSWER:
        buf_put_u64(out, frame->answer.nonce);
        put_text(out, err_code(frame->answer.err));
        buf_put_u64(out, frame->answer.term);
        buf_put_u64(out, frame->answer.index);
        buf_put_u64(out, frame->answer.index_term);
        break;
    case FRAME_PING:
    case FRAME_PONG:
        buf_put_u64(out, frame->time_ms);
        break;
    case FRAME_SNAPSHOT:
        put_snapshot(&frame->snapshot, out);
        break;
    case FRAME_CHUNK_ASK:
        put_chunk_ask(&frame->chunk, out);
        break;
    case FRAME_CHUNK:
        CHECK(frame->chunk.bytes.size <= LIMIT_RAFT_CHUNK_SIZE_MAX);
        put_chunk_ask(&frame->chunk, out);
        buf_put_u64(out, frame->chunk.total);
        buf_put_bytes(out, frame->chunk.bytes.data, frame->chunk.bytes.size);
        break;
    }
}

void codec_encode(const struct frame *frame, struct buf *out) {
    size_t start = out->size;
    buf_put_u32(out, 0);
    buf_put_u32(out, 0);
    buf_put_u8(out, (uint8_t)frame->type);
    put_payload(frame, out);
    size_t size = out->size - start - CODEC_PREFIX_SIZE;
    CHECK(size <= LIMIT_RAFT_FRAME_SIZE_MAX);
    buf_set_u32(out, start, (uint32_t)size);
    buf_set_u32(out, start + 4, crc32c(0, out->data + start + CODEC_PREFIX_SIZE, size));
}

/* A byte that is 0 or 1; anything else breaks the reader. */
static bool take_bool(struct reader *reader) {
    uint8_t value = reader_u8(reader);
    reader->is_broken = reader->is_broken || value > 1;
    return value == 1;
}

/* A text without NUL that fits with its own. */
static void take_text(struct reader *reader, char *out, size_t out_size) {
    struct slice text = reader_bytes(reader);
    if (text.size >= out_size || (text.size > 0 && memchr(text.data, 0, text.size) != NULL)) {
        reader->is_broken = true;
        text.size = 0;
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
}

static void take_entries(struct reader *reader, struct arena *arena,
                         struct raft_append_entries *args) {
    uint32_t count = reader_u32(reader);
    if (count > LIMIT_RAFT_FRAME_ENTRIES_MAX || count > reader->size / ENTRY_SIZE_MIN) {
        reader->is_broken = true;
        return;
    }
    if (count == 0) {
        return;
    }
    args->entries = arena_alloc(arena, count * sizeof *args->entries);
    args->n_entries = count;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_entry *entry = &args->entries[i];
        entry->term = reader_u64(reader);
        uint8_t type = reader_u8(reader);
        reader->is_broken = reader->is_broken || type < ENTRY_COMMAND || type > ENTRY_CHANGE;
        entry->type = (enum raft_entry_type)type;
        struct slice data = reader_take(reader, reader_u32(reader));
        entry->buf.base = (void *)(uintptr_t)data.data;
        entry->buf.len = data.size;
    }
}

static void take_request_vote(struct reader *reader, struct raft_request_vote *args) {
    args->version = reader_u8(reader);
    args->term = reader_u64(reader);
    args->candidate_id = reader_u64(reader);
    args->last_log_index = reader_u64(reader);
    args->last_log_term = reader_u64(reader);
    args->disrupt_leader = take_bool(reader);
    args->pre_vote = take_bool(reader);
}

static void take_request_vote_result(struct reader *reader,
                                     struct raft_request_vote_result *result) {
    result->version = reader_u8(reader);
    result->term = reader_u64(reader);
    result->vote_granted = take_bool(reader);
    result->pre_vote = take_bool(reader);
    result->features = reader_u16(reader);
    result->capacity = reader_u16(reader);
}

static void take_append_entries(struct reader *reader, struct arena *arena,
                                struct raft_append_entries *args) {
    args->version = reader_u8(reader);
    args->term = reader_u64(reader);
    args->prev_log_index = reader_u64(reader);
    args->prev_log_term = reader_u64(reader);
    args->leader_commit = reader_u64(reader);
    take_entries(reader, arena, args);
}

static void take_append_entries_result(struct reader *reader,
                                       struct raft_append_entries_result *result) {
    result->version = reader_u8(reader);
    result->term = reader_u64(reader);
    result->rejected = reader_u64(reader);
    result->last_log_index = reader_u64(reader);
    result->features = reader_u16(reader);
    result->capacity = reader_u16(reader);
}

static void take_timeout_now(struct reader *reader, struct raft_timeout_now *args) {
    args->version = reader_u8(reader);
    args->term = reader_u64(reader);
    args->last_log_index = reader_u64(reader);
    args->last_log_term = reader_u64(reader);
}

static void take_message(struct reader *reader, struct arena *arena, struct raft_message *message) {
    uint8_t type = reader_u8(reader);
    message->type = (enum raft_message_type)type;
    switch (type) {
    case RAFT_APPEND_ENTRIES:
        take_append_entries(reader, arena, &message->append_entries);
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        take_append_entries_result(reader, &message->append_entries_result);
        break;
    case RAFT_REQUEST_VOTE:
        take_request_vote(reader, &message->request_vote);
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        take_request_vote_result(reader, &message->request_vote_result);
        break;
    case RAFT_TIMEOUT_NOW:
        take_timeout_now(reader, &message->timeout_now);
        break;
    default:
        reader->is_broken = true;
    }
}

static void take_answer(struct reader *reader, struct frame_read_answer *answer) {
    char code[32];
    answer->nonce = reader_u64(reader);
    take_text(reader, code, sizeof code);
    if (strcmp(code, err_code(ERR_OK)) == 0) {
        answer->err = ERR_OK;
    } else if (!err_find(code, &answer->err)) {
        answer->err = ERR_READ_TIMEOUT;
    }
    answer->term = reader_u64(reader);
    answer->index = reader_u64(reader);
    answer->index_term = reader_u64(reader);
}

/* A snapshot ends behind its configuration, and holds something. */
static void take_snapshot(struct reader *reader, struct frame_snapshot *snapshot) {
    struct snapshot_point *point = &snapshot->point;
    struct configuration configuration;
    snapshot->term = reader_u64(reader);
    snapshot->size = reader_u64(reader);
    point->index = reader_u64(reader);
    point->term = reader_u64(reader);
    point->configuration_index = reader_u64(reader);
    point->configuration = reader_bytes(reader);
    bool is_sane = point->index > 0 && point->index < FRAME_NUMBER_MAX && point->term > 0 &&
                   point->term <= snapshot->term && snapshot->term < FRAME_NUMBER_MAX &&
                   snapshot->size > 0 && snapshot->size < FRAME_NUMBER_MAX &&
                   point->configuration_index > 0 && point->configuration_index <= point->index;
    if (reader->is_broken || !is_sane ||
        configuration_decode(point->configuration, &configuration) != ERR_OK) {
        reader->is_broken = true;
    }
}

static void take_chunk_ask(struct reader *reader, struct frame_chunk *chunk) {
    chunk->index = reader_u64(reader);
    chunk->term = reader_u64(reader);
    chunk->offset = reader_u64(reader);
    reader->is_broken = reader->is_broken || chunk->index == 0 || chunk->term == 0 ||
                        chunk->offset >= FRAME_NUMBER_MAX;
}

/* A part of the file, or that it is gone. */
static void take_chunk(struct reader *reader, struct frame_chunk *chunk) {
    take_chunk_ask(reader, chunk);
    chunk->total = reader_u64(reader);
    chunk->bytes = reader_bytes(reader);
    bool is_gone = chunk->total == 0 && chunk->bytes.size == 0;
    bool is_part = chunk->offset < chunk->total && chunk->total < FRAME_NUMBER_MAX &&
                   chunk->bytes.size > 0 && chunk->bytes.size <= LIMIT_RAFT_CHUNK_SIZE_MAX &&
                   chunk->bytes.size <= chunk->total - chunk->offset;
    reader->is_broken = reader->is_broken || !(is_gone || is_part);
}

static void take_payload(struct reader *reader, struct arena *arena, struct frame *frame) {
    switch ((int)frame->type) {
    case FRAME_HELLO:
        frame->hello.version = reader_u32(reader);
        frame->hello.cluster = reader_u64(reader);
        frame->hello.from = reader_u64(reader);
        frame->hello.to = reader_u64(reader);
        take_text(reader, frame->hello.name, sizeof frame->hello.name);
        take_text(reader, frame->hello.program, sizeof frame->hello.program);
        break;
    case FRAME_MESSAGE:
        take_message(reader, arena, &frame->message);
        break;
    case FRAME_CONFIRM:
    case FRAME_CONFIRM_REPLY:
        frame->confirm.nonce = reader_u64(reader);
        frame->confirm.term = reader_u64(reader);
        break;
    case FRAME_READ_ASK:
        frame->nonce = reader_u64(reader);
        break;
    case FRAME_READ_ANSWER:
        take_answer(reader, &frame->answer);
        break;
    case FRAME_PING:
    case FRAME_PONG:
        frame->time_ms = reader_u64(reader);
        break;
    case FRAME_SNAPSHOT:
        take_snapshot(reader, &frame->snapshot);
        break;
    case FRAME_CHUNK_ASK:
        take_chunk_ask(reader, &frame->chunk);
        break;
    case FRAME_CHUNK:
        take_chunk(reader, &frame->chunk);
        break;
    default:
        reader->is_broken = true;
    }
}

enum err codec_decode(struct slice bytes, struct arena *arena, struct frame *out_frame,
                      size_t *out_size) {
    *out_size = 0;
    if (bytes.size < CODEC_PREFIX_SIZE) {
        return ERR_OK;
    }
    struct reader prefix = reader_of(bytes.data, CODEC_PREFIX_SIZE);
    uint32_t size = reader_u32(&prefix);
    uint32_t crc = reader_u32(&prefix);
    if (size > LIMIT_RAFT_FRAME_SIZE_MAX) {
        return ERR_TOO_LARGE;
    }
    if (size == 0) {
        return ERR_CORRUPT;
    }
    if (bytes.size - CODEC_PREFIX_SIZE < size) {
        return ERR_OK;
    }
    const uint8_t *payload = bytes.data + CODEC_PREFIX_SIZE;
    if (crc32c(0, payload, size) != crc) {
        return ERR_CORRUPT;
    }
    struct reader reader = reader_of(payload, size);
    struct frame frame = {.type = (enum frame_type)reader_u8(&reader)};
    take_payload(&reader, arena, &frame);
    if (!reader_is_done(&reader)) {
        return ERR_CORRUPT;
    }
    *out_frame = frame;
    *out_size = CODEC_PREFIX_SIZE + size;
    return ERR_OK;
}
