/* A directory of its own for a test, removed afterwards. */
#ifndef WEFT_TESTS_UNIT_RAFT_SCRATCH_H
#define WEFT_TESTS_UNIT_RAFT_SCRATCH_H

#include <stddef.h>

struct scratch {
    char root[64];
    char directory[96]; /* not made yet */
};

void scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);
void scratch_path(const struct scratch *scratch, const char *name, char *out, size_t out_size);
/* Changes one byte of a file in the directory by exclusive or. */
void scratch_flip(const struct scratch *scratch, const char *name, size_t offset,
                  unsigned char bits);

#endif
