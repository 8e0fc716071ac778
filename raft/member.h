/* Members and configurations: the text form of a member, the set of members with their roles as a
 * log entry carries it, and the digest that names a cluster.
 *
 * A Raft configuration gives a server an id, a role and an "address". Ours is the member's text
 * form, so that names and URLs travel with the configuration and every member knows them. */
#ifndef WEFT_RAFT_MEMBER_H
#define WEFT_RAFT_MEMBER_H

#include "raft/replica.h"

/* Room for a member's text form with its NUL. */
#define MEMBER_TEXT_SIZE (MEMBER_NAME_SIZE + MEMBER_ADDRESS_SIZE + MEMBER_URL_SIZE)

struct configured_member {
    struct member member;
    enum member_role role;
};

struct configuration {
    unsigned count;
    struct configured_member members[LIMIT_RAFT_MEMBERS_MAX];
};

/* Where a snapshot ends, and the configuration that is committed there. */
struct snapshot_point {
    uint64_t index; /* of its last entry; 0: there is no snapshot */
    uint64_t term;
    uint64_t configuration_index; /* at or before `index` */
    struct slice configuration;   /* configuration_encode */
};

/* The first configuration: sorted by name, ids 1..n, all voters. Equal on every server that was
 * given the same members in any order. Errors: ERR_INVALID (none, too many, or a name or address
 * twice; logged). */
MUST_USE enum err configuration_form(const struct member *members, unsigned count,
                                     struct configuration *out_configuration);
/* libraft's encoding of a configuration (its configuration.c, format 1), with our own bounds.
 * Errors: ERR_CORRUPT. */
MUST_USE enum err configuration_decode(struct slice bytes, struct configuration *out_configuration);
void configuration_encode(const struct configuration *configuration, struct buf *out);

/* NULL: there is none. */
const struct configured_member *configuration_find(const struct configuration *configuration,
                                                   uint64_t id);
const struct configured_member *configuration_find_name(const struct configuration *configuration,
                                                        const char *name);
unsigned configuration_voters(const struct configuration *configuration);

/* Names a cluster by those who formed it; never 0. */
uint64_t cluster_digest(const struct configuration *configuration);
/* 16 hex digits. */
void cluster_id_format(uint64_t digest, char out[17]);

#endif
