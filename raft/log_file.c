/* The log's directory and files. See log_file.h. Owns every descriptor of the log. */
#include "raft/log_file.h"

#include "util/check.h"
#include "util/limits.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPARE_NAME "spare"

struct log_file {
    char *directory;
    int directory_fd;
    int write_fd; /* newest segment; -1: none. The worker's while a job is out */
    int read_fd;  /* the segment that was read last; -1: none */
    uint64_t read_sequence;
};

static void close_fd(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static enum err system_error(const char *what, const char *path) {
    LOG_ERROR("log: the system refused", LOG_TEXT("call", what), LOG_TEXT("path", path),
              LOG_ERRNO(errno));
    return ERR_SYSTEM;
}

enum err log_file_open(const char *directory, struct log_file **out_files) {
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return system_error("mkdir", directory);
    }
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return system_error("open", directory);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        LOG_ERROR("log: another process uses this directory", LOG_TEXT("path", directory));
        (void)close(fd);
        return ERR_EXISTS;
    }
    struct log_file *files = must_alloc_zeroed(1, sizeof *files);
    files->directory = must_strdup(directory);
    files->directory_fd = fd;
    files->write_fd = -1;
    files->read_fd = -1;
    *out_files = files;
    return ERR_OK;
}

void log_file_close(struct log_file *files) {
    close_fd(&files->write_fd);
    close_fd(&files->read_fd);
    close_fd(&files->directory_fd);
    free(files->directory);
    free(files);
}

const char *log_file_directory(const struct log_file *files) {
    return files->directory;
}

static int compare_sequences(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The sequences of the segments, ascending. Owns: the caller frees. */
static enum err list_segments(struct log_file *files, uint64_t **out_sequences, size_t *out_count) {
    DIR *directory = opendir(files->directory);
    if (directory == NULL) {
        return system_error("opendir", files->directory);
    }
    uint64_t *sequences = NULL;
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        uint64_t sequence;
        if (segment_name_parse(entry->d_name, &sequence)) {
            sequences = must_realloc(sequences, (count + 1) * sizeof *sequences);
            sequences[count++] = sequence;
        }
    }
    (void)closedir(directory);
    if (count > 0) {
        qsort(sequences, count, sizeof *sequences, compare_sequences);
    }
    *out_sequences = sequences;
    *out_count = count;
    return ERR_OK;
}

static enum err read_all(int fd, uint8_t *data, size_t size, size_t offset, size_t *out_size) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, data + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ERR_IO;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *out_size = done;
    return ERR_OK;
}

/* Gives the file its full size again, zeroes from `end` on. */
static enum err cut(int fd, const char *path, uint32_t end) {
    LOG_WARN("log: cutting a write that a crash tore", LOG_TEXT("file", path),
             LOG_U64("offset", end));
    if (ftruncate(fd, (off_t)end) != 0 || fallocate(fd, 0, 0, LIMIT_RAFT_SEGMENT_SIZE) != 0 ||
        fsync(fd) != 0) {
        return system_error("ftruncate", path);
    }
    return ERR_OK;
}

struct load {
    void (*begin)(void *owner, uint64_t sequence);
    segment_record_cb callback;
    void *owner;
    uint8_t *memory; /* LIMIT_RAFT_SEGMENT_SIZE */
};

static enum err load_segment(struct log_file *files, const struct load *load, uint64_t sequence,
                             bool is_newest, uint32_t *out_end) {
    char name[SEGMENT_NAME_SIZE];
    segment_name(sequence, name);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", files->directory, name);
    int fd = openat(files->directory_fd, name, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return system_error("open", path);
    }
    size_t size;
    bool is_torn;
    enum err err = read_all(fd, load->memory, LIMIT_RAFT_SEGMENT_SIZE, 0, &size);
    if (err != ERR_OK) {
        (void)system_error("read", path);
    } else {
        load->begin(load->owner, sequence);
        err = segment_scan(path, slice_of(load->memory, size), sequence, is_newest, load->callback,
                           load->owner, out_end, &is_torn);
    }
    if (err == ERR_OK && (is_torn || (is_newest && size < LIMIT_RAFT_SEGMENT_SIZE))) {
        err = cut(fd, path, *out_end);
    }
    if (err == ERR_OK && is_newest) {
        files->write_fd = fd;
        return ERR_OK;
    }
    (void)close(fd);
    return err;
}

/* Where the newest segments without a gap between them begin. */
static size_t find_run(const struct log_file *files, const uint64_t *sequences, size_t count) {
    size_t first = count;
    while (first > 1 && sequences[first - 2] + 1 == sequences[first - 1]) {
        first--;
    }
    if (first > 1) {
        LOG_WARN("log: a segment is missing, those before it are passed over",
                 LOG_TEXT("directory", files->directory),
                 LOG_U64("sequence", sequences[first - 1] - 1));
    }
    return first > 0 ? first - 1 : 0;
}

enum err log_file_load(struct log_file *files, void (*begin)(void *owner, uint64_t sequence),
                       segment_record_cb callback, void *owner, uint32_t *out_end) {
    uint64_t *sequences;
    size_t count;
    enum err err = list_segments(files, &sequences, &count);
    if (err != ERR_OK) {
        return err;
    }
    struct load load = {.begin = begin,
                        .callback = callback,
                        .owner = owner,
                        .memory = must_alloc(LIMIT_RAFT_SEGMENT_SIZE)};
    for (size_t i = find_run(files, sequences, count); i < count && err == ERR_OK; i++) {
        err = load_segment(files, &load, sequences[i], i + 1 == count, out_end);
    }
    free(load.memory);
    free(sequences);
    return err;
}

enum err log_file_read(struct log_file *files, uint64_t sequence, uint32_t offset, uint32_t size,
                       struct arena *arena, struct segment_record *out_record) {
    char name[SEGMENT_NAME_SIZE];
    segment_name(sequence, name);
    if (files->read_fd < 0 || files->read_sequence != sequence) {
        close_fd(&files->read_fd);
        files->read_fd = openat(files->directory_fd, name, O_RDONLY | O_CLOEXEC);
        files->read_sequence = sequence;
        if (files->read_fd < 0) {
            (void)system_error("open", name);
            return ERR_IO;
        }
    }
    size_t want = size + SEGMENT_RECORD_OVERHEAD;
    uint8_t *bytes = arena_alloc(arena, want);
    size_t got;
    if (read_all(files->read_fd, bytes, want, offset, &got) != ERR_OK) {
        (void)system_error("read", name);
        return ERR_IO;
    }
    enum err err = segment_get_record(slice_of(bytes, got), 0, out_record);
    if (err != ERR_OK) {
        LOG_ERROR("log is damaged: restore this server from its peers or a backup",
                  LOG_TEXT("directory", files->directory), LOG_TEXT("file", name),
                  LOG_U64("offset", offset));
    }
    return err;
}

int log_file_remove_before(struct log_file *files, uint64_t sequence) {
    uint64_t *sequences;
    size_t count;
    if (list_segments(files, &sequences, &count) != ERR_OK) {
        return EIO;
    }
    int error = 0;
    for (size_t i = 0; i < count && sequences[i] < sequence; i++) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(sequences[i], name);
        if (unlinkat(files->directory_fd, name, 0) != 0 && errno != ENOENT) {
            error = errno;
        }
    }
    free(sequences);
    return error;
}

int log_file_make_spare(struct log_file *files) {
    int fd = openat(files->directory_fd, SPARE_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    if (fallocate(fd, 0, 0, LIMIT_RAFT_SEGMENT_SIZE) != 0 || fsync(fd) != 0) {
        error = errno;
    }
    (void)close(fd);
    return error;
}

/* Writes all of it. Returns an errno. */
static int write_all(int fd, struct slice bytes, size_t offset) {
    size_t done = 0;
    while (done < bytes.size) {
        ssize_t put = pwrite(fd, bytes.data + done, bytes.size - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return errno;
        }
        done += (size_t)put;
    }
    return 0;
}

/* Header, name and directory, each durable before the next. Returns an errno. */
static int adopt_spare(struct log_file *files, int fd, uint64_t sequence) {
    struct buf header;
    buf_init(&header);
    segment_put_header(&header, sequence);
    int error = write_all(fd, buf_slice(&header), 0);
    buf_deinit(&header);
    if (error != 0) {
        return error;
    }
    char name[SEGMENT_NAME_SIZE];
    segment_name(sequence, name);
    if (fsync(fd) != 0 ||
        renameat(files->directory_fd, SPARE_NAME, files->directory_fd, name) != 0 ||
        fsync(files->directory_fd) != 0) {
        return errno;
    }
    return 0;
}

int log_file_begin_segment(struct log_file *files, uint64_t sequence) {
    int fd = openat(files->directory_fd, SPARE_NAME, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size != LIMIT_RAFT_SEGMENT_SIZE) {
        close_fd(&fd);
        int error = log_file_make_spare(files);
        if (error != 0) {
            return error;
        }
        fd = openat(files->directory_fd, SPARE_NAME, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            return errno;
        }
    }
    int error = adopt_spare(files, fd, sequence);
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    close_fd(&files->write_fd);
    files->write_fd = fd;
    return 0;
}

int log_file_write(struct log_file *files, uint32_t offset, struct slice bytes) {
    int error = write_all(files->write_fd, bytes, offset);
    if (error == 0 && fdatasync(files->write_fd) != 0) {
        error = errno;
    }
    return error;
}
