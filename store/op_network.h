/* Networks: a pool may not change under its leases, nor go away with them unless that is said. */
#ifndef WEFT_STORE_OP_NETWORK_H
#define WEFT_STORE_OP_NETWORK_H

#include "store/apply.h"
#include "wire/kind_network.h"

void network_put(struct apply *apply, const struct command_put *put, const struct object *found);
void network_remove(struct apply *apply, const struct command_delete *delete,
                    const struct object *found);
/* The stored network; false when there is none. */
bool network_find(struct apply *apply, const char *name, struct network *out_network);

#endif
