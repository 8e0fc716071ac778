/* Frames between members: a length, a checksum, a type, then fields in a fixed order.
 *
 *   frame = size:u32 crc32c:u32 type:u8 payload      (size counts type and payload, the checksum
 * too)
 *
 * A connection's first frame is a hello; it fixes who speaks. Decoding trusts nothing: every length
 * is checked against what is there, every enumeration against its values, and bytes left over make
 * a frame malformed. libraft's InstallSnapshot has no frame of its own: a leader offers its
 * snapshot, and the member asks for one chunk after the other. */
#ifndef WEFT_RAFT_CODEC_H
#define WEFT_RAFT_CODEC_H

#include "raft/engine.h"

#define CODEC_VERSION      1u
#define CODEC_PREFIX_SIZE  8u
#define CODEC_VERSION_SIZE 32u /* a program's version, with its NUL */

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_MESSAGE,       /* one of libraft's */
    FRAME_CONFIRM,       /* leader: are you still in my term? */
    FRAME_CONFIRM_REPLY, /* the term I am in */
    FRAME_READ_ASK,      /* follower: which index must I have applied? */
    FRAME_READ_ANSWER,
    FRAME_PING,
    FRAME_PONG,
    FRAME_SNAPSHOT,  /* leader: you need my snapshot */
    FRAME_CHUNK_ASK, /* member: send this part of it */
    FRAME_CHUNK
};

struct frame_hello {
    uint32_t version; /* CODEC_VERSION */
    uint64_t cluster; /* digest */
    uint64_t from;
    uint64_t to; /* whom the sender means to speak to */
    char name[MEMBER_NAME_SIZE];
    char program[CODEC_VERSION_SIZE];
};

struct frame_confirm { /* and its reply */
    uint64_t nonce;
    uint64_t term;
};

struct frame_read_answer { /* the ask has the nonce only */
    uint64_t nonce;
    enum err err; /* ERR_OK, ERR_NO_LEADER or ERR_READ_TIMEOUT */
    uint64_t term;
    uint64_t index;
    uint64_t index_term;
};

struct frame_snapshot {
    uint64_t term;               /* the leader's */
    uint64_t size;               /* of the file */
    struct snapshot_point point; /* its configuration lives in the bytes */
};

struct frame_chunk {
    uint64_t index; /* these two name the snapshot */
    uint64_t term;
    uint64_t offset;
    /* Not in the ask: */
    uint64_t total;     /* the file's size; 0: the snapshot is gone, another one will be offered */
    struct slice bytes; /* lives in the frame's bytes */
};

struct frame {
    enum frame_type type;
    union {
        struct frame_hello hello;
        struct raft_message message; /* entries live in the arena, their data in the bytes */
        struct frame_confirm confirm;
        uint64_t nonce; /* FRAME_READ_ASK */
        struct frame_read_answer answer;
        uint64_t time_ms; /* FRAME_PING and the FRAME_PONG that gives it back */
        struct frame_snapshot snapshot;
        struct frame_chunk chunk;
    };
};

/* Appends the encoded frame. A message's type is one of the five; its entries are filled in. */
void codec_encode(const struct frame *frame, struct buf *out);
/* Decodes the first frame of `bytes`. `*out_size` is its size, 0 when more bytes are needed. What
 * the frame points to lives as long as the bytes and the arena. Errors: ERR_CORRUPT (malformed),
 * ERR_TOO_LARGE: close the connection. */
MUST_USE enum err codec_decode(struct slice bytes, struct arena *arena, struct frame *out_frame,
                               size_t *out_size);

#endif
