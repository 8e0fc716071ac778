/* Descriptors: as many as our bounds need, or bounds that fit what the system allows. Running out
 * of them would stop more than clients: the log's segments and the other members need some, too. */
#ifndef WEFT_SERVER_DESCRIPTORS_H
#define WEFT_SERVER_DESCRIPTORS_H

struct client_bounds {
    unsigned connections_max;
    unsigned watchers_max;
};

/* Raises the soft limit of open files (RLIMIT_NOFILE) to what is needed, at most to the hard one.
 * When that is too low, a warning says what the bounds are instead. */
void descriptors_prepare(struct client_bounds *out_bounds);

#endif
