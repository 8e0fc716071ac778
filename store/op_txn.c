/* Transactions: compares, then one of two lists of operations, in order, at one revision, whole or
 * not at all. Source: API.md, "transactions" and "Semantics" 5. */
#include "store/lease_index.h"
#include "store/op_object.h"
#include "store/txn_check.h"
#include "util/limits.h"

#include <stdio.h>
#include <string.h>

/* ---- compares ---- */

/* Whether a thing that compares as `order` with what is given (< 0, 0, > 0) stands in the relation
 * to it. */
static bool is_related(int order, uint64_t relation) {
    switch (relation) {
    case TXN_EQUAL:
        return order == 0;
    case TXN_NOT_EQUAL:
        return order != 0;
    case TXN_LESS:
        return order < 0;
    default:
        return order > 0;
    }
}

static uint64_t number_of(const struct object *object, uint64_t target) {
    switch (target) {
    case TXN_TARGET_VERSION:
        return object->version;
    case TXN_TARGET_REVISION:
        return object->revision;
    default:
        return object->created_revision;
    }
}

static bool holds(struct apply *apply, const struct txn_compare *compare) {
    struct object object = {.version = 0};
    bool is_there = objects_get(apply->txn, compare->key, &object);
    if (compare->target == TXN_TARGET_VALUE) {
        return is_there &&
               is_related(slice_compare(object.payload, compare->value), compare->relation);
    }
    uint64_t number = is_there ? number_of(&object, compare->target) : 0;
    int order = number < compare->number ? -1 : number > compare->number ? 1 : 0;
    return is_related(order, compare->relation);
}

static bool all_hold(struct apply *apply, const struct object_list *compares) {
    const struct txn_compare *items = compares->items;
    bool all = true;
    for (size_t i = 0; i < compares->count && all; i++) {
        all = holds(apply, &items[i]);
    }
    return all;
}

/* ---- operations ---- */

struct run {
    struct apply *apply;
    size_t result_size; /* of all items so far */
};

static void run_put(struct run *run, const struct txn_operation *operation,
                    struct txn_result *result) {
    struct apply *apply = run->apply;
    struct command_put put = {.key = operation->key,
                              .payload = operation->payload,
                              .content_type = operation->content_type,
                              .lease = operation->lease};
    struct object found;
    bool is_there = apply_find(apply, operation->key, &found);
    object_put(apply, &put, is_there ? &found : NULL);
    if (apply->outcome->problem.err == ERR_OK) {
        result->revision = apply->outcome->object.revision;
        result->version = apply->outcome->object.version;
    }
}

/* Objects by key or prefix, copied into the arena. */
struct gather {
    struct run *run;
    bool is_whole; /* with their payloads, which count against the bound on a transaction's size */
    struct object *items;
    size_t count, capacity;
};

static bool gather_one(void *owner, const struct object *object) {
    struct gather *gather = owner;
    struct run *run = gather->run;
    struct arena *arena = run->apply->arena;
    if (gather->is_whole) {
        run->result_size += sizeof *object + strlen(object->key) + object->payload.size;
        if (run->result_size > LIMIT_TXN_RESULT_SIZE_MAX) {
            problem_set(&run->apply->outcome->problem, ERR_TOO_LARGE,
                        "what the transaction gets is larger than %u bytes",
                        LIMIT_TXN_RESULT_SIZE_MAX);
            return false;
        }
    }
    if (gather->count == gather->capacity) {
        gather->capacity = gather->capacity > 0 ? gather->capacity * 2 : 4;
        struct object *items = arena_alloc(arena, gather->capacity * sizeof *items);
        for (size_t i = 0; i < gather->count; i++) {
            items[i] = gather->items[i];
        }
        gather->items = items;
    }
    struct object *copy = &gather->items[gather->count++];
    *copy = *object;
    copy->key = arena_strdup(arena, object->key);
    copy->content_type =
        object->content_type != NULL ? arena_strdup(arena, object->content_type) : NULL;
    copy->payload = gather->is_whole ? arena_copy(arena, object->payload) : slice_of(NULL, 0);
    return true;
}

static void gather(struct gather *gather, const struct txn_operation *operation) {
    struct txn *txn = gather->run->apply->txn;
    struct object object;
    if (operation->prefix != NULL) {
        objects_walk(txn, operation->prefix, NULL, gather_one, gather);
    } else if (objects_get(txn, operation->key, &object)) {
        gather_one(gather, &object);
    }
}

static void run_get(struct run *run, const struct txn_operation *operation,
                    struct txn_result *result) {
    struct gather found = {.run = run, .is_whole = true};
    gather(&found, operation);
    result->items = found.items;
    result->item_count = found.count;
}

/* One by one, by the rules of their kinds; what an earlier one took with it is passed over. */
static void run_delete(struct run *run, const struct txn_operation *operation,
                       struct txn_result *result) {
    struct apply *apply = run->apply;
    struct gather keys = {.run = run};
    gather(&keys, operation);
    apply->outcome->deleted = 0;
    for (size_t i = 0; i < keys.count && apply->outcome->problem.err == ERR_OK; i++) {
        struct command_delete delete = {.key = keys.items[i].key};
        struct object found;
        if (apply_find(apply, delete.key, &found)) {
            object_remove(apply, &delete, &found);
        }
    }
    result->deleted = apply->outcome->deleted;
}

static void run_operation(struct run *run, const struct txn_operation *operation,
                          struct txn_result *result) {
    result->type = (unsigned)operation->type;
    switch (operation->type) {
    case TXN_PUT:
        run_put(run, operation, result);
        return;
    case TXN_GET:
        run_get(run, operation, result);
        return;
    default:
        run_delete(run, operation, result);
        return;
    }
}

/* ---- whole or not at all ---- */

/* Where in the request the n-th operation stands. */
struct place {
    const char *branch;
    size_t index;
};

/* Makes the operation's fault one of the request: its fields stand below it, the body of an object
 * under `object`. */
static void blame(struct apply *apply, const struct place *place) {
    struct problem own = apply->outcome->problem;
    struct problem *problem = &apply->outcome->problem;
    if (own.err == ERR_TOO_LARGE) {
        return;
    }
    char pointer[sizeof own.errors[0].pointer];
    problem->error_count = 0;
    for (unsigned i = 0; i < own.error_count; i++) {
        bool is_lease = strcmp(own.errors[i].pointer, "/lease") == 0;
        snprintf(pointer, sizeof pointer, "/%s/%zu/put%s%s", place->branch, place->index,
                 is_lease ? "" : "/object", own.errors[i].pointer);
        problem_add(problem, pointer, "%s", own.errors[i].message);
    }
    if (own.error_count == 0) {
        snprintf(pointer, sizeof pointer, "/%s/%zu", place->branch, place->index);
        problem_add(problem, pointer, "%s", own.detail);
    }
}

/* Runs all, or stops at the first fault. */
static bool run_all(struct apply *apply, const struct object_list *branch, const char *name,
                    struct txn_result *results) {
    const struct txn_operation *operations = branch->items;
    struct run run = {.apply = apply};
    for (size_t i = 0; i < branch->count; i++) {
        run_operation(&run, &operations[i], &results[i]);
        if (apply->outcome->problem.err != ERR_OK) {
            blame(apply, &(struct place){.branch = name, .index = i});
            return false;
        }
    }
    return true;
}

/* Whether a refusal can come after something was written: an operation decides before it writes,
 * but not before another one, nor a deletion of several keys before all of its parts. */
static bool may_refuse_late(const struct object_list *branch) {
    const struct txn_operation *operations = branch->items;
    bool is_writing = false;
    for (size_t i = 0; i < branch->count; i++) {
        is_writing = is_writing || operations[i].type != TXN_GET;
    }
    return is_writing && (branch->count > 1 || operations[0].prefix != NULL);
}

/* Runs all in a transaction inside the transaction, which can be given up. */
static bool run_inside(struct apply *apply, const struct object_list *branch, const char *name,
                       struct txn_result *results) {
    struct txn *outer = apply->txn;
    uint32_t event_count = apply->event_count;
    struct txn inner;
    txn_begin_child(outer, &inner);
    apply->txn = &inner;
    bool is_whole = run_all(apply, branch, name, results);
    apply->txn = outer;
    if (is_whole) {
        txn_merge(&inner);
    } else {
        txn_roll_back(&inner);
        apply->event_count = event_count;
    }
    return is_whole;
}

void op_txn(struct apply *apply, const void *arguments) {
    const struct command_txn *txn = arguments;
    struct outcome *outcome = apply->outcome;
    if (txn_check(txn, &outcome->problem) != ERR_OK) {
        return;
    }
    bool is_succeeded = all_hold(apply, &txn->compares);
    const struct object_list *branch = is_succeeded ? &txn->then_operations : &txn->else_operations;
    struct txn_result *results = arena_alloc(apply->arena, branch->count * sizeof *results);
    const char *name = is_succeeded ? "then" : "else";
    bool is_whole = may_refuse_late(branch) ? run_inside(apply, branch, name, results)
                                            : run_all(apply, branch, name, results);
    outcome->has_object = false; /* the results say it all */
    outcome->is_created = false;
    outcome->deleted = 0;
    if (is_whole) {
        outcome->is_txn = true;
        outcome->is_succeeded = is_succeeded;
        outcome->results = results;
        outcome->result_count = branch->count;
    }
}
