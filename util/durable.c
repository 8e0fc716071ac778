#include "util/durable.h"

#include "util/crc.h"
#include "util/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_SIZE_MAX 80u
#define HEAD_FORMAT   "weft-durable 1 crc32c=%08x size=%zu\n"

static enum err make_one_dir(const char *path) {
    return mkdir(path, 0755) == 0 || errno == EEXIST ? ERR_OK : ERR_IO;
}

enum err durable_make_dir(const char *dir) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = 0;
        enum err err = make_one_dir(path);
        *at = '/';
        if (err != ERR_OK) {
            return err;
        }
    }
    return make_one_dir(path);
}

static enum err write_all(int fd, struct slice bytes) {
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno != EINTR) {
            return ERR_IO;
        }
        size_t done = written > 0 ? (size_t)written : 0;
        bytes = slice_of(bytes.data + done, bytes.size - done);
    }
    return ERR_OK;
}

/* close() that keeps the errno of what failed before. */
static void close_quietly(int fd) {
    int saved = errno;
    close(fd);
    errno = saved;
}

static enum err write_temporary(int dir_fd, const char *name, struct slice content) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return ERR_IO;
    }
    char head[HEAD_SIZE_MAX];
    int head_size = snprintf(head, sizeof head, HEAD_FORMAT, crc32c(0, content.data, content.size),
                             content.size);
    enum err err = write_all(fd, slice_of(head, (size_t)head_size));
    if (err == ERR_OK) {
        err = write_all(fd, content);
    }
    if (err == ERR_OK && fsync(fd) != 0) {
        err = ERR_IO;
    }
    close_quietly(fd);
    return err;
}

enum err durable_write(const char *dir, const char *name, struct slice content) {
    char temporary[NAME_MAX + 1];
    CHECK(name[0] != '.' && strchr(name, '/') == NULL);
    if (snprintf(temporary, sizeof temporary, ".%s.new", name) >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return ERR_IO;
    }
    enum err err = write_temporary(dir_fd, temporary, content);
    if (err == ERR_OK && renameat(dir_fd, temporary, dir_fd, name) != 0) {
        err = ERR_IO;
    }
    if (err == ERR_OK && fsync(dir_fd) != 0) {
        err = ERR_IO;
    }
    close_quietly(dir_fd);
    return err;
}

/* Reads the whole file, at most LIMIT_DURABLE_SIZE_MAX and a head. */
static enum err read_all(int fd, struct buf *out) {
    const size_t step = 64u * 1024u;
    while (out->size <= LIMIT_DURABLE_SIZE_MAX + HEAD_SIZE_MAX) {
        ssize_t got = read(fd, buf_reserve(out, step), step);
        if (got == 0) {
            return ERR_OK;
        }
        if (got < 0 && errno != EINTR) {
            return ERR_IO;
        }
        out->size += got > 0 ? (size_t)got : 0;
    }
    return ERR_TOO_LARGE;
}

/* The head is compared as text: one way to write it, so one way to read it. */
static enum err verify(struct buf *whole) {
    const uint8_t *line_end = whole->size > 0 ? memchr(whole->data, '\n', whole->size) : NULL;
    if (line_end == NULL) {
        return ERR_CORRUPT;
    }
    size_t head_size = (size_t)(line_end + 1 - whole->data);
    struct slice content = slice_of(whole->data + head_size, whole->size - head_size);
    char head[HEAD_SIZE_MAX];
    int size = snprintf(head, sizeof head, HEAD_FORMAT, crc32c(0, content.data, content.size),
                        content.size);
    if (!slice_equal(slice_of(head, (size_t)size), slice_of(whole->data, head_size))) {
        return ERR_CORRUPT;
    }
    buf_consume(whole, head_size);
    return ERR_OK;
}

enum err durable_read(const char *dir, const char *name, struct buf *out_content) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    struct buf whole;
    buf_init(&whole);
    enum err err = read_all(fd, &whole);
    close_quietly(fd);
    if (err == ERR_OK) {
        err = verify(&whole);
    }
    if (err == ERR_OK) {
        buf_append(out_content, whole.data, whole.size);
    }
    buf_deinit(&whole);
    return err;
}

enum err durable_remove(const char *dir, const char *name) {
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return errno == ENOENT ? ERR_OK : ERR_IO;
    }
    enum err err = ERR_OK;
    if (unlinkat(dir_fd, name, 0) != 0) {
        err = errno == ENOENT ? ERR_OK : ERR_IO;
    } else if (fsync(dir_fd) != 0) {
        err = ERR_IO;
    }
    close_quietly(dir_fd);
    return err;
}
