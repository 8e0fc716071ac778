/* Servers, as people write them: "http://10.0.0.1:7480,unix:/run/weft/api.sock". Turned into socket
 * addresses once, when a program starts; everything else in client/ works on the result.
 *
 * No I/O and no name resolution here. Invariant: a parsed list has 1 to LIMIT_SERVERS_MAX entries,
 * and `first` is one of them. */
#ifndef WEFT_CLIENT_URL_H
#define WEFT_CLIENT_URL_H

#include "stream/stream.h"
#include "util/err.h"
#include "util/limits.h"
#include "wire/problem.h"

#define SERVER_PORT_DEFAULT 7480u
#define SERVER_TEXT_SIZE    320u

struct server_url {
    struct socket_address address;
    char text[SERVER_TEXT_SIZE]; /* as it was given: for messages */
    char host[SERVER_TEXT_SIZE]; /* the Host header: "10.0.0.1:7480", "[::1]:7480", "localhost" */
};

struct server_list {
    struct server_url items[LIMIT_SERVERS_MAX];
    unsigned count;
    unsigned first; /* where the next call begins: the server that answered last */
};

/* Parses one URL. Shape: "http://HOST[:PORT][/]" (port 7480 when absent, IPv6 in brackets) or
 * "unix:/PATH". Errors: ERR_INVALID, ERR_UNSUPPORTED (https); the problem names the text. */
MUST_USE enum err server_url_parse(const char *url, struct server_url *out_server,
                                   struct problem *problem);
/* Parses URLs separated by commas or white space. Errors: as server_url_parse; ERR_INVALID for none
 * and for more than LIMIT_SERVERS_MAX. */
MUST_USE enum err server_list_parse(const char *urls, struct server_list *out_servers,
                                    struct problem *problem);

#endif
