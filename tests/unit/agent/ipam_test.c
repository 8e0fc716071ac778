/* What agent/ipam promises: S9 and pains 3 and 12 of NETWORK.md 9. */
#include "agent/ipam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define REST_MS 60000u

struct fake_clock {
    struct clock clock;
    msec_t now_ms;
};

static msec_t fake_boot_ms(const struct clock *clock) {
    return CONTAINER_OF(clock, struct fake_clock, clock)->now_ms;
}

static struct fake_clock fake = {.clock = {.boot_ms = fake_boot_ms}, .now_ms = 1000000};

static void start(struct ipam *ipam, const char *boot_id, const char *subnet) {
    struct ipam_pool pool = {.network = "default", .mtu = 1450, .epoch = 7};
    assert_int_equal(ip_prefix_parse(subnet, '/', &pool.subnet), ERR_OK);
    ipam_init(ipam, &fake.clock, boot_id, REST_MS, 1);
    ipam_set_pool(ipam, &pool);
}

static enum err reserve(struct ipam *ipam, const char *id, struct ipam_record **out_record,
                        struct problem *problem) {
    struct attachment request = {
        .container_id = id, .ifname = "eth0", .netns = "/run/netns/a", .cni_network = "weft"};
    bool is_new;
    problem_init(problem);
    return ipam_reserve(ipam, &request, out_record, &is_new, problem);
}

/* Reserves for pod number `number`; the address as text. */
static const char *give(struct ipam *ipam, unsigned number) {
    static char text[IP_TEXT_SIZE];
    char id[16];
    struct ipam_record *record;
    struct problem problem;
    snprintf(id, sizeof id, "pod%u", number);
    assert_int_equal(reserve(ipam, id, &record, &problem), ERR_OK);
    ip_address_format(&record->attachment.ip, text);
    return text;
}

static void release(struct ipam *ipam, unsigned number) {
    char id[16];
    snprintf(id, sizeof id, "pod%u", number);
    struct ipam_record *record = ipam_find(ipam, id, "eth0");
    assert_non_null(record);
    ipam_release(ipam, record);
}

static void network_gateway_and_broadcast_are_never_given(void **state) {
    (void)state;
    struct ipam ipam;
    start(&ipam, "boot", "10.1.2.0/29");
    assert_string_equal(give(&ipam, 0), "10.1.2.2");
    assert_string_equal(give(&ipam, 1), "10.1.2.3");
    assert_string_equal(give(&ipam, 2), "10.1.2.4");
    assert_string_equal(give(&ipam, 3), "10.1.2.5");
    assert_string_equal(give(&ipam, 4), "10.1.2.6");
    struct ipam_record *record;
    struct problem problem;
    assert_int_equal(reserve(&ipam, "one-more", &record, &problem), ERR_POOL_EXHAUSTED);
    assert_non_null(strstr(problem.detail, "10.1.2.0/29"));
    ipam_deinit(&ipam);
}

static void the_smallest_subnet_has_one_address(void **state) {
    (void)state;
    struct ipam ipam;
    start(&ipam, "boot", "10.1.2.4/30");
    assert_string_equal(give(&ipam, 0), "10.1.2.6");
    struct ipam_record *record;
    struct problem problem;
    assert_int_equal(reserve(&ipam, "b", &record, &problem), ERR_POOL_EXHAUSTED);
    ipam_deinit(&ipam);
}

static void same_attachment_again_gets_the_same_answer(void **state) {
    (void)state;
    struct ipam ipam;
    struct ipam_record *record;
    struct problem problem;
    start(&ipam, "boot", "10.1.2.0/24");
    assert_int_equal(reserve(&ipam, "a", &record, &problem), ERR_OK);
    struct mac_address mac = record->attachment.mac;
    char host_ifname[16];
    snprintf(host_ifname, sizeof host_ifname, "%s", record->attachment.host_ifname);
    assert_int_equal(reserve(&ipam, "a", &record, &problem), ERR_OK);
    char text[IP_TEXT_SIZE];
    ip_address_format(&record->attachment.ip, text);
    assert_string_equal(text, "10.1.2.2");
    assert_memory_equal(&mac, &record->attachment.mac, sizeof mac);
    assert_string_equal(host_ifname, record->attachment.host_ifname);
    assert_int_equal(ipam.record_count, 1);
    ipam_deinit(&ipam);
}

static void another_interface_of_the_same_container_is_another_attachment(void **state) {
    (void)state;
    struct ipam ipam;
    struct ipam_record *first, *second;
    struct problem problem;
    bool is_new;
    start(&ipam, "boot", "10.1.2.0/24");
    struct attachment request = {
        .container_id = "a", .ifname = "eth0", .netns = "/n", .cni_network = "weft"};
    assert_int_equal(ipam_reserve(&ipam, &request, &first, &is_new, &problem), ERR_OK);
    request.ifname = "eth1";
    assert_int_equal(ipam_reserve(&ipam, &request, &second, &is_new, &problem), ERR_OK);
    assert_true(is_new);
    assert_int_not_equal(ip_address_compare(&first->attachment.ip, &second->attachment.ip), 0);
    assert_string_not_equal(first->attachment.host_ifname, second->attachment.host_ifname);
    ipam_deinit(&ipam);
}

static void addresses_are_given_in_turn(void **state) {
    (void)state;
    struct ipam ipam;
    start(&ipam, "boot", "10.1.2.0/24");
    assert_string_equal(give(&ipam, 0), "10.1.2.2");
    release(&ipam, 0);
    fake.now_ms += 10 * REST_MS;
    assert_string_equal(give(&ipam, 1), "10.1.2.3");
    ipam_deinit(&ipam);
}

static void a_freed_address_rests(void **state) {
    (void)state;
    struct ipam ipam;
    struct ipam_record *record;
    struct problem problem;
    start(&ipam, "boot", "10.1.2.4/30");
    assert_string_equal(give(&ipam, 0), "10.1.2.6");
    release(&ipam, 0);
    fake.now_ms += REST_MS - 1;
    assert_int_equal(reserve(&ipam, "b", &record, &problem), ERR_OVERLOADED);
    assert_int_equal(problem.retry_after_s, 1);
    fake.now_ms += 1;
    assert_string_equal(give(&ipam, 1), "10.1.2.6");
    assert_int_equal(ipam.rest_count, 0);
    ipam_deinit(&ipam);
}

static void a_rest_is_forgotten_once_over_and_retracted(void **state) {
    (void)state;
    struct ipam ipam;
    start(&ipam, "boot", "10.1.2.0/24");
    give(&ipam, 0);
    release(&ipam, 0);
    fake.now_ms += REST_MS;
    ipam_expire_rests(&ipam);
    assert_int_equal(ipam.rest_count, 1);
    ipam.rests[0].needs_retract = false;
    ipam_expire_rests(&ipam);
    assert_int_equal(ipam.rest_count, 0);
    ipam_deinit(&ipam);
}

static void without_a_subnet_the_answer_says_so(void **state) {
    (void)state;
    struct ipam ipam;
    struct ipam_record *record;
    struct problem problem;
    ipam_init(&ipam, &fake.clock, "boot", REST_MS, 1);
    assert_int_equal(reserve(&ipam, "a", &record, &problem), ERR_UNREACHABLE);
    ipam_deinit(&ipam);
}

static void a_wide_ipv6_subnet_is_walked_in_few_steps(void **state) {
    (void)state;
    struct ipam ipam;
    struct ipam_record *record;
    struct problem problem;
    struct ipam_pool pool = {.network = "default", .mtu = 1430};
    assert_int_equal(ip_prefix_parse("fd00:1:2:3::/64", '/', &pool.subnet_v6), ERR_OK);
    ipam_init(&ipam, &fake.clock, "boot", REST_MS, 1);
    ipam_set_pool(&ipam, &pool);
    assert_int_equal(reserve(&ipam, "a", &record, &problem), ERR_OK);
    assert_int_equal(reserve(&ipam, "b", &record, &problem), ERR_OK);
    char text[IP_TEXT_SIZE];
    ip_address_format(&record->attachment.ip_v6, text);
    assert_string_equal(text, "fd00:1:2:3::3");
    assert_int_equal(record->attachment.ip.family, IP_NONE);
    ipam_deinit(&ipam);
}

/* Writes one ipam and reads it as another, booted as `boot_id`. */
static void restart(struct ipam *from, struct ipam *to, const char *boot_id, unsigned *dead_count) {
    struct buf content;
    struct problem problem;
    buf_init(&content);
    problem_init(&problem);
    ipam_encode(from, &content);
    start(to, boot_id, "10.1.2.0/24");
    assert_int_equal(ipam_decode(to, buf_slice(&content), dead_count, &problem), ERR_OK);
    buf_deinit(&content);
    ipam_deinit(from);
}

static void a_restart_keeps_records_rests_and_the_turn(void **state) {
    (void)state;
    struct ipam before, after;
    unsigned dead_count;
    start(&before, "boot", "10.1.2.0/24");
    give(&before, 0);
    give(&before, 1);
    release(&before, 0);
    restart(&before, &after, "boot", &dead_count);
    assert_int_equal(dead_count, 0);
    assert_int_equal(after.record_count, 1);
    assert_int_equal(after.rest_count, 1);
    assert_string_equal(give(&after, 1), "10.1.2.3");
    assert_string_equal(give(&after, 2), "10.1.2.4");
    ipam_deinit(&after);
}

static void a_reboot_frees_all_records_and_lets_their_addresses_rest(void **state) {
    (void)state;
    struct ipam before, after;
    unsigned dead_count;
    start(&before, "boot", "10.1.2.0/24");
    give(&before, 0);
    give(&before, 1);
    restart(&before, &after, "another boot", &dead_count);
    assert_int_equal(dead_count, 2);
    assert_int_equal(after.record_count, 0);
    assert_int_equal(after.rest_count, 2);
    assert_true(after.rests[0].needs_retract);
    ipam_deinit(&after);
}

static void a_record_outlives_its_subnet(void **state) {
    (void)state;
    struct ipam ipam;
    start(&ipam, "boot", "10.1.2.0/24");
    give(&ipam, 0);
    struct ipam_pool pool = {.network = "default", .mtu = 1450, .epoch = 8};
    assert_int_equal(ip_prefix_parse("10.1.9.0/24", '/', &pool.subnet), ERR_OK);
    ipam_set_pool(&ipam, &pool);
    assert_string_equal(give(&ipam, 0), "10.1.2.2");
    assert_string_equal(give(&ipam, 1), "10.1.9.2");
    ipam_deinit(&ipam);
}

static void refuse_content(const char *content) {
    struct ipam ipam;
    struct problem problem;
    unsigned dead_count;
    problem_init(&problem);
    start(&ipam, "boot", "10.1.2.0/24");
    assert_int_equal(ipam_decode(&ipam, slice_of_text(content), &dead_count, &problem),
                     ERR_CORRUPT);
    assert_non_null(strstr(problem.detail, "line "));
    ipam_deinit(&ipam);
}

static void damaged_content_is_refused(void **state) {
    (void)state;
    refuse_content("nonsense");
    refuse_content("{}\n");
    refuse_content("{\"attachment\":{\"container_id\":\"a\"}}\n");
    refuse_content("{\"rest\":{\"released_ms\":5}}\n");
}

static void one_address_in_two_records_is_refused(void **state) {
    (void)state;
    struct ipam ipam;
    struct buf content;
    buf_init(&content);
    start(&ipam, "boot", "10.1.2.0/24");
    give(&ipam, 0);
    ipam_encode(&ipam, &content);
    const char *text = buf_text(&content);
    const char *record = strstr(text, "{\"attachment\"");
    struct buf twice;
    buf_init(&twice);
    buf_append_text(&twice, record);
    buf_append_text(&twice, record);
    uint8_t *id = (uint8_t *)strstr((char *)twice.data + strlen(record), "pod0");
    id[3] = '9';
    refuse_content(buf_text(&twice));
    buf_deinit(&twice);
    buf_deinit(&content);
    ipam_deinit(&ipam);
}

static void a_node_carries_no_more_than_its_bound(void **state) {
    (void)state;
    struct ipam ipam;
    struct ipam_record *record;
    struct problem problem;
    start(&ipam, "boot", "10.0.0.0/16");
    for (unsigned i = 0; i < LIMIT_ATTACHMENTS_MAX; i++) {
        give(&ipam, i);
    }
    assert_int_equal(reserve(&ipam, "one-more", &record, &problem), ERR_POOL_EXHAUSTED);
    ipam_deinit(&ipam);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_gateway_and_broadcast_are_never_given),
        cmocka_unit_test(the_smallest_subnet_has_one_address),
        cmocka_unit_test(same_attachment_again_gets_the_same_answer),
        cmocka_unit_test(another_interface_of_the_same_container_is_another_attachment),
        cmocka_unit_test(addresses_are_given_in_turn),
        cmocka_unit_test(a_freed_address_rests),
        cmocka_unit_test(a_rest_is_forgotten_once_over_and_retracted),
        cmocka_unit_test(without_a_subnet_the_answer_says_so),
        cmocka_unit_test(a_wide_ipv6_subnet_is_walked_in_few_steps),
        cmocka_unit_test(a_restart_keeps_records_rests_and_the_turn),
        cmocka_unit_test(a_reboot_frees_all_records_and_lets_their_addresses_rest),
        cmocka_unit_test(a_record_outlives_its_subnet),
        cmocka_unit_test(damaged_content_is_refused),
        cmocka_unit_test(one_address_in_two_records_is_refused),
        cmocka_unit_test(a_node_carries_no_more_than_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
