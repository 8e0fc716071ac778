/* Frames: what is written is read back, and nothing else is accepted. */
#include "raft/codec.h"

#include "util/crc.h"
#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#define FRAME_COUNT 15u

static struct raft_entry entries[3] = {
    {.term = 4, .type = RAFT_COMMAND, .buf = {.base = (void *)(uintptr_t) "command", .len = 7}},
    {.term = 5, .type = RAFT_BARRIER},
    {.term = 5, .type = RAFT_CHANGE, .buf = {.base = (void *)(uintptr_t) "change", .len = 6}},
};

/* The end of a snapshot, with a configuration of one member. */
static struct snapshot_point make_point(void) {
    static uint8_t bytes[256];
    struct configuration configuration = {.count = 1};
    assert_int_equal(member_parse("s1,127.0.0.1:1,http://s1", &configuration.members[0].member),
                     ERR_OK);
    configuration.members[0].member.id = 1;
    struct buf encoded;
    buf_init(&encoded);
    configuration_encode(&configuration, &encoded);
    size_t size = encoded.size;
    assert_true(size <= sizeof bytes);
    memcpy(bytes, encoded.data, size);
    buf_deinit(&encoded);
    return (struct snapshot_point){
        .index = 31, .term = 29, .configuration_index = 7, .configuration = slice_of(bytes, size)};
}

/* One of each kind. */
static void make_frames(struct frame frames[FRAME_COUNT]) {
    memset(frames, 0, FRAME_COUNT * sizeof frames[0]);
    frames[0].type = FRAME_HELLO;
    frames[0].hello = (struct frame_hello){.version = CODEC_VERSION,
                                           .cluster = 0x1122334455667788,
                                           .from = 1,
                                           .to = 2,
                                           .name = "s1",
                                           .program = "0.1.0"};
    for (unsigned i = 1; i <= 5; i++) {
        frames[i].type = FRAME_MESSAGE;
    }
    frames[1].message.type = RAFT_REQUEST_VOTE;
    frames[1].message.request_vote = (struct raft_request_vote){.version = 2,
                                                                .term = 3,
                                                                .candidate_id = 1,
                                                                .last_log_index = 9,
                                                                .last_log_term = 2,
                                                                .disrupt_leader = true,
                                                                .pre_vote = true};
    frames[2].message.type = RAFT_REQUEST_VOTE_RESULT;
    frames[2].message.request_vote_result = (struct raft_request_vote_result){
        .version = 3, .term = 3, .vote_granted = true, .features = 1, .capacity = 77};
    frames[3].message.type = RAFT_APPEND_ENTRIES;
    frames[3].message.append_entries = (struct raft_append_entries){.version = 0,
                                                                    .term = 5,
                                                                    .prev_log_index = 8,
                                                                    .prev_log_term = 4,
                                                                    .leader_commit = 7,
                                                                    .entries = entries,
                                                                    .n_entries = 3};
    frames[4].message.type = RAFT_APPEND_ENTRIES_RESULT;
    frames[4].message.append_entries_result = (struct raft_append_entries_result){
        .version = 1, .term = 5, .rejected = 6, .last_log_index = 7, .features = 1, .capacity = 8};
    frames[5].message.type = RAFT_TIMEOUT_NOW;
    frames[5].message.timeout_now = (struct raft_timeout_now){
        .version = 0, .term = 5, .last_log_index = 11, .last_log_term = 5};
    frames[6].type = FRAME_CONFIRM;
    frames[6].confirm = (struct frame_confirm){.nonce = 12, .term = 13};
    frames[7].type = FRAME_CONFIRM_REPLY;
    frames[7].confirm = (struct frame_confirm){.nonce = 14, .term = 15};
    frames[8].type = FRAME_READ_ASK;
    frames[8].nonce = 16;
    frames[9].type = FRAME_READ_ANSWER;
    frames[9].answer = (struct frame_read_answer){
        .nonce = 17, .err = ERR_NO_LEADER, .term = 18, .index = 19, .index_term = 20};
    frames[10].type = FRAME_PING;
    frames[10].time_ms = 21;
    frames[11].type = FRAME_PONG;
    frames[11].time_ms = 22;
    frames[12].type = FRAME_SNAPSHOT;
    frames[12].snapshot = (struct frame_snapshot){.term = 30, .size = 70000, .point = make_point()};
    frames[13].type = FRAME_CHUNK_ASK;
    frames[13].chunk = (struct frame_chunk){.index = 31, .term = 29, .offset = 65536};
    frames[14].type = FRAME_CHUNK;
    frames[14].chunk = (struct frame_chunk){.index = 31,
                                            .term = 29,
                                            .offset = 65536,
                                            .total = 70000,
                                            .bytes = slice_of_text("part of a snapshot")};
}

static void every_frame_makes_the_round_trip(void **state) {
    (void)state;
    struct frame frames[FRAME_COUNT];
    make_frames(frames);
    struct arena arena;
    arena_init(&arena);
    for (unsigned i = 0; i < FRAME_COUNT; i++) {
        struct buf bytes;
        struct buf again;
        buf_init(&bytes);
        buf_init(&again);
        codec_encode(&frames[i], &bytes);
        struct frame frame;
        size_t size;
        assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_OK);
        assert_int_equal(size, bytes.size);
        codec_encode(&frame, &again);
        assert_true(slice_equal(buf_slice(&bytes), buf_slice(&again)));
        buf_deinit(&bytes);
        buf_deinit(&again);
    }
    arena_deinit(&arena);
}

static void fields_arrive_where_they_belong(void **state) {
    (void)state;
    struct frame frames[FRAME_COUNT];
    make_frames(frames);
    struct arena arena;
    arena_init(&arena);
    struct buf bytes;
    buf_init(&bytes);
    codec_encode(&frames[3], &bytes);
    struct frame frame;
    size_t size;
    assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_OK);
    const struct raft_append_entries *args = &frame.message.append_entries;
    assert_int_equal(frame.message.type, RAFT_APPEND_ENTRIES);
    assert_int_equal(args->term, 5);
    assert_int_equal(args->prev_log_index, 8);
    assert_int_equal(args->prev_log_term, 4);
    assert_int_equal(args->leader_commit, 7);
    assert_int_equal(args->n_entries, 3);
    assert_int_equal(args->entries[1].type, RAFT_BARRIER);
    assert_int_equal(args->entries[1].buf.len, 0);
    assert_memory_equal(args->entries[2].buf.base, "change", 6);
    buf_clear(&bytes);
    codec_encode(&frames[0], &bytes);
    assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_OK);
    assert_string_equal(frame.hello.name, "s1");
    assert_int_equal(frame.hello.cluster, 0x1122334455667788);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

static void incomplete_frame_waits_for_more(void **state) {
    (void)state;
    struct frame frames[FRAME_COUNT];
    make_frames(frames);
    struct arena arena;
    arena_init(&arena);
    for (unsigned i = 0; i < FRAME_COUNT; i++) {
        struct buf bytes;
        buf_init(&bytes);
        codec_encode(&frames[i], &bytes);
        for (size_t have = 0; have < bytes.size; have++) {
            /* Exactly as much memory as there are bytes, so that reading on is seen. */
            uint8_t *part = must_alloc(have + 1);
            memcpy(part, bytes.data, have);
            struct frame frame;
            size_t size = 99;
            assert_int_equal(codec_decode(slice_of(part, have), &arena, &frame, &size), ERR_OK);
            assert_int_equal(size, 0);
            free(part);
        }
        buf_deinit(&bytes);
    }
    arena_deinit(&arena);
}

/* The frame's payload cut to `keep` bytes, with a length and checksum that agree. */
static void cut_payload(const struct buf *whole, size_t keep, struct buf *out) {
    buf_clear(out);
    buf_put_u32(out, (uint32_t)keep);
    buf_put_u32(out, crc32c(0, whole->data + CODEC_PREFIX_SIZE, keep));
    buf_append(out, whole->data + CODEC_PREFIX_SIZE, keep);
}

static void every_truncated_payload_is_refused(void **state) {
    (void)state;
    struct frame frames[FRAME_COUNT];
    make_frames(frames);
    struct arena arena;
    arena_init(&arena);
    struct buf cut;
    buf_init(&cut);
    for (unsigned i = 0; i < FRAME_COUNT; i++) {
        struct buf bytes;
        buf_init(&bytes);
        codec_encode(&frames[i], &bytes);
        for (size_t keep = 0; keep < bytes.size - CODEC_PREFIX_SIZE; keep++) {
            cut_payload(&bytes, keep, &cut);
            struct frame frame;
            size_t size;
            assert_int_equal(codec_decode(buf_slice(&cut), &arena, &frame, &size), ERR_CORRUPT);
            assert_int_equal(size, 0);
        }
        buf_deinit(&bytes);
    }
    buf_deinit(&cut);
    arena_deinit(&arena);
}

static void surplus_bytes_and_wrong_checksums_are_refused(void **state) {
    (void)state;
    struct frame frames[FRAME_COUNT];
    make_frames(frames);
    struct arena arena;
    arena_init(&arena);
    for (unsigned i = 0; i < FRAME_COUNT; i++) {
        struct buf bytes;
        buf_init(&bytes);
        codec_encode(&frames[i], &bytes);
        buf_append(&bytes, "", 1);
        struct buf longer;
        buf_init(&longer);
        cut_payload(&bytes, bytes.size - CODEC_PREFIX_SIZE, &longer);
        struct frame frame;
        size_t size;
        assert_int_equal(codec_decode(buf_slice(&longer), &arena, &frame, &size), ERR_CORRUPT);
        bytes.data[CODEC_PREFIX_SIZE] ^= 0x40;
        assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_CORRUPT);
        buf_deinit(&bytes);
        buf_deinit(&longer);
    }
    arena_deinit(&arena);
}

static void frame_over_the_bound_is_refused_by_its_length(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct buf bytes;
    buf_init(&bytes);
    buf_put_u32(&bytes, LIMIT_RAFT_FRAME_SIZE_MAX);
    buf_put_u32(&bytes, 0);
    struct frame frame;
    size_t size = 99;
    assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_OK);
    assert_int_equal(size, 0); /* at the bound: more must come */
    buf_set_u32(&bytes, 0, LIMIT_RAFT_FRAME_SIZE_MAX + 1);
    assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_TOO_LARGE);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

static enum err decode_again(const struct frame *frame) {
    struct arena arena;
    struct buf bytes;
    struct frame decoded;
    size_t size;
    arena_init(&arena);
    buf_init(&bytes);
    codec_encode(frame, &bytes);
    enum err err = codec_decode(buf_slice(&bytes), &arena, &decoded, &size);
    buf_deinit(&bytes);
    arena_deinit(&arena);
    return err;
}

static void offers_that_make_no_sense_are_refused(void **state) {
    (void)state;
    const struct frame_snapshot good = {.term = 30, .size = 70000, .point = make_point()};
    struct frame_snapshot bad[9];
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        bad[i] = good;
    }
    bad[0].point.index = 0;
    bad[1].point.term = 0;
    bad[2].point.term = 31; /* newer than the leader that offers it */
    bad[3].size = 0;
    bad[4].size = UINT64_MAX;
    bad[5].point.configuration_index = 32; /* behind its end */
    bad[6].point.configuration_index = 0;
    bad[7].point.configuration = slice_of_text("no configuration");
    bad[8].point.index = UINT64_MAX;
    struct frame frame = {.type = FRAME_SNAPSHOT, .snapshot = good};
    assert_int_equal(decode_again(&frame), ERR_OK);
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        frame.snapshot = bad[i];
        assert_int_equal(decode_again(&frame), ERR_CORRUPT);
    }
}

static void chunks_that_make_no_sense_are_refused(void **state) {
    (void)state;
    static const uint8_t bytes[LIMIT_RAFT_CHUNK_SIZE_MAX];
    const struct frame_chunk good = {.index = 5,
                                     .term = 2,
                                     .offset = 100,
                                     .total = 100 + sizeof bytes,
                                     .bytes = slice_of(bytes, sizeof bytes)};
    struct frame_chunk bad[6];
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        bad[i] = good;
    }
    bad[0].index = 0;
    bad[1].term = 0;
    bad[2].total--; /* it would end behind the file */
    bad[3].offset = good.total;
    bad[4].bytes.size = 0;
    bad[5].total = 0; /* gone, and yet some bytes */
    struct frame frame = {.type = FRAME_CHUNK, .chunk = good};
    assert_int_equal(decode_again(&frame), ERR_OK);
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        frame.chunk = bad[i];
        assert_int_equal(decode_again(&frame), ERR_CORRUPT);
    }
    frame.chunk = (struct frame_chunk){.index = 5, .term = 2, .offset = 100}; /* gone */
    assert_int_equal(decode_again(&frame), ERR_OK);
}

static void snapshot_messages_have_no_frame(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    uint8_t payload[2] = {FRAME_MESSAGE, RAFT_INSTALL_SNAPSHOT};
    struct buf bytes;
    buf_init(&bytes);
    buf_put_u32(&bytes, sizeof payload);
    buf_put_u32(&bytes, crc32c(0, payload, sizeof payload));
    buf_append(&bytes, payload, sizeof payload);
    struct frame frame;
    size_t size;
    assert_int_equal(codec_decode(buf_slice(&bytes), &arena, &frame, &size), ERR_CORRUPT);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

/* Random payloads with a right checksum, and whole frames with some bytes changed. */
static void random_bytes_never_crash(void **state) {
    (void)state;
    struct frame frames[FRAME_COUNT];
    make_frames(frames);
    struct rand rand;
    rand_seed(&rand, 20261123);
    struct arena arena;
    arena_init(&arena);
    unsigned accepted = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct buf bytes;
        buf_init(&bytes);
        codec_encode(&frames[rand_below(&rand, FRAME_COUNT)], &bytes);
        for (uint64_t changes = rand_below(&rand, 4); changes > 0; changes--) {
            size_t at = CODEC_PREFIX_SIZE + rand_below(&rand, bytes.size - CODEC_PREFIX_SIZE);
            bytes.data[at] = (uint8_t)rand_u64(&rand);
        }
        struct buf frame_bytes;
        buf_init(&frame_bytes);
        cut_payload(&bytes, bytes.size - CODEC_PREFIX_SIZE, &frame_bytes);
        struct frame frame;
        size_t size;
        arena_reset(&arena);
        enum err err = codec_decode(buf_slice(&frame_bytes), &arena, &frame, &size);
        assert_true(err == ERR_OK || err == ERR_CORRUPT);
        accepted += err == ERR_OK;
        buf_deinit(&bytes);
        buf_deinit(&frame_bytes);
    }
    assert_true(accepted > 1000); /* it did not only see refusals */
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_makes_the_round_trip),
        cmocka_unit_test(fields_arrive_where_they_belong),
        cmocka_unit_test(incomplete_frame_waits_for_more),
        cmocka_unit_test(every_truncated_payload_is_refused),
        cmocka_unit_test(surplus_bytes_and_wrong_checksums_are_refused),
        cmocka_unit_test(frame_over_the_bound_is_refused_by_its_length),
        cmocka_unit_test(offers_that_make_no_sense_are_refused),
        cmocka_unit_test(chunks_that_make_no_sense_are_refused),
        cmocka_unit_test(snapshot_messages_have_no_frame),
        cmocka_unit_test(random_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
