#include "api/dispatch.h"

#include "api/once.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH_PREFIX "/v1/"
#define JSON_TYPE   "application/json"

/* How many names follow the collection in "networks/a"; out_kind is NULL for none of ours. */
static unsigned count_names(const char *path, const struct kind **out_kind) {
    char collection[32];
    *out_kind = NULL;
    if (strncmp(path, PATH_PREFIX, strlen(PATH_PREFIX)) != 0) {
        return 0;
    }
    const char *at = path + strlen(PATH_PREFIX);
    size_t size = strcspn(at, "/");
    if (size >= sizeof collection) {
        return 0;
    }
    memcpy(collection, at, size);
    collection[size] = 0;
    *out_kind = kind_find(collection);
    unsigned count = 0;
    for (at += size; *at == '/'; at += size) {
        at++;
        size = strcspn(at, "/");
        if (size == 0) {
            *out_kind = NULL; /* an empty name */
            return 0;
        }
        count++;
    }
    return count;
}

bool route_matches(const char *pattern, const char *path) {
    if (pattern[0] == ':') {
        const struct kind *kind;
        unsigned count = count_names(path, &kind);
        if (kind == NULL || kind->shape == NULL) {
            return false;
        }
        return strcmp(pattern, ":item") == 0 ? count == kind->segments : count < kind->segments;
    }
    while (*pattern != 0) {
        if (strcmp(pattern, "**") == 0) {
            return *path != 0;
        }
        if (*pattern == '*') {
            size_t size = strcspn(path, "/");
            if (size == 0) {
                return false;
            }
            path += size;
            pattern++;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == 0;
}

static bool is_of_kind(const struct route *route, const char *path) {
    const struct kind *kind;
    if (route->kind == KIND_NONE) {
        return true;
    }
    (void)count_names(path, &kind);
    return kind != NULL && kind->id == route->kind;
}

/* "GET, HEAD, PUT": the methods of all rows of the pattern. */
static const char *list_methods(const char *pattern, const char *path, struct arena *arena) {
    char text[64] = "";
    bool is_listed[METHOD_OTHER + 1] = {false};
    for (unsigned i = 0; i < route_count; i++) {
        if (strcmp(routes[i].pattern, pattern) == 0 && is_of_kind(&routes[i], path)) {
            is_listed[routes[i].method] = true;
            is_listed[METHOD_HEAD] = is_listed[METHOD_GET];
        }
    }
    for (unsigned method = 0; method < METHOD_OTHER; method++) {
        if (is_listed[method]) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                     method_name((enum method)method));
        }
    }
    return arena_strdup(arena, text);
}

enum err dispatch_find(enum method method, const char *path, struct arena *arena,
                       const struct route **out_route, struct problem *problem) {
    const char *pattern = NULL;
    enum method served_by = method == METHOD_HEAD ? METHOD_GET : method;
    for (unsigned i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        bool is_match = pattern == NULL ? route_matches(route->pattern, path)
                                        : strcmp(route->pattern, pattern) == 0;
        if (!is_match) {
            continue;
        }
        pattern = route->pattern;
        if (route->method == served_by && is_of_kind(route, path)) {
            *out_route = route;
            return ERR_OK;
        }
    }
    if (pattern == NULL) {
        problem_set_hint(problem, "The paths are in docs/api.md; all but the health checks begin "
                                  "with /v1/.");
        return problem_set(problem, ERR_NOT_FOUND, "there is nothing at %.200s", path);
    }
    problem->allow = list_methods(pattern, path, arena);
    return problem_set(problem, ERR_METHOD_NOT_ALLOWED, "%.200s takes %s", path, problem->allow);
}

/* "application/json", with or without parameters. */
static bool is_json_type(const char *content_type) {
    size_t size = strcspn(content_type, "; \t");
    return size == strlen(JSON_TYPE) && strncasecmp(content_type, JSON_TYPE, size) == 0;
}

/* RFC 9110 5.3: two of them are no list. Which one counts is not ours to guess. */
static enum err check_repetition(const struct http_message *message, struct problem *problem) {
    static const char *const names[] = {"content-type", "idempotency-key", "if-match",
                                        "if-none-match", "last-event-id"};
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        if (http_count_headers(message, names[i]) > 1) {
            return problem_set(problem, ERR_BAD_REQUEST, "the header %s is given twice", names[i]);
        }
    }
    return ERR_OK;
}

/* Some clients send {} where there is nothing to say. */
static bool says_nothing(struct slice body) {
    bool is_open = false;
    bool is_closed = false;
    for (size_t i = 0; i < body.size; i++) {
        uint8_t byte = body.data[i];
        if (byte == '{' && !is_open) {
            is_open = true;
        } else if (byte == '}' && is_open && !is_closed) {
            is_closed = true;
        } else if (byte == 0 || strchr(" \t\r\n", byte) == NULL) {
            return false;
        }
    }
    return is_open == is_closed;
}

static enum err check_conditions(const struct route *route, const struct http_message *message,
                                 struct problem *problem) {
    if ((route->flags & ROUTE_WRITE) == 0) {
        return ERR_OK;
    }
    bool takes_conditions = (route->flags & ROUTE_CONDITIONS) != 0;
    if (!takes_conditions && http_find_header(message, "if-match") != NULL) {
        return problem_set(problem, ERR_BAD_REQUEST, "this call takes no If-Match");
    }
    if ((!takes_conditions || route->method != METHOD_PUT) &&
        http_find_header(message, "if-none-match") != NULL) {
        return problem_set(problem, ERR_BAD_REQUEST, "this call takes no If-None-Match");
    }
    return once_check(message, problem);
}

enum err dispatch_check_message(const struct route *route, const struct http_message *message,
                                struct problem *problem) {
    const char *content_type = http_find_header(message, "content-type");
    if (check_repetition(message, problem) != ERR_OK) {
        return problem->err;
    }
    if (route->body == BODY_NONE && !says_nothing(message->body)) {
        return problem_set(problem, ERR_BAD_REQUEST, "this call takes no body");
    }
    if (route->body == BODY_JSON && content_type != NULL && !is_json_type(content_type)) {
        return problem_set(problem, ERR_UNSUPPORTED_MEDIA_TYPE, "this call takes JSON, not '%.80s'",
                           content_type);
    }
    if (content_type != NULL && strlen(content_type) > LIMIT_CONTENT_TYPE_SIZE_MAX) {
        return problem_set(problem, ERR_BAD_REQUEST, "the Content-Type has more than %u bytes",
                           LIMIT_CONTENT_TYPE_SIZE_MAX);
    }
    if ((route->flags & ROUTE_ANY_TYPE) == 0 && http_accepts(message, JSON_TYPE) == 0) {
        return problem_set(problem, ERR_NOT_ACCEPTABLE, "this call answers " JSON_TYPE);
    }
    return check_conditions(route, message, problem);
}
