#include "api/write.h"

#include "api/leader.h"
#include "api/once.h"
#include "api/render.h"

#include <inttypes.h>

void write_fail_unsent(struct request *request) {
    struct replica *replica = request->api->options.replica;
    struct replica_status status;
    replica_status(replica, &status);
    if (!status.is_leader || !status.is_ready || replica_has_lost_quorum(replica)) {
        request_fail_leaderless(request);
        return;
    }
    request->problem.retry_after_s = 1;
    request_fail(request, ERR_OVERLOADED, "the write's turn did not come within %" PRIu64 " ms",
                 request->params.timeout_ms);
}

/* --- The end of the way: decided, or not. --- */

/* The replica did not decide. What was in flight when leadership was lost may happen yet. */
static void fail_undecided(struct request *request, enum err err) {
    bool is_open = err == ERR_COMMIT_TIMEOUT;
    if (err == ERR_NO_LEADER || (is_open && request_is_repeatable(request))) {
        request->may_have_happened |= is_open;
        leader_await(request);
    } else if (is_open || request->may_have_happened) {
        request_fail_unknown(request, "leadership was lost before the write was decided");
    } else if (err == ERR_OVERLOADED) {
        request->problem.retry_after_s = 1;
        request_fail(request, err, "too many writes wait for their turn");
    } else {
        request_fail(request, err, "%s", err_title(err));
    }
}

/* The state machine has decided against it. */
static void refuse_decided(struct request *request) {
    struct outcome *outcome = request->outcome;
    request->problem = outcome->problem;
    request->problem.outcome = WRITE_OUTCOME_NOT_APPLIED;
    if (outcome->has_current) {
        request->problem.current = render_to_arena(&outcome->current, request->arena);
    }
    request_refuse(request);
}

static void answer_decided(struct request *request) {
    if (request->outcome->problem.err != ERR_OK) {
        refuse_decided(request);
    } else {
        request->reply_written(request);
    }
}

static void proposal_decided(struct proposal *proposal, enum err err) {
    struct request *request = CONTAINER_OF(proposal, struct request, proposal);
    request_end_wait(request);
    if (err != ERR_OK) {
        fail_undecided(request, err);
    } else {
        answer_decided(request);
    }
}

/* --- Dry runs: what the state, confirmed by a majority, would say. --- */

static void fill_outcome(struct request *request) {
    const struct api_options *options = &request->api->options;
    struct store_try attempt = {.log_time_ms = replica_log_time_ms(options->replica),
                                .wall_ms = clock_wall_ms(options->clock),
                                .command = buf_slice(&request->command)};
    store_try(options->store, &attempt, request->outcome);
}

static void try_it(struct request *request) {
    fill_outcome(request);
    answer_decided(request);
}

/* --- Room. --- */

static bool txn_grows(const struct command_txn *txn) {
    const struct object_list *branches[] = {&txn->then_operations, &txn->else_operations};
    for (unsigned i = 0; i < ARRAY_COUNT(branches); i++) {
        const struct txn_operation *operations = branches[i]->items;
        for (size_t k = 0; k < branches[i]->count; k++) {
            if (operations[k].type == TXN_PUT) {
                return true;
            }
        }
    }
    return false;
}

/* Deletes and what keeps leases alive are taken when the store is full, too. */
static bool grows(enum command_id command, const void *arguments) {
    switch (command) {
    case COMMAND_PUT:
    case COMMAND_SUBNET_ACQUIRE:
    case COMMAND_LEASE_GRANT:
        return true;
    case COMMAND_TXN:
        return txn_grows(arguments);
    default:
        return false;
    }
}

/* A repetition of what was decided needs no room: it gets that answer. */
static bool was_decided(struct request *request) {
    if (!request_is_repeatable(request)) {
        return false;
    }
    fill_outcome(request);
    return request->outcome->is_replayed;
}

/* False: the request is answered. */
static bool has_room(struct request *request, enum command_id command, const void *arguments) {
    const struct api_options *options = &request->api->options;
    uint64_t size = store_size(options->store);
    if (options->quota_size == 0 || size + request->command.size <= options->quota_size ||
        !grows(command, arguments)) {
        return true;
    }
    if (was_decided(request)) {
        answer_decided(request);
        return false;
    }
    if (request->may_have_happened) {
        request_fail_unknown(request,
                             "the store is full, and an earlier try may have been applied");
        return false;
    }
    request_fail(request, ERR_STORE_FULL,
                 "the store has %" PRIu64 " bytes and this write %zu more; --quota-bytes allows "
                 "%" PRIu64,
                 size, request->command.size, options->quota_size);
    return false;
}

/* --- The beginning. --- */

void request_write(struct request *request, enum command_id command, const void *arguments,
                   request_resume_cb reply) {
    struct replica *replica = request->api->options.replica;
    if (!replica_is_leader(replica)) {
        forward_request(request);
        return;
    }
    request->reply_written = reply;
    buf_clear(&request->command);
    command_encode(command, arguments, &request->command);
    once_wrap(request, &request->command);
    request->outcome = arena_alloc(request->arena, sizeof *request->outcome);
    request->outcome->arena = request->arena;
    problem_init(&request->outcome->problem);
    if (!has_room(request, command, arguments)) {
        return;
    }
    if (request->params.dry_run) {
        request_read(request, try_it);
        return;
    }
    request->proposal = (struct proposal){.command = buf_slice(&request->command),
                                          .outcome = request->outcome,
                                          .decided = proposal_decided};
    request_start_wait(request, WAIT_PROPOSAL);
    replica_propose(replica, &request->proposal);
}
