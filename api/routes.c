/* The table of routes: what the server answers, and nothing beside it. The first pattern that
 * matches decides a path, and within a pattern the rows of one kind come before those of any. */
#include "api/handlers.h"

#define READ_OBJECT  PARAMS_READ
#define WRITE        (PARAM_TIMEOUT | PARAM_DRY_RUN)
#define CONDITIONAL  (ROUTE_WRITE | ROUTE_CONDITIONS)
#define DELETE_ALL   (WRITE | PARAM_RECURSIVE | PARAM_CONFIRM)
#define NO_KIND      KIND_NONE
#define LABELED_LIST (PARAMS_LIST | PARAM_SELECTOR)
#define LEASE_LIST   (PARAMS_READ | PARAM_LIMIT | PARAM_CONTINUE)

/* clang-format off: a row a route */
const struct route routes[] = {
    {"/healthz", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, PARAM_VERBOSE, handle_healthz},
    {"/readyz", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, PARAM_VERBOSE, handle_readyz},
    {"/metrics", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, 0, handle_metrics},
    {"/openapi.json", METHOD_GET, NO_KIND, 0, BODY_NONE, 0, handle_openapi},
    {"/v1/cluster", METHOD_GET, NO_KIND, 0, BODY_NONE, PARAM_TIMEOUT | PARAM_CONSISTENCY,
     handle_cluster},
    {"/v1/watch", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, PARAMS_WATCH, handle_watch},

    {"/v1/snapshot", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, PARAMS_READ, handle_snapshot},

    {"/v1/kv", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, PARAMS_LIST, handle_list},
    {"/v1/kv", METHOD_DELETE, NO_KIND, ROUTE_WRITE, BODY_NONE, DELETE_ALL, handle_kv_delete_all},
    {"/v1/kv/**", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, READ_OBJECT | PARAM_META,
     handle_kv_get},
    {"/v1/kv/**", METHOD_PUT, NO_KIND, CONDITIONAL, BODY_RAW, WRITE | PARAM_LEASE, handle_kv_put},
    {"/v1/kv/**", METHOD_DELETE, NO_KIND, CONDITIONAL, BODY_NONE, DELETE_ALL, handle_kv_delete},

    {"/v1/txn", METHOD_POST, NO_KIND, ROUTE_WRITE, BODY_JSON, WRITE, handle_txn},

    {"/v1/leases", METHOD_GET, NO_KIND, 0, BODY_NONE, LEASE_LIST, handle_lease_list},
    {"/v1/leases", METHOD_POST, NO_KIND, ROUTE_WRITE, BODY_JSON, WRITE, handle_lease_grant},
    {"/v1/leases/*", METHOD_GET, NO_KIND, 0, BODY_NONE, PARAMS_READ, handle_lease_get},
    {"/v1/leases/*", METHOD_DELETE, NO_KIND, ROUTE_WRITE, BODY_NONE, WRITE, handle_lease_revoke},
    {"/v1/leases/*/renew", METHOD_POST, NO_KIND, ROUTE_WRITE, BODY_NONE, WRITE, handle_lease_renew},

    {"/v1/subnets/*/acquire", METHOD_POST, NO_KIND, ROUTE_WRITE, BODY_JSON, WRITE,
     handle_subnet_acquire},
    {"/v1/subnets/*/*/renew", METHOD_POST, NO_KIND, ROUTE_WRITE, BODY_JSON, WRITE,
     handle_subnet_renew},

    {":list", METHOD_GET, KIND_NODE, ROUTE_ANY_TYPE, BODY_NONE, LABELED_LIST, handle_list},
    {":list", METHOD_GET, KIND_ENDPOINT, ROUTE_ANY_TYPE, BODY_NONE, LABELED_LIST, handle_list},
    {":list", METHOD_GET, KIND_POLICY, ROUTE_ANY_TYPE, BODY_NONE, LABELED_LIST, handle_list},
    {":list", METHOD_GET, KIND_SERVICE, ROUTE_ANY_TYPE, BODY_NONE, LABELED_LIST, handle_list},
    {":list", METHOD_GET, NO_KIND, ROUTE_ANY_TYPE, BODY_NONE, PARAMS_LIST, handle_list},
    {":item", METHOD_DELETE, KIND_NETWORK, CONDITIONAL, BODY_NONE, WRITE | PARAM_FORCE,
     handle_object_delete},
    {":item", METHOD_DELETE, KIND_SUBNET, CONDITIONAL, BODY_NONE, WRITE | PARAM_NODE | PARAM_EPOCH,
     handle_subnet_delete},
    {":item", METHOD_GET, NO_KIND, 0, BODY_NONE, READ_OBJECT, handle_object_get},
    {":item", METHOD_PUT, KIND_NODE, CONDITIONAL, BODY_JSON, WRITE | PARAM_LEASE,
     handle_object_put},
    {":item", METHOD_PUT, KIND_ENDPOINT, CONDITIONAL, BODY_JSON, WRITE | PARAM_LEASE,
     handle_object_put},
    {":item", METHOD_PUT, NO_KIND, CONDITIONAL, BODY_JSON, WRITE, handle_object_put},
    {":item", METHOD_DELETE, NO_KIND, CONDITIONAL, BODY_NONE, WRITE, handle_object_delete},
};
/* clang-format on */
const unsigned route_count = ARRAY_COUNT(routes);
