#include "store/verify.h"

#include "store/pages.h"
#include "util/limits.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_whole(const char *path) {
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) != 0 || stat.st_size == 0) {
        return false;
    }
    size_t size = (size_t)stat.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    return bytes != MAP_FAILED && pages_are_whole(slice_of(bytes, size));
}

/* The child's end takes its descriptor and its map with it. */
NO_RETURN static void run_child(const char *path) {
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none); /* a signal is one of the answers here */
    alarm(LIMIT_VIEW_VERIFY_TIMEOUT_S);
    _exit(is_whole(path) ? 0 : 1);
}

bool verify_view(const char *path) {
    pid_t child = fork();
    if (child < 0) {
        LOG_WARN("cannot check the store's file", LOG_TEXT("path", path), LOG_ERRNO(errno));
        return false;
    }
    if (child == 0) {
        run_child(path);
    }
    int status;
    pid_t ended;
    do {
        ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
