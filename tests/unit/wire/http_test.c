/* The HTTP parser, the target decoder and the writers. Each message is parsed in one piece, byte by
 * byte, and cut in two at every place: the outcome must be the same. */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BODY_MAX 1000u

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

struct bench {
    struct http_parser *parser;
    struct problem problem;
    enum err err;
    size_t used;
};

/* Feeds in pieces: `first` bytes, then `step` at a time (0: all the rest). Stops at the end of a
 * message. */
static void feed_pieces(struct bench *bench, struct slice bytes, size_t first, size_t step) {
    size_t size = first;
    bench->used = 0;
    bench->err = ERR_OK;
    while (bench->used < bytes.size && bench->err == ERR_OK &&
           http_parser_state(bench->parser) != HTTP_STATE_DONE) {
        size_t left = bytes.size - bench->used;
        size_t used = 0;
        struct slice piece =
            slice_of(bytes.data + bench->used, size == 0 ? left : MIN_OF(size, left));
        bench->err = http_parser_feed(bench->parser, piece, &used, &bench->problem);
        assert_true(used <= piece.size);
        if (bench->err == ERR_OK && http_parser_state(bench->parser) != HTTP_STATE_DONE) {
            assert_int_equal(used, piece.size);
        }
        bench->used += used;
        size = step;
    }
}

typedef void (*check_cb)(struct bench *bench, const void *row);

static void check_every_cut(enum http_side side, struct slice bytes, check_cb check,
                            const void *row) {
    for (size_t first = 0; first <= bytes.size; first++) {
        struct bench bench = {.parser = http_parser_new(side, BODY_MAX)};
        /* 0: one piece; the last: byte by byte; else cut in two. */
        feed_pieces(&bench, bytes, first == bytes.size ? 1 : first, first == bytes.size ? 1 : 0);
        check(&bench, row);
        http_parser_free(bench.parser);
    }
}

struct good_row {
    const char *text;
    size_t size; /* of the message; 0: all of the text */
    const char *target;
    const char *body;
    enum method method;
    unsigned header_count;
    bool is_keep_alive;
    bool expects_continue;
};

static void check_good(struct bench *bench, const void *context) {
    const struct good_row *row = context;
    const struct http_message *message = http_parser_message(bench->parser);
    assert_int_equal(bench->err, ERR_OK);
    assert_int_equal(http_parser_state(bench->parser), HTTP_STATE_DONE);
    assert_int_equal(bench->used, row->size > 0 ? row->size : strlen(row->text));
    assert_int_equal(message->method, row->method);
    assert_string_equal(message->target, row->target);
    assert_int_equal(message->header_count, row->header_count);
    assert_int_equal(message->body.size, strlen(row->body));
    assert_true(slice_equal(message->body, slice_of_text(row->body)));
    assert_int_equal(message->is_keep_alive, row->is_keep_alive);
    assert_int_equal(message->expects_continue, row->expects_continue);
}

static void good_requests_parse_however_they_are_cut(void **state) {
    static const struct good_row rows[] = {
        {HEAD "\r\n", 0, "/", "", METHOD_GET, 1, true, false},
        {"\r\n\r\n" HEAD "\r\n", 0, "/", "", METHOD_GET, 1, true, false},
        {"GET /a%20b?x=1&y HTTP/1.1\r\nHOST:\t[::1]:80 \r\nX:\r\n\r\n", 0, "/a%20b?x=1&y", "",
         METHOD_GET, 2, true, false},
        {"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, "/", "", METHOD_HEAD, 2,
         false, false},
        {"GET / HTTP/1.0\r\n\r\n", 0, "/", "", METHOD_GET, 0, false, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, "/", "", METHOD_GET, 1, true,
         false},
        {"PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 0, "/k", "abc", METHOD_PUT,
         2, true, false},
        {"PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET", 47, "/k", "", METHOD_PUT, 2,
         true, false},
        {"DELETE /k HTTP/1.1\r\nHost: a\r\n\r\nGET / ", 31, "/k", "", METHOD_DELETE, 1, true,
         false},
        {POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", 0, "/", "x", METHOD_POST, 3,
         true, true},
        {POST "Expect: 100-continue\r\n\r\n", 0, "/", "", METHOD_POST, 2, true, false},
        {POST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;q=\"v\"\r\nde\r\n0\r\nT: x\r\n\r\n",
         0, "/", "abcde", METHOD_POST, 2, true, false},
        {"PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", 0, "/", "", METHOD_OTHER, 1, true, false},
        {HEAD "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\nGET", 62, "/", "", METHOD_GET, 3, true,
         false},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, "/", "", METHOD_GET, 1, true, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check_every_cut(HTTP_SIDE_SERVER, slice_of_text(rows[i].text), check_good, &rows[i]);
    }
}

static void check_bad(struct bench *bench, const void *context) {
    const enum err *expected = context;
    size_t used = 0;
    assert_int_equal(bench->err, *expected);
    assert_int_equal(bench->problem.err, *expected);
    assert_int_not_equal(bench->problem.detail[0], 0);
    assert_int_equal(bench->problem.error_count, 0);
    http_parser_next(bench->parser, false); /* beyond repair all the same */
    assert_int_equal(
        http_parser_feed(bench->parser, slice_of_text(HEAD "\r\n"), &used, &bench->problem),
        *expected);
    assert_int_equal(used, 0);
}

static void bad_requests_are_refused_however_they_are_cut(void **state) {
    static const char *const rows[] = {
        "\x16\x03\x01\x02 ",
        "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",                       /* no Host */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", /* two */
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", /* two, even in 1.0 */
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",          /* no host */
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",          /* no host */
        HEAD "X : y\r\n\r\n",                           /* space before the colon */
        HEAD " X: y\r\n\r\n",                           /* begins folded */
        HEAD "X: y\r\n z\r\n\r\n",                      /* folded */
        HEAD "X: y\r\n\tz\r\n\r\n",                     /* folded */
        HEAD "X: y\nZ: z\r\n\r\n",                      /* bare LF */
        HEAD "X: y\rZ: z\r\n\r\n",                      /* bare CR */
        HEAD "X\x01: y\r\n\r\n",                        /* control character */
        HEAD "X: \x01\r\n\r\n",                         /* control character */
        HEAD ": y\r\n\r\n",                             /* no name */
        HEAD "X\r\n\r\n",                               /* no colon */
        POST "Content-Length: x\r\n\r\n",
        POST "Content-Length: -1\r\n\r\n",
        POST "Content-Length: +1\r\n\r\nx",
        POST "Content-Length: 0x1\r\n\r\nx",
        POST "Content-Length: 1, 1\r\n\r\nx",
        POST "Content-Length: 1 1\r\n\r\nx",
        POST "Content-Length: 99999999999999999999999\r\n\r\nx",
        /* Request smuggling: two lengths, hidden lengths, codings that are not ours. */
        POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding:\x0b"
             "chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n3\rXabc\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    };
    static const enum err expected = ERR_BAD_REQUEST;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check_every_cut(HTTP_SIDE_SERVER, slice_of_text(rows[i]), check_bad, &expected);
    }
}

static void a_nul_in_the_head_is_refused(void **state) {
    static const char text[] = HEAD "X: a\0b\r\n\r\n";
    static const enum err expected = ERR_BAD_REQUEST;
    (void)state;
    check_every_cut(HTTP_SIDE_SERVER, slice_of(text, sizeof text - 1), check_bad, &expected);
}

/* Bounds. */

static enum err feed_text(struct buf *text, size_t step, size_t body_size_max,
                          enum http_state *out_state) {
    struct bench bench = {.parser = http_parser_new(HTTP_SIDE_SERVER, body_size_max)};
    feed_pieces(&bench, buf_slice(text), step, step);
    *out_state = http_parser_state(bench.parser);
    http_parser_free(bench.parser);
    return bench.err;
}

static void expect_text(struct buf *text, size_t body_size_max, enum err expected) {
    static const size_t steps[] = {0, 1, 777};
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        enum http_state state;
        assert_int_equal(feed_text(text, steps[i], body_size_max, &state), expected);
        assert_int_equal(state == HTTP_STATE_DONE, expected == ERR_OK);
    }
    buf_deinit(text);
}

static void head_of_headers(struct buf *text, unsigned count) {
    buf_init(text);
    buf_append_text(text, HEAD);
    for (unsigned i = 1; i < count; i++) {
        http_add_header(text, "X", "%u", i);
    }
    http_end_head(text);
}

static void sixty_four_headers_pass_and_one_more_is_431(void **state) {
    struct buf text;
    (void)state;
    head_of_headers(&text, LIMIT_HTTP_HEADER_COUNT_MAX);
    expect_text(&text, 0, ERR_OK);
    head_of_headers(&text, LIMIT_HTTP_HEADER_COUNT_MAX + 1);
    expect_text(&text, 0, ERR_HEADERS_TOO_LARGE);
}

static void head_of_size(struct buf *text, size_t size) {
    buf_init(text);
    buf_append_text(text, HEAD "X: ");
    while (text->size < size - 4) {
        buf_append_char(text, 'x');
    }
    buf_append_text(text, "\r\n\r\n");
    assert_int_equal(text->size, size);
}

static void a_head_of_16_kib_passes_and_one_byte_more_is_431(void **state) {
    struct buf text;
    (void)state;
    head_of_size(&text, LIMIT_HTTP_HEAD_SIZE_MAX);
    expect_text(&text, 0, ERR_OK);
    head_of_size(&text, LIMIT_HTTP_HEAD_SIZE_MAX + 1);
    expect_text(&text, 0, ERR_HEADERS_TOO_LARGE);
}

static void endless_heads_are_431(void **state) {
    static const char *const begins[] = {"GET /", HEAD "X", HEAD "X: ", ""};
    static const char *const repeats[] = {"x", "x", "x", "\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(begins); i++) {
        struct buf text;
        buf_init(&text);
        buf_append_text(&text, begins[i]);
        while (text.size <= LIMIT_HTTP_HEAD_SIZE_MAX) {
            buf_append_text(&text, repeats[i]);
        }
        expect_text(&text, 0, ERR_HEADERS_TOO_LARGE);
    }
}

static void message_with_body(struct buf *text, size_t size, size_t chunk_size) {
    buf_init(text);
    buf_append_text(text, POST);
    if (chunk_size == 0) {
        http_add_length(text, size);
        http_end_head(text);
    } else {
        http_end_with_chunks(text);
    }
    for (size_t left = size; left > 0;) {
        static const char filler[256] = "";
        size_t piece = MIN_OF(left, chunk_size == 0 ? sizeof filler : chunk_size);
        if (chunk_size == 0) {
            buf_append(text, filler, piece);
        } else {
            http_add_chunk(text, slice_of(filler, piece));
        }
        left -= piece;
    }
    if (chunk_size > 0) {
        http_end_chunks(text);
    }
}

static void the_body_bound_holds_exactly(void **state) {
    static const size_t chunk_sizes[] = {0, 1, 100};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chunk_sizes); i++) {
        struct buf text;
        message_with_body(&text, BODY_MAX, chunk_sizes[i]);
        expect_text(&text, BODY_MAX, ERR_OK);
        message_with_body(&text, BODY_MAX + 1, chunk_sizes[i]);
        expect_text(&text, BODY_MAX, ERR_TOO_LARGE);
    }
}

static void an_announced_body_is_refused_before_it_comes(void **state) {
    static const char *const begins[] = {
        POST "Content-Length: 1001\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n3e8\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(begins); i++) {
        struct buf text;
        buf_init(&text);
        buf_append_text(&text, begins[i]);
        expect_text(&text, BODY_MAX, ERR_TOO_LARGE);
    }
}

static void endless_chunk_extensions_and_trailers_are_refused(void **state) {
    static const char *const begins[] = {"1;", "1\r\nx\r\n0\r\nT: "};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(begins); i++) {
        struct buf text;
        buf_init(&text);
        buf_append_text(&text, POST "Transfer-Encoding: chunked\r\n\r\n");
        buf_append_text(&text, begins[i]);
        for (size_t j = 0; j < LIMIT_HTTP_HEAD_SIZE_MAX + 100; j++) {
            buf_append_char(&text, 'e');
        }
        expect_text(&text, BODY_MAX, ERR_TOO_LARGE);
    }
}

/* Several messages, answers, streams. */

static void pipelined_requests_are_read_one_at_a_time(void **state) {
    static const char text[] = "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                               "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n"
                               "POST /3 HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "1\r\nx\r\n0\r\n\r\n";
    static const char *const targets[] = {"/1", "/2", "/3"};
    static const char *const bodies[] = {"hi", "", "x"};
    static const char *const hosts[] = {"a", "b", "c"};
    struct slice rest = slice_of_text(text);
    struct bench bench = {.parser = http_parser_new(HTTP_SIDE_SERVER, BODY_MAX)};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        const struct http_message *message = http_parser_message(bench.parser);
        assert_int_equal(http_parser_state(bench.parser), HTTP_STATE_IDLE);
        feed_pieces(&bench, rest, 0, 0);
        assert_int_equal(http_parser_state(bench.parser), HTTP_STATE_DONE);
        assert_string_equal(message->target, targets[i]);
        assert_string_equal(http_find_header(message, "host"), hosts[i]);
        assert_null(http_find_header(message, "x-none"));
        assert_true(slice_equal(message->body, slice_of_text(bodies[i])));
        rest = slice_of(rest.data + bench.used, rest.size - bench.used);
        size_t used = 7;
        assert_int_equal(http_parser_feed(bench.parser, rest, &used, &bench.problem), ERR_OK);
        assert_int_equal(used, 0); /* complete: takes nothing more */
        http_parser_next(bench.parser, false);
    }
    assert_int_equal(rest.size, 0);
    assert_int_equal(http_parser_finish(bench.parser), ERR_OK);
    assert_int_equal(http_parser_state(bench.parser), HTTP_STATE_IDLE);
    http_parser_free(bench.parser);
}

static void the_state_follows_the_bytes(void **state) {
    struct http_parser *parser = http_parser_new(HTTP_SIDE_SERVER, BODY_MAX);
    struct problem problem;
    static const struct {
        const char *bytes;
        enum http_state after;
    } steps[] = {
        {"\r\n", HTTP_STATE_IDLE},
        {"P", HTTP_STATE_HEAD},
        {"OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r", HTTP_STATE_HEAD},
        {"\n", HTTP_STATE_BODY},
        {"a", HTTP_STATE_BODY},
        {"b", HTTP_STATE_DONE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        size_t used = 0;
        assert_int_equal(http_parser_feed(parser, slice_of_text(steps[i].bytes), &used, &problem),
                         ERR_OK);
        assert_int_equal(used, strlen(steps[i].bytes));
        assert_int_equal(http_parser_state(parser), steps[i].after);
    }
    http_parser_free(parser);
}

struct answer_row {
    const char *text;
    size_t size; /* 0: all of the text */
    const char *body;
    int status;
    bool ends_at_close;
    bool is_keep_alive;
};

static void check_answer(struct bench *bench, const void *context) {
    const struct answer_row *row = context;
    const struct http_message *message = http_parser_message(bench->parser);
    assert_int_equal(bench->err, ERR_OK);
    if (row->ends_at_close) {
        assert_int_equal(http_parser_state(bench->parser), HTTP_STATE_BODY);
        assert_int_equal(http_parser_finish(bench->parser), ERR_OK);
    }
    assert_int_equal(http_parser_state(bench->parser), HTTP_STATE_DONE);
    assert_int_equal(bench->used, row->size > 0 ? row->size : strlen(row->text));
    assert_int_equal(message->status, row->status);
    assert_true(slice_equal(message->body, slice_of_text(row->body)));
    assert_int_equal(message->is_keep_alive, row->is_keep_alive);
}

static void answers_parse_with_and_without_a_length(void **state) {
    static const struct answer_row rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, "hi", 200, false, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "", 200, false, true},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 0, "until the end", 200, true, false},
        {"HTTP/1.1 200 OK\r\n\r\n", 0, "", 200, true, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, "hi", 200, false, false},
        {"HTTP/1.1 503 \r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 0, "x", 503, false,
         false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 0, "hi", 200,
         false, true},
        {"HTTP/1.1 204 No Content\r\n\r\nHTTP", 27, "", 204, false, true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 0, "", 304, false, true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", 25, "", 100, false, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check_every_cut(HTTP_SIDE_CLIENT, slice_of_text(rows[i].text), check_answer, &rows[i]);
    }
}

static void an_answer_to_head_has_no_body(void **state) {
    static const char *const rows[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct bench bench = {.parser = http_parser_new(HTTP_SIDE_CLIENT, BODY_MAX)};
        http_parser_next(bench.parser, true);
        feed_pieces(&bench, slice_of_text(rows[i]), 0, 0);
        assert_int_equal(bench.err, ERR_OK);
        assert_int_equal(http_parser_state(bench.parser), HTTP_STATE_DONE);
        assert_true(http_parser_message(bench.parser)->is_keep_alive);
        http_parser_free(bench.parser);
    }
}

static void a_cut_message_is_closed(void **state) {
    static const char *const rows[] = {
        "HT",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct bench bench = {.parser = http_parser_new(HTTP_SIDE_CLIENT, BODY_MAX)};
        feed_pieces(&bench, slice_of_text(rows[i]), 0, 0);
        assert_int_equal(bench.err, ERR_OK);
        assert_int_equal(http_parser_finish(bench.parser), ERR_CLOSED);
        http_parser_free(bench.parser);
    }
}

static void bad_answers_are_refused(void **state) {
    static const char *const rows[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    };
    static const enum err expected = ERR_BAD_REQUEST;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check_every_cut(HTTP_SIDE_CLIENT, slice_of_text(rows[i]), check_bad, &expected);
    }
}

static void collect(void *owner, struct slice bytes) {
    buf_append(owner, bytes.data, bytes.size);
}

static void a_streamed_body_is_handed_over_and_not_bounded(void **state) {
    struct buf text;
    struct buf body;
    struct bench bench = {.parser = http_parser_new(HTTP_SIDE_CLIENT, 10)};
    (void)state;
    buf_init(&text);
    buf_init(&body);
    http_begin_response(&text, 200);
    http_end_with_chunks(&text);
    for (unsigned i = 0; i < 1000; i++) {
        http_add_chunk(&text, slice_of_text("{\"revision\":7}\n"));
    }
    http_end_chunks(&text);
    http_parser_stream_body(bench.parser, collect, &body);
    feed_pieces(&bench, buf_slice(&text), 333, 333);
    assert_int_equal(bench.err, ERR_OK);
    assert_int_equal(http_parser_state(bench.parser), HTTP_STATE_DONE);
    assert_int_equal(body.size, 15000);
    assert_int_equal(http_parser_message(bench.parser)->body.size, 0);
    buf_deinit(&text);
    buf_deinit(&body);
    http_parser_free(bench.parser);
}

/* Targets. */

static void targets_decode(void **state) {
    static const struct {
        const char *target, *path, *raw_path;
        unsigned query_count;
        const char *name, *value; /* of the first parameter */
    } rows[] = {
        {"/", "/", "/", 0, NULL, NULL},
        {"/v1/kv/a%20b", "/v1/kv/a b", "/v1/kv/a%20b", 0, NULL, NULL},
        {"/%41%c3%a4?", "/A\xc3\xa4", "/%41%c3%a4", 0, NULL, NULL},
        {"/a+b?c+d=e+f", "/a+b", "/a+b", 1, "c+d", "e+f"},
        {"/?x", "/", "/", 1, "x", ""},
        {"/?x=", "/", "/", 1, "x", ""},
        {"/?=y", "/", "/", 1, "", "y"},
        {"/?x=a=b&&y=%26%3D%2f", "/", "/", 2, "x", "a=b"},
        {"/?%78=%25", "/", "/", 1, "x", "%"},
        {"/a?b?c", "/a", "/a", 1, "b?c", ""},
        {"//a/../b/", "//a/../b/", "//a/../b/", 0, NULL, NULL},
        {"/%0a", "/\n", "/%0a", 0, NULL, NULL},
        {"/v1/kv/a%2Fb%2fc", "/v1/kv/a/b/c", "/v1/kv/a%2Fb%2fc", 0, NULL, NULL},
        {"http://a/b%20c?d=e", "/b c", "/b%20c", 1, "d", "e"},
        {"HTTP://[::1]:7480/", "/", "/", 0, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena;
        struct http_target target;
        struct problem problem;
        arena_init(&arena);
        problem_init(&problem);
        assert_int_equal(http_parse_target(rows[i].target, &arena, &target, &problem), ERR_OK);
        assert_string_equal(target.path, rows[i].path);
        assert_true(slice_equal(target.raw_path, slice_of_text(rows[i].raw_path)));
        assert_int_equal(target.query_count, rows[i].query_count);
        if (rows[i].name != NULL) {
            assert_string_equal(target.query[0].name, rows[i].name);
            assert_string_equal(http_find_query(&target, rows[i].name), rows[i].value);
        }
        assert_null(http_find_query(&target, "absent"));
        arena_deinit(&arena);
    }
}

static void bad_targets_are_refused(void **state) {
    static const char *const rows[] = {
        "",           "*",       "a",       "http:///b",     "?a",       "/a#b",       "/a%",
        "/a%2",       "/a%2g",   "/a%%20",  "/a%00b",        "/%ff",     "/%c3",       "/%c0%af",
        "/%ed%a0%80", "/a b",    "/a\tb",   "/\xc3\xa4",     "/a\x7f",   "/?x=%",      "/?x=%0",
        "/?%zz=1",    "/?x=%00", "/?x=%ff", "/%f4%90%80%80", "http://a", "http://a?b", "ftp://a/b",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena;
        struct http_target target;
        struct problem problem;
        arena_init(&arena);
        problem_init(&problem);
        assert_int_equal(http_parse_target(rows[i], &arena, &target, &problem), ERR_BAD_REQUEST);
        assert_int_equal(problem.err, ERR_BAD_REQUEST);
        assert_int_not_equal(problem.detail[0], 0);
        arena_deinit(&arena);
    }
}

static void thirty_two_parameters_pass_and_one_more_is_refused(void **state) {
    struct arena arena;
    struct buf text;
    struct http_target target;
    struct problem problem;
    (void)state;
    arena_init(&arena);
    buf_init(&text);
    problem_init(&problem);
    buf_append_text(&text, "/?");
    for (unsigned i = 0; i < 32; i++) {
        buf_appendf(&text, "&p%u=%u", i, i);
    }
    assert_int_equal(http_parse_target(buf_text(&text), &arena, &target, &problem), ERR_OK);
    assert_int_equal(target.query_count, 32);
    assert_string_equal(http_find_query(&target, "p31"), "31");
    buf_append_text(&text, "&one=more");
    assert_int_equal(http_parse_target(buf_text(&text), &arena, &target, &problem),
                     ERR_BAD_REQUEST);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void what_is_escaped_decodes_to_itself(void **state) {
    static const char text[] = "/a/ %?#&=+~\xc3\xa4\n\x7f";
    struct arena arena;
    struct buf escaped;
    struct http_target target;
    struct problem problem;
    (void)state;
    arena_init(&arena);
    buf_init(&escaped);
    http_escape(text, true, &escaped);
    assert_string_equal(buf_text(&escaped), "/a/%20%25%3F%23%26%3D%2B~%C3%A4%0A%7F");
    assert_int_equal(http_parse_target(buf_text(&escaped), &arena, &target, &problem), ERR_OK);
    assert_string_equal(target.path, text);
    buf_clear(&escaped);
    http_escape("a/b", false, &escaped);
    assert_string_equal(buf_text(&escaped), "a%2Fb");
    buf_deinit(&escaped);
    arena_deinit(&arena);
}

/* Writers. */

static void messages_are_written(void **state) {
    struct buf out;
    (void)state;
    buf_init(&out);
    http_begin_request(&out, METHOD_PUT, "/k?x=1", "h:1");
    http_add_header(&out, "X-A", "%d %s", 7, "b\r\nEvil: 1\x7f");
    http_end_with_body(&out, slice_of_text("hello"));
    assert_string_equal(buf_text(&out), "PUT /k?x=1 HTTP/1.1\r\nHost: h:1\r\nX-A: 7 b??Evil: 1?\r\n"
                                        "Content-Length: 5\r\n\r\nhello");
    buf_clear(&out);
    http_begin_response(&out, 404);
    http_end_with_chunks(&out);
    http_add_chunk(&out, slice_of_text(""));
    http_add_chunk(&out, slice_of_text("0123456789abcdef0"));
    http_end_chunks(&out);
    assert_string_equal(buf_text(&out),
                        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "11\r\n0123456789abcdef0\r\n0\r\n\r\n");
    buf_clear(&out);
    http_begin_response(&out, 204);
    http_end_head(&out);
    assert_string_equal(buf_text(&out), "HTTP/1.1 204 No Content\r\n\r\n");
    buf_deinit(&out);
}

static void every_status_of_the_errors_has_a_reason(void **state) {
    (void)state;
    for (unsigned err = ERR_OK; err < ERR_COUNT; err++) {
        assert_string_not_equal(http_reason(err_status((enum err)err)), "Other");
    }
    assert_string_equal(http_reason(299), "Other");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_parse_however_they_are_cut),
        cmocka_unit_test(bad_requests_are_refused_however_they_are_cut),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(sixty_four_headers_pass_and_one_more_is_431),
        cmocka_unit_test(a_head_of_16_kib_passes_and_one_byte_more_is_431),
        cmocka_unit_test(endless_heads_are_431),
        cmocka_unit_test(the_body_bound_holds_exactly),
        cmocka_unit_test(an_announced_body_is_refused_before_it_comes),
        cmocka_unit_test(endless_chunk_extensions_and_trailers_are_refused),
        cmocka_unit_test(pipelined_requests_are_read_one_at_a_time),
        cmocka_unit_test(the_state_follows_the_bytes),
        cmocka_unit_test(answers_parse_with_and_without_a_length),
        cmocka_unit_test(an_answer_to_head_has_no_body),
        cmocka_unit_test(a_cut_message_is_closed),
        cmocka_unit_test(bad_answers_are_refused),
        cmocka_unit_test(a_streamed_body_is_handed_over_and_not_bounded),
        cmocka_unit_test(targets_decode),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(thirty_two_parameters_pass_and_one_more_is_refused),
        cmocka_unit_test(what_is_escaped_decodes_to_itself),
        cmocka_unit_test(messages_are_written),
        cmocka_unit_test(every_status_of_the_errors_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
