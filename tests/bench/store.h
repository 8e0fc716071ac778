/* The two stores as the load tools speak to them: weft's API, and etcd's JSON gateway (keys and
 * values in base64). Functions write whole HTTP requests. */
#ifndef WEFT_TESTS_BENCH_STORE_H
#define WEFT_TESTS_BENCH_STORE_H

#include "util/buf.h"

#include <stdbool.h>

enum store { STORE_WEFT, STORE_ETCD };

/* "weft" or "etcd"; fails otherwise. */
enum store parse_store(const char *name);
/* Writes a key's value. */
void store_put(enum store store, const char *key, struct slice value, struct buf *out);
/* Watches all keys below a prefix ("bench/"), from now on. */
void store_watch(enum store store, const char *prefix, struct buf *out);
/* What an event's line about this key contains, and no other line. */
void store_event_mark(enum store store, const char *key, struct buf *out);
/* `,"name":"` and base64 and `"`, without the comma when `is_first`. */
void append_base64_field(struct buf *out, bool is_first, const char *name, struct slice bytes);

#endif
