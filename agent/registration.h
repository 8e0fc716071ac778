/* The node's own object in the store: its addresses, the agent's version, the boot id. Labels and
 * conditions, which others may have set, are kept. Written only when it differs, tried until it
 * agrees. */
#ifndef WEFT_AGENT_REGISTRATION_H
#define WEFT_AGENT_REGISTRATION_H

#include "agent/ensure.h"
#include "agent/pause.h"
#include "wire/kind_node.h"

struct registration {
    struct ensure ensure;
    struct alarm alarm;
    struct pause pause;
    struct rand rand;
    const char *node;
    const char *boot_id;
    char address[IP_TEXT_SIZE]; /* "": not known yet */
    bool is_done;
};

void registration_init(struct registration *registration, struct call_pool *pool,
                       struct server_list *servers, const char *node, const char *boot_id);
void registration_deinit(struct registration *registration);
/* Says where the node is reached; a change is published. */
void registration_set_address(struct registration *registration, const struct ip_address *address);
/* The store may have forgotten: compare again. */
void registration_again(struct registration *registration);

#endif
