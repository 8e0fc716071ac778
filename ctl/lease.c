/* weft lease: TTL leases, granted, renewed, revoked and listed. */
#include "ctl/path.h"
#include "ctl/verb.h"

#include <string.h>

static const char collection[] = "leases";

static enum exit_code print_lease(struct session *session, const struct verb *verb) {
    struct json *json;
    struct json_fault fault;
    if (session->is_json) {
        return verb_print_line(verb->answer.body);
    }
    if (json_parse(verb->answer.body, &json, &fault) != ERR_OK) {
        return verb_print_strange(verb->answer.body);
    }
    enum exit_code code = verb_print_table(columns_find(collection, strlen(collection)), &json, 1);
    json_free(json);
    return code;
}

static enum exit_code grant(struct session *session, const char *ttl_s) {
    struct verb verb;
    struct buf body;
    if (*ttl_s == 0 || strspn(ttl_s, "0123456789") != strlen(ttl_s) || *ttl_s == '0') {
        fprintf(stderr, "weft: %s is no number of seconds; see weft --help\n", ttl_s);
        return EXIT_CODE_USAGE;
    }
    buf_init(&body);
    verb_begin(session, METHOD_POST, 0, &verb);
    path_object_target(collection, &verb.target);
    verb_add_write_options(session, &verb);
    buf_appendf(&body, "{\"ttl_s\":%s}", ttl_s);
    verb.request.body = buf_slice(&body);
    enum exit_code code =
        verb_send(session, &verb) == ERR_OK ? print_lease(session, &verb) : verb_refuse(&verb);
    verb_end(&verb);
    buf_deinit(&body);
    return code;
}

/* "leases/ID" is the verb's key. */
static void begin_one(struct session *session, enum method method, const char *id,
                      const char *action, struct verb *out) {
    verb_begin(session, method, 0, out);
    buf_appendf(&out->key, "%s/%s", collection, id);
    path_object_target(buf_text(&out->key), &out->target);
    buf_append_text(&out->target, action);
    verb_add_write_options(session, out);
}

static enum exit_code renew(struct session *session, const char *id) {
    struct verb verb;
    begin_one(session, METHOD_POST, id, "/renew", &verb);
    enum exit_code code =
        verb_send(session, &verb) == ERR_OK ? print_lease(session, &verb) : verb_refuse(&verb);
    verb_end(&verb);
    return code;
}

static enum exit_code revoke(struct session *session, const char *id) {
    struct verb verb;
    begin_one(session, METHOD_DELETE, id, "", &verb);
    enum exit_code code = verb_finish_write(session, &verb, "revoked");
    verb_end(&verb);
    return code;
}

static enum exit_code list(struct session *session, const char *word) {
    struct session listing = *session;
    (void)word;
    listing.words = (const char *const[]){collection};
    listing.word_count = 1;
    return run_list(&listing);
}

static const struct {
    const char *name;
    unsigned word_count;
    enum exit_code (*run)(struct session *session, const char *word);
} actions[] = {{"grant", 2, grant}, {"renew", 2, renew}, {"revoke", 2, revoke}, {"list", 1, list}};

enum exit_code run_lease(struct session *session) {
    for (unsigned i = 0; i < ARRAY_COUNT(actions); i++) {
        if (strcmp(session->words[0], actions[i].name) == 0 &&
            session->word_count == actions[i].word_count) {
            return actions[i].run(session, session->words[session->word_count - 1]);
        }
    }
    fprintf(stderr, "weft: usage: weft lease grant SECONDS | renew ID | revoke ID | list\n");
    return EXIT_CODE_USAGE;
}
