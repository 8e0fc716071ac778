/* One shape with every type of field stands for all: the walkers know types, not kinds. */
#include "wire/field.h"

#include "util/limits.h"
#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct part {
    const char *name;
    uint64_t size;
};

struct thing {
    const char *text;
    bool flag;
    uint64_t number;
    struct ip_address address;
    struct ip_prefix prefix;
    struct mac_address mac;
    int64_t time;
    struct text_list texts;
    struct text_map map;
    struct part *part;
    struct object_list parts;
    struct slice json;
    struct slice bytes;
    uint64_t hidden;
    uint64_t ours;
    struct port port;
    bool is_on;
    struct text_list kept_texts;
    struct text_map kept_map;
    struct object_list kept_parts;
};

static const char *const choices[] = {"red", "green", NULL};

/* clang-format off: a row a field */
static const struct field part_fields[] = {
    {.name = "name",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct part, name),
     .flags = FIELD_REQUIRED,
     .choices = choices},
    {.name = "size",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct part, size),
     .min = 2,
     .max = 9},
};
static SHAPE(shape_part, part, part_fields);
static const struct field thing_fields[] = {
    {.name = "text",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct thing, text),
     .max = 10},
    {.name = "flag",
     .number = 2,
     .type = FIELD_BOOL,
     .offset = offsetof(struct thing, flag),
     .flags = FIELD_ALWAYS},
    {.name = "number", .number = 3, .type = FIELD_NUMBER, .offset = offsetof(struct thing, number)},
    {.name = "address",
     .number = 4,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct thing, address)},
    {.name = "prefix", .number = 5, .type = FIELD_PREFIX, .offset = offsetof(struct thing, prefix)},
    {.name = "mac", .number = 6, .type = FIELD_MAC, .offset = offsetof(struct thing, mac)},
    {.name = "time",
     .number = 7,
     .type = FIELD_TIME,
     .offset = offsetof(struct thing, time),
     .flags = FIELD_READONLY},
    {.name = "texts",
     .number = 8,
     .type = FIELD_TEXTS,
     .offset = offsetof(struct thing, texts),
     .max = 3},
    {.name = "map",
     .number = 9,
     .type = FIELD_MAP,
     .offset = offsetof(struct thing, map),
     .max = 3},
    {.name = "part",
     .number = 10,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct thing, part),
     .shape = &shape_part},
    {.name = "parts",
     .number = 11,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct thing, parts),
     .shape = &shape_part,
     .max = 3},
    {.name = "json", .number = 12, .type = FIELD_JSON, .offset = offsetof(struct thing, json)},
    {.name = "bytes",
     .number = 13,
     .type = FIELD_BYTES,
     .offset = offsetof(struct thing, bytes),
     .flags = FIELD_HIDDEN},
    {.name = "hidden",
     .number = 14,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct thing, hidden),
     .flags = FIELD_HIDDEN},
    {.name = "ours",
     .number = 300,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct thing, ours),
     .flags = FIELD_READONLY | FIELD_ALWAYS},
    {.name = "port", .number = 15, .type = FIELD_PORT, .offset = offsetof(struct thing, port)},
    {.name = "on",
     .number = 16,
     .type = FIELD_BOOL,
     .offset = offsetof(struct thing, is_on),
     .flags = FIELD_ALWAYS | FIELD_TRUE},
    {.name = "kept_texts",
     .number = 17,
     .type = FIELD_TEXTS,
     .offset = offsetof(struct thing, kept_texts),
     .flags = FIELD_EMPTY},
    {.name = "kept_map",
     .number = 18,
     .type = FIELD_MAP,
     .offset = offsetof(struct thing, kept_map),
     .flags = FIELD_EMPTY,
     .name_format = &field_format_token},
    {.name = "kept_parts",
     .number = 19,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct thing, kept_parts),
     .flags = FIELD_EMPTY,
     .shape = &shape_part},
};
/* clang-format on */
static SHAPE(shape_thing, thing, thing_fields);

struct fixture {
    struct arena arena;
    struct buf bytes;
    struct buf text;
    struct problem problem;
    struct rand rand;
};

static int set_up(void **state) {
    struct fixture *fixture = must_alloc_zeroed(1, sizeof *fixture);
    arena_init(&fixture->arena);
    buf_init(&fixture->bytes);
    buf_init(&fixture->text);
    problem_init(&fixture->problem);
    rand_seed(&fixture->rand, 21);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    arena_deinit(&fixture->arena);
    buf_deinit(&fixture->bytes);
    buf_deinit(&fixture->text);
    free(fixture);
    return 0;
}

static const char *write_thing(struct fixture *fixture, const struct thing *thing) {
    buf_clear(&fixture->text);
    struct json_writer writer = json_writer_to(&fixture->text);
    json_open_object(&writer);
    field_write(&shape_thing, thing, &writer);
    json_close_object(&writer);
    return buf_text(&fixture->text);
}

static enum err read_thing(struct fixture *fixture, const char *text, struct thing *out_thing) {
    struct json *json;
    struct json_fault fault;
    assert_int_equal(json_parse(slice_of_text(text), &json, &fault), ERR_OK);
    problem_init(&fixture->problem);
    enum err err =
        field_read(&shape_thing, json, "", &fixture->arena, out_thing, &fixture->problem);
    json_free(json);
    return err;
}

/* ---- random things ---- */

static uint64_t below(struct fixture *fixture, uint64_t bound) {
    return rand_below(&fixture->rand, bound);
}

static bool coin(struct fixture *fixture) {
    return below(fixture, 2) == 0;
}

static const char *random_text(struct fixture *fixture) {
    return arena_printf(&fixture->arena, "t\xc3\xa9%u", (unsigned)below(fixture, 1000));
}

static struct ip_address random_address(struct fixture *fixture) {
    uint8_t bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)rand_u64(&fixture->rand);
    }
    return ip_from_bytes(coin(fixture) ? IP_V4 : IP_V6, bytes);
}

static struct part random_part(struct fixture *fixture) {
    return (struct part){.name = choices[below(fixture, 2)], .size = 2 + below(fixture, 8)};
}

static void fill_lists(struct fixture *fixture, struct thing *thing) {
    size_t count = below(fixture, 4);
    thing->texts.items = arena_alloc(&fixture->arena, count * sizeof *thing->texts.items);
    thing->map.items = arena_alloc(&fixture->arena, count * sizeof *thing->map.items);
    struct part *parts = arena_alloc(&fixture->arena, count * sizeof *parts);
    thing->parts.items = parts;
    for (size_t i = 0; i < count; i++) {
        thing->texts.items[thing->texts.count++] = random_text(fixture);
        thing->map.items[thing->map.count++] = (struct text_pair){
            .name = arena_printf(&fixture->arena, "n%zu", i), .value = random_text(fixture)};
        parts[thing->parts.count++] = random_part(fixture);
    }
}

static struct thing random_thing(struct fixture *fixture) {
    struct thing thing = {.flag = coin(fixture), .is_on = coin(fixture)};
    if (coin(fixture)) {
        thing.port.number = coin(fixture) ? 1 + below(fixture, 65535) : 0;
        thing.port.name = thing.port.number == 0 ? "http" : NULL;
    }
    if (coin(fixture)) {
        thing.kept_texts.items = arena_alloc(&fixture->arena, 0);
        thing.kept_map.items = coin(fixture) ? arena_alloc(&fixture->arena, 0) : NULL;
        thing.kept_parts.items = coin(fixture) ? arena_alloc(&fixture->arena, 0) : NULL;
    }
    if (coin(fixture)) {
        thing.text = random_text(fixture);
        thing.number = below(fixture, LIMIT_REVISION_MAX) + 1;
        thing.address = random_address(fixture);
    }
    if (coin(fixture)) {
        struct ip_address address = random_address(fixture);
        unsigned bits = ip_address_bits(&address);
        thing.prefix = ip_prefix_around(&address, (uint8_t)below(fixture, bits + 1));
        thing.mac.bytes[below(fixture, 6)] = (uint8_t)(1 + below(fixture, 255));
    }
    if (coin(fixture)) {
        thing.part = arena_alloc(&fixture->arena, sizeof *thing.part);
        *thing.part = random_part(fixture);
        thing.json = slice_of_text(coin(fixture) ? "{\"a\":[1,null]}" : "\"x\"");
    }
    fill_lists(fixture, &thing);
    return thing;
}

/* ---- claims ---- */

static void bytes_round_trip(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 2000; i++) {
        struct thing thing = random_thing(fixture);
        thing.time = (int64_t)below(fixture, 1u << 30);
        thing.hidden = below(fixture, UINT64_MAX);
        thing.ours = coin(fixture) ? UINT64_MAX : 0;
        thing.bytes = coin(fixture) ? slice_of("\0\xff", 2) : slice_of(NULL, 0);
        buf_clear(&fixture->bytes);
        field_encode(&shape_thing, &thing, &fixture->bytes);
        struct thing back;
        assert_int_equal(
            field_decode(&shape_thing, buf_slice(&fixture->bytes), &fixture->arena, &back), ERR_OK);
        char *before = must_strdup(write_thing(fixture, &thing));
        assert_string_equal(write_thing(fixture, &back), before);
        assert_true(back.hidden == thing.hidden);
        assert_true(slice_equal(back.bytes, thing.bytes));
        free(before);
        arena_reset(&fixture->arena);
    }
}

static void json_round_trips(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 2000; i++) {
        struct thing thing = random_thing(fixture);
        char *before = must_strdup(write_thing(fixture, &thing));
        struct thing back;
        if (read_thing(fixture, before, &back) != ERR_OK) {
            fail_msg("%s: %s", before, fixture->problem.detail);
        }
        assert_string_equal(write_thing(fixture, &back), before);
        free(before);
        arena_reset(&fixture->arena);
    }
}

static void the_same_thing_has_the_same_bytes(void **state) {
    struct fixture *fixture = *state;
    struct thing one;
    struct thing other;
    assert_int_equal(read_thing(fixture, "{\"map\":{\"b\":\"2\",\"a\":\"1\"},\"number\":7}", &one),
                     ERR_OK);
    assert_int_equal(
        read_thing(fixture, "{\"number\":7,\"map\":{\"a\":\"1\",\"b\":\"2\"}}", &other), ERR_OK);
    field_encode(&shape_thing, &one, &fixture->bytes);
    field_encode(&shape_thing, &other, &fixture->text);
    assert_true(slice_equal(buf_slice(&fixture->bytes), buf_slice(&fixture->text)));
}

static void a_newer_servers_fields_are_skipped(void **state) {
    struct fixture *fixture = *state;
    struct buf *bytes = &fixture->bytes;
    buf_put_varint(bytes, 999u << 1 | 1); /* bytes */
    buf_put_bytes(bytes, "whatever", 8);
    struct thing thing = {.number = 7};
    field_encode(&shape_thing, &thing, bytes);
    buf_put_varint(bytes, 998u << 1); /* a number */
    buf_put_varint(bytes, UINT64_MAX);
    struct thing back;
    assert_int_equal(field_decode(&shape_thing, buf_slice(bytes), &fixture->arena, &back), ERR_OK);
    assert_int_equal(back.number, 7);
}

static void cut_records_are_refused_or_shorter_but_never_crash(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 50; i++) {
        struct thing thing = random_thing(fixture);
        buf_clear(&fixture->bytes);
        field_encode(&shape_thing, &thing, &fixture->bytes);
        for (size_t cut = 0; cut < fixture->bytes.size; cut++) {
            uint8_t *part = must_alloc(cut); /* exact, so that ASan sees a read past it */
            if (cut > 0) {
                memcpy(part, fixture->bytes.data, cut);
            }
            struct thing back;
            enum err err = field_decode(&shape_thing, slice_of(part, cut), &fixture->arena, &back);
            assert_true(err == ERR_OK || err == ERR_CORRUPT);
            free(part);
        }
        arena_reset(&fixture->arena);
    }
}

static void garbage_never_crashes(void **state) {
    struct fixture *fixture = *state;
    unsigned refused = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        size_t size = below(fixture, sizeof bytes + 1);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)(coin(fixture) ? below(fixture, 30) : rand_u64(&fixture->rand));
        }
        struct thing thing;
        enum err err = field_decode(&shape_thing, slice_of(bytes, size), &fixture->arena, &thing);
        refused += err == ERR_CORRUPT;
        assert_true(err == ERR_OK || err == ERR_CORRUPT);
        if (err == ERR_OK) {
            write_thing(fixture, &thing);
        }
        arena_reset(&fixture->arena);
    }
    assert_in_range(refused, 1000, 19999);
}

static void a_field_of_another_type_is_corrupt(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"\x02\x05", 2},               /* text as a number */
        {"\x07\x01x", 3},              /* number as bytes */
        {"\x09\x03\x0a\x0a\x0a", 5},   /* an address of three bytes */
        {"\x0b\x01\x08", 3},           /* a prefix without an address */
        {"\x0b\x05\x0a\0\0\0\x21", 7}, /* a /33 */
        {"\x0d\x05\x02\0\0\0\x01", 7}, /* a MAC of five bytes */
        {"\x13\x02\x05x", 4},          /* a pair whose name is cut */
        {"\x15\x02\x03\x09", 4},       /* a nested object with a cut text */
        {"\x10\x00", 2},               /* a list that is never kept empty, empty */
        {"\x22\x01", 2},               /* a list's number that is not 0 */
        {"\x22\x00\x22\x00", 4},       /* empty twice */
        {"\x23\x01x\x22\x00", 5},      /* an item, and empty */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct thing thing;
        struct slice bytes = slice_of(rows[i].bytes, rows[i].size);
        if (field_decode(&shape_thing, bytes, &fixture->arena, &thing) != ERR_CORRUPT) {
            fail_msg("row %u was taken", i);
        }
    }
}

static void each_fault_is_named_by_its_pointer(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *json, *pointer;
    } rows[] = {
        {"[]", ""},
        {"{\"txet\":\"a\"}", "/txet"},
        {"{\"Text\":\"a\"}", "/Text"},
        {"{\"hidden\":1}", "/hidden"},
        {"{\"a/b~c\":1}", "/a~1b~0c"},
        {"{\"text\":1}", "/text"},
        {"{\"text\":\"12345678901\"}", "/text"},
        {"{\"flag\":\"true\"}", "/flag"},
        {"{\"flag\":1}", "/flag"},
        {"{\"number\":-1}", "/number"},
        {"{\"number\":1.5}", "/number"},
        {"{\"number\":\"1\"}", "/number"},
        {"{\"number\":9007199254740992}", "/number"},
        {"{\"address\":\"10.0.0\"}", "/address"},
        {"{\"address\":7}", "/address"},
        {"{\"prefix\":\"10.0.0.1/24\"}", "/prefix"},
        {"{\"mac\":\"02:00\"}", "/mac"},
        {"{\"texts\":{}}", "/texts"},
        {"{\"texts\":[\"a\",3]}", "/texts/1"},
        {"{\"texts\":[\"a\",null]}", "/texts/1"},
        {"{\"texts\":[\"a\",\"b\",\"c\",\"d\"]}", "/texts"},
        {"{\"map\":[]}", "/map"},
        {"{\"map\":{\"a\":1}}", "/map/a"},
        {"{\"map\":{\"\":\"x\"}}", "/map/"},
        {"{\"map\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\"}}", "/map"},
        {"{\"part\":[]}", "/part"},
        {"{\"part\":{}}", "/part/name"},
        {"{\"part\":{\"name\":null}}", "/part/name"},
        {"{\"part\":{\"name\":\"blue\"}}", "/part/name"},
        {"{\"part\":{\"name\":\"red\",\"size\":1}}", "/part/size"},
        {"{\"part\":{\"name\":\"red\",\"size\":10}}", "/part/size"},
        {"{\"part\":{\"name\":\"red\",\"colour\":1}}", "/part/colour"},
        {"{\"parts\":[{\"name\":\"red\"},{\"name\":\"red\",\"size\":0}]}", "/parts/1/size"},
        {"{\"parts\":[{\"name\":\"red\"},7]}", "/parts/1"},
        {"{\"port\":0}", "/port"},
        {"{\"port\":65536}", "/port"},
        {"{\"port\":\"80\"}", "/port"},
        {"{\"port\":[80]}", "/port"},
        {"{\"on\":0}", "/on"},
        {"{\"kept_map\":{\"a b\":\"\"}}", "/kept_map/a b"},
        {"{\"kept_map\":{\"\":\"\"}}", "/kept_map/"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct thing thing;
        if (read_thing(fixture, rows[i].json, &thing) != ERR_INVALID) {
            fail_msg("%s was taken", rows[i].json);
        }
        assert_int_equal(fixture->problem.error_count, 1);
        assert_string_equal(fixture->problem.errors[0].pointer, rows[i].pointer);
        assert_true(strlen(fixture->problem.errors[0].message) > 0);
        assert_int_equal(fixture->problem.err, ERR_INVALID);
    }
}

static void bounds_hold_exactly(void **state) {
    struct fixture *fixture = *state;
    static const char *const rows[] = {
        "{\"text\":\"1234567890\"}",
        "{\"number\":9007199254740991}",
        "{\"part\":{\"name\":\"red\",\"size\":2}}",
        "{\"part\":{\"name\":\"green\",\"size\":9}}",
        "{\"texts\":[\"a\",\"b\",\"c\"]}",
        "{\"map\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}",
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct thing thing;
        if (read_thing(fixture, rows[i], &thing) != ERR_OK) {
            fail_msg("%s: %s", rows[i], fixture->problem.detail);
        }
    }
}

static void all_faults_are_named_up_to_the_bound(void **state) {
    struct fixture *fixture = *state;
    struct thing thing;
    assert_int_equal(read_thing(fixture, "{\"number\":-1,\"text\":5,\"part\":{\"x\":1}}", &thing),
                     ERR_INVALID);
    assert_int_equal(fixture->problem.error_count, 4);
    buf_clear(&fixture->bytes);
    buf_append_text(&fixture->bytes, "{\"z\":0");
    for (unsigned i = 0; i < 100; i++) {
        buf_appendf(&fixture->bytes, ",\"unknown-%u\":1", i);
    }
    buf_append_text(&fixture->bytes, "}");
    assert_int_equal(read_thing(fixture, buf_text(&fixture->bytes), &thing), ERR_INVALID);
    assert_int_equal(fixture->problem.error_count, LIMIT_PROBLEM_ERRORS_MAX);
}

static void what_is_ours_is_passed_over_and_null_is_absent(void **state) {
    struct fixture *fixture = *state;
    struct thing thing;
    assert_int_equal(read_thing(fixture,
                                "{\"ours\":\"any\",\"time\":5,\"text\":null,\"part\":null,"
                                "\"parts\":null,\"number\":null}",
                                &thing),
                     ERR_OK);
    assert_string_equal(write_thing(fixture, &thing), "{\"flag\":false,\"ours\":0,\"on\":true}");
}

static void a_long_name_does_not_break_the_pointer(void **state) {
    struct fixture *fixture = *state;
    struct thing thing;
    buf_append_text(&fixture->bytes, "{\"");
    for (unsigned i = 0; i < 400; i++) {
        buf_append_text(&fixture->bytes, i % 2 == 0 ? "\xc3\xa9" : "~");
    }
    buf_append_text(&fixture->bytes, "\":1}");
    assert_int_equal(read_thing(fixture, buf_text(&fixture->bytes), &thing), ERR_INVALID);
    buf_clear(&fixture->text);
    problem_write(&fixture->problem, NULL, &fixture->text);
    struct json *json;
    struct json_fault fault;
    assert_int_equal(json_parse(buf_slice(&fixture->text), &json, &fault), ERR_OK);
    json_free(json);
}

static void formats_know_their_bounds(void **state) {
    (void)state;
    char label[80];
    memset(label, 'a', sizeof label);
    label[64] = 0;
    assert_false(field_format_dns_label.is_valid(label));
    assert_false(field_format_dns_subdomain.is_valid(label));
    label[63] = 0;
    assert_true(field_format_dns_label.is_valid(label));
    static const struct {
        const char *text;
        bool is_label, is_subdomain, is_token;
    } rows[] = {
        {"a", true, true, true},           {"", false, false, false},
        {"edge-1", true, true, true},      {"1", true, true, true},
        {"-a", false, false, true},        {"a-", false, false, true},
        {"A", false, false, true},         {"a.b", false, true, true},
        {"a..b", false, false, true},      {".a", false, false, true},
        {"a.", false, false, true},        {"a_b", false, false, true},
        {"a b", false, false, false},      {"a/b", false, false, false},
        {"\xc3\xa9", false, false, false}, {"a\n", false, false, false},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(field_format_dns_label.is_valid(rows[i].text), rows[i].is_label);
        assert_int_equal(field_format_dns_subdomain.is_valid(rows[i].text), rows[i].is_subdomain);
        assert_int_equal(field_format_token.is_valid(rows[i].text), rows[i].is_token);
    }
    char name[260];
    for (unsigned i = 0; i < sizeof name; i++) {
        name[i] = i % 2 == 0 ? 'a' : '.';
    }
    name[255] = 0;
    assert_false(field_format_dns_subdomain.is_valid(name));
    name[LIMIT_NAME_SIZE_MAX] = 0;
    assert_true(field_format_dns_subdomain.is_valid(name));
}

static void empty_is_kept_where_it_means_something(void **state) {
    struct fixture *fixture = *state;
    static const char *const rows[][2] = {
        {"{\"kept_texts\":[]}", "\"kept_texts\":[]"},
        {"{\"kept_map\":{}}", "\"kept_map\":{}"},
        {"{\"kept_parts\":[]}", "\"kept_parts\":[]"},
        {"{\"texts\":[],\"map\":{},\"parts\":[],\"kept_parts\":null}", NULL},
    };
    const char *bare = "{\"flag\":false,\"ours\":0,\"on\":true";
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct thing thing;
        struct thing back;
        assert_int_equal(read_thing(fixture, rows[i][0], &thing), ERR_OK);
        buf_clear(&fixture->bytes);
        field_encode(&shape_thing, &thing, &fixture->bytes);
        assert_int_equal(
            field_decode(&shape_thing, buf_slice(&fixture->bytes), &fixture->arena, &back), ERR_OK);
        const char *expected =
            arena_printf(&fixture->arena, "%s%s%s}", bare, rows[i][1] != NULL ? "," : "",
                         rows[i][1] != NULL ? rows[i][1] : "");
        assert_string_equal(write_thing(fixture, &back), expected);
    }
}

static void what_is_true_by_default_is_false_on_request(void **state) {
    struct fixture *fixture = *state;
    struct thing thing;
    assert_int_equal(read_thing(fixture, "{}", &thing), ERR_OK);
    assert_true(thing.is_on);
    assert_int_equal(read_thing(fixture, "{\"on\":null}", &thing), ERR_OK);
    assert_true(thing.is_on);
    assert_int_equal(read_thing(fixture, "{\"on\":false}", &thing), ERR_OK);
    assert_false(thing.is_on);
    field_encode(&shape_thing, &thing, &fixture->bytes);
    assert_int_equal(
        field_decode(&shape_thing, buf_slice(&fixture->bytes), &fixture->arena, &thing), ERR_OK);
    assert_false(thing.is_on);
}

#define CLEANLY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEANLY(bytes_round_trip),
        CLEANLY(json_round_trips),
        CLEANLY(the_same_thing_has_the_same_bytes),
        CLEANLY(a_newer_servers_fields_are_skipped),
        CLEANLY(cut_records_are_refused_or_shorter_but_never_crash),
        CLEANLY(garbage_never_crashes),
        CLEANLY(a_field_of_another_type_is_corrupt),
        CLEANLY(each_fault_is_named_by_its_pointer),
        CLEANLY(bounds_hold_exactly),
        CLEANLY(all_faults_are_named_up_to_the_bound),
        CLEANLY(what_is_ours_is_passed_over_and_null_is_absent),
        CLEANLY(a_long_name_does_not_break_the_pointer),
        CLEANLY(empty_is_kept_where_it_means_something),
        CLEANLY(what_is_true_by_default_is_false_on_request),
        cmocka_unit_test(formats_know_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
