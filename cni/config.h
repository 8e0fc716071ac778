/* The network configuration on stdin, checked. Keys that other plugins or runtimes add are passed
 * over, as every plugin does; a known key of a wrong type is a fault, but null is as good as
 * absent.
 *
 * Source: CNI 1.1.0, "Network configuration format" and "GC". */
#ifndef WEFT_CNI_CONFIG_H
#define WEFT_CNI_CONFIG_H

#include "cni/args.h"
#include "wire/json.h"

#define CNI_AGENT_SOCKET_DEFAULT "/run/weft/agent.sock"
#define CNI_VERSION_NEWEST       "1.1.0"

/* What differs between the versions; the order is the versions' own. */
enum cni_version {
    CNI_VERSION_0_3_0,
    CNI_VERSION_0_3_1,
    CNI_VERSION_0_4_0, /* CHECK */
    CNI_VERSION_1_0_0, /* ips[] lose their `version` */
    CNI_VERSION_1_1_0  /* GC, STATUS, interfaces[].mtu */
};

struct cni_config {
    enum cni_version version;
    const char *version_text;
    const char *name;
    const char *agent_socket;
    const struct json *dns;               /* NULL: absent */
    const struct json *prev_result;       /* NULL: absent */
    const struct json *valid_attachments; /* GC; NULL: absent; may be null */
    struct json *tree;                    /* owns all of the above; NULL for VERSION */
};

const char *cni_version_text(enum cni_version version);
/* The versions that we speak, as VERSION reports them, with a line feed. */
void cni_versions_write(const char *requested, struct buf *out);

/* The version that a text asks for, if it is one of ours, else our newest: what an error answers in
 * when it comes before the configuration is read. */
const char *cni_version_asked_for(struct slice text);

/* Reads the configuration that `verb` needs; for VERSION nothing has to be there. The version's
 * text is filled as soon as it is known, also when the rest is at fault, so that an error can
 * answer in it. Owns: cni_config_deinit, on failure too. Errors: ERR_INVALID with `error` filled
 * (codes 1, 6, 7). */
MUST_USE enum err cni_config_read(enum cni_verb verb, struct slice text,
                                  struct cni_config *out_config, struct cni_error *error);
void cni_config_deinit(struct cni_config *config);

#endif
