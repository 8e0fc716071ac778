#include "agent/ipam.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_HOST     2u         /* .0 is the VXLAN device's, .1 flannel's gateway */
#define HOST_COUNT_MAX UINT32_MAX /* of a wide IPv6 subnet only so many are used */

/* What pods see as their gateway, and the one MAC behind it: every host end has the same, so that
 * the pod's neighbour entry never changes. Link-local, so no pod or peer can collide with it. */
static const struct mac_address host_mac = {{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}};
static const struct ip_address gateway = {.family = IP_V4, .bytes = {169, 254, 1, 1}};
static const struct ip_address gateway_v6 = {.family = IP_V6, .bytes = {0xfe, 0x80, [15] = 1}};

static struct ipam_record *record_at(struct list *node) {
    return CONTAINER_OF(node, struct ipam_record, node);
}

void ipam_init(struct ipam *ipam, const struct clock *clock, const char *boot_id, msec_t rest_ms,
               uint64_t seed) {
    memset(ipam, 0, sizeof *ipam);
    ipam->clock = clock;
    ipam->rest_ms = rest_ms;
    snprintf(ipam->boot_id, sizeof ipam->boot_id, "%s", boot_id);
    rand_seed(&ipam->rand, seed);
    list_init(&ipam->records);
}

static void record_free(struct ipam *ipam, struct ipam_record *record) {
    list_remove(&record->node);
    ipam->record_count--;
    arena_deinit(&record->arena);
    free(record);
}

void ipam_deinit(struct ipam *ipam) {
    LIST_FOR_EACH(&ipam->records, node) {
        record_free(ipam, record_at(node));
    }
    free(ipam->rests);
}

void ipam_set_pool(struct ipam *ipam, const struct ipam_pool *pool) {
    ipam->pool = *pool;
}

struct ipam_record *ipam_find(const struct ipam *ipam, const char *container_id,
                              const char *ifname) {
    LIST_FOR_EACH(&ipam->records, node) {
        const struct attachment *attachment = &record_at(node)->attachment;
        if (strcmp(attachment->container_id, container_id) == 0 &&
            strcmp(attachment->ifname, ifname) == 0) {
            return record_at(node);
        }
    }
    return NULL;
}

struct ipam_record *ipam_find_address(const struct ipam *ipam, const struct ip_address *ip) {
    LIST_FOR_EACH(&ipam->records, node) {
        const struct attachment *attachment = &record_at(node)->attachment;
        if (ip_address_compare(&attachment->ip, ip) == 0 ||
            ip_address_compare(&attachment->ip_v6, ip) == 0) {
            return record_at(node);
        }
    }
    return NULL;
}

struct ipam_rest *ipam_find_rest(const struct ipam *ipam, const struct ip_address *ip) {
    for (unsigned i = 0; i < ipam->rest_count; i++) {
        if (ip_address_compare(&ipam->rests[i].ip, ip) == 0) {
            return &ipam->rests[i];
        }
    }
    return NULL;
}

static bool is_resting(const struct ipam *ipam, const struct ipam_rest *rest) {
    return clock_boot_ms(ipam->clock) < rest->released_ms + ipam->rest_ms;
}

/* ---- choosing ---- */

/* The part of a subnet that pods may have. */
struct range {
    struct ip_address first;
    uint64_t count;
};

static struct range range_of(const struct ip_prefix *subnet) {
    struct range range = {.count = 0};
    struct ip_address last = ip_prefix_last(subnet);
    if (!ip_address_add(&subnet->address, FIRST_HOST, &range.first) ||
        !ip_prefix_contains(subnet, &range.first)) {
        return range;
    }
    range.count = MIN_OF(ip_address_distance(&range.first, &last), HOST_COUNT_MAX);
    if (subnet->address.family == IP_V6) {
        range.count++; /* IPv6 has no broadcast */
    }
    return range;
}

static bool is_free(const struct ipam *ipam, const struct ip_address *ip) {
    const struct ipam_rest *rest = ipam_find_rest(ipam, ip);
    return ipam_find_address(ipam, ip) == NULL && (rest == NULL || !is_resting(ipam, rest));
}

/* Seconds until the first address of the subnet has rested; 0 when none rests. */
static unsigned next_rested_s(const struct ipam *ipam, const struct ip_prefix *subnet) {
    for (unsigned i = 0; i < ipam->rest_count; i++) {
        const struct ipam_rest *rest = &ipam->rests[i];
        if (is_resting(ipam, rest) && ip_prefix_contains(subnet, &rest->ip)) {
            msec_t over_ms = rest->released_ms + ipam->rest_ms;
            return (unsigned)((over_ms - clock_boot_ms(ipam->clock)) / 1000 + 1);
        }
    }
    return 0;
}

static enum err refuse(const struct ipam *ipam, const struct ip_prefix *subnet,
                       struct problem *problem) {
    char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(subnet, '/', text);
    unsigned wait_s = next_rested_s(ipam, subnet);
    if (wait_s > 0) {
        problem->retry_after_s = wait_s;
        return problem_set(problem, ERR_OVERLOADED,
                           "no address of %s is free now: %u pods have one, the freed ones rest; "
                           "the next is free in %u s",
                           text, ipam->record_count, wait_s);
    }
    problem_set(problem, ERR_POOL_EXHAUSTED, "all addresses of %s are in use by %u pods", text,
                ipam->record_count);
    problem_set_hint(problem, "Move pods to another node, or give the network a smaller "
                              "subnet_len (larger subnets).");
    return problem->err;
}

/* The next free address behind `last`, round and round. Of taken + 1 candidates one is free, so the
 * walk is short also in a wide subnet. */
static enum err choose(const struct ipam *ipam, const struct ip_prefix *subnet,
                       const struct ip_address *last, struct ip_address *out_ip,
                       struct problem *problem) {
    struct range range = range_of(subnet);
    uint64_t start = 0;
    if (ip_prefix_contains(subnet, last) && ip_address_compare(last, &range.first) >= 0) {
        start = ip_address_distance(&range.first, last) + 1;
    }
    uint64_t steps = MIN_OF(range.count, (uint64_t)ipam->record_count + ipam->rest_count + 1);
    for (uint64_t step = 0; step < steps; step++) {
        struct ip_address ip;
        CHECK(ip_address_add(&range.first, (start + step) % range.count, &ip));
        if (is_free(ipam, &ip)) {
            *out_ip = ip;
            return ERR_OK;
        }
    }
    return refuse(ipam, subnet, problem);
}

/* ---- records ---- */

/* A deep copy, by the field table. */
static void copy_attachment(struct arena *arena, const struct attachment *from,
                            struct attachment *out_copy) {
    struct buf bytes;
    buf_init(&bytes);
    field_encode(&shape_attachment, from, &bytes);
    CHECK(field_decode(&shape_attachment, buf_slice(&bytes), arena, out_copy) == ERR_OK);
    buf_deinit(&bytes);
}

static struct ipam_record *record_new(struct ipam *ipam, const struct attachment *attachment) {
    struct ipam_record *record = must_alloc_zeroed(1, sizeof *record);
    arena_init(&record->arena);
    copy_attachment(&record->arena, attachment, &record->attachment);
    list_append(&ipam->records, &record->node);
    ipam->record_count++;
    return record;
}

static struct mac_address random_mac(struct rand *rand) {
    struct mac_address mac;
    uint64_t bits = rand_u64(rand);
    memcpy(mac.bytes, &bits, sizeof mac.bytes);
    mac.bytes[0] = (uint8_t)((mac.bytes[0] & 0xfc) | 0x02); /* unicast, locally administered */
    return mac;
}

/* The answer's part of an attachment, but for its addresses. */
static void fill_link(struct ipam *ipam, const char *host_ifname, struct attachment *attachment) {
    attachment->network = ipam->pool.network;
    attachment->mac = random_mac(&ipam->rand);
    attachment->host_ifname = host_ifname;
    attachment->host_mac = host_mac;
    attachment->mtu = ipam->pool.mtu;
    attachment->state = ATTACHMENT_RESERVED;
    attachment->boot_id = ipam->boot_id;
    attachment->epoch = ipam->pool.epoch;
    attachment->reserved_ms = clock_boot_ms(ipam->clock);
}

static enum err fill_addresses(const struct ipam *ipam, struct attachment *attachment,
                               struct problem *problem) {
    const struct ipam_pool *pool = &ipam->pool;
    enum err err = ERR_OK;
    if (pool->subnet.address.family != IP_NONE) {
        attachment->gateway = gateway;
        err = choose(ipam, &pool->subnet, &ipam->last, &attachment->ip, problem);
    }
    if (err == ERR_OK && pool->subnet_v6.address.family != IP_NONE) {
        attachment->gateway_v6 = gateway_v6;
        err = choose(ipam, &pool->subnet_v6, &ipam->last_v6, &attachment->ip_v6, problem);
    }
    return err;
}

bool ipam_can_give(const struct ipam *ipam) {
    struct attachment unused = {.container_id = NULL};
    struct problem problem;
    problem_init(&problem);
    bool has_subnet = ipam->pool.subnet.address.family != IP_NONE ||
                      ipam->pool.subnet_v6.address.family != IP_NONE;
    return has_subnet && ipam->record_count < LIMIT_ATTACHMENTS_MAX &&
           fill_addresses(ipam, &unused, &problem) == ERR_OK;
}

static void remove_rest(struct ipam *ipam, unsigned index) {
    ipam->rest_count--;
    memmove(&ipam->rests[index], &ipam->rests[index + 1],
            (ipam->rest_count - index) * sizeof ipam->rests[0]);
}

/* An address that is given again rests no more; its endpoint will be written over. */
static void end_rest(struct ipam *ipam, const struct ip_address *ip) {
    const struct ipam_rest *rest = ipam_find_rest(ipam, ip);
    if (rest != NULL) {
        remove_rest(ipam, (unsigned)(rest - ipam->rests));
    }
}

static enum err reserve_new(struct ipam *ipam, const struct attachment *request,
                            struct ipam_record **out_record, struct problem *problem) {
    if (ipam->pool.subnet.address.family == IP_NONE &&
        ipam->pool.subnet_v6.address.family == IP_NONE) {
        problem_set(problem, ERR_UNREACHABLE, "this node has no subnet yet");
        problem_set_hint(problem, "The agent gets one as soon as it reaches the store and the "
                                  "network exists: see its log and GET /v1/status.");
        return problem->err;
    }
    if (ipam->record_count >= LIMIT_ATTACHMENTS_MAX) {
        return problem_set(problem, ERR_POOL_EXHAUSTED, "a node carries at most %u pods",
                           LIMIT_ATTACHMENTS_MAX);
    }
    struct attachment attachment = *request;
    char host_ifname[LIMIT_IFNAME_SIZE_MAX + 1];
    attachment_host_ifname(request->container_id, request->ifname, host_ifname);
    fill_link(ipam, host_ifname, &attachment);
    enum err err = fill_addresses(ipam, &attachment, problem);
    if (err != ERR_OK) {
        return err;
    }
    *out_record = record_new(ipam, &attachment);
    ipam->last = attachment.ip;
    ipam->last_v6 = attachment.ip_v6;
    end_rest(ipam, &attachment.ip);
    end_rest(ipam, &attachment.ip_v6);
    return ERR_OK;
}

/* The same attachment again: the answer stays, the request's part is taken anew. */
static struct ipam_record *renew(struct ipam *ipam, struct ipam_record *old,
                                 const struct attachment *request) {
    struct attachment attachment = old->attachment;
    attachment.netns = request->netns;
    attachment.cni_network = request->cni_network;
    attachment.pod = request->pod;
    attachment.reserved_ms = clock_boot_ms(ipam->clock);
    struct ipam_record *record = record_new(ipam, &attachment);
    record_free(ipam, old);
    return record;
}

enum err ipam_reserve(struct ipam *ipam, const struct attachment *request,
                      struct ipam_record **out_record, bool *out_is_new, struct problem *problem) {
    struct ipam_record *old = ipam_find(ipam, request->container_id, request->ifname);
    if (old != NULL) {
        *out_record = renew(ipam, old, request);
        *out_is_new = false;
        return ERR_OK;
    }
    *out_is_new = true;
    return reserve_new(ipam, request, out_record, problem);
}

enum err ipam_restore(struct ipam *ipam, const struct attachment *attachment) {
    bool has_address = attachment->ip.family != IP_NONE || attachment->ip_v6.family != IP_NONE;
    if (ipam_find(ipam, attachment->container_id, attachment->ifname) != NULL ||
        (attachment->ip.family != IP_NONE && ipam_find_address(ipam, &attachment->ip) != NULL) ||
        (attachment->ip_v6.family != IP_NONE &&
         ipam_find_address(ipam, &attachment->ip_v6) != NULL)) {
        return ERR_EXISTS;
    }
    if (!has_address) {
        return ERR_INVALID;
    }
    (void)record_new(ipam, attachment);
    return ERR_OK;
}

/* ---- rests ---- */

void ipam_rest(struct ipam *ipam, const struct ip_address *ip, msec_t released_ms,
               bool needs_retract) {
    if (ip->family == IP_NONE) {
        return;
    }
    end_rest(ipam, ip);
    if (ipam->rest_count == LIMIT_ATTACHMENTS_MAX) {
        remove_rest(ipam, 0); /* it has rested longest */
    }
    if (ipam->rest_count == ipam->rest_capacity) {
        ipam->rest_capacity = MAX_OF(2 * ipam->rest_capacity, 16u);
        ipam->rests = must_realloc(ipam->rests, ipam->rest_capacity * sizeof ipam->rests[0]);
    }
    ipam->rests[ipam->rest_count++] =
        (struct ipam_rest){.ip = *ip, .released_ms = released_ms, .needs_retract = needs_retract};
}

void ipam_release(struct ipam *ipam, struct ipam_record *record) {
    msec_t now_ms = clock_boot_ms(ipam->clock);
    ipam_rest(ipam, &record->attachment.ip, now_ms, true);
    ipam_rest(ipam, &record->attachment.ip_v6, now_ms, true);
    record_free(ipam, record);
}

void ipam_expire_rests(struct ipam *ipam) {
    unsigned kept = 0;
    for (unsigned i = 0; i < ipam->rest_count; i++) {
        if (ipam->rests[i].needs_retract || is_resting(ipam, &ipam->rests[i])) {
            ipam->rests[kept++] = ipam->rests[i];
        }
    }
    ipam->rest_count = kept;
}
