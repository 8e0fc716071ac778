#include "util/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void memory_is_zeroed_and_aligned(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *memory = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(memory[i], 0);
        }
        memset(memory, 0xff, size);
    }
    arena_deinit(&arena);
}

static void a_large_piece_gets_its_own_chunk(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    char *small = arena_strdup(&arena, "small");
    char *large = arena_alloc(&arena, 1024 * 1024);
    memset(large, 'x', 1024 * 1024);
    assert_string_equal(small, "small");
    arena_deinit(&arena);
}

static void reset_zeroes_again(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    arena_reset(&arena); /* of an empty one */
    memset(arena_alloc(&arena, 64), 0xff, 64);
    memset(arena_alloc(&arena, 100000), 0xff, 100000);
    arena_reset(&arena);
    const uint8_t *memory = arena_alloc(&arena, 64);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(memory[i], 0);
    }
    arena_deinit(&arena);
}

static void copies_are_terminated(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena);
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&arena, NULL, 0), "");
    struct slice copy = arena_copy(&arena, slice_of("a\0b", 3));
    assert_int_equal(copy.size, 3);
    assert_memory_equal(copy.data, "a\0b", 4); /* and a NUL behind */
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 12), "x-12");
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(a_large_piece_gets_its_own_chunk),
        cmocka_unit_test(reset_zeroes_again),
        cmocka_unit_test(copies_are_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
