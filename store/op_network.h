/* Networks: a pool may not change under its leases, nor go away with them unless that is said. */
#ifndef WEFT_STORE_OP_NETWORK_H
#define WEFT_STORE_OP_NETWORK_H

#include "store/apply.h"

void network_put(struct apply *apply, const struct command_put *put, const struct object *found);
void network_remove(struct apply *apply, const struct command_delete *delete,
                    const struct object *found);

#endif
