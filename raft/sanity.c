/* Checks of incoming messages. See sanity.h. */
#include "raft/sanity.h"

#include "util/limits.h"

/* A term or index beyond this is nonsense, and could overflow sums. */
#define NUMBER_MAX (UINT64_C(1) << 62)

static bool entry_is_sane(const struct raft_entry *entry) {
    struct configuration configuration;
    struct slice data = slice_of(entry->buf.base, entry->buf.len);
    if (data.size > LIMIT_PROPOSE_ENTRY_SIZE_MAX) {
        return false;
    }
    switch ((int)entry->type) {
    case ENTRY_COMMAND:
    case ENTRY_BARRIER:
        return true;
    case ENTRY_CHANGE:
        return configuration_decode(data, &configuration) == ERR_OK;
    default:
        return false;
    }
}

/* Terms never fall along a log, and no entry is newer than the leader that sends it. */
static bool append_entries_is_sane(const struct raft_append_entries *args) {
    if (args->term == 0 || args->term >= NUMBER_MAX || args->prev_log_index >= NUMBER_MAX ||
        args->leader_commit >= NUMBER_MAX ||
        (args->prev_log_index == 0) != (args->prev_log_term == 0)) {
        return false;
    }
    uint64_t term = MAX_OF(args->prev_log_term, 1ull);
    for (unsigned i = 0; i < args->n_entries; i++) {
        if (args->entries[i].term < term || !entry_is_sane(&args->entries[i])) {
            return false;
        }
        term = args->entries[i].term;
    }
    return args->n_entries == 0 ? args->prev_log_term <= args->term : term <= args->term;
}

bool message_is_sane(const struct raft_message *message, uint64_t from, enum role role,
                     uint64_t term, bool is_settled) {
    switch (message->type) {
    case RAFT_APPEND_ENTRIES:
        /* A term has one leader (Raft, figure 3: election safety). */
        return !(role == ROLE_LEADER && message->append_entries.term == term) &&
               append_entries_is_sane(&message->append_entries);
    case RAFT_APPEND_ENTRIES_RESULT:
        return message->append_entries_result.term < NUMBER_MAX &&
               message->append_entries_result.rejected < NUMBER_MAX &&
               message->append_entries_result.last_log_index < NUMBER_MAX;
    case RAFT_REQUEST_VOTE:
        return message->request_vote.term < NUMBER_MAX &&
               message->request_vote.last_log_index < NUMBER_MAX &&
               message->request_vote.candidate_id == from;
    case RAFT_REQUEST_VOTE_RESULT:
        return message->request_vote_result.term < NUMBER_MAX;
    case RAFT_TIMEOUT_NOW:
        /* No election may begin while entries are on their way to the disk. */
        return message->timeout_now.term < NUMBER_MAX && is_settled;
    default:
        return false;
    }
}
