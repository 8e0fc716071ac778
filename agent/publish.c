#include "agent/publish.h"

#include "util/log.h"

#include <stdio.h>
#include <string.h>

static void next(struct publish *publish);

/* Whether the store's endpoint says what the record says. */
static bool agrees(const struct json *current, const struct buf *wanted) {
    struct json *json;
    struct json_fault fault;
    bool is_same = true;
    CHECK(json_parse(buf_slice(wanted), &json, &fault) == ERR_OK);
    struct arena arena;
    struct problem problem;
    struct endpoint ours, theirs;
    arena_init(&arena);
    problem_init(&problem);
    is_same = field_read_answer(&shape_endpoint, json, &arena, &ours, &problem) == ERR_OK &&
              field_read_answer(&shape_endpoint, current, &arena, &theirs, &problem) == ERR_OK;
    struct buf a, b;
    buf_init(&a);
    buf_init(&b);
    if (is_same) {
        theirs.network = NULL; /* from the path; a body does not have them */
        theirs.ip = (struct ip_address){.family = IP_NONE};
        field_encode(&shape_endpoint, &ours, &a);
        field_encode(&shape_endpoint, &theirs, &b);
        is_same = slice_equal(buf_slice(&a), buf_slice(&b));
    }
    buf_deinit(&a);
    buf_deinit(&b);
    arena_deinit(&arena);
    json_free(json);
    return is_same;
}

static void write_endpoint(const struct publish *publish, const struct attachment *attachment,
                           struct buf *out) {
    struct endpoint endpoint = {.node = publish->node,
                                .container_id = attachment->container_id,
                                .ifname = attachment->ifname,
                                .mac = attachment->mac,
                                .pod = attachment->pod,
                                .epoch = attachment->epoch};
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    field_write(&shape_endpoint, &endpoint, &writer);
    json_close_object(&writer);
}

static bool is_ours(const struct publish *publish, const struct json *current) {
    return strcmp(json_find_text(current, "node", ""), publish->node) == 0;
}

/* What the endpoint at publish->at should be, by what the records say at this moment. */
static enum ensure_verdict decide(void *owner, const struct json *current, struct buf *out_body) {
    struct publish *publish = owner;
    const struct ipam_record *record = ipam_find_address(publish->ipam, &publish->at);
    if (record == NULL) {
        return current != NULL && is_ours(publish, current) ? ENSURE_DELETE : ENSURE_KEEP;
    }
    if (current != NULL && !is_ours(publish, current) &&
        json_find_number(current, "epoch", 0) > record->attachment.epoch) {
        LOG_WARN("endpoint belongs to another node now",
                 LOG_TEXT("node", json_find_text(current, "node", "")));
        return ENSURE_KEEP;
    }
    write_endpoint(publish, &record->attachment, out_body);
    return current != NULL && agrees(current, out_body) ? ENSURE_KEEP : ENSURE_PUT;
}

/* The next address that needs work; IP_NONE when all is done. A record's two addresses are done one
 * after the other: the second one completes it. */
static bool find_work(struct publish *publish) {
    struct ipam *ipam = publish->ipam;
    for (unsigned i = 0; i < ipam->rest_count; i++) {
        if (ipam->rests[i].needs_retract) {
            publish->at = ipam->rests[i].ip;
            publish->is_retract = true;
            return true;
        }
    }
    LIST_FOR_EACH(&ipam->records, node) {
        const struct ipam_record *record = CONTAINER_OF(node, struct ipam_record, node);
        if (!record->is_published && strcmp(record->attachment.state, ATTACHMENT_READY) == 0) {
            publish->at = record->attachment.ip.family != IP_NONE ? record->attachment.ip
                                                                  : record->attachment.ip_v6;
            publish->is_retract = false;
            return true;
        }
    }
    return false;
}

static void settle_retract(struct publish *publish) {
    struct ipam_rest *rest = ipam_find_rest(publish->ipam, &publish->at);
    if (rest != NULL) {
        rest->needs_retract = false;
        publish->settled(publish->owner);
    }
}

/* True when the record's other address comes now. */
static bool settle_record(struct publish *publish) {
    struct ipam_record *record = ipam_find_address(publish->ipam, &publish->at);
    if (record == NULL) {
        return false;
    }
    if (publish->at.family == IP_V4 && record->attachment.ip_v6.family != IP_NONE) {
        publish->at = record->attachment.ip_v6;
        return true;
    }
    record->is_published = true;
    return false;
}

static void start(struct publish *publish);

static void ensured(void *owner, enum err err, const struct problem *problem) {
    struct publish *publish = owner;
    if (err != ERR_OK && err != ERR_PRECONDITION_FAILED) {
        if (publish->pause.tries == 0) {
            LOG_WARN("endpoint not published, trying again", LOG_ERR(err),
                     LOG_TEXT("detail", problem->detail));
        }
        publish->is_pausing = true;
        alarm_set(&publish->alarm,
                  alarm_clock_now(publish->alarm.clock) +
                      pause_next(&publish->pause, &publish->rand, LIMIT_AGENT_PAUSE_MAX_MS));
        return;
    }
    pause_reset(&publish->pause);
    if (err == ERR_OK && publish->is_retract) {
        settle_retract(publish);
    } else if (err == ERR_OK && settle_record(publish)) {
        start(publish);
        return;
    }
    next(publish);
}

static void start(struct publish *publish) {
    char ip[IP_TEXT_SIZE];
    char target[LIMIT_KEY_SIZE_MAX];
    ip_address_format(&publish->at, ip);
    snprintf(target, sizeof target, "/v1/endpoints/%s/%s", publish->network, ip);
    ensure_start(&publish->ensure, target, decide, ensured, publish);
}

static void next(struct publish *publish) {
    if (find_work(publish)) {
        start(publish);
    }
}

static void alarm_rings(struct alarm *alarm) {
    struct publish *publish = CONTAINER_OF(alarm, struct publish, alarm);
    publish->is_pausing = false;
    next(publish);
}

void publish_init(struct publish *publish, struct call_pool *pool, struct server_list *servers,
                  struct ipam *ipam, const char *node, const char *network,
                  void (*settled)(void *owner), void *owner) {
    memset(publish, 0, sizeof *publish);
    publish->ipam = ipam;
    publish->node = node;
    publish->network = network;
    publish->settled = settled;
    publish->owner = owner;
    rand_seed_os(&publish->rand);
    ensure_init(&publish->ensure, pool, servers);
    alarm_init(&publish->alarm, call_pool_alarms(pool), alarm_rings);
}

void publish_deinit(struct publish *publish) {
    ensure_cancel(&publish->ensure);
    alarm_clear(&publish->alarm);
}

void publish_hint(struct publish *publish) {
    if (!publish->ensure.is_active && !publish->is_pausing) {
        next(publish);
    }
}

void publish_again(struct publish *publish) {
    LIST_FOR_EACH(&publish->ipam->records, node) {
        CONTAINER_OF(node, struct ipam_record, node)->is_published = false;
    }
    if (!publish->ensure.is_active) {
        alarm_clear(&publish->alarm);
        publish->is_pausing = false;
        pause_reset(&publish->pause);
        next(publish);
    }
}
