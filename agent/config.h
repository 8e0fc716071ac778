/* weft-agent's configuration: one table of options (util/option.h), and what can be checked without
 * touching the machine. Invariant: a configuration that config_read passed is complete: the servers
 * are parsed, and node, network and socket have legal names. */
#ifndef WEFT_AGENT_CONFIG_H
#define WEFT_AGENT_CONFIG_H

#include "client/url.h"
#include "util/ip.h"
#include "util/log_option.h"

struct agent_config {
    /* As given. */
    const char *node; /* the host's name when it was not given */
    struct option_list server_texts;
    const char *network;
    const char *iface; /* "" takes the default route's */
    const char *state_dir;
    const char *run_dir;
    const char *socket; /* RUN_DIR/agent.sock when it was not given */
    const char *public_ip_text;
    const char *subnet_env; /* "": off */
    uint64_t resync_s;
    uint64_t address_rest_s;
    bool is_cleanup;
    struct log_option log;
    /* Parsed. */
    struct server_list servers;
    struct ip_address public_ip; /* IP_NONE: the device's own */
};

/* Reads flags, environment and file, then checks and completes them, and sets up the log. What is
 * wrong is said on stderr (OPTION_FAILED). Owns: texts live until the process ends. */
MUST_USE enum option_result agent_config_read(int argc, char **argv,
                                              struct agent_config *out_config);

#endif
