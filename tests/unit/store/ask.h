/* Commands of leases, transactions and idempotency keys in a line each, and what the store shows of
 * them as text, for the tests that run them on a bench. */
#ifndef WEFT_TESTS_UNIT_STORE_ASK_H
#define WEFT_TESTS_UNIT_STORE_ASK_H

#include "tests/unit/store/bench.h"

enum err ask_put(struct bench *bench, const char *key, const char *value, uint64_t lease);
enum err ask_grant(struct bench *bench, uint64_t id, uint64_t ttl_s);
enum err ask_renew(struct bench *bench, uint64_t id);
enum err ask_revoke(struct bench *bench, uint64_t id);

/* Ends with an operation of type 0. */
enum err ask_txn(struct bench *bench, const struct txn_compare *compare,
                 const struct txn_operation *then_operations,
                 const struct txn_operation *else_operations);
#define ASK_PUT(at, text)                                                                          \
    { .type = TXN_PUT, .key = (at), .payload = slice_of_text(text) }
#define ASK_GET(at)                                                                                \
    { .type = TXN_GET, .key = (at) }
#define ASK_GET_ALL(at)                                                                            \
    { .type = TXN_GET, .prefix = (at) }
#define ASK_DELETE(at)                                                                             \
    { .type = TXN_DELETE, .key = (at) }
#define ASK_DELETE_ALL(at)                                                                         \
    { .type = TXN_DELETE, .prefix = (at) }
#define ASK_END                                                                                    \
    { .type = 0 }

/* The command under an Idempotency-Key of client "c". */
enum err ask_once(struct bench *bench, const char *key, const char *fingerprint, enum command_id id,
                  const void *arguments);

/* What is there, in key order: "key=value@revision.version[/lease] ". */
const char *ask_objects(struct bench *bench, const char *prefix);
/* The events after a revision: "+revision:key<previous_revision -revision:key<... ". */
const char *ask_events(struct bench *bench, uint64_t after);
/* The keys that are attached to a lease: "key key ". */
const char *ask_keys(struct bench *bench, uint64_t id);
bool ask_lease(struct bench *bench, uint64_t id, struct lease *out_lease);
/* The results of the last transaction: "put@revision.version get(key=value ) deleted:count ". */
const char *ask_results(struct bench *bench);
/* "pointer: message" of the last outcome's first error. */
const char *ask_error(struct bench *bench);

/* A KV key of `size` bytes whose last one is `last`; all such keys share what is before. */
const char *ask_long_key(struct bench *bench, size_t size, char last);

#endif
