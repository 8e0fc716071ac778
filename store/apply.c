#include "store/apply.h"

#include "store/history.h"
#include "store/lease_index.h"
#include "util/log.h"

/* NOLINTBEGIN(misc-no-recursion): a ONCE runs the command that it carries, which is never a ONCE
 * (command_decode) */
static void run(struct apply *apply, enum command_id id, const void *arguments) {
    switch (id) {
#define COMMAND(number, SYMBOL, symbol, shape)                                                     \
    case COMMAND_##SYMBOL:                                                                         \
        op_##symbol(apply, arguments);                                                             \
        return;
#include "store/command.def"
#undef COMMAND
    case COMMAND_NONE:
        break;
    }
    CHECK(!"a command of the table");
}

void apply_clear_outcome(struct apply *apply) {
    struct outcome *outcome = apply->outcome;
    problem_init(&outcome->problem);
    outcome->revision = 0;
    outcome->seen_revision = apply->revision - 1;
    outcome->is_created = false;
    outcome->has_object = false;
    outcome->has_current = false;
    outcome->deleted = 0;
    outcome->has_lease = false;
    outcome->is_txn = false;
    outcome->is_succeeded = false;
    outcome->result_count = 0;
    outcome->results = NULL;
    outcome->is_replayed = false;
}

void apply_command(struct apply *apply, struct slice command) {
    enum command_id id;
    void *arguments;
    if (command_decode(command, apply->arena, &id, &arguments) != ERR_OK) {
        /* Its frame and checksum are right, so an unknown writer made it: a newer server. */
        LOG_ERROR(
            "a command in the log cannot be read: upgrade this server to the cluster's version");
        stop_process();
    }
    apply_clear_outcome(apply);
    run(apply, id, arguments);
    struct outcome *outcome = apply->outcome;
    if (outcome->problem.err != ERR_OK) {
        CHECK(apply->event_count == 0); /* decide first, write after */
        outcome->problem.outcome = WRITE_OUTCOME_NOT_APPLIED;
    } else if (apply->event_count > 0) {
        outcome->revision = apply->revision;
        outcome->seen_revision = apply->revision;
    }
}
/* NOLINTEND(misc-no-recursion) */

static struct object copy_object(struct arena *arena, const struct object *object) {
    struct object copy = *object;
    copy.key = arena_strdup(arena, object->key);
    copy.content_type =
        object->content_type != NULL ? arena_strdup(arena, object->content_type) : NULL;
    copy.payload = arena_copy(arena, object->payload);
    return copy;
}

bool apply_find(struct apply *apply, const char *key, struct object *out_object) {
    struct object found;
    if (!objects_get(apply->txn, key, &found)) {
        return false;
    }
    *out_object = copy_object(apply->arena, &found);
    return true;
}

void apply_show(struct apply *apply, const struct object *object) {
    apply->outcome->has_object = true;
    apply->outcome->object = *object;
}

/* Before the object itself is written: `previous` (NULL: there was nothing) may lie in a page. */
static void record_event(struct apply *apply, bool is_delete, const struct object *object,
                         const struct object *previous) {
    struct event event = {.is_delete = is_delete, .object = *object};
    if (previous != NULL) {
        event.previous_revision = previous->revision;
        bool is_kept = previous->payload.size <= LIMIT_EVENT_PREVIOUS_SIZE_MAX &&
                       history_is_compacted(apply->txn, previous->revision);
        event.previous = is_kept ? previous : NULL;
    }
    history_append(apply->txn, apply->revision, apply->event_count++, &event);
}

/* The one place where objects and the keys of leases are kept in step. */
static void change_lease(struct apply *apply, const char *key, uint64_t from, uint64_t to) {
    if (from == to) {
        return;
    }
    if (from != 0) {
        lease_detach(apply->txn, from, key);
    }
    if (to != 0) {
        lease_attach(apply->txn, to, key);
    }
}

void apply_put(struct apply *apply, const struct object *content) {
    struct object previous = {.version = 0};
    bool is_there = objects_get(apply->txn, content->key, &previous);
    uint64_t previous_lease = previous.lease;
    struct object object = *content;
    object.revision = apply->revision;
    object.created_revision = is_there ? previous.created_revision : apply->revision;
    object.version = previous.version + 1;
    record_event(apply, false, &object, is_there ? &previous : NULL);
    objects_put(apply->txn, &object);
    change_lease(apply, object.key, previous_lease, object.lease);
    apply->outcome->is_created = !is_there;
    apply_show(apply, &object);
}

void apply_delete(struct apply *apply, const struct object *object) {
    struct object gone = *object;
    struct object previous;
    gone.revision = apply->revision;
    gone.payload = slice_of(NULL, 0);
    CHECK(
        objects_get(apply->txn, object->key, &previous)); /* the caller's may be without content */
    record_event(apply, true, &gone, &previous);
    objects_delete(apply->txn, object->key);
    change_lease(apply, object->key, object->lease, 0);
    apply->outcome->deleted++;
}

void apply_touch(struct apply *apply, const struct object *object, struct slice payload) {
    struct object touched = *object;
    touched.payload = payload;
    objects_put(apply->txn, &touched);
    apply_show(apply, &touched);
}

bool apply_check_condition(struct apply *apply, const struct object *found, uint64_t if_revision,
                           bool if_absent) {
    struct outcome *outcome = apply->outcome;
    bool is_refused_as_there = if_absent && found != NULL;
    bool is_refused_as_other =
        if_revision != 0 && (found == NULL || found->revision != if_revision);
    if (!is_refused_as_there && !is_refused_as_other) {
        return true;
    }
    if (found != NULL) {
        outcome->has_current = true;
        outcome->current = *found;
        problem_set(&outcome->problem, ERR_PRECONDITION_FAILED,
                    "%s is there with revision %llu, version %llu", found->key,
                    (unsigned long long)found->revision, (unsigned long long)found->version);
    } else {
        problem_set(&outcome->problem, ERR_PRECONDITION_FAILED,
                    "it does not exist, so its revision is not %llu",
                    (unsigned long long)if_revision);
    }
    return false;
}
