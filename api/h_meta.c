/* GET /openapi.json: what this server can be asked. */
#include "api/handlers.h"
#include "api/openapi.h"

void handle_openapi(struct request *request) {
    struct buf body;
    buf_init(&body);
    openapi_write(&body);
    request_reply(request, 200, JSON_TYPE, 0, buf_slice(&body));
    buf_deinit(&body);
}
