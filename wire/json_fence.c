#include "wire/json_fence.h"

#include "util/arena.h"
#include "util/limits.h"

#include <stdlib.h>
#include <string.h>

/* Digits before the point plus the exponent: what goes beyond would be infinity in a double. */
#define NUMBER_MAGNITUDE_MAX 308u

/* A member's name as it reads, escapes resolved. */
struct member_name {
    struct slice text;
    size_t offset;
};

struct level {
    bool is_object;
    size_t first_name; /* where this object's names begin in fence->names */
};

struct fence {
    struct slice text;
    size_t at;
    unsigned depth;
    unsigned values;
    struct level levels[LIMIT_JSON_DEPTH_MAX];
    struct member_name *names; /* of all open objects, innermost last */
    size_t name_count, name_capacity;
    struct arena arena; /* resolved names */
    struct json_fault *fault;
};

static bool refuse_at(struct fence *fence, size_t offset, const char *message) {
    *fence->fault = (struct json_fault){.offset = offset, .message = message};
    return false;
}

static bool refuse(struct fence *fence, const char *message) {
    return refuse_at(fence, fence->at, message);
}

/* The byte at `at + ahead`, or -1 at the end. */
static int peek(const struct fence *fence, size_t ahead) {
    size_t at = fence->at + ahead;
    return at < fence->text.size ? fence->text.data[at] : -1;
}

static void skip_space(struct fence *fence) {
    int c = peek(fence, 0);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        fence->at++;
        c = peek(fence, 0);
    }
}

size_t utf8_sequence(const uint8_t *data, size_t size) {
    uint8_t lead = data[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                    : (lead & 0xF0) == 0xE0        ? 3
                    : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                   : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (lead == 0xE0 && data[1] < 0xA0) || (lead == 0xF0 && data[1] < 0x90);
    bool is_surrogate = lead == 0xED && data[1] >= 0xA0;
    bool is_too_high = lead == 0xF4 && data[1] >= 0x90;
    return is_overlong || is_surrogate || is_too_high ? 0 : length;
}

bool utf8_is_valid(struct slice text) {
    for (size_t at = 0; at < text.size;) {
        size_t length = utf8_sequence(text.data + at, text.size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

static int hex_digit(int c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four hex digits at `at + ahead`; -1 when they are not. */
static int unicode_escape(const struct fence *fence, size_t ahead) {
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(peek(fence, ahead + i));
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static void put_utf8(struct buf *out, uint32_t code) {
    if (code < 0x80) {
        buf_put_u8(out, (uint8_t)code);
        return;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    buf_put_u8(out, (uint8_t)(leads[more] | code >> (6 * more)));
    while (more > 0) {
        more--;
        buf_put_u8(out, (uint8_t)(0x80 | (code >> (6 * more) & 0x3F)));
    }
}

/* \uXXXX at the backslash, a surrogate pair as one. */
static bool scan_unicode(struct fence *fence, struct buf *out) {
    int high = unicode_escape(fence, 2);
    if (high < 0) {
        return refuse(fence, "\\u needs four hexadecimal digits");
    }
    if (high == 0) {
        return refuse(fence, "\\u0000 is not allowed in a string; send such bytes as base64");
    }
    if (high < 0xD800 || high > 0xDFFF) {
        put_utf8(out, (uint32_t)high);
        fence->at += 6;
        return true;
    }
    int low = high <= 0xDBFF && peek(fence, 6) == '\\' && peek(fence, 7) == 'u'
                  ? unicode_escape(fence, 8)
                  : -1;
    if (low < 0xDC00 || low > 0xDFFF) {
        return refuse(fence, "a surrogate without its other half");
    }
    put_utf8(out, 0x10000u + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
    fence->at += 12;
    return true;
}

static bool scan_escape(struct fence *fence, struct buf *out) {
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    int c = peek(fence, 1);
    if (c == 'u') {
        return scan_unicode(fence, out);
    }
    const char *found = c > 0 ? strchr(escapes, c) : NULL;
    if (found == NULL) {
        return refuse(fence, "an unknown escape");
    }
    buf_append_char(out, meanings[found - escapes]);
    fence->at += 2;
    return true;
}

/* A string at its quote; `out` gets what it says. */
static bool scan_string(struct fence *fence, struct buf *out) {
    fence->at++;
    for (;;) {
        int c = peek(fence, 0);
        if (c == '"') {
            fence->at++;
            return true;
        }
        if (c < 0) {
            return refuse(fence, "the text ends within a string");
        }
        if (c < 0x20) {
            return refuse(fence, "a control character in a string must be escaped");
        }
        if (c == '\\') {
            if (!scan_escape(fence, out)) {
                return false;
            }
            continue;
        }
        const uint8_t *data = fence->text.data + fence->at;
        size_t length = utf8_sequence(data, fence->text.size - fence->at);
        if (length == 0) {
            return refuse(fence, "invalid UTF-8");
        }
        buf_append(out, data, length);
        fence->at += length;
    }
}

/* One digit or more. *out_number: what they say, as far as NUMBER_MAGNITUDE_MAX + 1. */
static bool scan_digits(struct fence *fence, unsigned *out_number) {
    if (peek(fence, 0) < '0' || peek(fence, 0) > '9') {
        return refuse(fence, "a digit is missing");
    }
    *out_number = 0;
    while (peek(fence, 0) >= '0' && peek(fence, 0) <= '9') {
        unsigned number = *out_number * 10 + (unsigned)(peek(fence, 0) - '0');
        *out_number = MIN_OF(number, NUMBER_MAGNITUDE_MAX + 1);
        fence->at++;
    }
    return true;
}

/* The exponent behind a number's digits, when there is one. *out_exponent: negative ones are 0. */
static bool scan_exponent(struct fence *fence, unsigned *out_exponent) {
    *out_exponent = 0;
    if (peek(fence, 0) != 'e' && peek(fence, 0) != 'E') {
        return true;
    }
    fence->at++;
    bool is_negative = peek(fence, 0) == '-';
    if (is_negative || peek(fence, 0) == '+') {
        fence->at++;
    }
    if (!scan_digits(fence, out_exponent)) {
        return false;
    }
    *out_exponent = is_negative ? 0 : *out_exponent;
    return true;
}

static bool scan_number(struct fence *fence) {
    size_t start = fence->at;
    unsigned ignored;
    unsigned exponent;
    if (peek(fence, 0) == '-') {
        fence->at++;
    }
    if (peek(fence, 0) == '0' && peek(fence, 1) >= '0' && peek(fence, 1) <= '9') {
        return refuse(fence, "a number has a leading zero");
    }
    size_t digits_start = fence->at;
    if (!scan_digits(fence, &ignored)) {
        return false;
    }
    size_t magnitude = fence->at - digits_start;
    if (peek(fence, 0) == '.') {
        fence->at++;
        if (!scan_digits(fence, &ignored)) {
            return false;
        }
    }
    if (!scan_exponent(fence, &exponent)) {
        return false;
    }
    return magnitude + exponent <= NUMBER_MAGNITUDE_MAX ||
           refuse_at(fence, start, "a number is out of range");
}

static bool scan_word(struct fence *fence) {
    static const char *const words[] = {"true", "false", "null"};
    for (unsigned i = 0; i < ARRAY_COUNT(words); i++) {
        size_t size = strlen(words[i]);
        if (fence->text.size - fence->at >= size &&
            memcmp(fence->text.data + fence->at, words[i], size) == 0) {
            fence->at += size;
            return true;
        }
    }
    return refuse(fence, peek(fence, 0) < 0 ? "a value is missing" : "no JSON value begins here");
}

/* A member's name and its colon. */
static bool scan_name(struct fence *fence) {
    skip_space(fence);
    size_t offset = fence->at;
    if (peek(fence, 0) != '"') {
        return refuse(fence, "a member's name in quotes is missing");
    }
    struct buf name;
    buf_init(&name);
    bool ok = scan_string(fence, &name);
    if (ok) {
        if (fence->name_count == fence->name_capacity) {
            fence->name_capacity = fence->name_capacity > 0 ? fence->name_capacity * 2 : 64;
            fence->names = must_realloc(fence->names, fence->name_capacity * sizeof *fence->names);
        }
        fence->names[fence->name_count++] = (struct member_name){
            .text = arena_copy(&fence->arena, buf_slice(&name)), .offset = offset};
    }
    buf_deinit(&name);
    if (!ok) {
        return false;
    }
    skip_space(fence);
    if (peek(fence, 0) != ':') {
        return refuse(fence, "a colon is missing behind the member's name");
    }
    fence->at++;
    return true;
}

static int compare_names(const void *left, const void *right) {
    const struct member_name *a = left;
    const struct member_name *b = right;
    int order = slice_compare(a->text, b->text);
    return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static bool close_level(struct fence *fence) {
    struct level *level = &fence->levels[--fence->depth];
    fence->at++;
    if (!level->is_object) {
        return true;
    }
    size_t count = fence->name_count - level->first_name;
    struct member_name *names = fence->names + level->first_name;
    fence->name_count = level->first_name;
    if (count < 2) {
        return true;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (slice_equal(names[i - 1].text, names[i].text)) {
            return refuse_at(fence, names[i].offset, "the same member name twice in one object");
        }
    }
    return true;
}

/* Opens a container and steps to its first value. *out_is_empty: it closed at once. */
static bool open_level(struct fence *fence, bool is_object, bool *out_is_empty) {
    if (fence->depth == LIMIT_JSON_DEPTH_MAX) {
        return refuse(fence, "nested deeper than 32 levels");
    }
    fence->levels[fence->depth++] =
        (struct level){.is_object = is_object, .first_name = fence->name_count};
    fence->at++;
    skip_space(fence);
    *out_is_empty = peek(fence, 0) == (is_object ? '}' : ']');
    if (*out_is_empty) {
        return close_level(fence);
    }
    return !is_object || scan_name(fence);
}

/* Scans a value that is no container, or opens one. *out_is_open: its first child comes next. */
static bool scan_value(struct fence *fence, bool *out_is_open) {
    skip_space(fence);
    *out_is_open = false;
    if (++fence->values > LIMIT_JSON_VALUES_MAX) {
        return refuse(fence, "more than 20,000 values");
    }
    int c = peek(fence, 0);
    if (c == '{' || c == '[') {
        bool is_empty = false;
        bool ok = open_level(fence, c == '{', &is_empty);
        *out_is_open = !is_empty;
        return ok;
    }
    if (c == '"') {
        struct buf ignored;
        buf_init(&ignored);
        bool ok = scan_string(fence, &ignored);
        buf_deinit(&ignored);
        return ok;
    }
    return c == '-' || (c >= '0' && c <= '9') ? scan_number(fence) : scan_word(fence);
}

/* Behind a value: closes what ends here, steps over a comma. *out_is_done: the text is complete. */
static bool scan_separator(struct fence *fence, bool *out_is_done) {
    for (;;) {
        skip_space(fence);
        if (fence->depth == 0) {
            *out_is_done = true;
            return fence->at == fence->text.size || refuse(fence, "something follows the value");
        }
        bool is_object = fence->levels[fence->depth - 1].is_object;
        int c = peek(fence, 0);
        if (c == ',') {
            fence->at++;
            return !is_object || scan_name(fence);
        }
        if (c != (is_object ? '}' : ']')) {
            return refuse(fence, is_object ? "a comma or } is missing" : "a comma or ] is missing");
        }
        if (!close_level(fence)) {
            return false;
        }
    }
}

static bool scan_text(struct fence *fence) {
    bool is_done = false;
    while (!is_done) {
        bool is_open;
        if (!scan_value(fence, &is_open) || (!is_open && !scan_separator(fence, &is_done))) {
            return false;
        }
    }
    return true;
}

enum err json_fence_check(struct slice text, struct json_fault *out_fault) {
    struct fence fence = {.text = text, .fault = out_fault};
    arena_init(&fence.arena);
    bool ok = scan_text(&fence);
    arena_deinit(&fence.arena);
    free(fence.names);
    return ok ? ERR_OK : ERR_BAD_JSON;
}
