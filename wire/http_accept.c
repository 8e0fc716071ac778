/* What a client wants to be sent: the Accept header (RFC 9110 12.5.1). The most specific range that
 * matches a media type says how much it is wanted; parameters other than q are passed over, for
 * none of our types depends on them. */
#include "wire/http.h"

#include <string.h>
#include <strings.h>

#define QUALITY_MAX 1000u

enum match { MATCH_NONE, MATCH_ANY, MATCH_TYPE, MATCH_EXACT };

struct verdict {
    enum match match;
    unsigned quality;
};

static size_t skip_space(const char *text, size_t at) {
    return at + strspn(text + at, " \t");
}

/* Where the next ',' or ';' is, or the end; none within quotes counts. */
static size_t find_delimiter(const char *text, size_t at) {
    bool is_quoted = false;
    for (; text[at] != 0; at++) {
        if (text[at] == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted && text[at] == '\\' && text[at + 1] != 0) {
            at++;
        } else if (!is_quoted && (text[at] == ',' || text[at] == ';')) {
            break;
        }
    }
    return at;
}

/* "0.25" is 250. What is no quality is none at all: a range that cannot be read is not wanted. */
static unsigned parse_quality(const char *text, size_t size) {
    unsigned quality = 0;
    unsigned unit = QUALITY_MAX;
    for (size_t i = 0; i < size; i++) {
        if (i == 1) {
            if (text[i] != '.') {
                return 0;
            }
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || unit == 0) {
            return 0;
        }
        quality += (unsigned)(text[i] - '0') * unit;
        unit /= 10;
    }
    return quality <= QUALITY_MAX ? quality : 0;
}

static enum match match_range(const char *range, size_t size, const char *type) {
    size_t main_size = strcspn(type, "/");
    while (size > 0 && (range[size - 1] == ' ' || range[size - 1] == '\t')) {
        size--;
    }
    if (size == strlen(type) && strncasecmp(range, type, size) == 0) {
        return MATCH_EXACT;
    }
    if (size == main_size + 2 && strncasecmp(range, type, main_size + 1) == 0 &&
        range[size - 1] == '*') {
        return MATCH_TYPE;
    }
    return size == 3 && memcmp(range, "*/*", 3) == 0 ? MATCH_ANY : MATCH_NONE;
}

/* One range with its parameters; returns where the next begins. */
static size_t read_range(const char *text, size_t at, const char *type, struct verdict *verdict) {
    size_t begin = skip_space(text, at);
    size_t end = find_delimiter(text, begin);
    enum match match = match_range(text + begin, end - begin, type);
    unsigned quality = QUALITY_MAX;
    while (text[end] == ';') {
        size_t parameter = skip_space(text, end + 1);
        end = find_delimiter(text, parameter);
        if (strncasecmp(text + parameter, "q=", 2) == 0) {
            size_t size = end - parameter - 2;
            while (size > 0 &&
                   (text[parameter + 1 + size] == ' ' || text[parameter + 1 + size] == '\t')) {
                size--;
            }
            quality = parse_quality(text + parameter + 2, size);
        }
    }
    if (match > verdict->match) {
        *verdict = (struct verdict){.match = match, .quality = quality};
    }
    return text[end] == ',' ? end + 1 : end;
}

unsigned http_accepts(const struct http_message *message, const char *type) {
    struct verdict verdict = {.match = MATCH_NONE};
    bool is_given = false;
    for (unsigned i = 0; i < message->header_count; i++) {
        const char *text = message->headers[i].value;
        if (strcmp(message->headers[i].name, "accept") != 0 || text[skip_space(text, 0)] == 0) {
            continue;
        }
        is_given = true;
        for (size_t at = 0; text[at] != 0;) {
            at = read_range(text, at, type, &verdict);
        }
    }
    return is_given ? verdict.quality : QUALITY_MAX;
}
