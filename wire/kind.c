#include "wire/kind.h"

#include "wire/json_fence.h"
#include "wire/kind_endpoint.h"
#include "wire/kind_network.h"
#include "wire/kind_node.h"
#include "wire/kind_policy.h"
#include "wire/kind_service.h"
#include "wire/kind_subnet.h"

#include <string.h>

static const struct kind kind_kv = {
    .id = KIND_KV, .name = "kv", .collection = "kv", .segments = 0, .shape = NULL};

const struct kind *const kinds[] = {
#define KIND(number, SYMBOL, symbol, name, collection, segments) &kind_##symbol,
#include "wire/kind.def"
#undef KIND
};
const unsigned kind_count = ARRAY_COUNT(kinds);

const struct kind *kind_find(const char *collection) {
    for (unsigned i = 0; i < kind_count; i++) {
        if (strcmp(kinds[i]->collection, collection) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

const struct kind *kind_of(enum kind_id id) {
    for (unsigned i = 0; i < kind_count; i++) {
        if (kinds[i]->id == id) {
            return kinds[i];
        }
    }
    CHECK(!"a kind with that number");
    return NULL;
}

/* Cuts the part behind the collection into exactly `count` names. */
static bool split_names(const char *rest, unsigned count, struct arena *arena,
                        const char **out_segments) {
    for (unsigned i = 0; i < count; i++) {
        size_t size = strcspn(rest, "/");
        bool is_last = i + 1 == count;
        if (size == 0 || (rest[size] == '/') == is_last) {
            return false;
        }
        out_segments[i] = arena_strndup(arena, rest, size);
        rest += size + (is_last ? 0 : 1);
    }
    return true;
}

static enum err check_names(const struct kind_key *key, struct problem *problem) {
    for (unsigned i = 0; i < key->kind->segments; i++) {
        if (!field_format_dns_subdomain.is_valid(key->segments[i])) {
            return problem_add(problem, "", "the name '%.60s' in the path is not %s",
                               key->segments[i], field_format_dns_subdomain.expects);
        }
    }
    return ERR_OK;
}

enum err kind_parse_key(const char *key, struct arena *arena, struct kind_key *out_key,
                        struct problem *problem) {
    size_t size = strlen(key);
    if (size > LIMIT_KEY_SIZE_MAX) {
        return problem_set(problem, ERR_TOO_LARGE, "the key has %zu bytes; %u is the most", size,
                           LIMIT_KEY_SIZE_MAX);
    }
    if (!utf8_is_valid(slice_of(key, size))) {
        return problem_add(problem, "", "the key is not UTF-8");
    }
    size_t collection_size = strcspn(key, "/");
    const char *collection = arena_strndup(arena, key, collection_size);
    const struct kind *kind = kind_find(collection);
    if (kind == NULL) {
        return problem_set(problem, ERR_NOT_FOUND, "there is no collection '%.60s'", collection);
    }
    *out_key = (struct kind_key){.kind = kind, .text = arena_strdup(arena, key)};
    const char *rest = key + collection_size + (key[collection_size] == '/' ? 1 : 0);
    if (kind->segments == 0) {
        out_key->segments[0] = out_key->text + (rest - key);
        return *rest != 0 ? ERR_OK : problem_set(problem, ERR_NOT_FOUND, "the key is empty");
    }
    if (!split_names(rest, kind->segments, arena, out_key->segments)) {
        return problem_set(problem, ERR_NOT_FOUND, "a key in '%s' has %u name%s behind it",
                           collection, kind->segments, kind->segments > 1 ? "s" : "");
    }
    return kind->check_key != NULL ? kind->check_key(out_key, problem)
                                   : check_names(out_key, problem);
}

enum err kind_check_network_name(const struct kind_key *key, struct problem *problem) {
    if (!field_format_dns_label.is_valid(key->segments[0])) {
        return problem_add(problem, "", "the network's name '%.60s' is not %s", key->segments[0],
                           field_format_dns_label.expects);
    }
    return ERR_OK;
}

enum err kind_read(const struct kind_key *key, const struct json *json, struct arena *arena,
                   void **out_object, struct problem *problem) {
    CHECK(key->kind->shape != NULL);
    void *object = arena_alloc(arena, key->kind->shape->size);
    enum err err = key->kind->read != NULL
                       ? key->kind->read(key, json, arena, object, problem)
                       : field_read(key->kind->shape, json, "", arena, object, problem);
    if (err == ERR_OK) {
        err = key->kind->complete(key, object, arena, problem);
    }
    *out_object = object;
    return err;
}
