#include "util/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *hex_of(const uint8_t *digest) {
    static char text[2 * SHA256_SIZE + 1];
    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        static const char digits[] = "0123456789abcdef";
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return text;
}

static const char *digest_of(const char *first, const char *second) {
    struct sha256 sha256;
    uint8_t digest[SHA256_SIZE];
    sha256_init(&sha256);
    sha256_add(&sha256, slice_of_text(first));
    sha256_add(&sha256, slice_of_text(second));
    sha256_finish(&sha256, digest);
    return hex_of(digest);
}

/* FIPS 180-2, appendix B. */
static void the_standards_vectors_hold(void **state) {
    (void)state;
    assert_string_equal(digest_of("abc", ""),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", ""),
                        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_string_equal(digest_of("", ""),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void it_can_be_computed_in_pieces(void **state) {
    (void)state;
    char whole[2 * SHA256_SIZE + 1];
    memcpy(whole, digest_of("one and two", ""), sizeof whole);
    assert_string_equal(digest_of("one a", "nd two"), whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_vectors_hold),
        cmocka_unit_test(it_can_be_computed_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
