#include "agent/cache.h"

#include <stdlib.h>
#include <string.h>

/* First line: whose it is. */
struct about {
    const char *node;
    const char *network;
    const char *boot_id;
    uint64_t revision;
    uint64_t own_sent_ms;
};

struct lease_line {
    const char *key;
    struct subnet *subnet;
};

/* Exactly one is there. */
struct line {
    struct about *about;
    struct network *network;
    struct subnet *own;
    struct lease_line *lease;
};

/* clang-format off: a row a field */
static const struct field about_fields[] = {
    {.name = "node", .number = 1, .type = FIELD_TEXT, .offset = offsetof(struct about, node)},
    {.name = "network", .number = 2, .type = FIELD_TEXT, .offset = offsetof(struct about, network)},
    {.name = "boot_id", .number = 3, .type = FIELD_TEXT, .offset = offsetof(struct about, boot_id)},
    {.name = "revision",
     .number = 4,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct about, revision)},
    {.name = "own_sent_ms",
     .number = 5,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct about, own_sent_ms)},
};
static SHAPE(shape_about, about, about_fields);

static const struct field lease_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct lease_line, key),
     .max = LIMIT_KEY_SIZE_MAX},
    {.name = "subnet",
     .number = 2,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct lease_line, subnet),
     .shape = &shape_subnet},
};
static SHAPE(shape_lease, lease_line, lease_fields);

static const struct field line_fields[] = {
    {.name = "about",
     .number = 1,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, about),
     .shape = &shape_about},
    {.name = "network",
     .number = 2,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, network),
     .shape = &shape_network},
    {.name = "own",
     .number = 3,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, own),
     .shape = &shape_subnet},
    {.name = "lease",
     .number = 4,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, lease),
     .shape = &shape_lease},
};
static SHAPE(shape_line, line, line_fields);
/* clang-format on */

void cache_init(struct cache *cache, const char *node_name, const char *network_name,
                const char *boot_id) {
    *cache =
        (struct cache){.node_name = node_name, .network_name = network_name, .boot_id = boot_id};
    arena_init(&cache->network_arena);
    arena_init(&cache->own_arena);
    list_init(&cache->leases);
}

void cache_deinit(struct cache *cache) {
    cache_clear_leases(cache);
    arena_deinit(&cache->network_arena);
    arena_deinit(&cache->own_arena);
}

/* Reads into a new arena; on success the old one is given up, on failure it stays. */
static enum err replace(struct arena *arena, const struct shape *shape, const struct json *json,
                        void **out_object) {
    struct arena fresh;
    struct problem problem;
    arena_init(&fresh);
    problem_init(&problem);
    void *object = arena_alloc(&fresh, shape->size);
    enum err err = field_read_answer(shape, json, &fresh, object, &problem);
    if (err != ERR_OK) {
        arena_deinit(&fresh);
        return err;
    }
    arena_deinit(arena);
    *arena = fresh;
    *out_object = object;
    return ERR_OK;
}

enum err cache_set_network(struct cache *cache, const struct json *json) {
    const struct json *backend = json_find(json, "backend");
    if (json_text(json_find(backend, "type")) == NULL) {
        return ERR_INVALID;
    }
    void *network;
    enum err err = replace(&cache->network_arena, &shape_network, json, &network);
    if (err == ERR_OK) {
        cache->network = network;
    }
    return err;
}

void cache_clear_network(struct cache *cache) {
    cache->network = NULL;
    arena_reset(&cache->network_arena);
}

enum err cache_set_own(struct cache *cache, const struct json *json, msec_t sent_ms) {
    void *own;
    struct ip_prefix subnet;
    if (ip_prefix_parse(json_find_text(json, "subnet", ""), '/', &subnet) != ERR_OK) {
        return ERR_INVALID;
    }
    enum err err = replace(&cache->own_arena, &shape_subnet, json, &own);
    if (err == ERR_OK) {
        cache->own = own;
        cache_set_own_sent(cache, sent_ms);
    }
    return err;
}

void cache_set_own_sent(struct cache *cache, msec_t sent_ms) {
    cache->own_sent_ms = sent_ms;
    cache->own_is_of_boot = true;
}

void cache_clear_own(struct cache *cache) {
    cache->own = NULL;
    cache->own_is_of_boot = false;
    arena_reset(&cache->own_arena);
}

/* ---- leases ---- */

static void lease_free(struct cache *cache, struct cache_lease *lease) {
    list_remove(&lease->node);
    cache->lease_count--;
    arena_deinit(&lease->arena);
    free(lease);
}

static struct cache_lease *find_lease(const struct cache *cache, const char *key) {
    LIST_FOR_EACH(&cache->leases, node) {
        struct cache_lease *lease = CONTAINER_OF(node, struct cache_lease, node);
        if (strcmp(lease->key, key) == 0) {
            return lease;
        }
    }
    return NULL;
}

enum err cache_put_lease(struct cache *cache, const char *key, const struct json *json) {
    struct cache_lease *lease = must_alloc_zeroed(1, sizeof *lease);
    struct problem problem;
    arena_init(&lease->arena);
    problem_init(&problem);
    enum err err = field_read_answer(&shape_subnet, json, &lease->arena, &lease->subnet, &problem);
    if (err != ERR_OK) {
        arena_deinit(&lease->arena);
        free(lease);
        return err;
    }
    lease->key = arena_strdup(&lease->arena, key);
    cache_remove_lease(cache, key);
    list_append(&cache->leases, &lease->node);
    cache->lease_count++;
    return ERR_OK;
}

void cache_remove_lease(struct cache *cache, const char *key) {
    struct cache_lease *lease = find_lease(cache, key);
    if (lease != NULL) {
        lease_free(cache, lease);
    }
}

void cache_clear_leases(struct cache *cache) {
    LIST_FOR_EACH(&cache->leases, node) {
        lease_free(cache, CONTAINER_OF(node, struct cache_lease, node));
    }
}

/* ---- the file ---- */

static void encode_line(const struct line *line, struct buf *out) {
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    field_write(&shape_line, line, &writer);
    json_close_object(&writer);
    buf_append_char(out, '\n');
}

void cache_encode(const struct cache *cache, struct buf *out) {
    struct about about = {.node = cache->node_name,
                          .network = cache->network_name,
                          .boot_id = cache->own_is_of_boot ? cache->boot_id : "",
                          .revision = cache->revision,
                          .own_sent_ms = cache->own_sent_ms};
    encode_line(&(struct line){.about = &about}, out);
    if (cache->network != NULL) {
        encode_line(&(struct line){.network = cache->network}, out);
    }
    if (cache->own != NULL) {
        encode_line(&(struct line){.own = cache->own}, out);
    }
    LIST_FOR_EACH(&cache->leases, node) {
        struct cache_lease *lease = CONTAINER_OF(node, struct cache_lease, node);
        struct lease_line row = {.key = lease->key, .subnet = &lease->subnet};
        encode_line(&(struct line){.lease = &row}, out);
    }
}

static enum err take_about(struct cache *cache, const struct about *about) {
    if (about->node == NULL || about->network == NULL || about->boot_id == NULL) {
        return ERR_CORRUPT;
    }
    if (strcmp(about->node, cache->node_name) != 0 ||
        strcmp(about->network, cache->network_name) != 0) {
        return ERR_NOT_FOUND;
    }
    cache->revision = about->revision;
    cache->own_sent_ms = about->own_sent_ms;
    cache->own_is_of_boot = strcmp(about->boot_id, cache->boot_id) == 0;
    return ERR_OK;
}

static enum err take_line(struct cache *cache, const struct json *json, struct arena *arena) {
    const struct json *member = json_first(json);
    const char *name = member != NULL ? json_name(member) : "";
    struct problem problem;
    problem_init(&problem);
    if (strcmp(name, "about") == 0) {
        struct about about;
        enum err err = field_read_answer(&shape_about, member, arena, &about, &problem);
        return err == ERR_OK ? take_about(cache, &about) : ERR_CORRUPT;
    }
    enum err err = ERR_CORRUPT;
    if (strcmp(name, "network") == 0) {
        err = cache_set_network(cache, member);
    } else if (strcmp(name, "own") == 0) {
        bool is_of_boot = cache->own_is_of_boot;
        err = cache_set_own(cache, member, cache->own_sent_ms);
        cache->own_is_of_boot = is_of_boot;
    } else if (strcmp(name, "lease") == 0) {
        const char *key = json_find_text(member, "key", NULL);
        const struct json *subnet = json_find(member, "subnet");
        err = key != NULL && subnet != NULL ? cache_put_lease(cache, key, subnet) : ERR_CORRUPT;
    }
    return err == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static enum err decode_lines(struct cache *cache, struct slice content, struct arena *arena) {
    bool is_first = true;
    while (content.size > 0) {
        const uint8_t *end = memchr(content.data, '\n', content.size);
        if (end == NULL) {
            return ERR_CORRUPT;
        }
        size_t size = (size_t)(end - content.data);
        struct json *json;
        struct json_fault fault;
        if (json_parse(slice_of(content.data, size), &json, &fault) != ERR_OK) {
            return ERR_CORRUPT;
        }
        enum err err = is_first == (json_find(json, "about") != NULL)
                           ? take_line(cache, json, arena)
                           : ERR_CORRUPT;
        json_free(json);
        if (err != ERR_OK) {
            return err;
        }
        is_first = false;
        content = slice_of(end + 1, content.size - size - 1);
    }
    return is_first ? ERR_CORRUPT : ERR_OK;
}

enum err cache_decode(struct cache *cache, struct slice content) {
    struct arena arena;
    arena_init(&arena);
    enum err err = decode_lines(cache, content, &arena);
    arena_deinit(&arena);
    if (err != ERR_OK) {
        cache_clear_network(cache);
        cache_clear_own(cache);
        cache_clear_leases(cache);
        cache->revision = 0;
    }
    return err;
}
