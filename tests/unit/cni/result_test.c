/* The results of ADD, byte for byte, in each form that the versions have (CNI 1.1.0, "Success"). */
#include "cni/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct attachment example(bool has_v6) {
    struct attachment attachment = {.ifname = "eth0", .host_ifname = "weft0123", .mtu = 1450};
    assert_int_equal(mac_parse("02:00:00:00:00:01", &attachment.host_mac), ERR_OK);
    assert_int_equal(mac_parse("02:00:00:00:00:02", &attachment.mac), ERR_OK);
    assert_int_equal(ip_address_parse("10.1.2.3", &attachment.ip), ERR_OK);
    assert_int_equal(ip_address_parse("169.254.1.1", &attachment.gateway), ERR_OK);
    if (has_v6) {
        assert_int_equal(ip_address_parse("fd00::3", &attachment.ip_v6), ERR_OK);
        assert_int_equal(ip_address_parse("fe80::1", &attachment.gateway_v6), ERR_OK);
    }
    return attachment;
}

static void expect(const char *config_text, bool has_v6, const char *expected) {
    struct cni_config config;
    struct cni_error error;
    struct buf out;
    struct attachment attachment = example(has_v6);
    buf_init(&out);
    assert_int_equal(cni_config_read(CNI_VERB_ADD, slice_of_text(config_text), &config, &error),
                     ERR_OK);
    cni_result_write(&config, &attachment, "/run/netns/x", &out);
    assert_string_equal(buf_text(&out), expected);
    cni_config_deinit(&config);
    buf_deinit(&out);
}

static void version_0_3_has_the_address_family_and_no_mtu(void **state) {
    (void)state;
    expect("{\"cniVersion\":\"0.3.1\",\"name\":\"weft\"}", false,
           "{\"cniVersion\":\"0.3.1\",\"interfaces\":["
           "{\"name\":\"weft0123\",\"mac\":\"02:00:00:00:00:01\"},"
           "{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/x\"}],"
           "\"ips\":[{\"version\":\"4\",\"address\":\"10.1.2.3/32\",\"gateway\":\"169.254.1.1\","
           "\"interface\":1}],\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"}],"
           "\"dns\":{}}\n");
}

static void version_1_1_has_the_mtu_and_both_families(void **state) {
    (void)state;
    expect("{\"cniVersion\":\"1.1.0\",\"name\":\"weft\",\"dns\":{\"domain\":\"x\"}}", true,
           "{\"cniVersion\":\"1.1.0\",\"interfaces\":["
           "{\"name\":\"weft0123\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":1450},"
           "{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"mtu\":1450,"
           "\"sandbox\":\"/run/netns/x\"}],"
           "\"ips\":[{\"address\":\"10.1.2.3/32\",\"gateway\":\"169.254.1.1\",\"interface\":1},"
           "{\"address\":\"fd00::3/128\",\"gateway\":\"fe80::1\",\"interface\":1}],"
           "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"},"
           "{\"dst\":\"::/0\",\"gw\":\"fe80::1\"}],\"dns\":{\"domain\":\"x\"}}\n");
}

static void a_previous_result_comes_first_and_moves_our_index(void **state) {
    (void)state;
    expect("{\"cniVersion\":\"1.0.0\",\"name\":\"weft\",\"prevResult\":{\"interfaces\":[{\"name\":"
           "\"a\"},{\"name\":\"b\"}],\"ips\":[{\"address\":\"10.9.9.9/24\",\"interface\":1}],"
           "\"dns\":{\"domain\":\"y\"}}}",
           false,
           "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"a\"},{\"name\":\"b\"},"
           "{\"name\":\"weft0123\",\"mac\":\"02:00:00:00:00:01\"},"
           "{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/x\"}],"
           "\"ips\":[{\"address\":\"10.9.9.9/24\",\"interface\":1},"
           "{\"address\":\"10.1.2.3/32\",\"gateway\":\"169.254.1.1\",\"interface\":3}],"
           "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"}],"
           "\"dns\":{\"domain\":\"y\"}}\n");
}

static void an_error_is_an_object_with_details_only_when_there_are_some(void **state) {
    (void)state;
    struct cni_error error;
    struct buf out;
    buf_init(&out);
    cni_fail(&error, CNI_CODE_CONFIG, "no %s", "name");
    cni_error_write(&error, "1.0.0", &out);
    assert_string_equal(buf_text(&out),
                        "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"no name\"}\n");
    buf_clear(&out);
    cni_set_details(&error, "line %d", 3);
    cni_error_write(&error, "1.0.0", &out);
    assert_string_equal(buf_text(&out), "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"no name\","
                                        "\"details\":\"line 3\"}\n");
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_0_3_has_the_address_family_and_no_mtu),
        cmocka_unit_test(version_1_1_has_the_mtu_and_both_families),
        cmocka_unit_test(a_previous_result_comes_first_and_moves_our_index),
        cmocka_unit_test(an_error_is_an_object_with_details_only_when_there_are_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
