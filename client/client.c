#include "client/client.h"

#include "client/roundtrip.h"
#include "client/lines.h"
#include "client/retry.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct client {
    struct server_list servers;
    msec_t timeout_ms;
    struct roundtrip roundtrip;
    struct rand rand;
};

/* A call in progress. Lifetime: the stack of client_call or client_stream. */
struct attempt {
    struct client *client;
    const struct client_request *request;
    struct client_answer *answer;
    struct problem *problem;
    msec_t deadline_ms;
    struct retry retry;
    struct stream_state *stream; /* NULL: the body is collected */
};

/* What a streamed answer does with its body. */
struct stream_state {
    struct attempt *attempt;
    struct lines lines;
    struct buf refusal; /* the body of an answer that is not 2xx */
    client_line_cb line;
    void *owner;
    bool has_begun;  /* a byte of it came: no further try */
    enum err broken; /* why the lines could not be cut */
};

struct client *client_open(const struct server_list *servers, msec_t timeout_ms) {
    CHECK(servers->count > 0);
    struct client *client = must_alloc_zeroed(1, sizeof *client);
    client->servers = *servers;
    client->timeout_ms = timeout_ms > 0 ? timeout_ms : LIMIT_CALL_TIMEOUT_DEFAULT_MS;
    roundtrip_init(&client->roundtrip);
    rand_seed_os(&client->rand);
    return client;
}

void client_close(struct client *client) {
    if (client != NULL) {
        roundtrip_deinit(&client->roundtrip);
        free(client);
    }
}

static msec_t remaining_ms(const struct attempt *attempt) {
    msec_t now_ms = clock_boot_ms(&clock_system);
    return attempt->deadline_ms > now_ms ? attempt->deadline_ms - now_ms : 0;
}

/* One try at the server that the retry rules name. */
static enum err try_server(struct attempt *attempt) {
    struct client *client = attempt->client;
    struct roundtrip *roundtrip = &client->roundtrip;
    const struct retry *retry = &attempt->retry;
    msec_t left_ms = remaining_ms(attempt);
    msec_t now_ms = clock_boot_ms(&clock_system);
    roundtrip->connect_by_ms =
        now_ms + retry_try_ms(retry, &client->servers, attempt->request, false, left_ms);
    roundtrip->answer_by_ms =
        now_ms + retry_try_ms(retry, &client->servers, attempt->request, true, left_ms);
    return roundtrip_run(roundtrip, &client->servers.items[retry->server], attempt->request);
}

static enum retry_verdict judge(struct attempt *attempt, enum err err) {
    struct client *client = attempt->client;
    const struct roundtrip *roundtrip = &client->roundtrip;
    memset(attempt->answer, 0, sizeof *attempt->answer);
    if (err != ERR_OK) {
        struct client_request request = *attempt->request;
        request.tries_once |= attempt->stream != NULL && attempt->stream->has_begun;
        return retry_no_answer(&attempt->retry, &client->servers, &request, roundtrip->was_sent,
                               err, roundtrip->reason, remaining_ms(attempt), attempt->problem);
    }
    client_answer_read(attempt->answer, roundtrip_answer(roundtrip));
    if (attempt->stream != NULL) {
        attempt->answer->body = buf_slice(&attempt->stream->refusal);
    }
    client->servers.first = attempt->retry.server;
    return retry_answered(&attempt->retry, &client->servers, attempt->request, attempt->answer,
                          remaining_ms(attempt), attempt->problem);
}

static enum err run_attempt(struct attempt *attempt) {
    const struct client_request *request = attempt->request;
    msec_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : attempt->client->timeout_ms;
    attempt->deadline_ms = clock_boot_ms(&clock_system) + timeout_ms;
    retry_init(&attempt->retry, &attempt->client->servers, rand_u64(&attempt->client->rand));
    for (;;) {
        switch (judge(attempt, try_server(attempt))) {
        case RETRY_END:
            return attempt->problem->err;
        case RETRY_NOW:
            break;
        case RETRY_AFTER_PAUSE:
            (void)poll(NULL, 0, (int)attempt->retry.pause_ms); /* a shorter pause does no harm */
            break;
        }
        if (attempt->stream != NULL) {
            buf_clear(&attempt->stream->refusal);
        }
    }
}

enum err client_call(struct client *client, const struct client_request *request,
                     struct client_answer *out_answer, struct problem *problem) {
    struct attempt attempt = {
        .client = client, .request = request, .answer = out_answer, .problem = problem};
    client->roundtrip.body = NULL;
    return run_attempt(&attempt);
}

/* Streams. */

static bool line_came(void *owner, struct slice line) {
    struct stream_state *stream = owner;
    return stream->line(stream->owner, line);
}

static void body_came(void *owner, struct slice bytes) {
    struct stream_state *stream = owner;
    struct roundtrip *roundtrip = &stream->attempt->client->roundtrip;
    int status = roundtrip_answer(roundtrip)->status;
    if (status < 200 || status >= 300) {
        buf_append(&stream->refusal, bytes.data, bytes.size);
        return;
    }
    stream->has_begun = true;
    enum err err = lines_feed(&stream->lines, bytes);
    roundtrip->stops = err != ERR_OK;
    if (err == ERR_TOO_LARGE) {
        stream->broken = err;
    }
}

enum err client_stream(struct client *client, const struct client_request *request,
                       client_line_cb line, void *owner, struct problem *problem) {
    struct client_answer answer;
    struct stream_state stream = {.line = line, .owner = owner};
    struct attempt attempt = {.client = client,
                              .request = request,
                              .answer = &answer,
                              .problem = problem,
                              .stream = &stream};
    stream.attempt = &attempt;
    buf_init(&stream.refusal);
    lines_init(&stream.lines, line_came, &stream);
    client->roundtrip.body = body_came;
    client->roundtrip.owner = &stream;
    client->roundtrip.idle_ms = request->idle_ms;
    enum err err = run_attempt(&attempt);
    if (stream.broken != ERR_OK) {
        err = problem_set(problem, stream.broken, "a line of the answer is longer than %u bytes",
                          LIMIT_CLIENT_LINE_SIZE_MAX);
    }
    lines_deinit(&stream.lines);
    buf_deinit(&stream.refusal);
    return err;
}
