#include "tests/unit/wire/kind_fixture.h"

#include "util/rand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int set_up(void **state) {
    struct fixture *fixture = must_alloc_zeroed(1, sizeof *fixture);
    arena_init(&fixture->arena);
    problem_init(&fixture->problem);
    *state = fixture;
    return 0;
}

int tear_down(void **state) {
    struct fixture *fixture = *state;
    arena_deinit(&fixture->arena);
    free(fixture);
    return 0;
}

enum err parse_key(struct fixture *fixture, const char *key) {
    problem_init(&fixture->problem);
    return kind_parse_key(key, &fixture->arena, &fixture->key, &fixture->problem);
}

static char *write_object(struct fixture *fixture, const void *object) {
    struct buf out;
    buf_init(&out);
    struct json_writer writer = json_writer_to(&out);
    json_open_object(&writer);
    field_write(fixture->key.kind->shape, object, &writer);
    json_close_object(&writer);
    char *text = arena_strdup(&fixture->arena, buf_text(&out));
    buf_deinit(&out);
    return text;
}

static void check_bytes(struct fixture *fixture, const void *object) {
    const struct shape *shape = fixture->key.kind->shape;
    void *back = arena_alloc(&fixture->arena, shape->size);
    struct buf bytes;
    buf_init(&bytes);
    field_encode(shape, object, &bytes);
    assert_int_equal(field_decode(shape, buf_slice(&bytes), &fixture->arena, back), ERR_OK);
    assert_string_equal(write_object(fixture, back), write_object(fixture, object));
    buf_deinit(&bytes);
}

static char *complete_json(struct fixture *fixture, const struct json *json) {
    void *object;
    enum err err = kind_read(&fixture->key, json, &fixture->arena, &object, &fixture->problem);
    if (err != ERR_OK) {
        return NULL;
    }
    check_bytes(fixture, object);
    return write_object(fixture, object);
}

char *complete(struct fixture *fixture, const char *key, const char *body) {
    struct json *json;
    struct json_fault fault;
    assert_int_equal(parse_key(fixture, key), ERR_OK);
    if (json_parse(slice_of_text(body), &json, &fault) != ERR_OK) {
        fail_msg("%s: %s at byte %zu", body, fault.message, fault.offset);
    }
    char *text = complete_json(fixture, json);
    json_free(json);
    return text;
}

char *read_golden(struct fixture *fixture, const char *name, const char *ending) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", GOLDEN_KINDS, name, ending);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("%s is missing", path);
    }
    char *text = arena_alloc(&fixture->arena, 65536);
    size_t size = fread(text, 1, 65535, file);
    fclose(file);
    assert_true(size > 0 && text[size - 1] == '\n');
    text[size - 1] = 0;
    return text;
}

void expect_refused(struct fixture *fixture, const char *key, const struct refused_body *rows,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (complete(fixture, key, rows[i].body) != NULL) {
            fail_msg("%s was taken", rows[i].body);
        }
        assert_int_equal(fixture->problem.err, ERR_INVALID);
        if (fixture->problem.error_count != 1 ||
            strcmp(fixture->problem.errors[0].pointer, rows[i].pointer) != 0) {
            fail_msg("%s: %u errors, the first: %s", rows[i].body, fixture->problem.error_count,
                     fixture->problem.detail);
        }
        arena_reset(&fixture->arena);
    }
}

/* Changes, drops, doubles or moves some bytes; letters of JSON are likelier than others. */
static void mutate_text(struct rand *rand, struct buf *text) {
    static const char likely[] = "{}[]\",:0123456789ntfaIE-/._ ";
    for (uint64_t i = 0, count = 1 + rand_below(rand, 3); i < count && text->size > 1; i++) {
        size_t at = rand_below(rand, text->size);
        size_t size = 1 + rand_below(rand, MIN_OF(text->size - at, (size_t)24));
        uint64_t way = rand_below(rand, 8);
        if (way == 0) {
            text->data[at] = (uint8_t)likely[rand_below(rand, sizeof likely - 1)];
        } else if (way == 1) {
            memmove(text->data + at, text->data + at + size, text->size - at - size);
            text->size -= size;
        } else if (way == 2) {
            buf_reserve(text, size);
            memmove(text->data + at + size, text->data + at, text->size - at);
            text->size += size;
        } else if (way == 3) {
            memmove(text->data + rand_below(rand, text->size - size + 1), text->data + at, size);
        } else {
            text->data[at] = (uint8_t)('0' + rand_below(rand, 'z' - '0' + 1));
        }
    }
}

unsigned mutate(struct fixture *fixture, const char *key, const char *body, uint64_t seed,
                unsigned rounds) {
    struct rand rand;
    struct buf text;
    unsigned taken = 0;
    rand_seed(&rand, seed);
    buf_init(&text);
    for (unsigned i = 0; i < rounds; i++) {
        struct json *json;
        struct json_fault fault;
        buf_clear(&text);
        buf_append_text(&text, body);
        mutate_text(&rand, &text);
        arena_reset(&fixture->arena);
        assert_int_equal(parse_key(fixture, key), ERR_OK);
        if (json_parse(buf_slice(&text), &json, &fault) != ERR_OK) {
            continue;
        }
        bool is_taken = complete_json(fixture, json) != NULL;
        json_free(json);
        taken += is_taken;
        assert_true(is_taken || fixture->problem.errors[0].message[0] != 0);
    }
    buf_deinit(&text);
    return taken;
}
