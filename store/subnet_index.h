/* The index rows of one subnet object: by holder, by public address, by the time that it is due.
 * Written and removed together with the object. */
#ifndef WEFT_STORE_SUBNET_INDEX_H
#define WEFT_STORE_SUBNET_INDEX_H

#include "store/apply.h"
#include "wire/kind_subnet.h"

void subnet_index_add(struct apply *apply, const char *key, const struct subnet *subnet);
void subnet_index_remove(struct apply *apply, const char *key, const struct subnet *subnet);

/* The subnets that a node holds or that are reserved for it, lowest first. The callback must not
 * write. */
typedef bool (*subnet_index_cb)(void *owner, const struct ip_prefix *subnet);
void subnet_index_of_node(struct apply *apply, const char *network, const char *node,
                          subnet_index_cb callback, void *owner);
/* The held subnet with that public address; false when there is none. */
bool subnet_index_find_address(struct apply *apply, const char *network,
                               const struct ip_address *address, struct ip_prefix *out_subnet);

/* One row of the table of due leases. */
struct subnet_due {
    uint64_t expires_log_ms;
    struct slice key; /* of the object */
};
bool subnet_index_read_due(struct slice row, struct subnet_due *out_due);

#endif
