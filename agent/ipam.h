/* Pod addresses of this node: who has which, and which rest. Decides in memory; ipam_file.c turns
 * it into a file and back, agent/save.c makes that file durable before anyone is answered.
 *
 * Owns the records (one an attachment) and the rests (one a freed address). Invariants: no address
 * is in two records; an address that rests is in no record; the subnet's first two addresses (the
 * VXLAN device's and the one that flannel calls the gateway) and IPv4's last are never given;
 * addresses are given in turn, so that a freed one is used again as late as possible.
 * A record outlives the lease that its address came from: pods keep their addresses. Records of
 * another boot are freed when the file is read: their pods died with it.
 * Bounds: LIMIT_ATTACHMENTS_MAX records and as many rests. */
#ifndef WEFT_AGENT_IPAM_H
#define WEFT_AGENT_IPAM_H

#include "util/clock.h"
#include "util/list.h"
#include "util/rand.h"
#include "wire/attachment.h"

/* Where new addresses come from: the node's own leased subnet. */
struct ipam_pool {
    char network[LIMIT_NAME_SIZE_MAX + 1];
    struct ip_prefix subnet;    /* IP_NONE: no addresses of that family */
    struct ip_prefix subnet_v6; /* IP_NONE likewise; both absent: no lease yet */
    uint64_t mtu;
    uint64_t epoch;
};

struct ipam_record {
    struct list node;
    struct arena arena;
    struct attachment attachment; /* its texts are in the arena */
    bool is_published;            /* publish.c: the store agrees with this record */
};

/* A freed address. It may not be given before released_ms + rest_ms; and as long as needs_retract
 * is set, the store may still show its endpoint. */
struct ipam_rest {
    struct ip_address ip;
    msec_t released_ms; /* boot time */
    bool needs_retract; /* publish.c clears it */
};

struct ipam {
    const struct clock *clock;
    char boot_id[CLOCK_BOOT_ID_SIZE];
    msec_t rest_ms;
    struct rand rand; /* for MACs */
    struct ipam_pool pool;
    struct list records; /* in the order of arrival */
    unsigned record_count;
    struct ipam_rest *rests; /* oldest first */
    unsigned rest_count;
    unsigned rest_capacity;
    struct ip_address last; /* given last; the search goes on behind it */
    struct ip_address last_v6;
};

void ipam_init(struct ipam *ipam, const struct clock *clock, const char *boot_id, msec_t rest_ms,
               uint64_t seed);
void ipam_deinit(struct ipam *ipam);
void ipam_set_pool(struct ipam *ipam, const struct ipam_pool *pool);

/* Gives the attachment its addresses, MACs and host interface; asked again for the same
 * (container_id, ifname) it gives the same, with the request's netns and pod. Owns: *out_record is
 * the ipam's, until it is released. Errors, with the problem filled: ERR_UNREACHABLE (no subnet
 * yet), ERR_POOL_EXHAUSTED (all in use), ERR_OVERLOADED (the free ones rest; retry_after_s says how
 * long). */
MUST_USE enum err ipam_reserve(struct ipam *ipam, const struct attachment *request,
                               struct ipam_record **out_record, bool *out_is_new,
                               struct problem *problem);
/* Whether a new attachment would get its addresses now. */
bool ipam_can_give(const struct ipam *ipam);
/* NULL when there is none. */
struct ipam_record *ipam_find(const struct ipam *ipam, const char *container_id,
                              const char *ifname);
/* The record that holds the address; NULL when none does. */
struct ipam_record *ipam_find_address(const struct ipam *ipam, const struct ip_address *ip);
/* The rest of the address; NULL when it does not rest. Lifetime: until the next change. */
struct ipam_rest *ipam_find_rest(const struct ipam *ipam, const struct ip_address *ip);
/* Frees a record; its addresses rest from now. */
void ipam_release(struct ipam *ipam, struct ipam_record *record);
/* Forgets rests that are over. */
void ipam_expire_rests(struct ipam *ipam);

/* The file's content: a JSON object a line. */
void ipam_encode(const struct ipam *ipam, struct buf *out);
/* Fills a fresh ipam from a file's content. `*out_dead_count`: records of another boot, freed.
 * Errors: ERR_CORRUPT with the problem filled; the ipam is then to be deinited. */
MUST_USE enum err ipam_decode(struct ipam *ipam, struct slice content, unsigned *out_dead_count,
                              struct problem *problem);

/* ipam_file.c's way in: takes over what a file says. ERR_EXISTS when key or address is taken. */
MUST_USE enum err ipam_restore(struct ipam *ipam, const struct attachment *attachment);
void ipam_rest(struct ipam *ipam, const struct ip_address *ip, msec_t released_ms,
               bool needs_retract);

#endif
