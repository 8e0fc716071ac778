/* See scratch.h. */
#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

void scratch_open(struct scratch *scratch) {
    snprintf(scratch->root, sizeof scratch->root, "/tmp/weft-raft-XXXXXX");
    assert_non_null(mkdtemp(scratch->root));
    snprintf(scratch->directory, sizeof scratch->directory, "%s/raft", scratch->root);
}

static int remove_path(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_close(struct scratch *scratch) {
    assert_int_equal(nftw(scratch->root, remove_path, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void scratch_path(const struct scratch *scratch, const char *name, char *out, size_t out_size) {
    int size = snprintf(out, out_size, "%s/%s", scratch->directory, name);
    assert_true(size > 0 && (size_t)size < out_size);
}

void scratch_flip(const struct scratch *scratch, const char *name, size_t offset,
                  unsigned char bits) {
    char path[256];
    scratch_path(scratch, name, path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    assert_int_equal(close(fd), 0);
}
