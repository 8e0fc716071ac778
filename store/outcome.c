#include "store/outcome.h"

#include "store/lease_index.h"
#include "store/objects.h"
#include "store/row.h"

/* The kept form. Objects are records (store/objects.h). */
struct kept_error {
    const char *pointer;
    const char *message;
};

struct kept_result {
    uint64_t type, revision, version, deleted;
    struct slice items; /* records, each as buf_put_bytes */
};

struct kept {
    const char *code; /* absent: ERR_OK */
    const char *detail;
    const char *hint;
    struct object_list errors; /* struct kept_error */
    uint64_t revision;
    bool is_created;
    struct slice object, current; /* empty: none */
    uint64_t deleted;
    struct lease *lease;
    bool is_txn, is_succeeded;
    struct object_list results; /* struct kept_result */
    uint64_t seen_revision;
};

static const struct field error_fields[] = {
    ROW(kept_error, pointer, 1, FIELD_TEXT),
    ROW(kept_error, message, 2, FIELD_TEXT),
};
static SHAPE(shape_kept_error, kept_error, error_fields);

static const struct field result_fields[] = {
    ROW(kept_result, type, 1, FIELD_NUMBER),    ROW(kept_result, revision, 2, FIELD_NUMBER),
    ROW(kept_result, version, 3, FIELD_NUMBER), ROW(kept_result, deleted, 4, FIELD_NUMBER),
    ROW(kept_result, items, 5, FIELD_BYTES),
};
static SHAPE(shape_kept_result, kept_result, result_fields);

static const struct field kept_fields[] = {
    ROW(kept, code, 1, FIELD_TEXT),
    ROW(kept, detail, 2, FIELD_TEXT),
    ROW(kept, hint, 3, FIELD_TEXT),
    NESTED_ROW(kept, errors, 4, FIELD_OBJECTS, shape_kept_error),
    ROW(kept, revision, 5, FIELD_NUMBER),
    ROW(kept, is_created, 6, FIELD_BOOL),
    ROW(kept, object, 7, FIELD_BYTES),
    ROW(kept, current, 8, FIELD_BYTES),
    ROW(kept, deleted, 9, FIELD_NUMBER),
    NESTED_ROW(kept, lease, 10, FIELD_OBJECT, shape_lease),
    ROW(kept, is_txn, 11, FIELD_BOOL),
    ROW(kept, is_succeeded, 12, FIELD_BOOL),
    NESTED_ROW(kept, results, 13, FIELD_OBJECTS, shape_kept_result),
    ROW(kept, seen_revision, 14, FIELD_NUMBER),
};
static SHAPE(shape_kept, kept, kept_fields);

/* ---- encode ---- */

static struct slice record_of(const struct object *object, struct arena *arena) {
    struct buf record;
    buf_init(&record);
    object_encode(object, &record);
    struct slice copy = arena_copy(arena, buf_slice(&record));
    buf_deinit(&record);
    return copy;
}

static void keep_problem(const struct problem *problem, struct arena *arena, struct kept *kept) {
    if (problem->err == ERR_OK) {
        return;
    }
    kept->code = err_code(problem->err);
    kept->detail = problem->detail;
    kept->hint = problem->hint;
    kept->errors.count = problem->error_count;
    struct kept_error *errors = arena_alloc(arena, problem->error_count * sizeof *errors);
    for (unsigned i = 0; i < problem->error_count; i++) {
        errors[i] = (struct kept_error){.pointer = problem->errors[i].pointer,
                                        .message = problem->errors[i].message};
    }
    kept->errors.items = errors;
}

static struct slice keep_items(const struct txn_result *result, struct arena *arena) {
    struct buf items;
    buf_init(&items);
    for (size_t i = 0; i < result->item_count; i++) {
        struct slice record = record_of(&result->items[i], arena);
        buf_put_bytes(&items, record.data, record.size);
    }
    struct slice copy = arena_copy(arena, buf_slice(&items));
    buf_deinit(&items);
    return copy;
}

static void keep_results(const struct outcome *outcome, struct arena *arena, struct kept *kept) {
    struct kept_result *results = arena_alloc(arena, outcome->result_count * sizeof *results);
    for (size_t i = 0; i < outcome->result_count; i++) {
        const struct txn_result *result = &outcome->results[i];
        results[i] = (struct kept_result){.type = result->type,
                                          .revision = result->revision,
                                          .version = result->version,
                                          .deleted = result->deleted,
                                          .items = keep_items(result, arena)};
    }
    kept->results.items = results;
    kept->results.count = outcome->result_count;
}

void outcome_encode(const struct outcome *outcome, struct buf *out) {
    struct arena arena;
    arena_init(&arena);
    struct lease lease = outcome->lease;
    struct kept kept = {.revision = outcome->revision,
                        .seen_revision = outcome->seen_revision,
                        .is_created = outcome->is_created,
                        .deleted = outcome->deleted,
                        .lease = outcome->has_lease ? &lease : NULL,
                        .is_txn = outcome->is_txn,
                        .is_succeeded = outcome->is_succeeded};
    keep_problem(&outcome->problem, &arena, &kept);
    if (outcome->has_object) {
        struct object object = outcome->object;
        object.payload = object.kind == KIND_KV ? slice_of(NULL, 0) : object.payload;
        kept.object = record_of(&object, &arena);
    }
    if (outcome->has_current) {
        kept.current = record_of(&outcome->current, &arena);
    }
    keep_results(outcome, &arena, &kept);
    field_encode(&shape_kept, &kept, out);
    arena_deinit(&arena);
}

/* ---- decode ---- */

static enum err restore_problem(const struct kept *kept, struct problem *problem) {
    problem_init(problem);
    if (kept->code == NULL) {
        return ERR_OK;
    }
    enum err err;
    if (!err_find(kept->code, &err) || kept->errors.count > LIMIT_PROBLEM_ERRORS_MAX) {
        return ERR_CORRUPT;
    }
    const struct kept_error *errors = kept->errors.items;
    for (size_t i = 0; i < kept->errors.count; i++) {
        if (errors[i].pointer == NULL || errors[i].message == NULL) {
            return ERR_CORRUPT;
        }
        problem_add(problem, errors[i].pointer, "%s", errors[i].message);
    }
    problem_set(problem, err, "%s", kept->detail != NULL ? kept->detail : "");
    problem_set_hint(problem, "%s", kept->hint != NULL ? kept->hint : "");
    problem->outcome = WRITE_OUTCOME_NOT_APPLIED;
    return ERR_OK;
}

static enum err restore_object(struct slice record, bool *out_has, struct object *out_object) {
    *out_has = record.size > 0;
    return *out_has ? object_decode(record, out_object) : ERR_OK;
}

static enum err restore_items(struct slice records, struct arena *arena,
                              struct txn_result *result) {
    struct reader reader = reader_of(records.data, records.size);
    size_t count = 0;
    for (; reader.size > 0 && !reader.is_broken; count++) {
        reader_bytes(&reader);
    }
    struct object *items = arena_alloc(arena, count * sizeof *items);
    result->items = items;
    result->item_count = count;
    reader = reader_of(records.data, records.size);
    for (size_t i = 0; i < count; i++) {
        struct slice record = reader_bytes(&reader);
        if (reader.is_broken || object_decode(record, &items[i]) != ERR_OK) {
            return ERR_CORRUPT;
        }
    }
    return ERR_OK;
}

static enum err restore_results(const struct kept *kept, struct outcome *outcome) {
    const struct kept_result *from = kept->results.items;
    struct txn_result *results = arena_alloc(outcome->arena, kept->results.count * sizeof *results);
    enum err err = ERR_OK;
    for (size_t i = 0; i < kept->results.count && err == ERR_OK; i++) {
        results[i] = (struct txn_result){.type = (unsigned)from[i].type,
                                         .revision = from[i].revision,
                                         .version = from[i].version,
                                         .deleted = from[i].deleted};
        err = restore_items(from[i].items, outcome->arena, &results[i]);
    }
    outcome->results = results;
    outcome->result_count = kept->results.count;
    return err;
}

enum err outcome_decode(struct slice bytes, struct outcome *outcome) {
    struct kept kept;
    enum err err = field_decode(&shape_kept, bytes, outcome->arena, &kept);
    if (err == ERR_OK) {
        err = restore_problem(&kept, &outcome->problem);
    }
    if (err == ERR_OK) {
        err = restore_object(kept.object, &outcome->has_object, &outcome->object);
    }
    if (err == ERR_OK) {
        err = restore_object(kept.current, &outcome->has_current, &outcome->current);
    }
    if (err == ERR_OK) {
        err = restore_results(&kept, outcome);
    }
    outcome->revision = kept.revision;
    outcome->seen_revision = kept.seen_revision;
    outcome->is_created = kept.is_created;
    outcome->deleted = kept.deleted;
    outcome->has_lease = kept.lease != NULL;
    outcome->lease = kept.lease != NULL ? *kept.lease : (struct lease){0};
    outcome->is_txn = kept.is_txn;
    outcome->is_succeeded = kept.is_succeeded;
    return err;
}
