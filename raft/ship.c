/* The side of a shipment that has the snapshot. See ship.h. */
#include "raft/ship.h"

#include "util/limits.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One chunk, read on a worker. */
struct ship_read {
    struct ship *ship;
    struct shipment *shipment;
    char path[SHELF_PATH_SIZE]; /* used when the file is not open yet */
    int fd;
    uint64_t offset;
    uint64_t total; /* 0: there is no such file any more */
    size_t size;
    uint8_t bytes[LIMIT_RAFT_CHUNK_SIZE_MAX];
};

void ship_init(struct ship *ship, const struct ship_hooks *hooks, const char *directory) {
    *ship = (struct ship){.hooks = *hooks, .directory = directory};
    for (unsigned i = 0; i < LIMIT_RAFT_MEMBERS_MAX; i++) {
        ship->shipments[i].fd = -1;
    }
}

static void shipment_end(struct shipment *shipment) {
    if (shipment->fd >= 0) {
        (void)close(shipment->fd);
    }
    *shipment = (struct shipment){.fd = -1};
}

void ship_deinit(struct ship *ship) {
    for (unsigned i = 0; i < LIMIT_RAFT_MEMBERS_MAX; i++) {
        CHECK(!ship->shipments[i].is_reading);
        shipment_end(&ship->shipments[i]);
    }
}

/* The member's shipment, or a free one; NULL: neither. */
static struct shipment *find_shipment(struct ship *ship, uint64_t to) {
    struct shipment *free_one = NULL;
    for (unsigned i = 0; i < LIMIT_RAFT_MEMBERS_MAX; i++) {
        struct shipment *shipment = &ship->shipments[i];
        if (shipment->to == to) {
            return shipment;
        }
        free_one = shipment->to == 0 && free_one == NULL ? shipment : free_one;
    }
    return free_one;
}

static bool is_active(const struct shipment *shipment, msec_t now) {
    msec_t last = MAX_OF(shipment->asked_ms, shipment->offered_ms);
    return shipment->to != 0 && now - last < LIMIT_RAFT_SHIP_IDLE_MS;
}

/* Turns the shipment to another snapshot. False: a worker has it now. */
static bool turn_to(struct shipment *shipment, uint64_t to, uint64_t index, uint64_t term) {
    if (shipment->to == to && shipment->index == index && shipment->term == term) {
        return true;
    }
    if (shipment->is_reading) {
        return false;
    }
    shipment_end(shipment);
    shipment->to = to;
    shipment->index = index;
    shipment->term = term;
    return true;
}

void ship_offer(struct ship *ship, msec_t now, uint64_t to, uint64_t leader_term, uint64_t size,
                const struct snapshot_point *point) {
    struct shipment *shipment = find_shipment(ship, to);
    bool is_busy = shipment != NULL && shipment->to == to && shipment->asked_ms > 0 &&
                   shipment->index != point->index &&
                   now - shipment->asked_ms < 4 * LIMIT_RAFT_CHUNK_ASK_MS;
    if (shipment == NULL || is_busy || !turn_to(shipment, to, point->index, point->term)) {
        return;
    }
    if (shipment->offered_ms == 0) {
        LOG_INFO("a member needs the snapshot", LOG_U64("member", to),
                 LOG_U64("index", point->index), LOG_U64("size", size));
    }
    shipment->offered_ms = now;
    struct frame frame = {.type = FRAME_SNAPSHOT,
                          .snapshot = {.term = leader_term, .size = size, .point = *point}};
    ship->hooks.send(ship->hooks.owner, to, &frame);
}

void ship_receive(struct ship *ship, msec_t now, uint64_t from, const struct frame_chunk *ask) {
    struct shipment *shipment = find_shipment(ship, from);
    if (shipment == NULL || !turn_to(shipment, from, ask->index, ask->term)) {
        return; /* it asks again */
    }
    shipment->asked_ms = now;
    shipment->is_asked = true;
    shipment->offset = ask->offset;
    if (shipment->is_complete && ask->offset == 0) {
        shipment->is_complete = false;
        ship->hooks.doubt(ship->hooks.owner, shipment->index);
    }
}

/* ---- reading ---- */

/* The descriptor is given back open, or -1. */
static void read_run(void *job) {
    struct ship_read *read = job;
    struct stat status;
    if (read->fd < 0) {
        read->fd = open(read->path, O_RDONLY | O_CLOEXEC);
    }
    if (read->fd < 0 || fstat(read->fd, &status) != 0 || (uint64_t)status.st_size <= read->offset) {
        return;
    }
    while (read->size < sizeof read->bytes) {
        ssize_t got = pread(read->fd, read->bytes + read->size, sizeof read->bytes - read->size,
                            (off_t)(read->offset + read->size));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        read->size += (size_t)got;
    }
    read->total = read->size > 0 ? (uint64_t)status.st_size : 0;
}

static void read_done(void *owner, void *job) {
    struct ship_read *read = job;
    struct ship *ship = read->ship;
    struct shipment *shipment = read->shipment;
    (void)owner;
    shipment->is_reading = false;
    shipment->fd = read->fd;
    struct frame frame = {.type = FRAME_CHUNK,
                          .chunk = {.index = shipment->index,
                                    .term = shipment->term,
                                    .offset = read->offset,
                                    .total = read->total,
                                    .bytes = slice_of(read->bytes, read->size)}};
    ship->hooks.send(ship->hooks.owner, shipment->to, &frame);
    ship->chunk_count += read->total > 0;
    shipment->is_complete |= read->total > 0 && read->offset + read->size == read->total;
    if (read->total == 0) {
        shipment_end(shipment);
    }
    free(read);
}

static void begin_read(struct ship *ship, struct shipment *shipment) {
    struct ship_read *read = must_alloc(sizeof *read);
    read->ship = ship;
    read->shipment = shipment;
    read->fd = shipment->fd;
    read->offset = shipment->offset;
    read->total = 0;
    read->size = 0;
    struct shelf_item item = {
        .kind = SHELF_SNAPSHOT, .index = shipment->index, .term = shipment->term};
    shelf_path(ship->directory, &item, read->path);
    shipment->is_asked = false;
    shipment->is_reading = true;
    ship->hooks.work(ship->hooks.owner, read_run, read_done, read);
}

void ship_turn(struct ship *ship, msec_t now) {
    for (unsigned i = 0; i < LIMIT_RAFT_MEMBERS_MAX; i++) {
        struct shipment *shipment = &ship->shipments[i];
        if (shipment->to == 0 || shipment->is_reading) {
            continue;
        }
        if (!is_active(shipment, now)) {
            shipment_end(shipment);
        } else if (shipment->is_asked && ship->hooks.is_quiet(ship->hooks.owner, shipment->to)) {
            begin_read(ship, shipment);
        }
    }
}

msec_t ship_deadline(const struct ship *ship, msec_t now) {
    msec_t deadline = UINT64_MAX;
    for (unsigned i = 0; i < LIMIT_RAFT_MEMBERS_MAX; i++) {
        const struct shipment *shipment = &ship->shipments[i];
        if (shipment->to != 0 && !shipment->is_reading) {
            msec_t last = MAX_OF(shipment->asked_ms, shipment->offered_ms);
            msec_t due = shipment->is_asked ? now + LIMIT_RAFT_SHIP_PAUSE_MS
                                            : last + LIMIT_RAFT_SHIP_IDLE_MS;
            deadline = MIN_OF(deadline, due);
        }
    }
    return deadline;
}

uint64_t ship_held_index(const struct ship *ship, msec_t now) {
    uint64_t held = UINT64_MAX;
    for (unsigned i = 0; i < LIMIT_RAFT_MEMBERS_MAX; i++) {
        if (is_active(&ship->shipments[i], now)) {
            held = MIN_OF(held, ship->shipments[i].index);
        }
    }
    return held;
}
