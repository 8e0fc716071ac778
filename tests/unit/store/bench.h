/* A store in a temporary directory, and commands run against it one entry each, at a log time that
 * the test sets. */
#ifndef WEFT_TESTS_UNIT_STORE_BENCH_H
#define WEFT_TESTS_UNIT_STORE_BENCH_H

#include "store/command.h"
#include "store/store.h"
#include "wire/kind_network.h"
#include "wire/kind_subnet.h"

struct bench {
    char directory[64];
    struct store *store;
    struct arena arena;
    uint64_t log_time_ms;
    int64_t wall_ms;
    struct outcome outcome; /* of the last command */
    struct buf entries;     /* all that were applied, as buf_put_bytes */
};

int bench_setup(void **state);
int bench_teardown(void **state);
/* Closes and opens the store again. */
void bench_reopen(struct bench *bench);
/* Runs one command; the outcome is in bench->outcome. Returns its err. */
enum err bench_run(struct bench *bench, enum command_id id, const void *arguments);
void bench_run_encoded(struct bench *bench, struct slice command);
enum err bench_put_kv(struct bench *bench, const char *key, const char *value);
enum err bench_delete(struct bench *bench, const char *key, bool is_forced);
/* PUT of a resource from JSON, through kind_read as the API does. */
enum err bench_put(struct bench *bench, const char *key, const char *json);
enum err bench_acquire(struct bench *bench, const char *node, const char *public_ip,
                       const char *prefer);
enum err bench_renew(struct bench *bench, const char *key, const char *node, uint64_t epoch);
enum err bench_release(struct bench *bench, const char *key, const char *node, uint64_t epoch);
/* Ends what is due now, as the leader would; returns how many. */
unsigned bench_expire(struct bench *bench, uint64_t quarantine_ms);
/* A fresh store that has applied all entries so far, several a transaction as a replica that
 * catches up does. Owns: bench_close_twin. */
struct bench *bench_twin(struct bench *bench);
void bench_close_twin(struct bench *twin);
/* The digest of such a store. */
uint64_t bench_replay(struct bench *bench);
/* The subnet of the last outcome. */
struct subnet bench_subnet(struct bench *bench);
/* "10.1.1.0/24" of the last outcome. */
const char *bench_subnet_text(struct bench *bench);

#endif
