#include "agent/registration.h"

#include "util/log.h"

#include <stdio.h>
#include <string.h>

/* The object as it should be: the current one with our part replaced. */
static enum ensure_verdict decide(void *owner, const struct json *current, struct buf *out_body) {
    struct registration *registration = owner;
    struct arena arena;
    struct problem problem;
    struct node node = {.name = NULL};
    const char *addresses[] = {registration->address};
    arena_init(&arena);
    problem_init(&problem);
    if (current != NULL &&
        field_read_answer(&shape_node, current, &arena, &node, &problem) != ERR_OK) {
        node = (struct node){.name = NULL};
    }
    struct buf before, after;
    buf_init(&before);
    buf_init(&after);
    field_encode(&shape_node, &node, &before);
    node.addresses = (struct text_list){.items = addresses, .count = 1};
    node.agent_version = WEFT_VERSION;
    node.boot_id = registration->boot_id;
    field_encode(&shape_node, &node, &after);
    bool is_same = current != NULL && slice_equal(buf_slice(&before), buf_slice(&after));
    node.name = NULL; /* the path's */
    struct json_writer writer = json_writer_to(out_body);
    json_open_object(&writer);
    field_write(&shape_node, &node, &writer);
    json_close_object(&writer);
    buf_deinit(&before);
    buf_deinit(&after);
    arena_deinit(&arena);
    return is_same ? ENSURE_KEEP : ENSURE_PUT;
}

static void begin(struct registration *registration);

static void ensured(void *owner, enum err err, const struct problem *problem) {
    struct registration *registration = owner;
    if (err == ERR_OK) {
        registration->is_done = true;
        pause_reset(&registration->pause);
        return;
    }
    if (registration->pause.tries == 0) {
        LOG_WARN("node not registered, trying again", LOG_ERR(err),
                 LOG_TEXT("detail", problem->detail));
    }
    alarm_set(&registration->alarm,
              alarm_clock_now(registration->alarm.clock) +
                  pause_next(&registration->pause, &registration->rand, LIMIT_AGENT_PAUSE_MAX_MS));
}

static void begin(struct registration *registration) {
    char target[LIMIT_KEY_SIZE_MAX];
    alarm_clear(&registration->alarm);
    if (registration->address[0] == 0) {
        return;
    }
    ensure_cancel(&registration->ensure);
    snprintf(target, sizeof target, "/v1/nodes/%s", registration->node);
    ensure_start(&registration->ensure, target, decide, ensured, registration);
}

static void alarm_rings(struct alarm *alarm) {
    begin(CONTAINER_OF(alarm, struct registration, alarm));
}

void registration_init(struct registration *registration, struct call_pool *pool,
                       struct server_list *servers, const char *node, const char *boot_id) {
    memset(registration, 0, sizeof *registration);
    registration->node = node;
    registration->boot_id = boot_id;
    rand_seed_os(&registration->rand);
    ensure_init(&registration->ensure, pool, servers);
    alarm_init(&registration->alarm, call_pool_alarms(pool), alarm_rings);
}

void registration_deinit(struct registration *registration) {
    ensure_cancel(&registration->ensure);
    alarm_clear(&registration->alarm);
}

void registration_set_address(struct registration *registration, const struct ip_address *address) {
    char text[IP_TEXT_SIZE];
    ip_address_format(address, text);
    if (strcmp(text, registration->address) != 0) {
        snprintf(registration->address, sizeof registration->address, "%s", text);
        registration_again(registration);
    }
}

void registration_again(struct registration *registration) {
    registration->is_done = false;
    pause_reset(&registration->pause);
    begin(registration);
}
