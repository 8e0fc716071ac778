/* Members and configurations. See member.h. */
#include "raft/member.h"

#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGURATION_FORMAT 1u

static_assert(LIMIT_RAFT_VOTERS_MAX <= LIMIT_RAFT_MEMBERS_MAX, "voters are members");

/* Copies one comma-separated field of at least one printable, unspaced character. */
static bool take_field(const char **text, char *out, size_t out_size, bool is_last) {
    size_t size = is_last ? strlen(*text) : strcspn(*text, ",");
    if (size == 0 || size >= out_size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        char c = (*text)[i];
        if (c <= ' ' || c > '~' || c == ',') {
            return false;
        }
        out[i] = c;
    }
    out[size] = '\0';
    *text += size;
    if (!is_last && **text == ',') {
        (*text)++;
    }
    return true;
}

static bool name_is_good(const char *name) {
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    return strspn(name, allowed) == strlen(name);
}

static bool url_is_good(const char *url) {
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

enum err member_parse(const char *text, struct member *out_member) {
    struct member member = {.id = 0};
    if (!take_field(&text, member.name, sizeof member.name, false) ||
        !take_field(&text, member.raft_address, sizeof member.raft_address, false) ||
        !take_field(&text, member.api_url, sizeof member.api_url, true)) {
        return ERR_INVALID;
    }
    if (!name_is_good(member.name) || strchr(member.raft_address, ':') == NULL ||
        !url_is_good(member.api_url)) {
        return ERR_INVALID;
    }
    *out_member = member;
    return ERR_OK;
}

void member_format(const struct member *member, struct buf *out) {
    buf_appendf(out, "%s,%s,%s", member->name, member->raft_address, member->api_url);
}

static int compare_names(const void *a, const void *b) {
    const struct configured_member *x = a;
    const struct configured_member *y = b;
    return strcmp(x->member.name, y->member.name);
}

static bool is_distinct(const struct configuration *configuration) {
    for (unsigned i = 0; i < configuration->count; i++) {
        for (unsigned j = 0; j < i; j++) {
            const struct member *a = &configuration->members[i].member;
            const struct member *b = &configuration->members[j].member;
            if (a->id == b->id || strcmp(a->name, b->name) == 0 ||
                strcmp(a->raft_address, b->raft_address) == 0) {
                return false;
            }
        }
    }
    return true;
}

enum err configuration_form(const struct member *members, unsigned count,
                            struct configuration *out_configuration) {
    if (count == 0 || count > LIMIT_RAFT_VOTERS_MAX) {
        LOG_ERROR("a cluster is formed by 1 to 5 members: give --member once for each",
                  LOG_U64("members", count));
        return ERR_INVALID;
    }
    struct configuration configuration = {.count = count};
    for (unsigned i = 0; i < count; i++) {
        configuration.members[i].member = members[i];
        configuration.members[i].role = MEMBER_VOTER;
    }
    qsort(configuration.members, count, sizeof configuration.members[0], compare_names);
    for (unsigned i = 0; i < count; i++) {
        configuration.members[i].member.id = i + 1;
    }
    if (!is_distinct(&configuration)) {
        LOG_ERROR("two members have the same name or Raft address");
        return ERR_INVALID;
    }
    *out_configuration = configuration;
    return ERR_OK;
}

/* libraft's numbers are little-endian. */
static void put_u64_little(struct buf *out, uint64_t value) {
    for (unsigned i = 0; i < 8; i++) {
        buf_put_u8(out, (uint8_t)(value >> (8 * i)));
    }
}

static uint64_t take_u64_little(struct reader *reader) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)reader_u8(reader) << (8 * i);
    }
    return value;
}

/* RAFT_STANDBY, RAFT_VOTER and RAFT_SPARE of raft.h. */
static const uint8_t role_codes[] = {
    [MEMBER_STANDBY] = 0,
    [MEMBER_VOTER] = 1,
    [MEMBER_SPARE] = 2,
};

void configuration_encode(const struct configuration *configuration, struct buf *out) {
    size_t start = out->size;
    buf_put_u8(out, CONFIGURATION_FORMAT);
    put_u64_little(out, configuration->count);
    for (unsigned i = 0; i < configuration->count; i++) {
        put_u64_little(out, configuration->members[i].member.id);
        member_format(&configuration->members[i].member, out);
        buf_put_u8(out, 0);
        buf_put_u8(out, role_codes[configuration->members[i].role]);
    }
    while ((out->size - start) % 8 != 0) {
        buf_put_u8(out, 0);
    }
}

static bool decode_member(struct reader *reader, struct configured_member *out_member) {
    uint64_t id = take_u64_little(reader);
    const uint8_t *end = memchr(reader->data, 0, reader->size);
    if (reader->is_broken || id == 0 || end == NULL) {
        return false;
    }
    struct slice text = reader_take(reader, (size_t)(end - reader->data) + 1);
    if (text.size > MEMBER_TEXT_SIZE ||
        member_parse((const char *)text.data, &out_member->member) != ERR_OK) {
        return false;
    }
    out_member->member.id = id;
    uint8_t code = reader_u8(reader);
    for (unsigned role = 0; role < ARRAY_COUNT(role_codes); role++) {
        if (role_codes[role] == code) {
            out_member->role = (enum member_role)role;
            return !reader->is_broken;
        }
    }
    return false;
}

enum err configuration_decode(struct slice bytes, struct configuration *out_configuration) {
    struct reader reader = reader_of(bytes.data, bytes.size);
    uint8_t format = reader_u8(&reader);
    uint64_t count = take_u64_little(&reader);
    if (reader.is_broken || format != CONFIGURATION_FORMAT || count == 0 ||
        count > LIMIT_RAFT_MEMBERS_MAX) {
        return ERR_CORRUPT;
    }
    struct configuration configuration = {.count = (unsigned)count};
    for (unsigned i = 0; i < configuration.count; i++) {
        if (!decode_member(&reader, &configuration.members[i])) {
            return ERR_CORRUPT;
        }
    }
    bool is_padding = reader.size < 8;
    while (is_padding && reader.size > 0) {
        is_padding = reader_u8(&reader) == 0;
    }
    if (!is_padding || !is_distinct(&configuration)) {
        return ERR_CORRUPT;
    }
    *out_configuration = configuration;
    return ERR_OK;
}

const struct configured_member *configuration_find(const struct configuration *configuration,
                                                   uint64_t id) {
    for (unsigned i = 0; i < configuration->count; i++) {
        if (configuration->members[i].member.id == id) {
            return &configuration->members[i];
        }
    }
    return NULL;
}

const struct configured_member *configuration_find_name(const struct configuration *configuration,
                                                        const char *name) {
    for (unsigned i = 0; i < configuration->count; i++) {
        if (strcmp(configuration->members[i].member.name, name) == 0) {
            return &configuration->members[i];
        }
    }
    return NULL;
}

unsigned configuration_voters(const struct configuration *configuration) {
    unsigned voters = 0;
    for (unsigned i = 0; i < configuration->count; i++) {
        voters += configuration->members[i].role == MEMBER_VOTER;
    }
    return voters;
}

/* FNV-1a, 64 bits: it tells clusters apart, it protects nothing. */
uint64_t cluster_digest(const struct configuration *configuration) {
    struct buf text;
    buf_init(&text);
    for (unsigned i = 0; i < configuration->count; i++) {
        member_format(&configuration->members[i].member, &text);
        buf_append_char(&text, '\n');
    }
    uint64_t digest = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text.size; i++) {
        digest = (digest ^ text.data[i]) * UINT64_C(1099511628211);
    }
    buf_deinit(&text);
    return digest == 0 ? 1 : digest;
}

void cluster_id_format(uint64_t digest, char out[17]) {
    snprintf(out, 17, "%016" PRIx64, digest);
}
