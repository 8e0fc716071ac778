/* Leases of subnets: each call is one atomic command of the state machine, which alone decides
 * (docs/api.md, "A subnet has one holder"). Here only the form is checked. */
#include "api/handlers.h"

#include <string.h>

void handle_subnet_acquire(struct request *request) {
    struct subnet_acquire acquire;
    const char *network = strchr(request_path_before_verb(request), '/') + 1;
    if (!request_parse_key(request, arena_printf(request->arena, "networks/%s", network)) ||
        !request_read_body(request, &shape_subnet_acquire, &acquire)) {
        return;
    }
    acquire.network = network;
    request_write(request, COMMAND_SUBNET_ACQUIRE, &acquire, request_reply_object);
}

void handle_subnet_renew(struct request *request) {
    struct subnet_hold hold;
    if (!request_parse_key(request, request_path_before_verb(request)) ||
        !request_read_body(request, &shape_subnet_hold, &hold)) {
        return;
    }
    struct command_subnet_hold renew = {
        .key = request->key.text, .node = hold.node, .epoch = hold.epoch};
    request_write(request, COMMAND_SUBNET_RENEW, &renew, request_reply_object);
}

void handle_subnet_delete(struct request *request) {
    const unsigned holder = PARAM_NODE | PARAM_EPOCH;
    unsigned given = request->params.given & holder;
    if (given == 0) {
        handle_object_delete(request); /* an operator's, whatever its state */
        return;
    }
    if (given != holder || http_find_header(request->message, "if-match") != NULL) {
        request_fail(request, ERR_BAD_REQUEST,
                     "a holder releases with node and epoch, both, and without If-Match");
        return;
    }
    if (!request_parse_key(request, request_path_key(request))) {
        return;
    }
    struct command_subnet_hold release = {
        .key = request->key.text, .node = request->params.node, .epoch = request->params.epoch};
    request_write(request, COMMAND_SUBNET_RELEASE, &release, request_reply_deleted);
}
