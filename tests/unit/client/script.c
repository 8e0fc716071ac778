#include "script.h"

#include "util/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Waits for bytes or a connection; false when the script is to stop. */
static bool wait_for(struct script *script, int file) {
    struct pollfd entries[2] = {{.fd = file, .events = POLLIN},
                                {.fd = script->stop_pipe[0], .events = POLLIN}};
    CHECK(poll(entries, 2, -1) > 0);
    return entries[1].revents == 0;
}

static size_t body_size(const char *head) {
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at != NULL ? strtoul(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static bool is_whole(struct buf *request) {
    const char *text = buf_text(request);
    const char *end = strstr(text, "\r\n\r\n");
    return end != NULL && request->size >= (size_t)(end - text) + 4 + body_size(text);
}

/* Reads one request; false when the client closed or the script is to stop. */
static bool read_request(struct script *script, int connection) {
    buf_clear(&script->incoming);
    while (!is_whole(&script->incoming)) {
        uint8_t *memory = buf_reserve(&script->incoming, 65536);
        if (!wait_for(script, connection)) {
            return false;
        }
        ssize_t size = recv(connection, memory, 65536, 0);
        if (size <= 0) {
            return false;
        }
        script->incoming.size += (size_t)size;
    }
    buf_clear(&script->last);
    buf_append(&script->last, script->incoming.data, script->incoming.size);
    const char *line = buf_text(&script->last);
    buf_append(&script->requests, line, strcspn(line, "\r"));
    buf_append_char(&script->requests, '\n');
    return true;
}

static void send_text(int connection, const char *text) {
    size_t size = text != NULL ? strlen(text) : 0;
    while (size > 0) {
        ssize_t sent = send(connection, text, size, MSG_NOSIGNAL);
        if (sent < 0) {
            return; /* the client went away, as some tests have it */
        }
        text += sent;
        size -= (size_t)sent;
    }
}

static void wait_until_closed(struct script *script, int connection) {
    char byte;
    while (wait_for(script, connection)) {
        if (recv(connection, &byte, 1, 0) <= 0) {
            return;
        }
    }
}

static void serve(struct script *script, int connection) {
    while (read_request(script, connection)) {
        if (script->request_count >= script->step_count) {
            return;
        }
        const struct script_step *step = &script->steps[script->request_count++];
        send_text(connection, step->bytes);
        if (step->action == SCRIPT_HANG) {
            wait_until_closed(script, connection);
        }
        if (step->action != SCRIPT_ANSWER) {
            return;
        }
    }
}

static void *run(void *owner) {
    struct script *script = owner;
    while (wait_for(script, script->listener)) {
        int connection = accept4(script->listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(connection >= 0);
        serve(script, connection);
        close(connection);
    }
    return NULL;
}

void script_start(struct script *script, const struct script_step *steps, unsigned step_count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t size = sizeof address;
    *script = (struct script){.steps = steps, .step_count = step_count};
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(script->listener >= 0);
    CHECK(bind(script->listener, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(script->listener, 64) == 0);
    CHECK(getsockname(script->listener, (struct sockaddr *)&address, &size) == 0);
    script->port = ntohs(address.sin_port);
    CHECK(pipe2(script->stop_pipe, O_CLOEXEC) == 0);
    CHECK(pthread_create(&script->thread, NULL, run, script) == 0);
}

void script_stop(struct script *script) {
    CHECK(write(script->stop_pipe[1], "x", 1) == 1);
    CHECK(pthread_join(script->thread, NULL) == 0);
    close(script->listener);
    close(script->stop_pipe[0]);
    close(script->stop_pipe[1]);
}

void script_free(struct script *script) {
    buf_deinit(&script->requests);
    buf_deinit(&script->last);
    buf_deinit(&script->incoming);
}

static void add_port(struct server_list *servers, uint16_t port) {
    char url[64];
    struct problem problem;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)port);
    CHECK(server_url_parse(url, &servers->items[servers->count++], &problem) == ERR_OK);
}

void script_add_server(const struct script *script, struct server_list *servers) {
    add_port(servers, script->port);
}

void script_add_dead_server(struct server_list *servers) {
    add_port(servers, 1); /* tcpmux: reserved, and below what the kernel gives out */
}
