/* A request on its way through the API, home to all that its callbacks need. It lives in the arena
 * of its exchange, from `requested` until its answer is complete or the client is gone; request.c
 * is the only file that moves it from state to state:
 *
 *   READING -> CHECKING -> WAITING -> REPLYING -> DONE
 *
 * READING takes target and headers apart, CHECKING is the handler's stateless part, WAITING has
 * exactly one thing pending and a deadline, REPLYING builds the answer (long for streams), DONE has
 * nothing pending. The client may go away in any state: what is pending is taken back then. A write
 * whose deadline passes while its entry is in flight is *late*: it is answered with
 * commit_timeout, outcome unknown, and the proposal is abandoned to the replica.
 *
 * Handlers end each path with exactly one of request_reply, request_refuse, request_stream or a
 * wait, and do not touch the request afterwards. */
#ifndef WEFT_API_REQUEST_H
#define WEFT_API_REQUEST_H

#include "api/api.h"
#include "api/dispatch.h"
#include "api/watch.h"
#include "client/call.h"
#include "store/command.h"
#include "store/store.h"

enum request_state {
    REQUEST_READING,
    REQUEST_CHECKING,
    REQUEST_WAITING,
    REQUEST_REPLYING,
    REQUEST_DONE
};

enum request_wait {
    WAIT_NONE,
    WAIT_READ,     /* for the replica to confirm a linearizable read */
    WAIT_REVISION, /* for the local store to reach min_revision */
    WAIT_LEADER,   /* for a leader to be known; then the handler runs again */
    WAIT_PROPOSAL, /* for the state machine's decision */
    WAIT_FORWARD,  /* for the leader's answer */
    WAIT_CHANGE    /* long poll: for an event */
};

struct body_stream;
typedef void (*request_resume_cb)(struct request *request);

struct request {
    struct api *api;
    struct exchange *exchange;
    struct arena *arena; /* the exchange's */
    const struct http_message *message;
    const struct route *route; /* NULL until it is found */
    enum request_state state;
    enum request_wait wait;
    struct list node; /* in api->requests */
    struct http_target target;
    struct params params;
    struct problem problem;
    struct kind_key key; /* of routes on one object */
    uint64_t revision;   /* X-Revision; 0: the store's, when the answer is sent */
    bool is_stale;       /* the answer carries X-Stale-Ms */
    request_resume_cb resume;
    msec_t until_ms; /* when the client's patience ends, in the loop's time; 0: not waited yet */
    struct alarm deadline;
    struct read_request read; /* WAIT_READ */
    bool is_confirmed;
    struct list revision_node; /* WAIT_REVISION: in api->revision_waits */
    struct list leader_node;   /* WAIT_LEADER: in api->leader_waits */
    bool may_have_happened;    /* a try of this write, repeatable by its key, was not answered */
    struct proposal proposal;  /* WAIT_PROPOSAL */
    struct buf command;
    struct outcome *outcome;
    request_resume_cb reply_written; /* to a command that did what it was asked */
    struct call *call;               /* WAIT_FORWARD */
    struct forward_target *forwarded_to;
    struct watcher watcher;     /* WAIT_CHANGE, and watches */
    struct body_stream *stream; /* an answer that takes several turns */
};

/* serve/'s callback: a new request; `owner` is the API. */
void request_begin(struct exchange *exchange, void *owner);
/* Whether a state may follow another: the table above. */
bool request_may_move(enum request_state from, enum request_state to);

/* Goes on with `resume` once a read of the local store answers what was asked: confirmed by a
 * majority, or stale, or at least at min_revision. */
void request_read(struct request *request, request_resume_cb resume);
/* WAIT_REVISION is over: the store has reached min_revision. */
void request_revision_reached(struct request *request);
/* Opens a view for a reading handler and sets X-Revision. When it cannot, the request is answered
 * and false comes back. */
MUST_USE bool request_view(struct request *request, struct store_read *out_read);
/* Long poll: goes on with `resume` when something that matches request->watcher's filter changed
 * after its revision, or after `wait_ms`. */
void request_wait_change(struct request *request, msec_t wait_ms, request_resume_cb resume);
/* The one pending thing of a request; used by forward.c, leader.c and write.c. All waits of a
 * request share its timeout. */
void request_start_wait(struct request *request, enum request_wait wait);
void request_end_wait(struct request *request);
/* Goes back to where the leader was needed: a write to its handler's start, a read to its
 * confirmation. Nothing of the request may have been decided. */
void request_run_again(struct request *request);
/* Another try cannot do harm: a read, or a write with an Idempotency-Key. */
bool request_is_repeatable(const struct request *request);
bool request_is_write(const struct request *request);
/* Another server sent it on: it is answered, never forwarded again. */
bool request_is_forwarded(const struct request *request);

/* Answers. `etag_revision` 0: no ETag. */
void request_reply(struct request *request, int status, const char *content_type,
                   uint64_t etag_revision, struct slice body);
/* With the headers of another server's answer (forwarding). */
void request_pass_on(struct request *request, const struct client_answer *answer);
/* With request->problem. A write that has said nothing else was not applied. */
void request_refuse(struct request *request);
/* problem_set, then request_refuse. */
void request_fail(struct request *request, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
/* no_leader or no_quorum, whichever is true, with who is reachable. A write that may have happened
 * says commit_timeout instead. */
void request_fail_leaderless(struct request *request);
/* commit_timeout, outcome unknown. */
void request_fail_unknown(struct request *request, const char *why);
/* Begins a chunked answer; request_end_stream completes it. */
void request_stream(struct request *request, const char *content_type);
void request_end_stream(struct request *request);
/* Breaks it off, so that the client sees it as cut. */
void request_abort_stream(struct request *request);
/* Ends a request whose answer goes on without it: headers are set, the exchange is the caller's. */
MUST_USE struct exchange *request_hand_over(struct request *request);
/* The body as JSON. NULL: it was refused. Owns: the caller, json_free. */
MUST_USE struct json *request_json(struct request *request);

#endif
