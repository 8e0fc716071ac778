#include "server/config.h"

#include <inttypes.h>
#include <string.h>

#define DEV_NAME        "dev"
#define DEV_API_LISTEN  "127.0.0.1:7480"
#define DEV_RAFT_LISTEN "127.0.0.1:7481"

#define AT(member) offsetof(struct config, member)

/* clang-format off: a row an option */
static const struct option options[] = {
    {.name = "dev",
     .type = OPTION_FLAG,
     .offset = AT(is_dev),
     .help = "one server on loopback whose data goes when it ends; no other flag is needed"},
    {.name = "name",
     .type = OPTION_TEXT,
     .offset = AT(name),
     .argument = "NAME",
     .help = "this server's name, one of the members"},
    {.name = "data-dir",
     .type = OPTION_TEXT,
     .offset = AT(data_dir),
     .argument = "DIR",
     .help = "where the log and the store are kept (mode 0700)"},
    {.name = "api-listen",
     .type = OPTION_TEXT,
     .offset = AT(api_listen_text),
     .fallback = DEV_API_LISTEN,
     .argument = "HOST:PORT",
     .help = "where the API is served"},
    {.name = "raft-listen",
     .type = OPTION_TEXT,
     .offset = AT(raft_listen),
     .fallback = DEV_RAFT_LISTEN,
     .argument = "HOST:PORT",
     .help = "where the other members connect"},
    {.name = "member",
     .type = OPTION_LIST,
     .offset = AT(member_texts),
     .argument = "NAME,RAFT,URL",
     .help = "a member: name, Raft address, API URL; once for each, this server too. The first "
             "start with them forms the cluster, later starts read the data directory"},
    {.name = "api-socket",
     .type = OPTION_TEXT,
     .offset = AT(api_socket),
     .argument = "PATH",
     .help = "a unix socket that serves the API too"},
    {.name = "insecure",
     .type = OPTION_FLAG,
     .offset = AT(is_insecure),
     .help = "serve plain TCP beyond loopback"},
    {.name = "heartbeat-ms",
     .type = OPTION_NUMBER,
     .offset = AT(heartbeat_ms),
     .fallback = "100",
     .argument = "N",
     .min = 5,
     .max = 60000,
     .help = "how often the leader says that it is there"},
    {.name = "election-ms",
     .type = OPTION_NUMBER,
     .offset = AT(election_ms),
     .fallback = "1000",
     .argument = "N",
     .min = 25,
     .max = 600000,
     .help = "silence after which a follower asks for an election"},
    {.name = "lease-quarantine-s",
     .type = OPTION_NUMBER,
     .offset = AT(lease_quarantine_s),
     .fallback = "60",
     .argument = "N",
     .min = 0,
     .max = LIMIT_LEASE_TTL_MAX_S,
     .help = "how long an expired subnet stays unassigned"},
    {.name = "snapshot-entries",
     .type = OPTION_NUMBER,
     .offset = AT(snapshot_entries),
     .fallback = "100000",
     .argument = "N",
     .min = 1,
     .max = LIMIT_SNAPSHOT_ENTRIES_MAX,
     .help = "log entries after which a snapshot is taken (64 MiB of them at the latest); as many "
             "stay in the log for members that lag"},
    {.name = "history-events",
     .type = OPTION_NUMBER,
     .offset = AT(history_events),
     .fallback = "100000",
     .argument = "N",
     .min = 1,
     .max = LIMIT_HISTORY_EVENTS_MAX,
     .help = "changes that are kept for watches that begin in the past"},
    {.name = "quota-bytes",
     .type = OPTION_NUMBER,
     .offset = AT(quota_bytes),
     .fallback = "2147483648",
     .argument = "N",
     .min = 1,
     .max = INT64_MAX,
     .help = "how large the store may grow; writes that would add to it are refused then (507)"},
    LOG_OPTION_ROWS(AT(log)),
};
/* clang-format on */

static const struct option_program program = {
    .name = "weftd",
    .purpose = "A replicated store for the state of a cluster's network, with an HTTP/JSON API.",
    .synopsis = "--name NAME --data-dir DIR --member NAME,RAFT,URL ... | --dev",
    .options = options,
    .option_count = ARRAY_COUNT(options),
};

/* --dev is the only member of its own cluster, at the addresses that it listens on. */
static bool complete_dev(struct config *config) {
    char text[1024];
    if (config->data_dir != NULL || config->member_texts.count > 0) {
        return option_complain(
            &program, "--dev keeps no data and has no other members: leave out --data-dir and "
                      "--member, or --dev");
    }
    if (config->name == NULL) {
        config->name = DEV_NAME;
    }
    snprintf(text, sizeof text, "%s,%s,http://%s", config->name, config->raft_listen,
             config->api_listen_text);
    config->member_texts.items[0] = must_strdup(text);
    config->member_texts.count = 1;
    return true;
}

static bool check_address(const struct config *config, const char *flag, const char *text,
                          struct socket_address *out_address) {
    if (socket_address_parse(text, out_address) != ERR_OK || out_address->path[0] != 0) {
        return option_complain(&program, "--%s '%s' is no address such as 127.0.0.1:7480", flag,
                               text);
    }
    if (!config->is_insecure && !socket_address_is_local(out_address)) {
        return option_complain(
            &program,
            "--%s %s is beyond loopback and would carry plain TCP that anybody can "
            "read and forge: listen on 127.0.0.1, or say --insecure",
            flag, text);
    }
    return true;
}

static bool parse_members(struct config *config) {
    for (unsigned i = 0; i < config->member_texts.count; i++) {
        const char *text = config->member_texts.items[i];
        if (member_parse(text, &config->members[i]) != ERR_OK) {
            return option_complain(&program,
                                   "--member '%s' is not NAME,RAFT-ADDRESS,API-URL, such as "
                                   "s1,127.0.0.1:7481,http://127.0.0.1:7480",
                                   text);
        }
        config->member_count++;
    }
    return true;
}

static bool check_socket(struct config *config) {
    char text[512];
    if (config->api_socket == NULL) {
        return true;
    }
    snprintf(text, sizeof text, "unix:%s", config->api_socket);
    if (socket_address_parse(text, &config->api_socket_address) != ERR_OK) {
        return option_complain(&program,
                               "--api-socket '%s' is no path of a socket (107 bytes at most)",
                               config->api_socket);
    }
    return true;
}

static bool check_times(const struct config *config) {
    if (config->election_ms < 2 * config->heartbeat_ms) {
        return option_complain(
            &program, "--election-ms %" PRIu64 " must be at least twice --heartbeat-ms %" PRIu64,
            config->election_ms, config->heartbeat_ms);
    }
    return true;
}

static bool complete(struct config *config) {
    struct socket_address raft_listen;
    if (config->is_dev && !complete_dev(config)) {
        return false;
    }
    if (config->name == NULL || config->data_dir == NULL) {
        if (!config->is_dev) {
            return option_complain(&program,
                                   "--name and --data-dir are needed (or --dev, to try it out)");
        }
    }
    return check_times(config) &&
           check_address(config, "api-listen", config->api_listen_text, &config->api_listen) &&
           check_address(config, "raft-listen", config->raft_listen, &raft_listen) &&
           check_socket(config) && parse_members(config) &&
           log_option_apply(&config->log, &program);
}

enum option_result config_read(int argc, char **argv, struct config *out_config) {
    *out_config = (struct config){0};
    enum option_result result = option_parse(&program, argc, argv, out_config, NULL);
    if (result == OPTION_RUN && !complete(out_config)) {
        result = OPTION_FAILED;
    }
    return result;
}
