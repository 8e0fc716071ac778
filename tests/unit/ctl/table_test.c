/* Tables as people see them: golden texts. */
#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct json *parse(const char *text) {
    struct json *json;
    struct json_fault fault;
    assert_int_equal(json_parse(slice_of_text(text), &json, &fault), ERR_OK);
    return json;
}

/* The objects of a JSON list as a table. */
static void expect_table(const char *collection, const char *list, const char *expected) {
    struct json *json = parse(list);
    struct table *table = table_new(columns_find(collection, strlen(collection)));
    for (const struct json *at = json_first(json); at != NULL; at = json_next(at)) {
        table_add(table, at);
    }
    struct buf out;
    buf_init(&out);
    table_write(table, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_deinit(&out);
    table_free(table);
    json_free(json);
}

static void networks_are_aligned(void **state) {
    (void)state;
    expect_table(
        "networks",
        "[{\"key\":\"networks/default\",\"ipv4\":\"10.244.0.0/16\",\"subnet_len\":24,"
        "\"lease_ttl_s\":86400,\"backend\":{\"type\":\"vxlan\",\"vni\":1},\"revision\":12},"
        "{\"key\":\"networks/lab\",\"ipv4\":\"10.9.0.0/20\",\"subnet_len\":26,"
        "\"lease_ttl_s\":60,\"backend\":{\"type\":\"host-gw\"},\"revision\":9007199254740991}]",
        "NAME     IPV4           LEN  BACKEND  VNI  TTL-S  REVISION\n"
        "default  10.244.0.0/16  24   vxlan    1    86400  12\n"
        "lab      10.9.0.0/20    26   host-gw  -    60     9007199254740991\n");
}

static void an_optional_column_shows_when_a_row_has_it(void **state) {
    (void)state;
    expect_table("subnets",
                 "[{\"network\":\"default\",\"subnet\":\"10.244.7.0/24\",\"node\":\"edge-1\","
                 "\"public_ip\":\"192.0.2.11\",\"backend_type\":\"vxlan\",\"reserved\":false,"
                 "\"expires_at\":\"2026-11-24T18:38:00.123Z\",\"epoch\":31,\"revision\":31},"
                 "{\"network\":\"default\",\"subnet\":\"10.244.9.0/24\",\"node\":\"edge-9\","
                 "\"reserved\":true,\"revision\":40}]",
                 "NETWORK  SUBNET         NODE    PUBLIC-IP   BACKEND  RESERVED  EXPIRES           "
                 "    EPOCH  REVISION\n"
                 "default  10.244.7.0/24  edge-1  192.0.2.11  vxlan    -         "
                 "2026-11-24T18:38:00Z  31     31\n"
                 "default  10.244.9.0/24  edge-9  -           -        yes       -                 "
                 "    -      40\n");
}

static void lists_and_maps_become_cells(void **state) {
    (void)state;
    expect_table("nodes",
                 "[{\"key\":\"nodes/a\",\"addresses\":[\"10.0.0.1\",\"fd00::1\"],"
                 "\"labels\":{\"zone\":\"w\",\"role\":\"edge\"},\"revision\":3}]",
                 "NAME  ADDRESSES         LABELS            AGENT  REVISION\n"
                 "a     10.0.0.1,fd00::1  zone=w,role=edge  -      3\n");
}

static void no_rows_leave_the_titles(void **state) {
    (void)state;
    expect_table("kv", "[]", "KEY  SIZE  TYPE  VERSION  REVISION\n");
}

static void values_tell_their_size(void **state) {
    (void)state;
    expect_table("kv",
                 "[{\"key\":\"kv/a\",\"value_b64\":\"\",\"version\":1,\"revision\":1},"
                 "{\"key\":\"kv/b\",\"value_b64\":\"eA==\",\"version\":1,\"revision\":2},"
                 "{\"key\":\"kv/c\",\"value_b64\":\"eHk=\",\"version\":1,\"revision\":3},"
                 "{\"key\":\"kv/d\",\"value_b64\":\"eHl6\",\"version\":1,\"revision\":4}]",
                 "KEY   SIZE  TYPE  VERSION  REVISION\n"
                 "kv/a  0     -     1        1\n"
                 "kv/b  1     -     1        2\n"
                 "kv/c  2     -     1        3\n"
                 "kv/d  3     -     1        4\n");
}

static void control_characters_do_not_reach_the_terminal(void **state) {
    (void)state;
    expect_table("nodes",
                 "[{\"key\":\"nodes/a\",\"agent_version\":\"\\u001b[31m\\n\xc3\xa9\","
                 "\"addresses\":[\"\\u0007\"],\"revision\":3}]",
                 "NAME  ADDRESSES  LABELS  AGENT    REVISION\n"
                 "a     ?          -       ?[31m?\xc3\xa9  3\n");
}

static void long_cells_are_cut_between_characters(void **state) {
    (void)state;
    /* 56 bytes, then a two-byte character across the cut at 57. */
    expect_table(
        "nodes",
        "[{\"key\":\"nodes/a\",\"agent_version\":"
        "\"12345678901234567890123456789012345678901234567890123456\xc3\xa9"
        "89012345\",\"revision\":3}]",
        "NAME  ADDRESSES  LABELS  AGENT                                                    "
        "    REVISION\n"
        "a     -          -       "
        "12345678901234567890123456789012345678901234567890123456...  3\n");
}

static void unknown_kinds_show_what_all_have(void **state) {
    (void)state;
    expect_table("gizmos", "[{\"key\":\"gizmos/a/b\",\"version\":2,\"revision\":3}]",
                 "KEY         VERSION  REVISION\n"
                 "gizmos/a/b  2        3\n");
}

static void policies_show_where_and_whom_they_concern(void **state) {
    (void)state;
    expect_table("policies",
                 "[{\"name\":\"edge\",\"order\":10,\"action\":\"Deny\",\"selector\":\"all()\","
                 "\"policyTypes\":[\"Egress\"],\"revision\":7},"
                 "{\"namespace\":\"shop\",\"name\":\"db\",\"podSelector\":{\"matchLabels\":"
                 "{\"role\":\"db\"}},\"policyTypes\":[\"Ingress\",\"Egress\"],\"revision\":8}]",
                 "NAMESPACE  NAME  ORDER  ACTION  SELECTOR  POD-LABELS  TYPES           REVISION\n"
                 "-          edge  10     Deny    all()     -           Egress          7\n"
                 "shop       db    -      -       -         role=db     Ingress,Egress  8\n");
}

static void services_show_their_ports(void **state) {
    (void)state;
    expect_table(
        "services",
        "[{\"namespace\":\"shop\",\"name\":\"web\",\"cluster_ip\":\"10.96.0.10\","
        "\"headless\":false,\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\"},"
        "{\"port\":53,\"protocol\":\"UDP\"}],\"revision\":9},"
        "{\"namespace\":\"shop\",\"name\":\"db\",\"headless\":true,\"revision\":10}]",
        "NAMESPACE  NAME  CLUSTER-IP  HEADLESS  PORTS               REVISION\n"
        "shop       web   10.96.0.10  -         http:80/TCP,53/UDP  9\n"
        "shop       db    -           yes       -                   10\n");
}

static void a_summary_leaves_out_what_is_absent(void **state) {
    struct buf out;
    struct json *json =
        parse("{\"key\":\"endpoints/default/10.244.7.2\",\"network\":\"default\",\"ip\":"
              "\"10.244.7.2\",\"node\":\"edge-1\",\"pod\":{\"name\":\"web\"},\"container_id\":"
              "\"0123456789abcdef\",\"revision\":9}");
    (void)state;
    buf_init(&out);
    table_summarize(columns_find("endpoints", 9), json, &out);
    assert_string_equal(buf_text(&out), "NETWORK=default IP=10.244.7.2 NODE=edge-1 POD=web "
                                        "CONTAINER=0123456789ab");
    buf_deinit(&out);
    json_free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_aligned),
        cmocka_unit_test(an_optional_column_shows_when_a_row_has_it),
        cmocka_unit_test(lists_and_maps_become_cells),
        cmocka_unit_test(no_rows_leave_the_titles),
        cmocka_unit_test(values_tell_their_size),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(long_cells_are_cut_between_characters),
        cmocka_unit_test(unknown_kinds_show_what_all_have),
        cmocka_unit_test(policies_show_where_and_whom_they_concern),
        cmocka_unit_test(services_show_their_ports),
        cmocka_unit_test(a_summary_leaves_out_what_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
