/* weftd's configuration: one table of options (util/option.h), and what can be checked without
 * touching the machine. Place in the flow: main reads it first and hands its parts to the floors.
 * Invariant: a configuration that config_read passed is complete: the members are parsed, the
 * addresses are parsed, and a TCP address beyond loopback was asked for with --insecure. */
#ifndef WEFT_SERVER_CONFIG_H
#define WEFT_SERVER_CONFIG_H

#include "raft/replica.h"
#include "stream/stream.h"
#include "util/log_option.h"

struct config {
    /* As given. */
    bool is_dev;
    const char *name;
    const char *data_dir;
    const char *api_listen_text;
    const char *raft_listen;
    const char *api_socket; /* NULL: none */
    struct option_list member_texts;
    bool is_insecure;
    uint64_t heartbeat_ms;
    uint64_t election_ms;
    uint64_t lease_quarantine_s;
    uint64_t snapshot_entries;
    uint64_t history_events;
    uint64_t quota_bytes;
    struct log_option log;
    /* Parsed. */
    struct socket_address api_listen;
    struct socket_address api_socket_address; /* when api_socket is given */
    struct member members[LIMIT_RAFT_MEMBERS_MAX];
    unsigned member_count; /* 0: a later start, the data directory knows them */
};

/* Reads flags, environment and file into `out_config`, then checks and completes it, and sets
 * up the log. What is wrong is said on stderr (OPTION_FAILED). Owns: texts live until the process
 * ends. */
MUST_USE enum option_result config_read(int argc, char **argv, struct config *out_config);

#endif
