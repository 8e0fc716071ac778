/* The data directory: made with mode 0700 when absent, and locked, so that a second weftd on it
 * stops before it touches anything. Owns the lock's descriptor; the kernel lets go of it when the
 * process ends, however it ends. */
#ifndef WEFT_SERVER_DATADIR_H
#define WEFT_SERVER_DATADIR_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>

#define DATADIR_PATH_SIZE 3800u

struct datadir {
    char path[DATADIR_PATH_SIZE];
    char view[DATADIR_PATH_SIZE + 16]; /* store/ keeps its files here */
    char raft[DATADIR_PATH_SIZE + 16]; /* raft/ keeps its files here */
    int lock_fd;
    bool is_temporary; /* removed by datadir_close */
};

/* Opens `path`; NULL: a temporary one. Errors: ERR_EXISTS (another weftd has it), ERR_SYSTEM,
 * ERR_INVALID (the path is too long); the log says what. */
MUST_USE enum err datadir_open(const char *path, struct datadir *out_datadir);
void datadir_close(struct datadir *datadir);

#endif
