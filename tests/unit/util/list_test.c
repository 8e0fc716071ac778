#include "util/list.h"

#include "util/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number;
    struct list node;
};

static int number_of(struct list *node) {
    return CONTAINER_OF(node, struct item, node)->number;
}

static void the_first_in_is_the_first_out(void **state) {
    (void)state;
    struct list list;
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    list_init(&list);
    assert_null(list_take_first(&list));
    for (unsigned i = 0; i < 3; i++) {
        list_append(&list, &items[i].node);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(number_of(list_take_first(&list)), i);
    }
    assert_true(list_is_empty(&list));
}

static void a_node_may_be_removed_twice_and_while_walking(void **state) {
    (void)state;
    struct list list;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&list);
    for (unsigned i = 0; i < 4; i++) {
        list_append(&list, &items[i].node);
    }
    list_remove(&items[2].node);
    list_remove(&items[2].node);
    int sum = 0;
    LIST_FOR_EACH(&list, node) {
        sum = sum * 10 + number_of(node);
        list_remove(node);
    }
    assert_int_equal(sum, 13); /* 0, 1, 3 */
    assert_true(list_is_empty(&list));
}

static void all_nodes_move_in_order(void **state) {
    (void)state;
    struct list from;
    struct list to;
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    list_init(&from);
    list_init(&to);
    list_move_all(&from, &to);
    assert_true(list_is_empty(&to));
    list_append(&to, &items[0].node);
    list_append(&to, &items[1].node);
    list_append(&from, &items[2].node);
    list_append(&from, &items[3].node);
    list_move_all(&from, &to);
    assert_true(list_is_empty(&from));
    int sum = 0;
    LIST_FOR_EACH(&to, node) {
        sum = sum * 10 + number_of(node);
    }
    assert_int_equal(sum, 1234);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_in_is_the_first_out),
        cmocka_unit_test(a_node_may_be_removed_twice_and_while_walking),
        cmocka_unit_test(all_nodes_move_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
