#include "agent/config.h"

#include "util/buf.h"
#include "wire/field.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AT(member) offsetof(struct agent_config, member)

/* clang-format off: a row an option */
static const struct option options[] = {
    {.name = "node",
     .type = OPTION_TEXT,
     .offset = AT(node),
     .argument = "NAME",
     .help = "this node's name; left out: the host's"},
    {.name = "server",
     .type = OPTION_LIST,
     .offset = AT(server_texts),
     .argument = "URL[,URL]",
     .help = "the store's servers"},
    {.name = "network",
     .type = OPTION_TEXT,
     .offset = AT(network),
     .fallback = "default",
     .argument = "NAME",
     .help = "the network to lease a subnet of"},
    {.name = "iface",
     .type = OPTION_TEXT,
     .offset = AT(iface),
     .fallback = "",
     .argument = "DEVICE",
     .help = "the device that reaches the other nodes; left out: the default route's"},
    {.name = "public-ip",
     .type = OPTION_TEXT,
     .offset = AT(public_ip_text),
     .fallback = "",
     .argument = "ADDRESS",
     .help = "where other nodes reach this one; left out: the device's own address"},
    {.name = "state-dir",
     .type = OPTION_TEXT,
     .offset = AT(state_dir),
     .fallback = "/var/lib/weft-agent",
     .argument = "DIR",
     .help = "what must survive: pod addresses, the local copy of the store, the VTEP's MAC"},
    {.name = "run-dir",
     .type = OPTION_TEXT,
     .offset = AT(run_dir),
     .fallback = "/run/weft",
     .argument = "DIR",
     .help = "what must not survive a reboot"},
    {.name = "socket",
     .type = OPTION_TEXT,
     .offset = AT(socket),
     .argument = "PATH",
     .help = "the local socket, for the CNI plugin (mode 0660); left out: RUN_DIR/agent.sock"},
    {.name = "subnet-env",
     .type = OPTION_TEXT,
     .offset = AT(subnet_env),
     .fallback = "/run/flannel/subnet.env",
     .argument = "PATH",
     .help = "flannel's file, for its CNI plugin and for scripts; empty: off"},
    {.name = "resync-s",
     .type = OPTION_NUMBER,
     .offset = AT(resync_s),
     .fallback = "5",
     .argument = "N",
     .min = 1,
     .max = 3600,
     .help = "look at the kernel at least so often"},
    {.name = "address-rest-s",
     .type = OPTION_NUMBER,
     .offset = AT(address_rest_s),
     .fallback = "60",
     .argument = "N",
     .min = 0,
     .max = 86400,
     .help = "how long a freed pod address rests before it is used again"},
    {.name = "cleanup",
     .type = OPTION_FLAG,
     .offset = AT(is_cleanup),
     .help = "remove all that the agent made on this node, and end; the lease ends by itself"},
    LOG_OPTION_ROWS(AT(log)),
};
/* clang-format on */

static const struct option_program program = {
    .name = "weft-agent",
    .purpose = "Leases a subnet from the store and keeps this node's network as the store says.",
    .synopsis = "[--node NAME] --server URL[,URL] [FLAGS]",
    .options = options,
    .option_count = ARRAY_COUNT(options),
};

static_assert(LIMIT_ADDRESS_REST_DEFAULT_S == 60, "the default above");

static bool complete_names(struct agent_config *config) {
    static char host[LIMIT_NAME_SIZE_MAX + 1];
    static char socket_path[128];
    if (config->node == NULL) {
        if (gethostname(host, sizeof host - 1) != 0) {
            return option_complain(&program, "the host has no name: give --node");
        }
        config->node = host;
    }
    if (!field_format_dns_subdomain.is_valid(config->node)) {
        return option_complain(&program, "--node '%s' is not %s", config->node,
                               field_format_dns_subdomain.expects);
    }
    if (!field_format_dns_label.is_valid(config->network)) {
        return option_complain(&program, "--network '%s' is not %s", config->network,
                               field_format_dns_label.expects);
    }
    if (config->socket == NULL) {
        int size = snprintf(socket_path, sizeof socket_path, "%s/agent.sock", config->run_dir);
        if (size >= (int)sizeof socket_path) {
            return option_complain(&program,
                                   "--run-dir is too long for a socket in it: give --socket");
        }
        config->socket = socket_path;
    }
    return true;
}

static bool complete_servers(struct agent_config *config) {
    struct buf text;
    struct problem problem;
    buf_init(&text);
    problem_init(&problem);
    for (unsigned i = 0; i < config->server_texts.count; i++) {
        buf_appendf(&text, "%s%s", i > 0 ? "," : "", config->server_texts.items[i]);
    }
    enum err err = server_list_parse(buf_text(&text), &config->servers, &problem);
    buf_deinit(&text);
    return err == ERR_OK || option_complain(&program, "--server: %s", problem.detail);
}

static bool complete(struct agent_config *config) {
    if (config->public_ip_text[0] != 0 &&
        ip_address_parse(config->public_ip_text, &config->public_ip) != ERR_OK) {
        return option_complain(&program, "--public-ip '%s' is not an IP address",
                               config->public_ip_text);
    }
    return complete_names(config) && (config->is_cleanup || complete_servers(config)) &&
           log_option_apply(&config->log, &program);
}

enum option_result agent_config_read(int argc, char **argv, struct agent_config *out_config) {
    memset(out_config, 0, sizeof *out_config);
    enum option_result result = option_parse(&program, argc, argv, out_config, NULL);
    if (result == OPTION_RUN && !complete(out_config)) {
        return OPTION_FAILED;
    }
    return result;
}
