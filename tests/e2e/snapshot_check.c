/* Checks snapshot files and prints the revision of each: what the server's own reader says of what
 * a client downloaded. */
#include "store/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct meta state;
        if (snapshot_check(argv[i], &state) != ERR_OK) {
            return EXIT_FAILURE;
        }
        printf("%" PRIu64 "\n", state.revision);
    }
    return EXIT_SUCCESS;
}
