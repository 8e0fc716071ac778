/* Transactions: conditions on some keys, operations on some, one revision. What is decided is the
 * state machine's (store/op_txn.c). */
#include "api/handlers.h"
#include "api/render.h"
#include "api/txn_read.h"

static void write_items(const struct txn_result *result, struct json_writer *writer) {
    json_key(writer, "items");
    json_open_list(writer);
    for (size_t i = 0; i < result->item_count; i++) {
        render_object(&result->items[i], writer);
    }
    json_close_list(writer);
}

static void write_result(const struct txn_result *result, struct json_writer *writer) {
    static const char *const names[] = {
        [TXN_PUT] = "put", [TXN_GET] = "get", [TXN_DELETE] = "delete"};
    json_open_object(writer);
    json_key(writer, names[result->type]);
    json_open_object(writer);
    if (result->type == TXN_PUT) {
        json_member_number(writer, "revision", result->revision);
        json_member_number(writer, "version", result->version);
    } else if (result->type == TXN_GET) {
        write_items(result, writer);
    } else {
        json_member_number(writer, "deleted", result->deleted);
    }
    json_close_object(writer);
    json_close_object(writer);
}

static void reply_txn(struct request *request) {
    const struct outcome *outcome = request->outcome;
    struct buf body;
    buf_init(&body);
    struct json_writer writer = json_writer_to(&body);
    json_open_object(&writer);
    json_member_bool(&writer, "succeeded", outcome->is_succeeded);
    json_member_number(&writer, "revision", outcome->seen_revision);
    json_key(&writer, "results");
    json_open_list(&writer);
    for (size_t i = 0; i < outcome->result_count; i++) {
        write_result(&outcome->results[i], &writer);
    }
    json_close_list(&writer);
    json_close_object(&writer);
    request_reply(request, 200, JSON_TYPE, outcome->seen_revision, buf_slice(&body));
    buf_deinit(&body);
}

void handle_txn(struct request *request) {
    struct command_txn txn;
    struct json *json = request_json(request);
    if (json == NULL) {
        return;
    }
    enum err err = txn_read(json, request->arena, &txn, &request->problem);
    json_free(json);
    if (err != ERR_OK) {
        request_refuse(request);
        return;
    }
    request_write(request, COMMAND_TXN, &txn, reply_txn);
}
