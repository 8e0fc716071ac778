#include "cni/turn.h"

#include "wire/attachment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NO_TURN  (-1)
#define BYTE_MAX 0x7fffffffu /* an offset on every host */

int turn_begin(const char *socket, const char *container_id, const char *ifname) {
    char path[256];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    lock.l_start = (off_t)(attachment_hash(container_id, ifname) & BYTE_MAX);
    snprintf(path, sizeof path, "%s.turns", socket);
    int turn = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (turn < 0) {
        return NO_TURN;
    }
    while (fcntl(turn, F_OFD_SETLKW, &lock) != 0) {
        if (errno != EINTR) {
            (void)close(turn); /* nothing was written */
            return NO_TURN;
        }
    }
    return turn;
}

void turn_end(int turn) {
    if (turn != NO_TURN) {
        (void)close(turn); /* which ends the lock */
    }
}
