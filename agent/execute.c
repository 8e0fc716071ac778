#include "agent/execute.h"

#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/neigh.h"
#include "netlink/route.h"
#include "util/log.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <stdlib.h>

/* One run. Lifetime: the call of execute_plan. */
struct execution {
    struct netlink *netlink;
    const struct plan *plan;
    struct execute_report *report;
    struct netlink_list links; /* sorted by name */
    bool knows_links;          /* false when a step may have changed them */
    struct netlink_batch batch;
    size_t batch_steps[NETLINK_BATCH_MAX]; /* the step of each message */
};

static void report_failure(struct execution *run, size_t step, const struct netlink_error *error) {
    struct execute_report *report = run->report;
    if (report->failed < LIMIT_EXECUTE_FAILURES_MAX) {
        report->failures[report->failed] = (struct execute_failure){.step = step, .error = *error};
    }
    report->failed++;
}

static void report_verdict(struct execution *run, size_t step, const struct netlink_error *error) {
    bool is_gone = run->plan->steps[step].verdict == PLAN_DELETE && error->err == ERR_NOT_FOUND;
    if (error->err == ERR_OK || is_gone) {
        run->report->done++;
    } else {
        report_failure(run, step, error);
    }
}

static bool makes_route(const struct plan_step *step) {
    return step->object.class == MODEL_ROUTE && step->verdict != PLAN_DELETE;
}

static void report_absent_link(struct execution *run, size_t step) {
    struct netlink_error error;
    (void)netlink_error_set(&error, ENODEV, "");
    report_verdict(run, step, &error);
}

static void flush(struct execution *run) {
    /* Every message has its own verdict, so the summary says nothing more. */
    (void)!netlink_send(run->netlink, &run->batch);
    for (unsigned i = 0; i < run->batch.count; i++) {
        report_verdict(run, run->batch_steps[i], &run->batch.errors[i]);
    }
    netlink_batch_init(&run->batch);
}

static unsigned index_of(const struct execution *run, const char *name) {
    const struct link_info *link = link_of_name(&run->links, name);
    return link != NULL ? link->index : 0;
}

static void append_link(struct execution *run, const struct plan_step *step, unsigned index) {
    const struct model_link *link = &step->object.link;
    struct link_vxlan vxlan = {.vni = link->vni,
                               .port = link->port,
                               .parent = index_of(run, link->parent),
                               .local = link->local,
                               .is_learning = link->is_learning};
    struct link_change change = {
        .mtu = link->mtu, .sets_up = link->is_up, .sets_down = !link->is_up};
    if (step->verdict == PLAN_ADD) {
        link_add_vxlan(&run->batch, link->name, &vxlan, &link->mac, link->mtu);
    } else if (step->verdict == PLAN_REPLACE) {
        link_change(&run->batch, index, &change);
    } else {
        link_delete(&run->batch, index);
    }
}

static void append_address(struct execution *run, const struct plan_step *step, unsigned index) {
    const struct model_address *address = &step->object.address;
    /* Nobody else can have this address: no need to ask around, and no time without it. */
    bool is_v6 = address->address.family == IP_V6;
    struct addr_entry entry = {.link = index,
                               .address = address->address,
                               .length = address->length,
                               .flags = is_v6 ? IFA_F_NODAD : 0};
    (step->verdict == PLAN_DELETE ? addr_delete : addr_add)(&run->batch, &entry);
}

static void append_neighbour(struct execution *run, const struct plan_step *step, unsigned index) {
    const struct model_neighbour *neighbour = &step->object.neighbour;
    struct neigh_entry entry = {
        .link = index, .address = neighbour->address, .mac = neighbour->mac};
    (step->verdict == PLAN_DELETE ? neigh_delete : neigh_add)(&run->batch, &entry);
}

static void append_fdb(struct execution *run, const struct plan_step *step, unsigned index) {
    const struct model_fdb *fdb = &step->object.fdb;
    struct fdb_entry entry = {.link = index, .mac = fdb->mac, .remote = fdb->remote};
    (step->verdict == PLAN_DELETE ? fdb_delete : fdb_add)(&run->batch, &entry);
}

static void append_route(struct execution *run, const struct plan_step *step, unsigned index) {
    const struct model_route *route = &step->object.route;
    bool is_on_link = route->link[0] != 0 && route->gateway.family == IP_NONE;
    struct route_entry entry = {.destination = route->destination,
                                .metric = route->metric,
                                .type = route->type,
                                .protocol = route->protocol,
                                .gateway = route->gateway,
                                .link = index,
                                .is_onlink = route->is_onlink,
                                .is_scope_link = is_on_link};
    if (step->verdict == PLAN_ADD) {
        route_add(&run->batch, &entry);
    } else if (step->verdict == PLAN_REPLACE) {
        route_replace(&run->batch, &entry);
    } else {
        route_delete(&run->batch, &entry);
    }
}

typedef void (*append_cb)(struct execution *run, const struct plan_step *step, unsigned index);

static const append_cb appenders[MODEL_CLASS_COUNT] = {
    [MODEL_LINK] = append_link,           [MODEL_ADDRESS] = append_address,
    [MODEL_NEIGHBOUR] = append_neighbour, [MODEL_FDB] = append_fdb,
    [MODEL_ROUTE] = append_route,
};

/* Whether the step works on a device that must be there before. */
static bool needs_link(const struct plan_step *step) {
    bool makes_it = step->object.class == MODEL_LINK && step->verdict == PLAN_ADD;
    return !makes_it && model_link_of(&step->object)[0] != 0;
}

static void take_step(struct execution *run, size_t at) {
    const struct plan_step *step = &run->plan->steps[at];
    const struct link_info *link = link_of_name(&run->links, model_link_of(&step->object));
    unsigned index = link != NULL ? link->index : 0;
    if (needs_link(step) && makes_route(step) && (link == NULL || !link->is_up)) {
        run->report->waiting++;
        return;
    }
    if (needs_link(step) && link == NULL) {
        report_absent_link(run, at);
        return;
    }
    run->batch_steps[run->batch.count] = at;
    appenders[step->object.class](run, step, index);
    if (step->object.class == MODEL_LINK) {
        run->knows_links = false;
    }
    if (netlink_batch_is_full(&run->batch)) {
        flush(run);
    }
}

enum err execute_plan(struct netlink *netlink, const struct plan *plan,
                      struct execute_report *out_report, struct netlink_error *error) {
    struct execution *run = must_alloc_zeroed(1, sizeof *run);
    *run = (struct execution){.netlink = netlink, .plan = plan, .report = out_report};
    *out_report = (struct execute_report){0};
    netlink_batch_init(&run->batch);
    netlink_list_init(&run->links);
    enum err err = netlink_error_set(error, 0, "");
    for (size_t i = 0; err == ERR_OK && i < plan->count; i++) {
        if (!run->knows_links) {
            flush(run);
            err = link_dump(netlink, &run->links, error);
            link_sort_by_name(&run->links);
            run->knows_links = true;
        }
        if (err == ERR_OK) {
            take_step(run, i);
        }
    }
    flush(run);
    netlink_list_deinit(&run->links);
    free(run);
    return err;
}

void execute_log(const struct plan *plan, const struct execute_report *report) {
    struct buf command;
    buf_init(&command);
    for (size_t i = 0; i < MIN_OF(report->failed, LIMIT_EXECUTE_FAILURES_MAX); i++) {
        const struct execute_failure *failure = &report->failures[i];
        buf_clear(&command);
        plan_print_step(&plan->steps[failure->step], &command);
        LOG_WARN("the kernel refused a step", LOG_TEXT("step", buf_text(&command)),
                 LOG_TEXT("reason", failure->error.text), LOG_ERR(failure->error.err));
    }
    buf_deinit(&command);
}
