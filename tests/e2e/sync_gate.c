/* Loaded into weftd before the C library (LD_PRELOAD): fdatasync waits until nobody holds a lock on
 * the file that WEFT_TEST_GATE names, and only then syncs. The log's writes are the only ones that
 * use it, on a worker thread, so that the server goes on but for them. With it a test decides which
 * servers' disks have not answered yet. With WEFT_TEST_GATE_SKIPS it neither waits nor syncs, as a
 * server that left out the sync: a test that does not find that would find nothing. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

typedef int (*sync_function)(int fd);

int fdatasync(int fd) {
    static sync_function next;
    const char *gate = getenv("WEFT_TEST_GATE");
    if (getenv("WEFT_TEST_GATE_SKIPS") != NULL) {
        return 0;
    }
    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    }
    int lock = gate == NULL ? -1 : open(gate, O_RDONLY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_SH) != 0) {
        abort(); /* without its gate a test would prove nothing */
    }
    (void)close(lock);
    return next(fd);
}
