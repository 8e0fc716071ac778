/* Label selectors: their form, what matches, and where the labels of an object are. */
#include "api/selector.h"

#include "wire/kind_endpoint.h"
#include "wire/kind_network.h"
#include "wire/kind_node.h"
#include "wire/kind_policy.h"
#include "wire/kind_service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool matches(const char *text, const struct text_map *labels) {
    struct arena arena;
    struct selector selector;
    struct problem problem;
    arena_init(&arena);
    problem_init(&problem);
    assert_int_equal(selector_parse(text, &arena, &selector, &problem), ERR_OK);
    bool is_match = selector_matches(&selector, labels);
    arena_deinit(&arena);
    return is_match;
}

static struct text_pair pairs[] = {{"app", "web"}, {"tier", ""}};
static struct text_map labels = {.items = pairs, .count = ARRAY_COUNT(pairs)};

static void every_term_must_hold(void **state) {
    (void)state;
    assert_true(matches("app=web", &labels));
    assert_true(matches("app==web", &labels));
    assert_false(matches("app=db", &labels));
    assert_true(matches("app=web,app!=db", &labels));
    assert_false(matches("app=web,app!=web", &labels));
    assert_true(matches("tier=", &labels));
    assert_false(matches("App=web", &labels));
}

static void an_absent_label_is_unequal_to_everything(void **state) {
    (void)state;
    assert_true(matches("zone!=a", &labels));
    assert_false(matches("zone=a", &labels));
    assert_false(matches("zone=", &labels));
    assert_true(matches("zone!=a", NULL));
}

static enum err parse(const char *text) {
    struct arena arena;
    struct selector selector;
    struct problem problem;
    arena_init(&arena);
    problem_init(&problem);
    enum err err = selector_parse(text, &arena, &selector, &problem);
    arena_deinit(&arena);
    return err;
}

static void what_is_no_selector_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"", "app", "=web", "!=web", "a=b,", ",a=b", "a in (b)"};
    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        assert_int_equal(parse(texts[i]), ERR_BAD_REQUEST);
    }
}

static void the_number_of_terms_is_bounded(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text);
    for (unsigned i = 0; i < SELECTOR_TERMS_MAX; i++) {
        buf_appendf(&text, "%sk%u=v", i > 0 ? "," : "", i);
    }
    assert_int_equal(parse(buf_text(&text)), ERR_OK);
    buf_append_text(&text, ",more=v");
    assert_int_equal(parse(buf_text(&text)), ERR_BAD_REQUEST);
    buf_deinit(&text);
}

static void labels_are_the_objects_own_or_its_pods(void **state) {
    (void)state;
    struct node node = {.labels = labels};
    struct endpoint_pod pod = {.labels = labels};
    struct endpoint endpoint = {.pod = &pod};
    struct endpoint bare = {.pod = NULL};
    struct network network = {.name = "default"};
    struct policy policy = {.labels = labels};
    struct service service = {.labels = labels};
    assert_ptr_equal(selector_labels(&shape_node, &node), &node.labels);
    assert_ptr_equal(selector_labels(&shape_endpoint, &endpoint), &pod.labels);
    assert_null(selector_labels(&shape_endpoint, &bare));
    assert_null(selector_labels(&shape_network, &network));
    assert_ptr_equal(selector_labels(&shape_policy, &policy), &policy.labels);
    assert_ptr_equal(selector_labels(&shape_service, &service), &service.labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_term_must_hold),
        cmocka_unit_test(an_absent_label_is_unequal_to_everything),
        cmocka_unit_test(what_is_no_selector_is_refused),
        cmocka_unit_test(the_number_of_terms_is_bounded),
        cmocka_unit_test(labels_are_the_objects_own_or_its_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
