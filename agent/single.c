#include "agent/single.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char host_name[] = "weft-agent"; /* behind the NUL of an abstract address */

static enum err claim_host(int *out_fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + sizeof host_name;
    memcpy(address.sun_path + 1, host_name, sizeof host_name - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, size) != 0) {
        int fault = errno;
        if (fault == EADDRINUSE) {
            LOG_ERROR("another weft-agent runs on this host, in this network namespace: stop it "
                      "first");
        } else {
            LOG_ERROR("the host cannot be claimed for one agent", LOG_ERRNO(fault));
        }
        if (fd >= 0) {
            (void)close(fd); /* holds nothing */
        }
        return fault == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;
    }
    *out_fd = fd;
    return ERR_OK;
}

static enum err claim_state(const char *dir, int *out_fd) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return ERR_OK;
    }
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int fault = errno;
        if (fault == EWOULDBLOCK) {
            LOG_ERROR("another weft-agent uses this state directory: give each its own",
                      LOG_TEXT("dir", dir));
        } else {
            LOG_ERROR("the state directory cannot be locked", LOG_TEXT("dir", dir),
                      LOG_ERRNO(fault));
        }
        if (fd >= 0) {
            (void)close(fd); /* only read from */
        }
        return fault == EWOULDBLOCK ? ERR_EXISTS : ERR_SYSTEM;
    }
    *out_fd = fd;
    return ERR_OK;
}

enum err single_claim(struct single *single, const char *state_dir) {
    *single = (struct single){.host_fd = -1, .state_fd = -1};
    enum err err = claim_host(&single->host_fd);
    if (err == ERR_OK) {
        err = claim_state(state_dir, &single->state_fd);
    }
    if (err != ERR_OK) {
        single_release(single);
    }
    return err;
}

static void give_back(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd); /* nothing was written */
    }
    *fd = -1;
}

void single_release(struct single *single) {
    give_back(&single->state_fd);
    give_back(&single->host_fd);
}
