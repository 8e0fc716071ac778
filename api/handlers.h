/* The handlers of the routes (api/routes.c), and the few steps that several of them share. A
 * handler gets a request in REQUEST_CHECKING whose parameters, headers and kind of body are checked
 * against its row; it ends as request.h says. */
#ifndef WEFT_API_HANDLERS_H
#define WEFT_API_HANDLERS_H

#include "api/request.h"
#include "api/write.h"

/* h_resource.c: one object of any kind but KV. */
void handle_object_get(struct request *request);
void handle_object_put(struct request *request);
void handle_object_delete(struct request *request);
/* h_kv.c: free keys, raw bytes. */
void handle_kv_get(struct request *request);
void handle_kv_put(struct request *request);
void handle_kv_delete(struct request *request);
void handle_kv_delete_all(struct request *request);
/* h_subnet.c: leases of subnets. */
void handle_subnet_acquire(struct request *request);
void handle_subnet_renew(struct request *request);
void handle_subnet_delete(struct request *request);
/* h_list.c, h_watch.c: ranges of keys, now and from now on. */
void handle_list(struct request *request);
void handle_watch(struct request *request);
/* h_cluster.c: always answered locally. */
void handle_cluster(struct request *request);
void handle_healthz(struct request *request);
void handle_readyz(struct request *request);
/* Ready is who can answer a linearizable read: a leader is known, a majority is there, and no
 * snapshot has to come first. */
bool cluster_is_ready(const struct replica_status *status);
/* h_snapshot.c */
void handle_snapshot(struct request *request);
/* h_metrics.c, h_meta.c */
void handle_metrics(struct request *request);
void handle_openapi(struct request *request);

/* h_txn.c: many keys at one revision. */
void handle_txn(struct request *request);
/* h_lease.c: TTL leases. */
void handle_lease_grant(struct request *request);
void handle_lease_renew(struct request *request);
void handle_lease_revoke(struct request *request);
void handle_lease_get(struct request *request);
void handle_lease_list(struct request *request);
/* The body of a grant, for the API document. */
extern const struct shape shape_lease_body;

/* The key of the path behind "/v1/". */
const char *request_path_key(const struct request *request);
/* The same without its last segment, the verb. Owns: the request's arena. */
const char *request_path_before_verb(struct request *request);
/* Reads the body into `out_body`, a struct of `shape`. False: the request is answered. */
MUST_USE bool request_read_body(struct request *request, const struct shape *shape, void *out_body);
/* An object as it was read, without what every object carries beside its kind's fields (key,
 * revision, ...): so what was read can be edited and sent back. NULL: there is nothing to take
 * away. Owns: the caller, json_free. */
MUST_USE struct json *json_without_envelope(const struct json *json);
/* Parses `key` into request->key. False: the request is answered. */
MUST_USE bool request_parse_key(struct request *request, const char *key);

/* If-Match and If-None-Match. */
struct conditions {
    uint64_t if_revision; /* 0: none */
    bool if_absent;
};
/* False: the request is answered. */
MUST_USE bool request_read_conditions(struct request *request, struct conditions *out_conditions);

/* Resumes of writes: the object after it (201 when created), or what was deleted. */
void request_reply_object(struct request *request);
void request_reply_deleted(struct request *request);

#define JSON_TYPE  "application/json"
#define VALUE_TYPE "application/octet-stream" /* of a KV value, where none was said */

#endif
