/* Members, configurations, digests. */
#include "raft/member.h"

#include <raft.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

static struct member parse(const char *text) {
    struct member member;
    assert_int_equal(member_parse(text, &member), ERR_OK);
    return member;
}

static void member_text_makes_the_round_trip(void **state) {
    (void)state;
    const char *text = "s1,[::1]:7481,http://[::1]:7480";
    struct member member = parse(text);
    assert_string_equal(member.name, "s1");
    assert_string_equal(member.raft_address, "[::1]:7481");
    assert_string_equal(member.api_url, "http://[::1]:7480");
    struct buf out;
    buf_init(&out);
    member_format(&member, &out);
    assert_string_equal(buf_text(&out), text);
    buf_deinit(&out);
}

static void malformed_members_are_refused(void **state) {
    (void)state;
    const char *texts[] = {"",
                           "s1",
                           "s1,127.0.0.1:1",
                           ",127.0.0.1:1,http://a",
                           "s1,,http://a",
                           "s1,127.0.0.1:1,",
                           "s1,127.0.0.1:1,ftp://a",
                           "s1,127.0.0.1,http://a",
                           "s 1,127.0.0.1:1,http://a",
                           "s/1,127.0.0.1:1,http://a",
                           "s1,127.0.0.1:1,http://a,b",
                           "s1,127.0.0.1:1,http://a\n"};
    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        struct member member;
        assert_int_equal(member_parse(texts[i], &member), ERR_INVALID);
    }
    char text[MEMBER_NAME_SIZE + 64];
    memset(text, 'a', MEMBER_NAME_SIZE);
    snprintf(text + MEMBER_NAME_SIZE - 1, 64, ",127.0.0.1:1,http://a");
    struct member member;
    assert_int_equal(member_parse(text, &member), ERR_OK); /* one short of the bound */
    snprintf(text + MEMBER_NAME_SIZE, 64, ",127.0.0.1:1,http://a");
    text[MEMBER_NAME_SIZE - 1] = 'a';
    assert_int_equal(member_parse(text, &member), ERR_INVALID);
}

static void order_of_the_members_does_not_matter(void **state) {
    (void)state;
    struct member members[3] = {parse("c,127.0.0.1:3,http://c"), parse("a,127.0.0.1:1,http://a"),
                                parse("b,127.0.0.1:2,http://b")};
    struct member others[3] = {members[1], members[2], members[0]};
    struct configuration first;
    struct configuration second;
    assert_int_equal(configuration_form(members, 3, &first), ERR_OK);
    assert_int_equal(configuration_form(others, 3, &second), ERR_OK);
    assert_int_equal(cluster_digest(&first), cluster_digest(&second));
    assert_string_equal(first.members[0].member.name, "a");
    assert_int_equal(first.members[0].member.id, 1);
    assert_int_equal(configuration_find_name(&first, "c")->member.id, 3);
    assert_null(configuration_find(&first, 4));
    assert_int_equal(configuration_voters(&first), 3);
    char id[17];
    cluster_id_format(cluster_digest(&first), id);
    assert_int_equal(strspn(id, "0123456789abcdef"), 16);
    others[0] = parse("a,127.0.0.1:9,http://a");
    assert_int_equal(configuration_form(others, 3, &second), ERR_OK);
    assert_true(cluster_digest(&first) != cluster_digest(&second));
}

static void twins_and_crowds_are_refused(void **state) {
    (void)state;
    struct member members[LIMIT_RAFT_VOTERS_MAX + 1];
    for (unsigned i = 0; i < ARRAY_COUNT(members); i++) {
        char text[64];
        snprintf(text, sizeof text, "s%u,127.0.0.1:%u,http://s%u", i, i + 1, i);
        members[i] = parse(text);
    }
    struct configuration configuration;
    assert_int_equal(configuration_form(members, LIMIT_RAFT_VOTERS_MAX, &configuration), ERR_OK);
    assert_int_equal(configuration_form(members, LIMIT_RAFT_VOTERS_MAX + 1, &configuration),
                     ERR_INVALID);
    assert_int_equal(configuration_form(members, 0, &configuration), ERR_INVALID);
    members[1] = parse("s0,127.0.0.1:2,http://s1");
    assert_int_equal(configuration_form(members, 2, &configuration), ERR_INVALID);
    members[1] = parse("s1,127.0.0.1:1,http://s1");
    assert_int_equal(configuration_form(members, 2, &configuration), ERR_INVALID);
}

static void make_configuration(struct configuration *configuration) {
    struct member members[3] = {parse("a,127.0.0.1:1,http://a"), parse("b,127.0.0.1:2,http://b"),
                                parse("c,127.0.0.1:3,http://c")};
    assert_int_equal(configuration_form(members, 3, configuration), ERR_OK);
    configuration->members[1].role = MEMBER_STANDBY;
    configuration->members[2].role = MEMBER_SPARE;
}

/* What our encoding rests on in libraft. */
static void encoding_is_that_of_libraft(void **state) {
    (void)state;
    struct configuration ours;
    make_configuration(&ours);
    struct buf bytes;
    buf_init(&bytes);
    configuration_encode(&ours, &bytes);
    struct raft_configuration theirs;
    struct raft_buffer buffer = {.base = bytes.data, .len = bytes.size};
    assert_int_equal(raft_configuration_decode(&buffer, &theirs), 0);
    assert_int_equal(theirs.n, 3);
    assert_int_equal(theirs.servers[0].role, RAFT_VOTER);
    assert_int_equal(theirs.servers[1].role, RAFT_STANDBY);
    assert_int_equal(theirs.servers[2].role, RAFT_SPARE);
    assert_int_equal(theirs.servers[2].id, 3);
    assert_string_equal(theirs.servers[1].address, "b,127.0.0.1:2,http://b");
    struct raft_buffer again;
    assert_int_equal(raft_configuration_encode(&theirs, &again), 0);
    assert_true(slice_equal(buf_slice(&bytes), slice_of(again.base, again.len)));
    raft_free(again.base);
    raft_configuration_close(&theirs);
    struct configuration decoded;
    assert_int_equal(configuration_decode(buf_slice(&bytes), &decoded), ERR_OK);
    assert_int_equal(cluster_digest(&decoded), cluster_digest(&ours));
    assert_int_equal(decoded.members[1].role, MEMBER_STANDBY);
    buf_deinit(&bytes);
}

static void damaged_configurations_are_refused(void **state) {
    (void)state;
    struct configuration ours;
    make_configuration(&ours);
    struct buf bytes;
    buf_init(&bytes);
    configuration_encode(&ours, &bytes);
    size_t padding = 0;
    while (bytes.data[bytes.size - 1 - padding] == 0) {
        padding++;
    }
    struct configuration decoded;
    /* The last role is 2; what is cut before it is not whole. */
    for (size_t size = 0; size < bytes.size - padding; size++) {
        uint8_t *part = must_alloc(size + 1);
        memcpy(part, bytes.data, size);
        assert_int_equal(configuration_decode(slice_of(part, size), &decoded), ERR_CORRUPT);
        free(part);
    }
    bytes.data[1] = 200; /* so many members */
    assert_int_equal(configuration_decode(buf_slice(&bytes), &decoded), ERR_CORRUPT);
    bytes.data[1] = 3;
    bytes.data[0] = 2; /* another format */
    assert_int_equal(configuration_decode(buf_slice(&bytes), &decoded), ERR_CORRUPT);
    bytes.data[0] = 1;
    assert_int_equal(configuration_decode(buf_slice(&bytes), &decoded), ERR_OK);
    buf_deinit(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(member_text_makes_the_round_trip),
        cmocka_unit_test(malformed_members_are_refused),
        cmocka_unit_test(order_of_the_members_does_not_matter),
        cmocka_unit_test(twins_and_crowds_are_refused),
        cmocka_unit_test(encoding_is_that_of_libraft),
        cmocka_unit_test(damaged_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
