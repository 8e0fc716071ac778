/* The file form of ipam.h: a JSON object a line, each with one member that says what it is. Times
 * since boot count only within the boot that wrote them: after another boot a rest begins anew. */
#include "agent/ipam.h"

#include <string.h>

struct rest_line {
    struct ip_address ip;
    uint64_t released_ms;
    const char *boot_id;
    bool needs_retract;
};

struct last_line {
    struct ip_address ip;
    struct ip_address ip_v6;
};

/* Exactly one is there. */
struct line {
    struct attachment *attachment;
    struct rest_line *rest;
    struct last_line *last;
};

/* clang-format off: a row a field */
static const struct field rest_fields[] = {
    {.name = "ip", .number = 1, .type = FIELD_ADDRESS, .offset = offsetof(struct rest_line, ip)},
    {.name = "released_ms",
     .number = 2,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct rest_line, released_ms)},
    {.name = "boot_id",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct rest_line, boot_id)},
    {.name = "needs_retract",
     .number = 4,
     .type = FIELD_BOOL,
     .offset = offsetof(struct rest_line, needs_retract)},
};
static SHAPE(shape_rest, rest_line, rest_fields);

static const struct field last_fields[] = {
    {.name = "ip", .number = 1, .type = FIELD_ADDRESS, .offset = offsetof(struct last_line, ip)},
    {.name = "ip_v6",
     .number = 2,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct last_line, ip_v6)},
};
static SHAPE(shape_last, last_line, last_fields);

static const struct field line_fields[] = {
    {.name = "attachment",
     .number = 1,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, attachment),
     .shape = &shape_attachment},
    {.name = "rest",
     .number = 2,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, rest),
     .shape = &shape_rest},
    {.name = "last",
     .number = 3,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct line, last),
     .shape = &shape_last},
};
static SHAPE(shape_line, line, line_fields);
/* clang-format on */

static void encode_line(const struct line *line, struct buf *out) {
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    field_write(&shape_line, line, &writer);
    json_close_object(&writer);
    buf_append_char(out, '\n');
}

void ipam_encode(const struct ipam *ipam, struct buf *out) {
    struct last_line last = {.ip = ipam->last, .ip_v6 = ipam->last_v6};
    encode_line(&(struct line){.last = &last}, out);
    LIST_FOR_EACH(&ipam->records, node) {
        struct ipam_record *record = CONTAINER_OF(node, struct ipam_record, node);
        encode_line(&(struct line){.attachment = &record->attachment}, out);
    }
    for (unsigned i = 0; i < ipam->rest_count; i++) {
        const struct ipam_rest *rest = &ipam->rests[i];
        struct rest_line row = {.ip = rest->ip,
                                .released_ms = rest->released_ms,
                                .boot_id = ipam->boot_id,
                                .needs_retract = rest->needs_retract};
        encode_line(&(struct line){.rest = &row}, out);
    }
}

static bool is_whole(const struct attachment *attachment) {
    return attachment->container_id != NULL && attachment->ifname != NULL &&
           attachment->netns != NULL && attachment->cni_network != NULL &&
           attachment->host_ifname != NULL && attachment->state != NULL &&
           attachment->boot_id != NULL && attachment->network != NULL;
}

static enum err take_attachment(struct ipam *ipam, const struct attachment *attachment,
                                unsigned *dead_count) {
    if (!is_whole(attachment)) {
        return ERR_CORRUPT;
    }
    if (strcmp(attachment->boot_id, ipam->boot_id) == 0) {
        return ipam_restore(ipam, attachment) == ERR_OK ? ERR_OK : ERR_CORRUPT;
    }
    msec_t now_ms = clock_boot_ms(ipam->clock);
    ipam_rest(ipam, &attachment->ip, now_ms, true);
    ipam_rest(ipam, &attachment->ip_v6, now_ms, true);
    (*dead_count)++;
    return ERR_OK;
}

static enum err take_rest(struct ipam *ipam, const struct rest_line *rest) {
    if (rest->ip.family == IP_NONE || rest->boot_id == NULL) {
        return ERR_CORRUPT;
    }
    msec_t now_ms = clock_boot_ms(ipam->clock);
    bool is_same_boot = strcmp(rest->boot_id, ipam->boot_id) == 0 && rest->released_ms <= now_ms;
    ipam_rest(ipam, &rest->ip, is_same_boot ? rest->released_ms : now_ms, rest->needs_retract);
    return ERR_OK;
}

static enum err take_line(struct ipam *ipam, const struct line *line, unsigned *dead_count) {
    if (line->attachment != NULL) {
        return take_attachment(ipam, line->attachment, dead_count);
    }
    if (line->rest != NULL) {
        return take_rest(ipam, line->rest);
    }
    if (line->last != NULL) {
        ipam->last = line->last->ip;
        ipam->last_v6 = line->last->ip_v6;
        return ERR_OK;
    }
    return ERR_CORRUPT;
}

static enum err decode_line(struct ipam *ipam, struct slice text, struct arena *arena,
                            unsigned *dead_count, struct problem *problem) {
    struct json *json;
    struct json_fault fault;
    if (json_parse(text, &json, &fault) != ERR_OK) {
        return ERR_CORRUPT;
    }
    struct line line;
    enum err err = field_read_answer(&shape_line, json, arena, &line, problem);
    json_free(json);
    return err == ERR_OK ? take_line(ipam, &line, dead_count) : ERR_CORRUPT;
}

enum err ipam_decode(struct ipam *ipam, struct slice content, unsigned *out_dead_count,
                     struct problem *problem) {
    struct arena arena;
    arena_init(&arena);
    enum err err = ERR_OK;
    *out_dead_count = 0;
    for (unsigned number = 1; content.size > 0 && err == ERR_OK; number++) {
        const uint8_t *end = memchr(content.data, '\n', content.size);
        size_t size = end != NULL ? (size_t)(end - content.data) : content.size;
        err = decode_line(ipam, slice_of(content.data, size), &arena, out_dead_count, problem);
        size_t used = MIN_OF(size + 1, content.size);
        content = slice_of(content.data + used, content.size - used);
        arena_reset(&arena);
        if (err != ERR_OK) {
            problem_set(problem, ERR_CORRUPT, "line %u is no record of an address", number);
        }
    }
    arena_deinit(&arena);
    return err;
}
