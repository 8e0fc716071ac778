/* Linearizable reads. See readindex.h. */
#include "raft/readindex.h"

void readindex_init(struct readindex *readindex, const struct readindex_hooks *hooks,
                    unsigned heartbeat_ms, unsigned election_ms, uint64_t nonce) {
    *readindex = (struct readindex){
        .hooks = *hooks, .resend_ms = heartbeat_ms, .timeout_ms = 2 * election_ms, .nonce = nonce};
    list_init(&readindex->waiting);
    list_init(&readindex->round.requests);
    list_init(&readindex->confirmed);
    list_init(&readindex->decided);
}

static struct readindex_view look(struct readindex *readindex) {
    struct readindex_view view;
    readindex->hooks.look(readindex->hooks.owner, &view);
    return view;
}

static void send(struct readindex *readindex, uint64_t to, const struct frame *frame) {
    readindex->hooks.send(readindex->hooks.owner, to, frame);
}

static void decide(struct readindex *readindex, struct read_request *request, enum err err) {
    request->err = err;
    list_remove(&request->link);
    list_append(&readindex->decided, &request->link);
}

static void decide_all(struct readindex *readindex, struct list *requests, enum err err) {
    LIST_FOR_EACH(requests, node) {
        decide(readindex, CONTAINER_OF(node, struct read_request, link), err);
    }
}

void readindex_refuse(struct readindex *readindex, struct read_request *request, enum err err) {
    list_init(&request->link);
    request->err = err;
    list_append(&readindex->decided, &request->link);
    readindex->count++;
}

void readindex_add(struct readindex *readindex, struct read_request *request, msec_t now) {
    if (readindex->count >= LIMIT_READS_MAX) {
        readindex_refuse(readindex, request, ERR_OVERLOADED);
        return;
    }
    list_init(&request->link);
    request->since = now;
    request->index = 0;
    list_append(&readindex->waiting, &request->link);
    readindex->count++;
}

void readindex_cancel(struct readindex *readindex, struct read_request *request) {
    if (!list_is_empty(&request->link)) {
        list_remove(&request->link);
        readindex->count--;
    }
}

static void answer_ask(struct readindex *readindex, const struct readindex_ask *ask, enum err err) {
    const struct readindex_round *round = &readindex->round;
    struct frame frame = {.type = FRAME_READ_ANSWER};
    frame.answer.nonce = ask->nonce;
    frame.answer.err = err;
    if (err == ERR_OK) {
        frame.answer.term = round->term;
        frame.answer.index = round->index;
        frame.answer.index_term = round->index_term;
    }
    send(readindex, ask->from, &frame);
}

/* The round is over without a result: its reads wait for the next one, asks are answered. */
static void close_round(struct readindex *readindex) {
    struct readindex_round *round = &readindex->round;
    if (!round->is_open) {
        return;
    }
    round->is_open = false;
    list_move_all(&round->requests, &readindex->waiting);
    for (unsigned i = 0; i < round->ask_count; i++) {
        answer_ask(readindex, &round->asks[i], ERR_NO_LEADER);
    }
    round->ask_count = 0;
}

/* ---- leader ---- */

static void send_confirms(struct readindex *readindex, const struct readindex_view *view,
                          msec_t now) {
    struct readindex_round *round = &readindex->round;
    struct frame frame = {.type = FRAME_CONFIRM};
    frame.confirm.nonce = round->nonce;
    frame.confirm.term = round->term;
    for (unsigned i = 0; i < view->configuration->count; i++) {
        const struct configured_member *member = &view->configuration->members[i];
        if (member->role == MEMBER_VOTER && member->member.id != view->self) {
            send(readindex, member->member.id, &frame);
        }
    }
    round->sent = now;
}

static bool has_answered(const struct readindex_round *round, uint64_t id) {
    for (unsigned i = 0; i < round->answer_count; i++) {
        if (round->answers[i] == id) {
            return true;
        }
    }
    return false;
}

/* A majority of the voters of the configuration as it is now. */
static bool has_majority(const struct readindex_round *round, const struct readindex_view *view) {
    unsigned voters = 0;
    unsigned agreeing = 0;
    for (unsigned i = 0; i < view->configuration->count; i++) {
        const struct configured_member *member = &view->configuration->members[i];
        if (member->role == MEMBER_VOTER) {
            voters++;
            agreeing += member->member.id == view->self || has_answered(round, member->member.id);
        }
    }
    return agreeing > voters / 2;
}

static bool round_is_current(const struct readindex_round *round,
                             const struct readindex_view *view) {
    if (round->term != view->term) {
        return false;
    }
    return round->is_ask ? view->role != ROLE_LEADER && view->leader == round->leader
                         : view->role == ROLE_LEADER;
}

/* Ends the round with its index when a majority has answered. */
static void try_confirm(struct readindex *readindex, const struct readindex_view *view) {
    struct readindex_round *round = &readindex->round;
    if (!round->is_open || round->is_ask || !round_is_current(round, view) ||
        !has_majority(round, view)) {
        return;
    }
    round->is_open = false;
    LIST_FOR_EACH(&round->requests, node) {
        CONTAINER_OF(node, struct read_request, link)->index = round->index;
    }
    list_move_all(&round->requests, &readindex->confirmed);
    for (unsigned i = 0; i < round->ask_count; i++) {
        answer_ask(readindex, &round->asks[i], ERR_OK);
    }
    round->ask_count = 0;
}

static void open_round(struct readindex *readindex, const struct readindex_view *view) {
    struct readindex_round *round = &readindex->round;
    round->is_open = true;
    round->nonce = ++readindex->nonce;
    round->term = view->term;
    round->leader = view->leader;
    round->answer_count = 0;
    list_move_all(&readindex->waiting, &round->requests);
}

static void lead_turn(struct readindex *readindex, const struct readindex_view *view, msec_t now) {
    struct readindex_round *round = &readindex->round;
    bool has_waiting = !list_is_empty(&readindex->waiting) || readindex->ask_count > 0;
    if (!round->is_open && has_waiting && view->is_ready) {
        open_round(readindex, view);
        round->is_ask = false;
        round->index = view->commit_index;
        round->index_term = view->commit_term;
        round->ask_count = readindex->ask_count;
        for (unsigned i = 0; i < readindex->ask_count; i++) {
            round->asks[i] = readindex->asks[i];
        }
        readindex->ask_count = 0;
        send_confirms(readindex, view, now);
        try_confirm(readindex, view); /* a lone voter is its own majority */
    } else if (round->is_open && now - round->sent >= readindex->resend_ms) {
        send_confirms(readindex, view, now);
    }
}

/* ---- follower ---- */

static void send_ask(struct readindex *readindex, msec_t now) {
    struct readindex_round *round = &readindex->round;
    struct frame frame = {.type = FRAME_READ_ASK};
    frame.nonce = round->nonce;
    send(readindex, round->leader, &frame);
    round->sent = now;
}

static void follow_turn(struct readindex *readindex, const struct readindex_view *view,
                        msec_t now) {
    for (unsigned i = 0; i < readindex->ask_count; i++) {
        answer_ask(readindex, &readindex->asks[i], ERR_NO_LEADER);
    }
    readindex->ask_count = 0;
    struct readindex_round *round = &readindex->round;
    if (view->leader == 0) {
        decide_all(readindex, &readindex->waiting, ERR_NO_LEADER);
    } else if (!round->is_open && !list_is_empty(&readindex->waiting)) {
        open_round(readindex, view);
        round->is_ask = true;
        send_ask(readindex, now);
    } else if (round->is_open && now - round->sent >= readindex->resend_ms) {
        send_ask(readindex, now);
    }
}

/* ---- frames ---- */

static void receive_reply(struct readindex *readindex, uint64_t from,
                          const struct frame_confirm *reply) {
    struct readindex_round *round = &readindex->round;
    struct readindex_view view = look(readindex);
    if (!round->is_open || round->is_ask || reply->nonce != round->nonce ||
        reply->term != round->term || has_answered(round, from) ||
        round->answer_count == LIMIT_RAFT_MEMBERS_MAX) {
        return;
    }
    round->answers[round->answer_count++] = from;
    try_confirm(readindex, &view);
}

/* One ask a member: a newer one takes the older one's place. */
static void receive_ask(struct readindex *readindex, uint64_t from, uint64_t nonce) {
    unsigned slot = 0;
    while (slot < readindex->ask_count && readindex->asks[slot].from != from) {
        slot++;
    }
    if (slot == LIMIT_RAFT_MEMBERS_MAX) {
        return; /* it asks again */
    }
    readindex->asks[slot] = (struct readindex_ask){.from = from, .nonce = nonce};
    readindex->ask_count = MAX_OF(readindex->ask_count, slot + 1);
}

static void receive_answer(struct readindex *readindex, uint64_t from,
                           const struct frame_read_answer *answer) {
    struct readindex_round *round = &readindex->round;
    if (!round->is_open || !round->is_ask || answer->nonce != round->nonce ||
        from != round->leader) {
        return;
    }
    round->is_open = false;
    if (answer->err != ERR_OK) {
        decide_all(readindex, &round->requests, answer->err);
        return;
    }
    readindex->hooks.learn_commit(readindex->hooks.owner, from, answer);
    LIST_FOR_EACH(&round->requests, node) {
        CONTAINER_OF(node, struct read_request, link)->index = answer->index;
    }
    list_move_all(&round->requests, &readindex->confirmed);
}

void readindex_receive(struct readindex *readindex, uint64_t from, const struct frame *frame) {
    if (frame->type == FRAME_CONFIRM) {
        struct frame reply = {.type = FRAME_CONFIRM_REPLY};
        reply.confirm.nonce = frame->confirm.nonce;
        reply.confirm.term = look(readindex).term;
        send(readindex, from, &reply);
    } else if (frame->type == FRAME_CONFIRM_REPLY) {
        receive_reply(readindex, from, &frame->confirm);
    } else if (frame->type == FRAME_READ_ASK) {
        receive_ask(readindex, from, frame->nonce);
    } else if (frame->type == FRAME_READ_ANSWER) {
        receive_answer(readindex, from, &frame->answer);
    }
}

/* ---- turns ---- */

static void give_up_old(struct readindex *readindex, struct list *requests, enum err err,
                        msec_t now) {
    LIST_FOR_EACH(requests, node) {
        struct read_request *request = CONTAINER_OF(node, struct read_request, link);
        if (now - request->since >= readindex->timeout_ms) {
            decide(readindex, request, err);
        }
    }
}

static void serve_applied(struct readindex *readindex, uint64_t applied_index) {
    LIST_FOR_EACH(&readindex->confirmed, node) {
        struct read_request *request = CONTAINER_OF(node, struct read_request, link);
        if (request->index <= applied_index) {
            decide(readindex, request, ERR_OK);
        }
    }
}

void readindex_turn(struct readindex *readindex, msec_t now) {
    struct readindex_view view = look(readindex);
    struct readindex_round *round = &readindex->round;
    if (round->is_open && !round_is_current(round, &view)) {
        close_round(readindex);
    }
    if (view.role == ROLE_LEADER) {
        lead_turn(readindex, &view, now);
    } else {
        follow_turn(readindex, &view, now);
    }
    enum err late = view.role == ROLE_LEADER && view.is_ready ? ERR_NO_QUORUM : ERR_READ_TIMEOUT;
    give_up_old(readindex, &readindex->waiting, late, now);
    give_up_old(readindex, &round->requests, late, now);
    give_up_old(readindex, &readindex->confirmed, ERR_READ_TIMEOUT, now);
    serve_applied(readindex, view.applied_index);
}

msec_t readindex_deadline(const struct readindex *readindex, msec_t now) {
    bool is_idle = list_is_empty(&readindex->waiting) && list_is_empty(&readindex->confirmed) &&
                   !readindex->round.is_open;
    return is_idle ? UINT64_MAX : now + readindex->resend_ms;
}

void readindex_fail(struct readindex *readindex, enum err err) {
    readindex->round.is_open = false;
    readindex->round.ask_count = 0;
    readindex->ask_count = 0;
    decide_all(readindex, &readindex->waiting, err);
    decide_all(readindex, &readindex->round.requests, err);
    decide_all(readindex, &readindex->confirmed, err);
}

void readindex_call_back(struct readindex *readindex) {
    struct list due;
    list_init(&due);
    list_move_all(&readindex->decided, &due);
    struct list *node;
    while ((node = list_take_first(&due)) != NULL) {
        struct read_request *request = CONTAINER_OF(node, struct read_request, link);
        readindex->count--;
        request->ready(request, request->err);
    }
}

bool readindex_has_work(const struct readindex *readindex) {
    return !list_is_empty(&readindex->decided);
}
