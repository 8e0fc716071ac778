/* Idempotency keys: a command that is applied at most once for each client and key. What came of it
 * is kept, a refusal too, and given back to whoever repeats it. Source: API.md, "Honest outcomes";
 * RELIABILITY.md S5.
 *
 * Kept 10 minutes of log time, and within a bound on the bytes of all records, each counted with at
 * least so many that the bound is one on their number too: the oldest go first. */
#include "store/apply.h"
#include "store/key.h"
#include "store/outcome.h"
#include "util/limits.h"

#define NUMBER_COUNTER "once_number" /* of the newest record */
#define SIZE_COUNTER   "once_size"   /* counted bytes of all records */

/* Row of TABLE_ONCE: number log_time_ms:u64 fingerprint outcome. */
struct record {
    uint64_t number; /* its place in TABLE_ONCE_AGE */
    uint64_t log_time_ms;
    struct slice fingerprint, outcome;
};

/* Row of TABLE_ONCE_AGE: number -> log_time_ms:u64 size:u64 key. */
struct age {
    uint64_t number, log_time_ms;
    uint64_t size; /* as it counts */
    struct slice key;
};

static void record_key(struct buf *key, const struct command_once *once) {
    buf_init(key);
    key_put_name(key, once->client);
    buf_append_text(key, once->key);
}

static bool find_record(struct apply *apply, struct slice key, struct record *out_record) {
    struct slice value;
    if (!txn_get(apply->txn, TABLE_ONCE, key, &value)) {
        return false;
    }
    struct reader reader = reader_of(value.data, value.size);
    out_record->number = reader_u64(&reader);
    out_record->log_time_ms = reader_u64(&reader);
    out_record->fingerprint = reader_bytes(&reader);
    out_record->outcome = slice_of(reader.data, reader.size);
    if (reader.is_broken) {
        apply->txn->status = MDB_CORRUPTED;
    }
    return !reader.is_broken;
}

static struct age read_age(struct slice key, struct slice value) {
    struct reader number = reader_of(key.data, key.size);
    struct reader reader = reader_of(value.data, value.size);
    struct age age = {.number = reader_u64(&number),
                      .log_time_ms = reader_u64(&reader),
                      .size = reader_u64(&reader)};
    age.key = slice_of(reader.data, reader.size);
    return age;
}

static void age_key(struct buf *key, uint64_t number) {
    buf_init(key);
    buf_put_u64(key, number);
}

/* ---- forget ---- */

static void forget(struct apply *apply, const struct age *age) {
    struct buf key;
    txn_put_number(apply->txn, SIZE_COUNTER, txn_get_number(apply->txn, SIZE_COUNTER) - age->size);
    struct slice record = arena_copy(apply->arena, age->key); /* the row lies in a page */
    txn_delete(apply->txn, TABLE_ONCE, record);
    age_key(&key, age->number);
    txn_delete(apply->txn, TABLE_ONCE_AGE, buf_slice(&key));
    buf_deinit(&key);
}

static bool find_oldest(struct apply *apply, struct age *out_age) {
    struct slice key;
    struct slice value;
    if (!txn_first(apply->txn, TABLE_ONCE_AGE, slice_of(NULL, 0), &key, &value)) {
        return false;
    }
    *out_age = read_age(key, value);
    return true;
}

static bool is_over(const struct apply *apply, uint64_t log_time_ms) {
    return log_time_ms + LIMIT_ONCE_KEPT_MS <= apply->log_time_ms;
}

static void forget_old(struct apply *apply) {
    struct age oldest;
    for (unsigned i = 0; i < LIMIT_ONCE_FORGET_MAX && find_oldest(apply, &oldest) &&
                         is_over(apply, oldest.log_time_ms);
         i++) {
        forget(apply, &oldest);
    }
}

static void forget_number(struct apply *apply, uint64_t number) {
    struct buf key;
    struct slice value;
    age_key(&key, number);
    if (txn_get(apply->txn, TABLE_ONCE_AGE, buf_slice(&key), &value)) {
        struct age age = read_age(buf_slice(&key), value);
        forget(apply, &age);
    }
    buf_deinit(&key);
}

/* At most LIMIT_TXN_RESULT_SIZE_MAX / LIMIT_ONCE_RECORD_SIZE_MIN records at once, and over time as
 * many as come. */
static void make_room(struct apply *apply) {
    struct age oldest;
    while (txn_get_number(apply->txn, SIZE_COUNTER) > LIMIT_ONCE_SIZE_MAX &&
           find_oldest(apply, &oldest)) {
        forget(apply, &oldest);
    }
}

/* ---- keep and replay ---- */

static void put_age(struct apply *apply, struct slice key, const struct age *age) {
    struct buf number;
    struct buf value;
    age_key(&number, age->number);
    buf_init(&value);
    buf_put_u64(&value, age->log_time_ms);
    buf_put_u64(&value, age->size);
    buf_append(&value, key.data, key.size);
    txn_put(apply->txn, TABLE_ONCE_AGE, buf_slice(&number), buf_slice(&value));
    buf_deinit(&value);
    buf_deinit(&number);
}

static void keep(struct apply *apply, struct slice key, struct slice fingerprint) {
    struct age age = {.number = txn_get_number(apply->txn, NUMBER_COUNTER) + 1,
                      .log_time_ms = apply->log_time_ms};
    struct buf value;
    buf_init(&value);
    buf_put_u64(&value, age.number);
    buf_put_u64(&value, age.log_time_ms);
    buf_put_bytes(&value, fingerprint.data, fingerprint.size);
    outcome_encode(apply->outcome, &value);
    age.size = MAX_OF(2 * key.size + value.size, LIMIT_ONCE_RECORD_SIZE_MIN);
    txn_put(apply->txn, TABLE_ONCE, key, buf_slice(&value));
    buf_deinit(&value);
    put_age(apply, key, &age);
    txn_put_number(apply->txn, NUMBER_COUNTER, age.number);
    txn_put_number(apply->txn, SIZE_COUNTER, txn_get_number(apply->txn, SIZE_COUNTER) + age.size);
    make_room(apply);
}

static void replay(struct apply *apply, const struct command_once *once,
                   const struct record *record) {
    if (!slice_equal(record->fingerprint, once->fingerprint)) {
        problem_set(&apply->outcome->problem, ERR_IDEMPOTENCY_MISMATCH,
                    "the Idempotency-Key %s was used for another request", once->key);
        return;
    }
    if (outcome_decode(record->outcome, apply->outcome) != ERR_OK) {
        apply->txn->status = MDB_CORRUPTED;
    }
    apply->outcome->is_replayed = true;
}

static bool check_sizes(struct apply *apply, const struct command_once *once) {
    if (strlen(once->client) <= LIMIT_ONCE_CLIENT_SIZE_MAX &&
        strlen(once->key) <= LIMIT_ONCE_KEY_SIZE_MAX &&
        once->fingerprint.size <= LIMIT_ONCE_FINGERPRINT_SIZE_MAX) {
        return true;
    }
    problem_set(&apply->outcome->problem, ERR_BAD_REQUEST,
                "an Idempotency-Key has at most %u bytes", LIMIT_ONCE_KEY_SIZE_MAX);
    return false;
}

void op_once(struct apply *apply, const void *arguments) {
    const struct command_once *once = arguments;
    struct record record;
    struct buf key;
    if (!check_sizes(apply, once)) {
        return;
    }
    record_key(&key, once);
    forget_old(apply);
    bool is_there = find_record(apply, buf_slice(&key), &record);
    if (is_there && !is_over(apply, record.log_time_ms)) {
        replay(apply, once, &record);
    } else {
        if (is_there) {
            forget_number(apply, record.number);
        }
        apply_command(apply, once->command);
        keep(apply, buf_slice(&key), once->fingerprint);
    }
    buf_deinit(&key);
}
