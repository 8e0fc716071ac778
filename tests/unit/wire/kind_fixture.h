/* What tests of kinds share: a body on its way in, checked and completed, and out again as the API
 * would write it. */
#ifndef WEFT_TESTS_UNIT_WIRE_KIND_FIXTURE_H
#define WEFT_TESTS_UNIT_WIRE_KIND_FIXTURE_H

#include "wire/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct problem problem;
    struct kind_key key;
};

int set_up(void **state);
int tear_down(void **state);

#define CLEANLY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

enum err parse_key(struct fixture *fixture, const char *key);
/* The stored object, as the API writes it; NULL with the problem filled. What is stored is what
 * comes back from its bytes: that is asserted here. */
char *complete(struct fixture *fixture, const char *key, const char *body);
/* tests/golden/kinds/<name><ending>, without its last newline. */
char *read_golden(struct fixture *fixture, const char *name, const char *ending);

struct refused_body {
    const char *body, *pointer;
};
/* Every body is 422 with exactly one error, at that pointer. */
void expect_refused(struct fixture *fixture, const char *key, const struct refused_body *rows,
                    size_t count);
/* Changes bytes of a JSON text `rounds` times and feeds what is still JSON to the kind: whatever
 * comes out is an object that is stored, or a refusal with a reason. Returns how many were taken.
 */
unsigned mutate(struct fixture *fixture, const char *key, const char *body, uint64_t seed,
                unsigned rounds);

#endif
