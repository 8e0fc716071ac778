/* Ships snapshots: the side that has one. A member that needs entries which are gone is offered the
 * newest snapshot, and asks for one chunk after the other. A chunk is read on a worker and sent
 * only into an empty queue, so that heartbeats and entries never wait behind it for long.
 *
 * A file that was opened for a member stays readable until it is done or silent for
 * LIMIT_RAFT_SHIP_IDLE_MS, also when newer snapshots take its place. So long the log keeps what the
 * member will need next (ship_held_index). One shipment a member at most. */
#ifndef WEFT_RAFT_SHIP_H
#define WEFT_RAFT_SHIP_H

#include "raft/codec.h"
#include "raft/shelf.h"

struct ship_hooks {
    void *owner;
    void (*send)(void *owner, uint64_t to, const struct frame *frame);
    /* Whether nothing is queued for a member that is connected. */
    bool (*is_quiet)(void *owner, uint64_t to);
    /* loop_work: `done` gets `owner`. */
    void (*work)(void *owner, void (*run)(void *job), void (*done)(void *owner, void *job),
                 void *job);
    /* A member got all of the snapshot at `index` and begins again: the file may be damaged. */
    void (*doubt)(void *owner, uint64_t index);
};

struct shipment {
    uint64_t to; /* 0: free */
    uint64_t index, term;
    uint64_t offset; /* asked for */
    int fd;          /* -1: not open; the worker's while it reads */
    bool is_asked;
    bool is_reading;
    bool is_complete;  /* the last byte was sent */
    msec_t asked_ms;   /* last; 0: not yet */
    msec_t offered_ms; /* the same */
};

struct ship {
    struct ship_hooks hooks;
    const char *directory; /* borrowed */
    struct shipment shipments[LIMIT_RAFT_MEMBERS_MAX];
    uint64_t chunk_count; /* sent since the start */
};

void ship_init(struct ship *ship, const struct ship_hooks *hooks, const char *directory);
/* No work may be out. */
void ship_deinit(struct ship *ship);
/* Offers the snapshot to a member, unless an older one is on its way there. */
void ship_offer(struct ship *ship, msec_t now, uint64_t to, uint64_t leader_term, uint64_t size,
                const struct snapshot_point *point);
void ship_receive(struct ship *ship, msec_t now, uint64_t from, const struct frame_chunk *ask);
/* Reads and sends what was asked for and may go; lets go of those that are silent. */
void ship_turn(struct ship *ship, msec_t now);
msec_t ship_deadline(const struct ship *ship, msec_t now);
/* The oldest snapshot that is on its way; UINT64_MAX: none is. */
uint64_t ship_held_index(const struct ship *ship, msec_t now);

#endif
