#include "wire/json.h"

#include "util/limits.h"
#include "wire/json_fence.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct json is cJSON's node under another name: no other file can see inside. */
static const cJSON *node_of(const struct json *json) {
    return (const cJSON *)(const void *)json;
}

static const struct json *json_of(const cJSON *node) {
    return (const struct json *)(const void *)node;
}

enum err json_parse(struct slice text, struct json **out_json, struct json_fault *out_fault) {
    enum err err = json_fence_check(text, out_fault);
    if (err != ERR_OK) {
        return err;
    }
    cJSON *node = cJSON_ParseWithLength((const char *)text.data, text.size);
    if (node == NULL) {
        *out_fault = (struct json_fault){.offset = 0, .message = "not readable as JSON"};
        return ERR_BAD_JSON;
    }
    *out_json = (struct json *)(void *)node;
    return ERR_OK;
}

void json_free(struct json *json) {
    cJSON_Delete((cJSON *)(void *)json);
}

enum json_type json_type_of(const struct json *json) {
    const cJSON *node = node_of(json);
    return cJSON_IsObject(node)   ? JSON_OBJECT
           : cJSON_IsArray(node)  ? JSON_LIST
           : cJSON_IsString(node) ? JSON_TEXT
           : cJSON_IsNumber(node) ? JSON_NUMBER
           : cJSON_IsBool(node)   ? JSON_BOOL
                                  : JSON_NULL;
}

const char *json_type_name(enum json_type type) {
    static const char *const names[] = {"null",     "true or false", "a number",
                                        "a string", "a list",        "an object"};
    CHECK((unsigned)type < ARRAY_COUNT(names));
    return names[type];
}

const char *json_name(const struct json *json) {
    return node_of(json)->string;
}

const struct json *json_first(const struct json *json) {
    return json_of(node_of(json)->child);
}

const struct json *json_next(const struct json *json) {
    return json_of(node_of(json)->next);
}

const struct json *json_find(const struct json *json, const char *name) {
    return json == NULL ? NULL : json_of(cJSON_GetObjectItemCaseSensitive(node_of(json), name));
}

const char *json_text(const struct json *json) {
    return json == NULL ? NULL : cJSON_GetStringValue((cJSON *)(uintptr_t)node_of(json));
}

bool json_number(const struct json *json, uint64_t *out_number) {
    if (json == NULL || !cJSON_IsNumber(node_of(json))) {
        return false;
    }
    double value = node_of(json)->valuedouble;
    if (!(value >= 0) || value > (double)LIMIT_REVISION_MAX || value != floor(value)) {
        return false;
    }
    *out_number = (uint64_t)value;
    return true;
}

bool json_is_true(const struct json *json) {
    return json != NULL && cJSON_IsTrue(node_of(json));
}

const char *json_find_text(const struct json *json, const char *name, const char *fallback) {
    const char *text = json_text(json_find(json, name));
    return text != NULL ? text : fallback;
}

uint64_t json_find_number(const struct json *json, const char *name, uint64_t fallback) {
    uint64_t number;
    return json_number(json_find(json, name), &number) ? number : fallback;
}

struct json_writer json_writer_to(struct buf *out) {
    return (struct json_writer){.out = out, .needs_comma = false};
}

static void before_value(struct json_writer *writer) {
    if (writer->needs_comma) {
        buf_append_char(writer->out, ',');
    }
    writer->needs_comma = true;
}

static void open_container(struct json_writer *writer, char bracket) {
    before_value(writer);
    buf_append_char(writer->out, bracket);
    writer->needs_comma = false;
}

static void close_container(struct json_writer *writer, char bracket) {
    buf_append_char(writer->out, bracket);
    writer->needs_comma = true;
}

void json_open_object(struct json_writer *writer) {
    open_container(writer, '{');
}

void json_close_object(struct json_writer *writer) {
    close_container(writer, '}');
}

void json_open_list(struct json_writer *writer) {
    open_container(writer, '[');
}

void json_close_list(struct json_writer *writer) {
    close_container(writer, ']');
}

static void put_escaped(struct buf *out, uint8_t c) {
    static const char short_escapes[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c >= 0x20) {
        buf_append_char(out, '\\');
        buf_put_u8(out, c);
    } else if (short_escapes[c] != 0) {
        buf_append_char(out, '\\');
        buf_append_char(out, short_escapes[c]);
    } else {
        buf_appendf(out, "\\u%04x", c);
    }
}

static void put_quoted(struct buf *out, struct slice text) {
    buf_append_char(out, '"');
    size_t plain_from = 0;
    size_t at = 0;
    while (at < text.size) {
        uint8_t c = text.data[at];
        size_t length = c < 0x80 ? 1 : utf8_sequence(text.data + at, text.size - at);
        bool is_plain = length > 0 && c >= 0x20 && c != '"' && c != '\\';
        if (is_plain) {
            at += length;
            continue;
        }
        buf_append(out, text.data + plain_from, at - plain_from);
        if (length > 0) {
            put_escaped(out, c);
        } else {
            buf_append_text(out,
                            "\xef\xbf\xbd"); /* U+FFFD: an answer is UTF-8 whatever it quotes */
        }
        at++;
        plain_from = at;
    }
    buf_append(out, text.data + plain_from, text.size - plain_from);
    buf_append_char(out, '"');
}

void json_key(struct json_writer *writer, const char *name) {
    before_value(writer);
    put_quoted(writer->out, slice_of_text(name));
    buf_append_char(writer->out, ':');
    writer->needs_comma = false;
}

void json_put_text(struct json_writer *writer, const char *text) {
    if (text == NULL) {
        json_put_null(writer);
    } else {
        json_put_slice(writer, slice_of_text(text));
    }
}

void json_put_slice(struct json_writer *writer, struct slice text) {
    before_value(writer);
    put_quoted(writer->out, text);
}

void json_put_number(struct json_writer *writer, uint64_t number) {
    before_value(writer);
    char digits[20];
    unsigned at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buf_append(writer->out, digits + at, sizeof digits - at);
}

void json_put_signed(struct json_writer *writer, int64_t number) {
    before_value(writer);
    buf_appendf(writer->out, "%lld", (long long)number);
}

void json_put_bool(struct json_writer *writer, bool value) {
    before_value(writer);
    buf_append_text(writer->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *writer) {
    before_value(writer);
    buf_append_text(writer->out, "null");
}

void json_put_raw(struct json_writer *writer, struct slice json_text) {
    before_value(writer);
    buf_append(writer->out, json_text.data, json_text.size);
}

/* Fractions and large numbers: the fewest digits that bring back the same double (17 always do). */
static void put_double(struct json_writer *writer, double value) {
    if (value == floor(value) && fabs(value) <= (double)LIMIT_REVISION_MAX) {
        json_put_signed(writer, (int64_t)value);
        return;
    }
    char text[32];
    int digits = 15;
    do {
        snprintf(text, sizeof text, "%.*g", digits, value);
        digits++;
    } while (digits <= 17 && strtod(text, NULL) != value);
    before_value(writer);
    buf_append_text(writer->out, text);
}

static void put_leaf(struct json_writer *writer, const cJSON *node) {
    switch (json_type_of(json_of(node))) {
    case JSON_TEXT:
        json_put_text(writer, node->valuestring);
        break;
    case JSON_NUMBER:
        put_double(writer, node->valuedouble);
        break;
    case JSON_BOOL:
        json_put_bool(writer, cJSON_IsTrue(node));
        break;
    default:
        json_put_null(writer);
        break;
    }
}

void json_put_value(struct json_writer *writer, const struct json *json) {
    const cJSON *parents[LIMIT_JSON_DEPTH_MAX];
    unsigned depth = 0;
    const cJSON *node = node_of(json);
    while (node != NULL) {
        if (depth > 0 && cJSON_IsObject(parents[depth - 1])) {
            json_key(writer, node->string);
        }
        if (cJSON_IsObject(node) || cJSON_IsArray(node)) {
            open_container(writer, cJSON_IsObject(node) ? '{' : '[');
            CHECK(depth < LIMIT_JSON_DEPTH_MAX);
            parents[depth++] = node;
            node = node->child;
        } else {
            put_leaf(writer, node);
            node = depth > 0 ? node->next : NULL;
        }
        while (node == NULL && depth > 0) {
            const cJSON *parent = parents[--depth];
            close_container(writer, cJSON_IsObject(parent) ? '}' : ']');
            node = depth > 0 ? parent->next : NULL;
        }
    }
}

void json_member_text(struct json_writer *writer, const char *name, const char *text) {
    json_key(writer, name);
    json_put_text(writer, text);
}

void json_member_number(struct json_writer *writer, const char *name, uint64_t number) {
    json_key(writer, name);
    json_put_number(writer, number);
}

void json_member_bool(struct json_writer *writer, const char *name, bool value) {
    json_key(writer, name);
    json_put_bool(writer, value);
}
