/* status: what each given server says of the cluster. GET /v1/cluster is answered from local state,
 * so this works without a quorum too; the view shown is that of the highest term, the leader's
 * before the others'. */
#include "ctl/commands.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <string.h>

/* What one server said. */
struct view {
    const struct server_url *server;
    struct json *cluster; /* NULL: it did not answer, or not so */
    bool was_answered;
    struct problem problem; /* why */
};

struct views {
    struct view items[LIMIT_SERVERS_MAX];
    unsigned count;
};

static struct json *read_cluster(struct slice body, struct problem *problem) {
    struct json *cluster;
    struct json_fault fault;
    if (json_parse(body, &cluster, &fault) != ERR_OK) {
        problem_set(problem, ERR_BAD_JSON, "its answer is not JSON");
        return NULL;
    }
    return cluster;
}

static void ask(const struct session *session, struct view *view) {
    struct server_list only = {.items = {*view->server}, .count = 1};
    struct client *client = client_open(&only, session->timeout_ms);
    struct client_request request = {
        .method = METHOD_GET, .target = "/v1/cluster", .tries_once = true};
    struct client_answer answer;
    if (client_call(client, &request, &answer, &view->problem) == ERR_OK) {
        view->cluster = read_cluster(answer.body, &view->problem);
    }
    view->was_answered = answer.status != 0;
    client_close(client);
}

static bool is_leader(const struct json *cluster) {
    const char *leader = json_find_text(cluster, "leader", "");
    return leader[0] != 0 && strcmp(leader, json_find_text(cluster, "name", "")) == 0;
}

/* Only the leader knows how far the others are. */
static bool is_better(const struct json *a, const struct json *b) {
    uint64_t term_a = json_find_number(a, "term", 0);
    uint64_t term_b = json_find_number(b, "term", 0);
    if (term_a != term_b) {
        return term_a > term_b;
    }
    if (is_leader(a) != is_leader(b)) {
        return is_leader(a);
    }
    return json_find_number(a, "commit_index", 0) > json_find_number(b, "commit_index", 0);
}

static const struct view *best_view(const struct views *views) {
    const struct view *best = NULL;
    for (unsigned i = 0; i < views->count; i++) {
        const struct view *view = &views->items[i];
        if (view->cluster != NULL && (best == NULL || is_better(view->cluster, best->cluster))) {
            best = view;
        }
    }
    return best;
}

static void write_head(const struct json *cluster, struct buf *out) {
    const struct json *members = json_find(cluster, "members");
    const struct json *quorum = json_find(cluster, "quorum");
    unsigned count = 0;
    for (const struct json *at = members != NULL ? json_first(members) : NULL; at != NULL;
         at = json_next(at)) {
        count++;
    }
    uint64_t reachable = quorum != NULL ? json_find_number(quorum, "reachable", 0) : 0;
    uint64_t needed = quorum != NULL ? json_find_number(quorum, "needed", 0) : 0;
    buf_appendf(out, "cluster   %s\nleader    %s\nterm      %" PRIu64 "\nrevision  %" PRIu64 "\n",
                json_find_text(cluster, "id", "-"), json_find_text(cluster, "leader", "none known"),
                json_find_number(cluster, "term", 0), json_find_number(cluster, "revision", 0));
    buf_appendf(out, "quorum    %" PRIu64 " of %u reachable, %" PRIu64 " needed%s\n\n", reachable,
                count, needed, reachable < needed ? ": no writes until more members are back" : "");
}

static void write_members(const struct json *cluster, struct buf *out) {
    static const char collection[] = "members";
    const struct json *members = json_find(cluster, collection);
    struct table *table = table_new(columns_find(collection, strlen(collection)));
    for (const struct json *at = members != NULL ? json_first(members) : NULL; at != NULL;
         at = json_next(at)) {
        table_add(table, at);
    }
    table_write(table, out);
    table_free(table);
}

/* A problem without an answer names the server itself. */
static void write_silent(const struct views *views, struct buf *out) {
    for (unsigned i = 0; i < views->count; i++) {
        const struct view *view = &views->items[i];
        if (view->cluster == NULL) {
            buf_appendf(out, "weft: %s%s%s\n", view->was_answered ? view->server->text : "",
                        view->was_answered ? " answers no status: " : "", view->problem.detail);
        }
    }
}

static void write_json(const struct json *cluster, struct buf *out) {
    struct json_writer writer = json_writer_to(out);
    json_put_value(&writer, cluster);
    buf_append_char(out, '\n');
}

static enum exit_code report(const struct session *session, const struct views *views) {
    const struct view *best = best_view(views);
    struct buf out;
    struct buf silent;
    buf_init(&out);
    buf_init(&silent);
    if (best != NULL && session->is_json) {
        write_json(best->cluster, &out);
    } else if (best != NULL) {
        write_head(best->cluster, &out);
        write_members(best->cluster, &out);
    }
    enum exit_code code = print_bytes(buf_slice(&out));
    write_silent(views, &silent);
    fprintf(stderr, "%s", buf_text(&silent));
    buf_deinit(&out);
    buf_deinit(&silent);
    return best == NULL ? EXIT_CODE_UNREACHABLE : code;
}

enum exit_code run_status(struct session *session) {
    struct views views = {.count = session->servers->count};
    for (unsigned i = 0; i < views.count; i++) {
        views.items[i].server = &session->servers->items[i];
        ask(session, &views.items[i]);
    }
    enum exit_code code = report(session, &views);
    for (unsigned i = 0; i < views.count; i++) {
        json_free(views.items[i].cluster);
    }
    return code;
}
