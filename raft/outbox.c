/* Messages on their way out. See outbox.h. */
#include "raft/outbox.h"

#include "util/limits.h"

/* Sends the first entries of what libraft asked for, as many as one message may carry. Returns how
 * many; moves the message's position behind them. */
static unsigned send_some(const struct engine_hooks *hooks, struct arena *arena,
                          struct raft_message *message, unsigned left, size_t *out_size) {
    struct raft_append_entries *args = &message->append_entries;
    unsigned most = MIN_OF(left, LIMIT_RAFT_FRAME_ENTRIES_MAX);
    struct raft_entry *entries = arena_alloc(arena, most * sizeof *entries);
    size_t size = 0;
    unsigned count = 0;
    while (count < most && (count == 0 || size < LIMIT_RAFT_MESSAGE_SIZE_MAX)) {
        struct log_entry entry;
        hooks->get_entry(hooks->owner, args->prev_log_index + 1 + count, arena, &entry);
        entries[count].term = entry.term;
        entries[count].type = (enum raft_entry_type)entry.type;
        entries[count].buf.base = (void *)(uintptr_t)entry.data.data;
        entries[count].buf.len = entry.data.size;
        size += entry.data.size;
        count++;
    }
    args->entries = entries;
    args->n_entries = count;
    hooks->send(hooks->owner, message->server_id, message);
    args->prev_log_index += count;
    args->prev_log_term = entries[count - 1].term;
    *out_size = size;
    return count;
}

/* libraft counts entries, we bound bytes: one request may become several messages, and what does
 * not fit the peer's queue is dropped, as a network would; libraft asks again. */
static void send_append_entries(const struct engine_hooks *hooks, struct arena *arena,
                                const struct raft_message *asked) {
    size_t room = hooks->room(hooks->owner, asked->server_id);
    struct raft_message message = *asked;
    unsigned left = asked->append_entries.n_entries;
    if (left == 0 && room > 0) {
        message.append_entries.entries = NULL;
        hooks->send(hooks->owner, message.server_id, &message);
    }
    while (left > 0 && room > 0) {
        size_t size;
        left -= send_some(hooks, arena, &message, left, &size);
        room -= MIN_OF(room, size);
        arena_reset(arena);
    }
}

void outbox_send(const struct engine_hooks *hooks, struct arena *arena,
                 const struct raft_message *messages, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        const struct raft_message *message = &messages[i];
        if (message->type == RAFT_APPEND_ENTRIES) {
            send_append_entries(hooks, arena, message);
        } else if (message->type == RAFT_INSTALL_SNAPSHOT) {
            hooks->offer_snapshot(hooks->owner, message->server_id, message->install_snapshot.term);
        } else {
            hooks->send(hooks->owner, message->server_id, message);
        }
    }
}
