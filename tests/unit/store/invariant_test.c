/* Random work on the pool, checked against a model that knows only who was granted what and until
 * when: no subnet has two holders, no lease ends early, and equal logs make equal states. The seed
 * is printed; WEFT_SEED=N runs another. */
#include "tests/unit/store/bench.h"

#include "util/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS      4000u
#define NODES      20u
#define SUBNETS    15u /* of a /24 in /28s, the first is not given out */
#define TTL_MS     60000u
#define QUARANTINE 5000u

/* What the model knows of one subnet. */
struct grant {
    int node; /* -1: nobody */
    uint64_t epoch;
    uint64_t ends_ms; /* log time; UINT64_MAX for a reservation */
    bool is_removed;  /* by an operator: it cannot be renewed, and may be in use until ends_ms */
};

struct model {
    struct bench *bench;
    struct rand rand;
    struct grant grants[SUBNETS + 1];
    uint64_t most_epoch;
    unsigned granted, refused, ended;
};

static unsigned below(struct model *model, unsigned bound) {
    return (unsigned)rand_below(&model->rand, bound);
}

static char *node_name(struct model *model, unsigned node) {
    return arena_printf(&model->bench->arena, "n%u", node);
}

static char *subnet_key(struct model *model, unsigned place) {
    return arena_printf(&model->bench->arena, "subnets/net/10.1.0.%u-28", place * 16);
}

static unsigned place_of(const struct subnet *subnet) {
    return subnet->subnet.address.bytes[3] / 16u;
}

static void acquire(struct model *model) {
    struct bench *bench = model->bench;
    unsigned node = below(model, NODES);
    char ip[24];
    char prefer[24];
    snprintf(ip, sizeof ip, "192.0.2.%u", node + 1);
    snprintf(prefer, sizeof prefer, "10.1.0.%u/28", below(model, SUBNETS + 1) * 16);
    enum err err =
        bench_acquire(bench, node_name(model, node), ip, below(model, 2) ? prefer : NULL);
    if (err != ERR_OK) {
        assert_int_equal(err, ERR_POOL_EXHAUSTED);
        model->refused++;
        return;
    }
    struct subnet subnet = bench_subnet(bench);
    struct grant *grant = &model->grants[place_of(&subnet)];
    if (grant->node >= 0 && grant->node != (int)node) {
        /* S7, S8: a former holder has had all of its time */
        assert_true(grant->ends_ms <= bench->log_time_ms);
    }
    assert_true(subnet.epoch > model->most_epoch);
    model->most_epoch = subnet.epoch;
    for (unsigned i = 0; i <= SUBNETS; i++) { /* one lease a node */
        bool is_other = &model->grants[i] != grant && !model->grants[i].is_removed;
        assert_false(is_other && model->grants[i].node == (int)node &&
                     model->grants[i].ends_ms > bench->log_time_ms);
    }
    *grant = (struct grant){
        .node = (int)node,
        .epoch = subnet.epoch,
        .ends_ms = subnet.reserved ? UINT64_MAX : bench->log_time_ms + TTL_MS,
    };
    model->granted++;
}

static void renew_or_release(struct model *model, bool is_renewal) {
    struct bench *bench = model->bench;
    unsigned place = 1 + below(model, SUBNETS);
    struct grant *grant = &model->grants[place];
    if (grant->node < 0) {
        return;
    }
    char *node = node_name(model, (unsigned)grant->node);
    bool is_live = grant->ends_ms > bench->log_time_ms && !grant->is_removed;
    if (!is_renewal) {
        enum err err = bench_release(bench, subnet_key(model, place), node, grant->epoch);
        assert_true(err == ERR_OK || !is_live);
        *grant = err == ERR_OK ? (struct grant){.node = -1} : *grant;
        return;
    }
    enum err err = bench_renew(bench, subnet_key(model, place), node, grant->epoch);
    assert_true(err == ERR_OK || !is_live); /* S7: what lives can be renewed */
    if (err == ERR_OK && grant->ends_ms != UINT64_MAX) {
        grant->ends_ms = bench->log_time_ms + TTL_MS;
    }
    /* fenced: an older epoch never counts */
    assert_int_equal(bench_renew(bench, subnet_key(model, place), node, grant->epoch - 1),
                     ERR_LEASE_LOST);
}

static void reserve(struct model *model) {
    unsigned place = 1 + below(model, SUBNETS);
    unsigned node = below(model, NODES);
    char *json = arena_printf(&model->bench->arena, "{\"node\":\"n%u\",\"reserved\":true}", node);
    enum err err = bench_put(model->bench, subnet_key(model, place), json);
    struct grant *grant = &model->grants[place];
    if (err == ERR_OK && grant->node == (int)node &&
        bench_subnet(model->bench).epoch == grant->epoch) {
        grant->ends_ms = UINT64_MAX;
    } else if (err == ERR_OK) {
        assert_true(grant->node < 0 || grant->ends_ms <= model->bench->log_time_ms ||
                    grant->node == (int)node);
    }
}

static void remove_one(struct model *model) {
    unsigned place = 1 + below(model, SUBNETS);
    struct grant *grant = &model->grants[place];
    if (bench_delete(model->bench, subnet_key(model, place), false) != ERR_OK || grant->node < 0) {
        return;
    }
    grant->is_removed = true;
    if (grant->ends_ms == UINT64_MAX) {
        grant->ends_ms = model->bench->log_time_ms + TTL_MS; /* its holder learns of it by then */
    }
}

static void expire(struct model *model) {
    model->ended += bench_expire(model->bench, QUARANTINE);
    model->bench->log_time_ms += below(model, 3) == 0 ? below(model, TTL_MS) : below(model, 2000);
}

static void work(struct model *model) {
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned what = below(model, 20);
        if (what < 8) {
            acquire(model);
        } else if (what < 14) {
            renew_or_release(model, what < 12);
        } else if (what == 14) {
            reserve(model);
        } else if (what == 15) {
            remove_one(model);
        } else {
            expire(model);
        }
        if (i % 500 == 0) {
            arena_reset(&model->bench->arena);
        }
    }
}

static void no_subnet_has_two_holders(void **state) {
    struct model model = {.bench = *state};
    const char *given = getenv("WEFT_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261123;
    print_message("seed %llu\n", (unsigned long long)seed);
    rand_seed(&model.rand, seed);
    for (unsigned i = 0; i <= SUBNETS; i++) {
        model.grants[i].node = -1;
    }
    work(&model);
    print_message("%u granted, %u refused, %u ended\n", model.granted, model.refused, model.ended);
    assert_true(model.granted > STEPS / 10); /* a run that did nothing proves nothing */
    assert_true(model.ended > 20);
    assert_true(model.refused > 0);
}

static int setup(void **state) {
    bench_setup(state);
    return bench_put(*state, "networks/net",
                     "{\"ipv4\":\"10.1.0.0/24\",\"subnet_len\":28,\"lease_ttl_s\":60}") == ERR_OK
               ? 0
               : -1;
}

static void equal_logs_make_equal_states(void **state) {
    struct bench *bench = *state;
    no_subnet_has_two_holders(state);
    bench_put_kv(bench, "kv/a", "1");
    uint64_t digest = store_digest(bench->store);
    assert_int_equal(bench_replay(bench), digest);
    bench_put_kv(bench, "kv/a", "2");
    assert_int_not_equal(store_digest(bench->store), digest); /* it does look */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_subnet_has_two_holders, setup, bench_teardown),
        cmocka_unit_test_setup_teardown(equal_logs_make_equal_states, setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
