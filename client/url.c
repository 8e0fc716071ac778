#include "client/url.h"

#include <stdio.h>
#include <string.h>

static enum err refuse(struct problem *problem, const char *url, const char *why) {
    return problem_set(problem, ERR_INVALID, "the server URL '%.*s' %s", 200, url, why);
}

static bool is_host_char(char c, bool is_bracketed) {
    if (is_bracketed) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
               c == ':' || c == '.';
    }
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

/* The host at `at`; returns what follows it, NULL when it is not a host. */
static const char *take_host(const char *at, char *out_host, size_t host_size) {
    bool is_bracketed = *at == '[';
    at += is_bracketed ? 1 : 0;
    size_t size = 0;
    while (is_host_char(at[size], is_bracketed)) {
        size++;
    }
    if (size == 0 || size >= host_size || (is_bracketed && at[size] != ']')) {
        return NULL;
    }
    memcpy(out_host, at, size);
    out_host[size] = 0;
    return at + size + (is_bracketed ? 1 : 0);
}

/* ":7480" or nothing, then "/" or nothing, then the end. */
static bool take_port(const char *at, uint16_t *out_port) {
    unsigned port = SERVER_PORT_DEFAULT;
    if (*at == ':') {
        at++;
        port = 0;
        for (; *at >= '0' && *at <= '9' && port <= UINT16_MAX; at++) {
            port = port * 10 + (unsigned)(*at - '0');
        }
        if (port == 0 || port > UINT16_MAX) {
            return false;
        }
    }
    *out_port = (uint16_t)port;
    return *at == 0 || strcmp(at, "/") == 0;
}

static enum err parse_http(const char *url, const char *rest, struct server_url *server,
                           struct problem *problem) {
    struct socket_address *address = &server->address;
    const char *at = take_host(rest, address->host, sizeof address->host);
    if (at == NULL) {
        return refuse(problem, url, "has no host: write http://HOST:PORT, IPv6 in brackets");
    }
    if (!take_port(at, &address->port)) {
        return refuse(problem, url,
                      "has something other than a port (1 to 65535) behind the host, or a path: "
                      "write http://HOST:PORT");
    }
    bool is_ipv6 = strchr(address->host, ':') != NULL;
    snprintf(server->host, sizeof server->host, is_ipv6 ? "[%s]:%u" : "%s:%u", address->host,
             (unsigned)address->port);
    return ERR_OK;
}

static enum err parse_unix(const char *url, const char *path, struct server_url *server,
                           struct problem *problem) {
    if (path[0] != '/') {
        return refuse(problem, url, "is no unix socket: write unix:/PATH");
    }
    if (strlen(path) >= sizeof server->address.path) {
        return refuse(problem, url, "is longer than a unix socket's path may be (107 bytes)");
    }
    snprintf(server->address.path, sizeof server->address.path, "%s", path);
    snprintf(server->host, sizeof server->host, "localhost");
    return ERR_OK;
}

enum err server_url_parse(const char *url, struct server_url *out_server, struct problem *problem) {
    memset(out_server, 0, sizeof *out_server);
    if (strlen(url) >= sizeof out_server->text) {
        return refuse(problem, url, "is too long");
    }
    snprintf(out_server->text, sizeof out_server->text, "%s", url);
    if (strncmp(url, "http://", 7) == 0) {
        return parse_http(url, url + 7, out_server, problem);
    }
    if (strncmp(url, "unix:", 5) == 0) {
        return parse_unix(url, url + 5, out_server, problem);
    }
    if (strncmp(url, "https://", 8) == 0) {
        problem_set(problem, ERR_UNSUPPORTED,
                    "the server URL '%.*s' asks for TLS, which this build does not speak", 200,
                    url);
        problem_set_hint(problem, "Use http:// on loopback or a trusted network, or unix:/PATH.");
        return ERR_UNSUPPORTED;
    }
    return refuse(problem, url, "is neither http://HOST:PORT nor unix:/PATH");
}

enum err server_list_parse(const char *urls, struct server_list *out_servers,
                           struct problem *problem) {
    static const char separators[] = ", \t\r\n";
    memset(out_servers, 0, sizeof *out_servers);
    const char *at = urls + strspn(urls, separators);
    while (*at != 0) {
        size_t size = strcspn(at, separators);
        char url[SERVER_TEXT_SIZE + 1];
        snprintf(url, sizeof url, "%.*s", (int)MIN_OF(size, sizeof url - 1), at);
        if (out_servers->count == LIMIT_SERVERS_MAX) {
            return problem_set(problem, ERR_INVALID, "'%s' is one server more than %u", url,
                               LIMIT_SERVERS_MAX);
        }
        enum err err = server_url_parse(url, &out_servers->items[out_servers->count], problem);
        if (err != ERR_OK) {
            return err;
        }
        out_servers->count++;
        at += size;
        at += strspn(at, separators);
    }
    if (out_servers->count == 0) {
        return problem_set(problem, ERR_INVALID, "no server is given: write http://HOST:PORT");
    }
    return ERR_OK;
}
