#include "api/write.h"

#include "api/leader.h"
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

static void proposal_decided(struct proposal *proposal, enum err err) {
    struct request *request = CONTAINER_OF(proposal, struct request, proposal);
    request_end_wait(request);
    if (err != ERR_OK) {
        fail_undecided(request, err);
    } else if (request->outcome->problem.err != ERR_OK) {
        refuse_decided(request);
    } else {
        request->resume(request);
    }
}

void request_write(struct request *request, enum command_id command, const void *arguments,
                   request_resume_cb resume) {
    struct replica *replica = request->api->options.replica;
    if (!replica_is_leader(replica)) {
        forward_request(request);
        return;
    }
    request->resume = resume;
    buf_clear(&request->command);
    command_encode(command, arguments, &request->command);
    request->outcome = arena_alloc(request->arena, sizeof *request->outcome);
    request->outcome->arena = request->arena;
    problem_init(&request->outcome->problem);
    request->proposal = (struct proposal){.command = buf_slice(&request->command),
                                          .outcome = request->outcome,
                                          .decided = proposal_decided};
    request_start_wait(request, WAIT_PROPOSAL);
    replica_propose(replica, &request->proposal);
}
