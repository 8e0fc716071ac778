/* The plan against golden files: what must be done, as iproute2's commands, in order. With
 * WEFT_GOLDEN_UPDATE=1 in the environment the files are written anew; read the difference then. */
#include "agent/plan.h"

#include "tests/unit/agent/cluster.h"
#include "tests/unit/netlink/namespace.h"
#include "util/clock.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void read_file(const char *path, struct buf *out) {
    char part[4096];
    FILE *file = fopen(path, "re");
    for (size_t size = 1; file != NULL && size > 0;) {
        size = fread(part, 1, sizeof part, file);
        buf_append(out, part, size);
    }
    if (file != NULL) {
        assert_int_equal(fclose(file), 0);
    }
}

static void write_file(const char *path, const struct buf *text) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
    assert_int_equal(fclose(file), 0);
}

static void check_golden(const char *name, struct buf *text) {
    char path[512];
    struct buf golden;
    (void)snprintf(path, sizeof path, WEFT_SOURCE_ROOT "/tests/golden/plan/%s.txt", name);
    if (getenv("WEFT_GOLDEN_UPDATE") != NULL) {
        write_file(path, text);
    }
    buf_init(&golden);
    read_file(path, &golden);
    assert_string_equal(buf_text(text), buf_text(&golden));
    buf_deinit(&golden);
}

/* What a test works on: the cluster before (what the kernel holds) and after (what it should). */
struct scene {
    struct cluster cluster;
    struct network_state actual;
    struct network_state desired;
    struct desired_report report;
    struct plan plan;
};

/* The kernel holds all that a cluster of `nodes` nodes, with two pods here, asks for. */
static struct scene *scene_new(size_t nodes) {
    struct scene *scene = must_alloc_zeroed(1, sizeof *scene);
    cluster_init(&scene->cluster, nodes);
    cluster_add_pod(&scene->cluster, "10.128.1.2", "weftaaaa");
    cluster_add_pod(&scene->cluster, "10.128.1.3", "weftbbbb");
    network_state_init(&scene->actual);
    network_state_init(&scene->desired);
    plan_init(&scene->plan);
    cluster_build(&scene->cluster, &scene->actual, &scene->report);
    return scene;
}

static void scene_free(struct scene *scene) {
    plan_deinit(&scene->plan);
    network_state_deinit(&scene->desired);
    network_state_deinit(&scene->actual);
    cluster_deinit(&scene->cluster);
    free(scene);
}

static void scene_plan(struct scene *scene) {
    cluster_build(&scene->cluster, &scene->desired, &scene->report);
    network_state_sort(&scene->actual);
    plan_make(&scene->desired, &scene->actual, &scene->plan);
}

/* Plans, and compares with tests/golden/plan/<name>.txt; then frees the scene. */
static void scene_check(struct scene *scene, const char *name) {
    struct buf text;
    buf_init(&text);
    scene_plan(scene);
    plan_print(&scene->plan, &text);
    check_golden(name, &text);
    buf_deinit(&text);
    scene_free(scene);
}

static struct model_object *find(struct network_state *state, enum model_class class, size_t skip) {
    for (size_t i = 0; i < state->count; i++) {
        if (state->objects[i].class == class && skip-- == 0) {
            return &state->objects[i];
        }
    }
    return NULL;
}

static void remove_object(struct network_state *state, const struct model_object *object) {
    size_t at = (size_t)(object - state->objects);
    memmove(&state->objects[at], &state->objects[at + 1],
            (state->count - at - 1) * sizeof state->objects[0]);
    state->count--;
}

static void from_nothing_everything_is_built_bottom_up(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    network_state_clear(&scene->actual);
    scene_check(scene, "from_nothing");
}

static void both_families_share_one_device(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    cluster_add_v6(&scene->cluster);
    cluster_add_pod(&scene->cluster, "fd00:0:0:1::2", "weftaaaa");
    network_state_clear(&scene->actual);
    scene_check(scene, "dual_stack");
}

static void over_ipv6_the_device_is_smaller(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    scene->cluster.parent.local = ip("2001:db8::1");
    scene->cluster.parent.on_link = prefix("2001:db8::/64");
    scene->cluster.leases[1].public_ip_v6 = ip("2001:db8::2");
    network_state_clear(&scene->actual);
    scene_check(scene, "outer_ipv6");
}

static void direct_neighbours_need_no_tunnel(void **state) {
    (void)state;
    struct scene *scene = scene_new(3);
    scene->cluster.backend.direct_routing = true;
    scene->cluster.leases[2].public_ip = ip("198.51.100.7");
    network_state_clear(&scene->actual);
    scene_check(scene, "direct_routing");
}

static void host_gateways_are_routes_to_neighbours_and_the_tunnel_goes(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    scene->cluster.backend = (struct network_backend){.type = "host-gw"};
    for (size_t i = 0; i < 4; i++) {
        scene->cluster.leases[i].backend_type = "host-gw";
        scene->cluster.leases[i].backend_data = slice_of_text("{}");
    }
    scene->cluster.leases[2].public_ip = ip("198.51.100.7"); /* not on the link: no route */
    scene_check(scene, "host_gw");
}

static void what_is_right_is_left_alone(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    scene_plan(scene);
    assert_int_equal(scene->plan.count, 0);
    assert_int_equal(scene->plan.verdicts[PLAN_KEEP], scene->actual.count);
    assert_int_equal(scene->report.peers, 3);
    scene_free(scene);
}

static void a_peers_new_mac_leaves_no_old_entry(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    cluster_set_mac(&scene->cluster, 2, "02:00:00:00:99:99");
    scene_check(scene, "peer_mac_changed");
}

static void a_peers_new_address_turns_its_forwarding_entry(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    scene->cluster.leases[2].public_ip = ip("192.0.2.77");
    scene_check(scene, "peer_address_changed");
}

static void a_peer_that_is_gone_leaves_nothing(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    cluster_remove(&scene->cluster, 2);
    scene_check(scene, "peer_gone");
}

static void a_subnets_new_holder_gets_its_traffic(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    scene->cluster.leases[3].subnet = scene->cluster.leases[2].subnet;
    cluster_remove(&scene->cluster, 2);
    scene_check(scene, "subnet_moved");
}

static void lost_objects_come_back_alone(void **state) {
    (void)state;
    struct scene *scene = scene_new(4);
    remove_object(&scene->actual, find(&scene->actual, MODEL_ROUTE, 1));
    remove_object(&scene->actual, find(&scene->actual, MODEL_FDB, 0));
    remove_object(&scene->actual, find(&scene->actual, MODEL_NEIGHBOUR, 2));
    scene_check(scene, "objects_lost");
}

static void a_device_that_is_another_is_made_again_with_all_on_it(void **state) {
    (void)state;
    struct scene *scene = scene_new(3);
    find(&scene->actual, MODEL_LINK, 0)->link.vni = 2;
    scene_check(scene, "device_wrong_vni");
}

static void a_device_set_wrong_is_set_right_in_place(void **state) {
    (void)state;
    struct scene *scene = scene_new(3);
    struct model_link *link = &find(&scene->actual, MODEL_LINK, 0)->link;
    link->mtu = 9000;
    link->is_up = false;
    scene_check(scene, "device_set_wrong");
}

static void another_vni_is_another_device(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    scene->cluster.backend.vni = 7;
    cluster_set_mac(&scene->cluster, 1, "02:00:00:00:00:02");
    scene_check(scene, "vni_changed");
}

static void a_new_own_subnet_keeps_the_device_and_its_peers(void **state) {
    (void)state;
    struct scene *scene = scene_new(3);
    scene->cluster.leases[0].subnet = prefix("10.128.200.0/24");
    scene_check(scene, "own_subnet_changed");
}

static void without_a_lease_only_the_pods_routes_stay(void **state) {
    (void)state;
    struct scene *scene = scene_new(3);
    scene->cluster.input.own = NULL;
    scene_check(scene, "lease_lost");
}

static void a_pod_on_another_device_has_its_route_replaced(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    scene->cluster.pods[0].link = "weftcccc";
    scene->cluster.input.pod_count = 1;
    scene_check(scene, "pod_moved");
}

static void two_routes_in_one_place_become_one(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    struct model_object second = *find(&scene->actual, MODEL_ROUTE, 1);
    (void)snprintf(second.route.link, LINK_NAME_SIZE, "weftaaaa0");
    network_state_add(&scene->actual, &second);
    scene_check(scene, "route_twice");
}

static void add_foreign(struct network_state *state) {
    struct model_object route = {.class = MODEL_ROUTE,
                                 .route = {.destination = prefix("10.128.9.0/24"),
                                           .protocol = RTPROT_STATIC,
                                           .type = RTN_UNICAST,
                                           .gateway = ip("192.0.2.9"),
                                           .link = "up0"}};
    struct model_object link = {.class = MODEL_LINK, .link = {.name = "flannel.1", .vni = 1}};
    struct model_object address = {
        .class = MODEL_ADDRESS,
        .address = {.link = "weft.1x", .address = ip("10.128.1.0"), .length = 32}};
    struct model_object neighbour = {.class = MODEL_NEIGHBOUR,
                                     .neighbour = {.link = "up0", .address = ip("192.0.2.9")}};
    struct model_object fdb = {.class = MODEL_FDB, .fdb = {.link = "vxlan0"}};
    const struct model_object *all[] = {&route, &link, &address, &neighbour, &fdb};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        network_state_add(state, all[i]);
    }
}

static void what_is_not_ours_is_ignored(void **state) {
    (void)state;
    struct scene *scene = scene_new(3);
    add_foreign(&scene->actual);
    scene_plan(scene);
    assert_int_equal(scene->plan.count, 0);
    assert_int_equal(scene->plan.verdicts[PLAN_IGNORE], 5);
    scene_free(scene);
}

static void a_foreign_route_in_our_place_is_not_replaced(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    find(&scene->actual, MODEL_ROUTE, 3)->route.protocol = RTPROT_STATIC;
    scene_check(scene, "foreign_in_our_place");
}

static void cleanup_takes_all_of_ours_and_nothing_else(void **state) {
    (void)state;
    struct scene *scene = scene_new(2);
    struct network_state none;
    struct buf text;
    buf_init(&text);
    network_state_init(&none);
    add_foreign(&scene->actual);
    network_state_sort(&scene->actual);
    plan_make(&none, &scene->actual, &scene->plan);
    plan_print(&scene->plan, &text);
    check_golden("cleanup", &text);
    network_state_deinit(&none);
    buf_deinit(&text);
    scene_free(scene);
}

/* Applies a plan to a state, as a kernel without faults would. */
static void apply(struct network_state *actual, const struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        for (size_t k = 0; step->verdict != PLAN_ADD && k < actual->count; k++) {
            bool exact = step->verdict == PLAN_DELETE;
            int order = exact ? model_compare(&actual->objects[k], &step->object)
                              : model_compare_key(&actual->objects[k], &step->object);
            if (order == 0) {
                remove_object(actual, &actual->objects[k]);
                break;
            }
        }
        for (size_t k = 0; step->verdict == PLAN_DELETE && k < actual->count;) {
            bool is_on_it = step->object.class == MODEL_LINK &&
                            strcmp(model_link_of(&actual->objects[k]), step->object.link.name) == 0;
            if (is_on_it) {
                remove_object(actual, &actual->objects[k]);
            } else {
                k++;
            }
        }
        if (step->verdict != PLAN_DELETE) {
            network_state_add(actual, &step->object);
        }
    }
    network_state_sort(actual);
}

/* Whatever is broken, one plan mends it and the next is empty. */
static void any_damage_is_mended_by_one_plan(void **state) {
    (void)state;
    uint64_t number = 88172645463325252u; /* xorshift, Marsaglia 2003 */
    for (unsigned round = 0; round < 300; round++) {
        struct scene *scene = scene_new(6);
        for (unsigned i = 0; i < 1 + round % 5; i++) {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            struct model_object *object = &scene->actual.objects[number % scene->actual.count];
            if (number % 3 == 0) {
                remove_object(&scene->actual, object);
            } else if (object->class == MODEL_LINK) {
                object->link.vni += (uint32_t)(number >> 8) % 2;
                object->link.mtu--;
            } else if (object->class == MODEL_ROUTE) {
                object->route.is_onlink = !object->route.is_onlink;
            } else if (object->class == MODEL_FDB) {
                object->fdb.mac.bytes[number % 2 == 0 ? 5 : 1] ^= 0x40;
            } else if (object->class == MODEL_NEIGHBOUR) {
                object->neighbour.mac.bytes[5] ^= 0x80;
            } else {
                object->address.length--;
            }
        }
        scene_plan(scene);
        apply(&scene->actual, &scene->plan);
        scene_plan(scene);
        assert_int_equal(scene->plan.count, 0);
        scene_free(scene);
    }
}

static void five_thousand_peers_are_planned_in_a_moment(void **state) {
    (void)state;
    struct scene *scene = scene_new(5001);
    network_state_clear(&scene->actual);
    msec_t begin = clock_boot_ms(&clock_system);
    scene_plan(scene);
    msec_t from_nothing = clock_boot_ms(&clock_system) - begin;
    assert_int_equal(scene->plan.count, 2 + 3 * 5000 + 3);
    apply(&scene->actual, &scene->plan);
    begin = clock_boot_ms(&clock_system);
    scene_plan(scene);
    msec_t again = clock_boot_ms(&clock_system) - begin;
    assert_int_equal(scene->plan.count, 0);
    print_message("5,000 peers: %u ms from nothing, %u ms again\n", (unsigned)from_nothing,
                  (unsigned)again);
    assert_true(from_nothing < 2000);
    assert_true(again < 2000);
    scene_free(scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_nothing_everything_is_built_bottom_up),
        cmocka_unit_test(both_families_share_one_device),
        cmocka_unit_test(over_ipv6_the_device_is_smaller),
        cmocka_unit_test(direct_neighbours_need_no_tunnel),
        cmocka_unit_test(host_gateways_are_routes_to_neighbours_and_the_tunnel_goes),
        cmocka_unit_test(what_is_right_is_left_alone),
        cmocka_unit_test(a_peers_new_mac_leaves_no_old_entry),
        cmocka_unit_test(a_peers_new_address_turns_its_forwarding_entry),
        cmocka_unit_test(a_peer_that_is_gone_leaves_nothing),
        cmocka_unit_test(a_subnets_new_holder_gets_its_traffic),
        cmocka_unit_test(lost_objects_come_back_alone),
        cmocka_unit_test(a_device_that_is_another_is_made_again_with_all_on_it),
        cmocka_unit_test(a_device_set_wrong_is_set_right_in_place),
        cmocka_unit_test(another_vni_is_another_device),
        cmocka_unit_test(a_new_own_subnet_keeps_the_device_and_its_peers),
        cmocka_unit_test(without_a_lease_only_the_pods_routes_stay),
        cmocka_unit_test(a_pod_on_another_device_has_its_route_replaced),
        cmocka_unit_test(two_routes_in_one_place_become_one),
        cmocka_unit_test(what_is_not_ours_is_ignored),
        cmocka_unit_test(a_foreign_route_in_our_place_is_not_replaced),
        cmocka_unit_test(cleanup_takes_all_of_ours_and_nothing_else),
        cmocka_unit_test(any_damage_is_mended_by_one_plan),
        cmocka_unit_test(five_thousand_peers_are_planned_in_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
