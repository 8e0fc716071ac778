/* What cni/args and cni/config take and refuse (CNI 1.1.0, "Parameters" and "Network
 * configuration"). */
#include "cni/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum err read_env(const struct cni_environment *environment, struct arena *arena,
                         struct cni_args *args, struct cni_error *error) {
    *error = (struct cni_error){.code = CNI_CODE_OK};
    return cni_args_read(environment, arena, args, error);
}

static const struct cni_environment good = {
    .command = "ADD", .container_id = "abc-1.2_3", .netns = "/run/netns/x", .ifname = "eth0"};

/* `environment` is refused with code 4, and the message has `part`. */
static void refuse_env(const struct cni_environment *environment, const char *part) {
    struct arena arena;
    struct cni_args args;
    struct cni_error error;
    arena_init(&arena);
    assert_int_equal(read_env(environment, &arena, &args, &error), ERR_INVALID);
    assert_int_equal(error.code, CNI_CODE_ENVIRONMENT);
    assert_non_null(strstr(error.msg, part));
    arena_deinit(&arena);
}

static void a_good_environment_is_taken(void **state) {
    (void)state;
    struct arena arena;
    struct cni_args args;
    struct cni_error error;
    arena_init(&arena);
    assert_int_equal(read_env(&good, &arena, &args, &error), ERR_OK);
    assert_int_equal(args.verb, CNI_VERB_ADD);
    assert_string_equal(args.container_id, "abc-1.2_3");
    assert_string_equal(args.ifname, "eth0");
    assert_null(args.pod);
    arena_deinit(&arena);
}

static void each_verb_needs_its_own(void **state) {
    (void)state;
    static const struct {
        const char *command;
        bool needs_container, needs_netns;
    } rows[] = {{"ADD", true, true},  {"DEL", true, false},     {"CHECK", true, true},
                {"GC", false, false}, {"STATUS", false, false}, {"VERSION", false, false}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena;
        struct cni_args args;
        struct cni_error error;
        struct cni_environment empty = {.command = rows[i].command};
        struct cni_environment no_netns = {
            .command = rows[i].command, .container_id = "a", .ifname = "eth0", .netns = ""};
        arena_init(&arena);
        assert_int_equal(read_env(&empty, &arena, &args, &error) != ERR_OK,
                         rows[i].needs_container);
        assert_int_equal(read_env(&no_netns, &arena, &args, &error) != ERR_OK, rows[i].needs_netns);
        arena_deinit(&arena);
    }
}

static void a_verb_about_no_container_looks_at_no_variable(void **state) {
    (void)state;
    static const char *const commands[] = {"VERSION", "GC", "STATUS"};
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        struct arena arena;
        struct cni_args args;
        struct cni_error error;
        struct cni_environment odd = {.command = commands[i],
                                      .container_id = "a/b",
                                      .netns = "dummy", /* libcni's, for VERSION */
                                      .ifname = "a b",
                                      .args = "FOO"};
        arena_init(&arena);
        assert_int_equal(read_env(&odd, &arena, &args, &error), ERR_OK);
        assert_string_equal(args.container_id, "");
        assert_string_equal(args.netns, "");
        assert_null(args.pod);
        arena_deinit(&arena);
    }
}

static void the_bounds_of_names_are_exact(void **state) {
    (void)state;
    struct arena arena;
    struct cni_args args;
    struct cni_error error;
    char id[LIMIT_NAME_SIZE_MAX + 2];
    char ifname[LIMIT_IFNAME_SIZE_MAX + 2];
    struct cni_environment environment = good;
    arena_init(&arena);
    memset(id, 'a', sizeof id);
    memset(ifname, 'e', sizeof ifname);
    id[LIMIT_NAME_SIZE_MAX] = 0;
    ifname[LIMIT_IFNAME_SIZE_MAX] = 0;
    environment.container_id = id;
    environment.ifname = ifname;
    assert_int_equal(read_env(&environment, &arena, &args, &error), ERR_OK);
    id[LIMIT_NAME_SIZE_MAX] = 'a';
    id[LIMIT_NAME_SIZE_MAX + 1] = 0;
    refuse_env(&environment, "CNI_CONTAINERID");
    environment.container_id = "a";
    ifname[LIMIT_IFNAME_SIZE_MAX] = 'e';
    ifname[LIMIT_IFNAME_SIZE_MAX + 1] = 0;
    refuse_env(&environment, "CNI_IFNAME");
    arena_deinit(&arena);
}

static void what_is_missing_is_named_at_once(void **state) {
    (void)state;
    refuse_env(&(struct cni_environment){.command = "ADD"},
               "CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS");
    refuse_env(&(struct cni_environment){.command = NULL}, "CNI_COMMAND");
    refuse_env(&(struct cni_environment){.command = "add"}, "'add'");
}

static struct endpoint_pod *pod_of(const char *text, struct arena *arena) {
    struct cni_args args;
    struct cni_error error;
    struct cni_environment environment = good;
    environment.args = text;
    assert_int_equal(read_env(&environment, arena, &args, &error), ERR_OK);
    return args.pod;
}

static void the_pod_comes_from_the_args(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    const struct endpoint_pod *pod =
        pod_of("IgnoreUnknown=1;K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=dns-1.a;"
               "K8S_POD_INFRA_CONTAINER_ID=x;K8S_POD_UID=u-1;OTHER=a=b",
               &arena);
    assert_non_null(pod);
    assert_string_equal(pod->namespace_name, "kube-system");
    assert_string_equal(pod->name, "dns-1.a");
    assert_string_equal(pod->uid, "u-1");
    assert_null(pod_of("K8S_POD_NAME=only", &arena));
    assert_null(pod_of("K8S_POD_NAMESPACE=a_b;K8S_POD_NAME=x", &arena));
    assert_null(pod_of("", &arena));
    arena_deinit(&arena);
}

static void unknown_args_are_refused_by_name(void **state) {
    (void)state;
    struct cni_environment environment = good;
    environment.args = "K8S_POD_NAME=a;COLOUR=red";
    refuse_env(&environment, "COLOUR");
    environment.args = "COLOUR";
    refuse_env(&environment, "COLOUR");
    environment.args = "=red";
    refuse_env(&environment, "=red");
}

static void too_many_args_are_refused(void **state) {
    (void)state;
    struct buf text;
    struct arena arena;
    struct cni_args args;
    struct cni_error error;
    struct cni_environment environment = good;
    buf_init(&text);
    buf_append_text(&text, "IgnoreUnknown=1");
    for (unsigned i = 1; i < 32; i++) {
        buf_append_text(&text, ";a=b");
    }
    environment.args = buf_text(&text);
    arena_init(&arena);
    assert_int_equal(read_env(&environment, &arena, &args, &error), ERR_OK);
    arena_deinit(&arena);
    buf_append_text(&text, ";a=b");
    environment.args = buf_text(&text);
    refuse_env(&environment, "32");
    buf_deinit(&text);
}

/* ---- stdin ---- */

static enum err read_text(enum cni_verb verb, const char *text, struct cni_config *config,
                          struct cni_error *error) {
    *error = (struct cni_error){.code = CNI_CODE_OK};
    return cni_config_read(verb, slice_of_text(text), config, error);
}

static void refuse_text(enum cni_verb verb, const char *text, enum cni_code code) {
    struct cni_config config;
    struct cni_error error;
    assert_int_equal(read_text(verb, text, &config, &error), ERR_INVALID);
    assert_int_equal(error.code, code);
    assert_string_not_equal(error.msg, "");
    cni_config_deinit(&config);
}

#define BASE "\"cniVersion\":\"1.1.0\",\"name\":\"weft\",\"type\":\"weft-cni\""

static void a_good_configuration_is_taken(void **state) {
    (void)state;
    struct cni_config config;
    struct cni_error error;
    assert_int_equal(read_text(CNI_VERB_ADD, "{" BASE ",\"more\":[1]}", &config, &error), ERR_OK);
    assert_int_equal(config.version, CNI_VERSION_1_1_0);
    assert_string_equal(config.name, "weft");
    assert_string_equal(config.agent_socket, CNI_AGENT_SOCKET_DEFAULT);
    assert_null(config.prev_result);
    cni_config_deinit(&config);
}

static void a_bad_configuration_is_refused_by_code(void **state) {
    (void)state;
    refuse_text(CNI_VERB_ADD, "", CNI_CODE_DECODE);
    refuse_text(CNI_VERB_ADD, "[]", CNI_CODE_DECODE);
    refuse_text(CNI_VERB_ADD, "{" BASE "} x", CNI_CODE_DECODE);
    refuse_text(CNI_VERB_ADD, "{" BASE ",\"dns\":1}", CNI_CODE_DECODE);
    refuse_text(CNI_VERB_ADD, "{\"name\":\"weft\"}", CNI_CODE_VERSION);
    refuse_text(CNI_VERB_ADD, "{\"cniVersion\":\"0.2.0\",\"name\":\"weft\"}", CNI_CODE_VERSION);
    refuse_text(CNI_VERB_ADD, "{\"cniVersion\":\"1.1.0\"}", CNI_CODE_CONFIG);
    refuse_text(CNI_VERB_ADD, "{" BASE ",\"agent_socket\":\"x\"}", CNI_CODE_CONFIG);
    refuse_text(CNI_VERB_CHECK, "{" BASE "}", CNI_CODE_CONFIG);
    refuse_text(CNI_VERB_GC, "{" BASE "}", CNI_CODE_CONFIG);
}

static void null_is_as_good_as_absent(void **state) {
    (void)state;
    struct cni_config config;
    struct cni_error error;
    assert_int_equal(read_text(CNI_VERB_ADD,
                               "{" BASE ",\"agent_socket\":null,\"dns\":null,\"prevResult\":null,"
                               "\"runtimeConfig\":null,\"capabilities\":null,\"args\":null}",
                               &config, &error),
                     ERR_OK);
    assert_string_equal(config.agent_socket, CNI_AGENT_SOCKET_DEFAULT);
    assert_null(config.dns);
    assert_null(config.prev_result);
    cni_config_deinit(&config);
    refuse_text(CNI_VERB_ADD, "{\"cniVersion\":null,\"name\":\"weft\"}", CNI_CODE_VERSION);
    refuse_text(CNI_VERB_ADD, "{\"cniVersion\":\"1.1.0\",\"name\":null}", CNI_CODE_CONFIG);
    refuse_text(CNI_VERB_CHECK, "{" BASE ",\"prevResult\":null}", CNI_CODE_CONFIG);
}

#define VALID "cni.dev/valid-attachments"

static void gc_refuses_a_list_that_it_cannot_read(void **state) {
    (void)state;
    static const char *const items[] = {
        "1",
        "null",
        "{}",
        "{\"containerID\":\"a\"}",
        "{\"ifname\":\"eth0\"}",
        "{\"containerID\":\"a\",\"ifname\":1}",
    };
    struct cni_config config;
    struct cni_error error;
    for (size_t i = 0; i < ARRAY_COUNT(items); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{" BASE ",\"" VALID "\":[{\"containerID\":\"a\",\"ifname\":\"b\"},%s]}",
                 items[i]);
        refuse_text(CNI_VERB_GC, text, CNI_CODE_DECODE);
    }
    assert_int_equal(read_text(CNI_VERB_GC, "{" BASE ",\"" VALID "\":null}", &config, &error),
                     ERR_OK);
    assert_non_null(config.valid_attachments);
    assert_null(json_first(config.valid_attachments));
    cni_config_deinit(&config);
}

static void a_verb_needs_the_version_that_it_came_with(void **state) {
    (void)state;
    refuse_text(CNI_VERB_CHECK, "{\"cniVersion\":\"0.3.1\",\"name\":\"w\",\"prevResult\":{}}",
                CNI_CODE_VERSION);
    refuse_text(CNI_VERB_STATUS, "{\"cniVersion\":\"1.0.0\",\"name\":\"w\"}", CNI_CODE_VERSION);
    struct cni_config config;
    struct cni_error error;
    assert_int_equal(read_text(CNI_VERB_CHECK,
                               "{\"cniVersion\":\"0.4.0\",\"name\":\"w\",\"prevResult\":{}}",
                               &config, &error),
                     ERR_OK);
    cni_config_deinit(&config);
}

static void an_error_knows_the_version_asked_for(void **state) {
    (void)state;
    assert_string_equal(cni_version_asked_for(slice_of_text("{\"cniVersion\":\"0.4.0\"}")),
                        "0.4.0");
    assert_string_equal(cni_version_asked_for(slice_of_text("{\"cniVersion\":\"9\"}")), "1.1.0");
    assert_string_equal(cni_version_asked_for(slice_of_text("x")), "1.1.0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_environment_is_taken),
        cmocka_unit_test(each_verb_needs_its_own),
        cmocka_unit_test(a_verb_about_no_container_looks_at_no_variable),
        cmocka_unit_test(the_bounds_of_names_are_exact),
        cmocka_unit_test(what_is_missing_is_named_at_once),
        cmocka_unit_test(the_pod_comes_from_the_args),
        cmocka_unit_test(unknown_args_are_refused_by_name),
        cmocka_unit_test(too_many_args_are_refused),
        cmocka_unit_test(a_good_configuration_is_taken),
        cmocka_unit_test(a_bad_configuration_is_refused_by_code),
        cmocka_unit_test(null_is_as_good_as_absent),
        cmocka_unit_test(gc_refuses_a_list_that_it_cannot_read),
        cmocka_unit_test(a_verb_needs_the_version_that_it_came_with),
        cmocka_unit_test(an_error_knows_the_version_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
