/* A server that follows a script, in a thread of its own: the n-th request it gets meets the n-th
 * step, whichever connection it comes on. One connection at a time. */
#ifndef WEFT_TESTS_CLIENT_SCRIPT_H
#define WEFT_TESTS_CLIENT_SCRIPT_H

#include "client/url.h"
#include "util/buf.h"

#include <pthread.h>

enum script_action {
    SCRIPT_ANSWER, /* send the bytes and keep the connection */
    SCRIPT_CLOSE,  /* send the bytes, if any, then close */
    SCRIPT_HANG    /* send the bytes, if any, then wait until the client closes */
};

struct script_step {
    enum script_action action;
    const char *bytes;
};

struct script {
    const struct script_step *steps;
    unsigned step_count;
    int listener;
    int stop_pipe[2];
    uint16_t port;
    pthread_t thread;
    struct buf requests; /* the request lines, one a line; read it after script_stop */
    struct buf last;     /* the whole last request */
    struct buf incoming; /* the one that is being read */
    unsigned request_count;
};

/* Listens on a free port of 127.0.0.1 and serves. `steps` is borrowed; requests beyond them find
 * the connection closed. */
void script_start(struct script *script, const struct script_step *steps, unsigned step_count);
/* Ends the thread. The requests stay until script_free. */
void script_stop(struct script *script);
void script_free(struct script *script);

/* Adds the script's URL to a list. */
void script_add_server(const struct script *script, struct server_list *servers);
/* Adds a URL on which nothing listens. */
void script_add_dead_server(struct server_list *servers);

#define SCRIPT_STEPS(steps) (steps), (unsigned)(sizeof(steps) / sizeof((steps)[0]))

#endif
