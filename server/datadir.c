#include "server/datadir.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALK_DESCRIPTORS_MAX 16

static enum err fail(const char *message, const char *path) {
    LOG_ERROR(message, LOG_TEXT("path", path), LOG_ERRNO(errno));
    return ERR_SYSTEM;
}

/* The directory and its parents, as mkdir -p; only the last one gets the strict mode. */
static enum err make_directory(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int result = mkdir(path, 0755);
        int error = errno;
        *slash = '/';
        if (result != 0 && error != EEXIST) {
            errno = error;
            return fail("cannot make a parent of the data directory", path);
        }
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail("cannot make the data directory", path);
    }
    return chmod(path, 0700) == 0 ? ERR_OK : fail("cannot protect the data directory", path);
}

static enum err make_temporary(struct datadir *datadir) {
    const char *parent = getenv("TMPDIR");
    snprintf(datadir->path, sizeof datadir->path, "%s/weftd-XXXXXX",
             parent != NULL ? parent : "/tmp");
    datadir->is_temporary = true;
    return mkdtemp(datadir->path) != NULL
               ? ERR_OK
               : fail("cannot make a temporary data directory", datadir->path);
}

static enum err lock(struct datadir *datadir) {
    char path[sizeof datadir->view];
    snprintf(path, sizeof path, "%s/lock", datadir->path);
    datadir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (datadir->lock_fd < 0) {
        return fail("cannot open the lock of the data directory", path);
    }
    if (flock(datadir->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return ERR_OK;
    }
    if (errno != EWOULDBLOCK) {
        return fail("cannot lock the data directory", path);
    }
    LOG_ERROR("another weftd runs on this data directory: stop it, or choose another --data-dir",
              LOG_TEXT("path", datadir->path));
    return ERR_EXISTS;
}

enum err datadir_open(const char *path, struct datadir *out_datadir) {
    *out_datadir = (struct datadir){.lock_fd = -1};
    enum err err;
    if (path == NULL) {
        err = make_temporary(out_datadir);
    } else if (strlen(path) == 0 || strlen(path) >= sizeof out_datadir->path) {
        LOG_ERROR("--data-dir is empty or too long");
        return ERR_INVALID;
    } else {
        snprintf(out_datadir->path, sizeof out_datadir->path, "%s", path);
        err = make_directory(out_datadir->path);
    }
    if (err == ERR_OK) {
        snprintf(out_datadir->view, sizeof out_datadir->view, "%s/view", out_datadir->path);
        snprintf(out_datadir->raft, sizeof out_datadir->raft, "%s/raft", out_datadir->path);
        err = lock(out_datadir);
    }
    if (err != ERR_OK) {
        datadir_close(out_datadir);
    }
    return err;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void datadir_close(struct datadir *datadir) {
    if (datadir->is_temporary &&
        nftw(datadir->path, remove_one, WALK_DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS) != 0) {
        LOG_WARN("temporary data is left behind", LOG_TEXT("path", datadir->path),
                 LOG_ERRNO(errno));
    }
    if (datadir->lock_fd >= 0) {
        close(datadir->lock_fd);
        datadir->lock_fd = -1;
    }
}
