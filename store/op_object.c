/* Put and delete of any object. A kind whose state has rules of its own has a row in `rules`. */
#include "store/op_object.h"

#include "store/lease_index.h"
#include "store/op_network.h"
#include "store/op_subnet.h"

#include <string.h>

struct rule {
    enum kind_id kind;
    /* Both decide and write; `found` is NULL when absent. */
    void (*put)(struct apply *apply, const struct command_put *put, const struct object *found);
    void (*remove)(struct apply *apply, const struct command_delete *delete,
                   const struct object *found);
};

static const struct rule rules[] = {
    {KIND_NETWORK, network_put, network_remove},
    {KIND_SUBNET, subnet_reserve, subnet_remove},
};

static const struct rule *find_rule(enum kind_id kind) {
    for (unsigned i = 0; i < ARRAY_COUNT(rules); i++) {
        if (rules[i].kind == kind) {
            return &rules[i];
        }
    }
    return NULL;
}

/* The key's form was checked before it entered the log; NULL (and refused) where it was not. */
static const struct kind *kind_of_key(struct apply *apply, const char *key) {
    char *collection = arena_strndup(apply->arena, key, strcspn(key, "/"));
    const struct kind *kind = kind_find(collection);
    if (kind == NULL) {
        problem_set(&apply->outcome->problem, ERR_NOT_FOUND, "no collection has the key %s", key);
    }
    return kind;
}

/* Refused: 422 for a kind with rules of its own, 404 for a lease that is not there. Both name the
 * field, for a transaction to point at. */
static bool check_lease(struct apply *apply, const struct command_put *put, const struct kind *kind,
                        const struct rule *rule) {
    struct problem *problem = &apply->outcome->problem;
    struct lease lease;
    if (put->lease == 0) {
        return true;
    }
    if (rule != NULL) {
        problem_add(problem, "/lease", "a %s cannot be attached to a lease", kind->name);
        return false;
    }
    if (!lease_find(apply->txn, put->lease, &lease)) {
        unsigned long long id = put->lease;
        problem_add(problem, "/lease", "there is no lease %016llx", id);
        problem_set(problem, ERR_NOT_FOUND, "there is no lease %016llx", id);
        return false;
    }
    return true;
}

void object_put(struct apply *apply, const struct command_put *put, const struct object *found) {
    const struct kind *kind = kind_of_key(apply, put->key);
    const struct rule *rule = kind != NULL ? find_rule(kind->id) : NULL;
    if (kind == NULL || !check_lease(apply, put, kind, rule)) {
        return;
    }
    if (rule != NULL) {
        rule->put(apply, put, found);
        return;
    }
    struct object content = {.kind = kind->id,
                             .key = put->key,
                             .content_type = put->content_type,
                             .payload = put->payload,
                             .lease = put->lease};
    apply_put(apply, &content);
}

void object_remove(struct apply *apply, const struct command_delete *delete,
                   const struct object *found) {
    const struct rule *rule = find_rule(found->kind);
    if (rule != NULL) {
        rule->remove(apply, delete, found);
    } else {
        apply_delete(apply, found);
    }
}

void op_put(struct apply *apply, const void *arguments) {
    const struct command_put *put = arguments;
    struct object found;
    bool is_there = apply_find(apply, put->key, &found);
    if (apply_check_condition(apply, is_there ? &found : NULL, put->if_revision, put->if_absent)) {
        object_put(apply, put, is_there ? &found : NULL);
    }
}

void op_delete(struct apply *apply, const void *arguments) {
    const struct command_delete *delete = arguments;
    struct object found;
    if (!apply_find(apply, delete->key, &found)) {
        if (apply_check_condition(apply, NULL, delete->if_revision, false)) {
            problem_set(&apply->outcome->problem, ERR_NOT_FOUND, "there is no %s", delete->key);
        }
        return;
    }
    if (!apply_check_condition(apply, &found, delete->if_revision, false)) {
        return;
    }
    object_remove(apply, delete, &found);
    if (apply->outcome->problem.err == ERR_OK) {
        apply_show(apply, &found);
    }
}

struct collect {
    struct arena *arena;
    struct object *objects;
    uint64_t count, capacity;
};

static bool collect_one(void *owner, const struct object *object) {
    struct collect *collect = owner;
    if (collect->count < collect->capacity) {
        collect->objects[collect->count] = (struct object){
            .key = arena_strdup(collect->arena, object->key),
            .kind = object->kind,
            .revision = object->revision,
            .created_revision = object->created_revision,
            .version = object->version,
            .lease = object->lease,
        };
    }
    collect->count++;
    return collect->count <= collect->capacity;
}

static bool count_one(void *owner, const struct object *object) {
    (void)object;
    (*(uint64_t *)owner)++;
    return true;
}

void op_delete_prefix(struct apply *apply, const void *arguments) {
    const struct command_delete_prefix *delete = arguments;
    uint64_t count = 0;
    objects_walk(apply->txn, delete->prefix, NULL, count_one, &count);
    if (count != delete->confirm) {
        problem_set(&apply->outcome->problem, ERR_CONFLICT,
                    "%llu keys begin with %s, confirm says %llu", (unsigned long long)count,
                    delete->prefix, (unsigned long long)delete->confirm);
        problem_set_hint(&apply->outcome->problem,
                         "List the prefix, then send its count as ?confirm=.");
        return;
    }
    struct collect collect = {.arena = apply->arena, .capacity = count};
    collect.objects = arena_alloc(apply->arena, count * sizeof *collect.objects);
    objects_walk(apply->txn, delete->prefix, NULL, collect_one, &collect);
    for (uint64_t i = 0; i < collect.count; i++) {
        apply_delete(apply, &collect.objects[i]);
    }
}
