#include "util/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ip_address ip(const char *text) {
    struct ip_address address;
    assert_int_equal(ip_address_parse(text, &address), ERR_OK);
    return address;
}

static struct ip_prefix prefix(const char *text) {
    struct ip_prefix parsed;
    assert_int_equal(ip_prefix_parse(text, '/', &parsed), ERR_OK);
    return parsed;
}

static const char *text_of(const struct ip_address *address) {
    static char text[IP_TEXT_SIZE];
    ip_address_format(address, text);
    return text;
}

static const char *prefix_text_of(const struct ip_prefix *parsed) {
    static char text[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(parsed, '/', text);
    return text;
}

/* RFC 5952 for IPv6. */
static void addresses_are_written_in_canonical_form(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"10.244.0.1", "10.244.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"2001:DB8::0:1", "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::", "::"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_address address = ip(rows[i][0]);
        assert_string_equal(text_of(&address), rows[i][1]);
    }
    struct ip_address none = {.family = IP_NONE};
    assert_string_equal(text_of(&none), "");
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",          "10.244.0",   "10.244.0.0.0", "10.244.0.256", "10.244.0.01", "10.244.0.1 ",
        " 10.0.0.1", "0x10.0.0.1", "10.0.0.1/8",   "fe80::1%eth0", ":::",         "1::2::3",
        "12345::",   "::g",        "localhost",    "-1.0.0.0",
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_address address = {.family = 99};
        if (ip_address_parse(rows[i], &address) != ERR_INVALID) {
            fail_msg("'%s' was taken", rows[i]);
        }
        assert_int_equal(address.family, 99); /* untouched */
    }
}

static void prefixes_are_read_strictly(void **state) {
    (void)state;
    static const char *const good[] = {"0.0.0.0/0",      "10.244.0.0/16", "10.244.7.0/24",
                                       "10.0.0.1/32",    "::/0",          "2001:db8::/32",
                                       "2001:db8::1/128"};
    for (unsigned i = 0; i < ARRAY_COUNT(good); i++) {
        struct ip_prefix parsed = prefix(good[i]);
        assert_string_equal(prefix_text_of(&parsed), good[i]);
    }
    static const char *const bad[] = {
        "10.244.0.0",      "10.244.0.0/",
        "10.244.0.0/33",   "10.244.0.0/016",
        "10.244.0.1/24",   "10.244.0.0/-1",
        "10.244.0.0/+8",   "10.244.0.0/8 ",
        "10.244.0.0/16/",  "/16",
        "2001:db8::/129",  "2001:db8::1/64",
        "10.244.0.0/1000", "10.244.0.0-16",
        "0.0.0.0/00",      "2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000/32"};
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        struct ip_prefix parsed;
        if (ip_prefix_parse(bad[i], '/', &parsed) != ERR_INVALID) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
}

static void a_key_segment_has_a_dash(void **state) {
    (void)state;
    struct ip_prefix parsed;
    char text[IP_PREFIX_TEXT_SIZE];
    assert_int_equal(ip_prefix_parse("10.244.7.0-24", '-', &parsed), ERR_OK);
    ip_prefix_format(&parsed, '-', text);
    assert_string_equal(text, "10.244.7.0-24");
    assert_int_equal(ip_prefix_parse("2001:db8:7::-64", '-', &parsed), ERR_OK);
    ip_prefix_format(&parsed, '-', text);
    assert_string_equal(text, "2001:db8:7::-64");
    assert_int_equal(ip_prefix_parse("10.244.7.0/24", '-', &parsed), ERR_INVALID);
}

static void containment_and_overlap_follow_the_table(void **state) {
    (void)state;
    static const struct {
        const char *outer, *inner;
        bool covers, overlaps;
    } rows[] = {
        {"10.244.0.0/16", "10.244.7.0/24", true, true},
        {"10.244.7.0/24", "10.244.0.0/16", false, true},
        {"10.244.7.0/24", "10.244.7.0/24", true, true},
        {"10.244.7.0/24", "10.244.8.0/24", false, false},
        {"10.244.6.0/23", "10.244.7.0/24", true, true},
        {"0.0.0.0/0", "10.244.7.0/24", true, true},
        {"0.0.0.0/0", "2001:db8::/32", false, false},
        {"::/0", "0.0.0.0/0", false, false},
        {"2001:db8::/33", "2001:db8:8000::/33", false, false},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_prefix outer = prefix(rows[i].outer);
        struct ip_prefix inner = prefix(rows[i].inner);
        assert_int_equal(ip_prefix_covers(&outer, &inner), rows[i].covers);
        assert_int_equal(ip_prefix_overlaps(&outer, &inner), rows[i].overlaps);
        assert_int_equal(ip_prefix_overlaps(&inner, &outer), rows[i].overlaps);
    }
    struct ip_prefix network = prefix("10.244.0.0/16");
    struct ip_address first = ip("10.244.0.0");
    struct ip_address last = ip("10.244.255.255");
    struct ip_address after = ip("10.245.0.0");
    struct ip_address none = {.family = IP_NONE};
    assert_true(ip_prefix_contains(&network, &first));
    assert_true(ip_prefix_contains(&network, &last));
    assert_false(ip_prefix_contains(&network, &after));
    assert_false(ip_prefix_contains(&network, &none));
}

static void the_prefix_around_an_address_has_no_host_bits(void **state) {
    (void)state;
    static const struct {
        const char *address;
        uint8_t length;
        const char *expected, *last;
    } rows[] = {
        {"10.244.7.99", 24, "10.244.7.0/24", "10.244.7.255"},
        {"10.244.7.99", 0, "0.0.0.0/0", "255.255.255.255"},
        {"10.244.7.99", 32, "10.244.7.99/32", "10.244.7.99"},
        {"10.244.7.99", 27, "10.244.7.96/27", "10.244.7.127"},
        {"2001:db8::ffff", 127, "2001:db8::fffe/127", "2001:db8::ffff"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_address address = ip(rows[i].address);
        struct ip_prefix around = ip_prefix_around(&address, rows[i].length);
        assert_string_equal(prefix_text_of(&around), rows[i].expected);
        struct ip_address last = ip_prefix_last(&around);
        assert_string_equal(text_of(&last), rows[i].last);
    }
}

static void the_next_prefix_may_leave_the_range(void **state) {
    (void)state;
    static const struct {
        const char *from;
        uint64_t count;
        const char *expected; /* NULL: none */
    } rows[] = {
        {"10.244.0.0/24", 0, "10.244.0.0/24"},
        {"10.244.0.0/24", 1, "10.244.1.0/24"},
        {"10.244.255.0/24", 1, "10.245.0.0/24"},
        {"10.244.0.0/26", 5, "10.244.1.64/26"},
        {"255.255.255.0/24", 1, NULL},
        {"0.0.0.0/0", 1, NULL},
        {"10.0.0.0/8", UINT64_MAX, NULL},
        {"2001:db8::/64", 65536, "2001:db8:1::/64"},
        {"2001:db8::/64", UINT64_MAX, NULL},
        {"::/64", UINT64_MAX, "ffff:ffff:ffff:ffff::/64"},
        {"ffff:ffff:ffff:ffff::/64", 1, NULL},
        {"::/126", UINT64_MAX, "::3:ffff:ffff:ffff:fffc/126"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_prefix from = prefix(rows[i].from);
        struct ip_prefix next;
        bool is_there = ip_prefix_next(&from, rows[i].count, &next);
        assert_int_equal(is_there, rows[i].expected != NULL);
        if (is_there) {
            assert_string_equal(prefix_text_of(&next), rows[i].expected);
        }
    }
}

static void distance_and_addition_agree(void **state) {
    (void)state;
    static const struct {
        const char *low, *high;
        uint64_t distance;
    } rows[] = {
        {"10.244.0.0", "10.244.0.0", 0},
        {"10.244.0.255", "10.244.1.0", 1},
        {"0.0.0.0", "255.255.255.255", UINT32_MAX},
        {"2001:db8::", "2001:db8:0:1::", UINT64_MAX}, /* 2^64: saturated */
        {"2001:db8::", "2001:db8::ffff", 65535},
        {"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", UINT64_MAX},
        {"10.0.0.1", "10.0.0.0", 0},
        {"10.0.0.1", "2001:db8::", 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ip_address low = ip(rows[i].low);
        struct ip_address high = ip(rows[i].high);
        assert_true(ip_address_distance(&low, &high) == rows[i].distance);
    }
    struct ip_address last = ip("255.255.255.254");
    struct ip_address sum;
    assert_true(ip_address_add(&last, 1, &sum));
    assert_string_equal(text_of(&sum), "255.255.255.255");
    assert_false(ip_address_add(&last, 2, &sum));
    assert_string_equal(text_of(&sum), "255.255.255.255"); /* untouched */
}

static void order_is_family_first(void **state) {
    (void)state;
    struct ip_address v4 = ip("255.255.255.255");
    struct ip_address v6 = ip("::");
    struct ip_address low = ip("9.255.255.255");
    struct ip_address high = ip("10.0.0.0");
    assert_true(ip_address_compare(&v4, &v6) < 0);
    assert_true(ip_address_compare(&v6, &v4) > 0);
    assert_true(ip_address_compare(&low, &high) < 0);
    assert_int_equal(ip_address_compare(&low, &low), 0);
    struct ip_prefix wide = prefix("10.0.0.0/8");
    struct ip_prefix narrow = prefix("10.0.0.0/9");
    assert_true(ip_prefix_compare(&wide, &narrow) < 0);
}

static void macs_are_read_strictly(void **state) {
    (void)state;
    struct mac_address mac;
    char text[MAC_TEXT_SIZE];
    assert_int_equal(mac_parse("02:00:5E:10:00:01", &mac), ERR_OK);
    mac_format(&mac, text);
    assert_string_equal(text, "02:00:5e:10:00:01");
    assert_false(mac_is_zero(&mac));
    assert_int_equal(mac_parse("00:00:00:00:00:00", &mac), ERR_OK);
    assert_true(mac_is_zero(&mac));
    static const char *const bad[] = {
        "",
        "02:00:5e:10:00",
        "02:00:5e:10:00:01:02",
        "02-00-5e-10-00-01",
        "02:00:5e:10:00:0g",
        "02:00:5e:10:00:1",
        " 2:00:5e:10:00:01",
        "020:0:5e:10:00:01",
        "02:00:5e:10:00:01 ",
        "0x:00:5e:10:00:01",
    };
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        if (mac_parse(bad[i], &mac) != ERR_INVALID) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_in_canonical_form),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(prefixes_are_read_strictly),
        cmocka_unit_test(a_key_segment_has_a_dash),
        cmocka_unit_test(containment_and_overlap_follow_the_table),
        cmocka_unit_test(the_prefix_around_an_address_has_no_host_bits),
        cmocka_unit_test(the_next_prefix_may_leave_the_range),
        cmocka_unit_test(distance_and_addition_agree),
        cmocka_unit_test(order_is_family_first),
        cmocka_unit_test(macs_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
