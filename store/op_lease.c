/* TTL leases: grant, renew, revoke, expire. A lease and its renewals make no event and raise no
 * revision; what is attached to it goes in one revision when it ends. Source: API.md, "TTL leases";
 * RELIABILITY.md S7. */
#include "store/apply.h"
#include "store/lease_index.h"
#include "util/limits.h"

/* It ends TTL after the log time of this command, and never before. */
static void begin_term(struct apply *apply, struct lease *lease) {
    lease->expires_log_ms = apply->log_time_ms + lease->ttl_s * 1000;
    lease->expires_at = apply->wall_ms + (int64_t)(lease->ttl_s * 1000);
    lease_put(apply->txn, lease);
    apply->outcome->has_lease = true;
    apply->outcome->lease = *lease;
}

/* The lease, or refused with 404. */
static bool find_or_refuse(struct apply *apply, uint64_t id, struct lease *out_lease) {
    if (lease_find(apply->txn, id, out_lease)) {
        return true;
    }
    problem_set(&apply->outcome->problem, ERR_NOT_FOUND, "there is no lease %016llx",
                (unsigned long long)id);
    problem_set_hint(&apply->outcome->problem, "It ended or was revoked: grant a new one.");
    return false;
}

void op_lease_grant(struct apply *apply, const void *arguments) {
    const struct command_lease_grant *grant = arguments;
    struct problem *problem = &apply->outcome->problem;
    struct lease lease;
    if (grant->id == 0) {
        problem_add(problem, "/id", "must not be 0");
    } else if (grant->ttl_s < LIMIT_LEASE_TTL_MIN_S || grant->ttl_s > LIMIT_LEASE_TTL_MAX_S) {
        problem_add(problem, "/ttl_s", "must be %u..%u", LIMIT_LEASE_TTL_MIN_S,
                    LIMIT_LEASE_TTL_MAX_S);
    } else if (lease_find(apply->txn, grant->id, &lease)) {
        problem_set(problem, ERR_CONFLICT, "there is a lease %016llx already",
                    (unsigned long long)grant->id);
    } else {
        lease = (struct lease){.id = grant->id, .ttl_s = grant->ttl_s};
        begin_term(apply, &lease);
        apply->outcome->is_created = true;
    }
}

void op_lease_renew(struct apply *apply, const void *arguments) {
    const struct command_lease *renew = arguments;
    struct lease lease;
    if (find_or_refuse(apply, renew->id, &lease)) {
        begin_term(apply, &lease);
    }
}

/* ---- the end ---- */

struct attached {
    struct arena *arena;
    struct text_list keys;
    size_t capacity;
};

static bool collect_key(void *owner, const char *key) {
    struct attached *attached = owner;
    struct text_list *keys = &attached->keys;
    if (keys->count == attached->capacity) {
        attached->capacity = attached->capacity > 0 ? attached->capacity * 2 : 16;
        const char **items = arena_alloc(attached->arena, attached->capacity * sizeof *items);
        for (size_t i = 0; i < keys->count; i++) {
            items[i] = keys->items[i];
        }
        keys->items = items;
    }
    keys->items[keys->count++] = arena_strdup(attached->arena, key);
    return true;
}

/* Deletes what is attached, and then the lease. */
static void end_lease(struct apply *apply, const struct lease *lease) {
    struct attached attached = {.arena = apply->arena};
    lease_walk_keys(apply->txn, lease->id, collect_key, &attached);
    for (size_t i = 0; i < attached.keys.count; i++) {
        struct object object;
        if (objects_get(apply->txn, attached.keys.items[i], &object)) {
            object.key = attached.keys.items[i]; /* the rest of it lies in a page */
            object.content_type = NULL;
            apply_delete(apply, &object);
        }
    }
    lease_remove(apply->txn, lease);
}

void op_lease_revoke(struct apply *apply, const void *arguments) {
    const struct command_lease *revoke = arguments;
    struct lease lease;
    if (find_or_refuse(apply, revoke->id, &lease)) {
        end_lease(apply, &lease);
    }
}

void op_lease_expire(struct apply *apply, const void *arguments) {
    const struct command_lease_expire *expire = arguments;
    struct lease lease;
    bool is_as_seen = lease_find(apply->txn, expire->id, &lease) &&
                      lease.expires_log_ms == expire->expires_log_ms;
    if (is_as_seen && lease.expires_log_ms <= apply->log_time_ms) {
        end_lease(apply, &lease);
    } /* else it was renewed, revoked or granted anew in between: nothing ends (S7) */
}
