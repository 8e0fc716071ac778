#include "store/apply.h"

#include "store/history.h"
#include "util/log.h"

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

void apply_command(struct apply *apply, struct slice command) {
    enum command_id id;
    void *arguments;
    if (command_decode(command, apply->arena, &id, &arguments) != ERR_OK) {
        /* Its frame and checksum are right, so an unknown writer made it: a newer server. */
        LOG_ERROR(
            "a command in the log cannot be read: upgrade this server to the cluster's version");
        stop_process();
    }
    struct outcome *outcome = apply->outcome;
    problem_init(&outcome->problem);
    outcome->revision = 0;
    outcome->is_created = false;
    outcome->has_object = false;
    outcome->has_current = false;
    outcome->deleted = 0;
    run(apply, id, arguments);
    if (outcome->problem.err != ERR_OK) {
        CHECK(apply->event_count == 0); /* decide first, write after */
        outcome->problem.outcome = WRITE_OUTCOME_NOT_APPLIED;
    } else if (apply->event_count > 0) {
        outcome->revision = apply->revision;
    }
}

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

static void record_event(struct apply *apply, bool is_delete, const struct object *object,
                         uint64_t previous_revision) {
    struct event event = {
        .is_delete = is_delete, .object = *object, .previous_revision = previous_revision};
    history_append(apply->txn, apply->revision, apply->event_count++, &event);
}

void apply_put(struct apply *apply, enum kind_id kind, const char *key, const char *content_type,
               struct slice payload) {
    struct object previous;
    bool is_there = objects_get(apply->txn, key, &previous);
    struct object object = {
        .key = key,
        .kind = kind,
        .revision = apply->revision,
        .created_revision = is_there ? previous.created_revision : apply->revision,
        .version = is_there ? previous.version + 1 : 1,
        .content_type = content_type,
        .payload = payload,
    };
    uint64_t previous_revision = is_there ? previous.revision : 0;
    objects_put(apply->txn, &object);
    record_event(apply, false, &object, previous_revision);
    apply->outcome->is_created = !is_there;
    apply_show(apply, &object);
}

void apply_delete(struct apply *apply, const struct object *object) {
    struct object gone = *object;
    gone.revision = apply->revision;
    gone.payload = slice_of(NULL, 0);
    objects_delete(apply->txn, object->key);
    record_event(apply, true, &gone, object->revision);
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
