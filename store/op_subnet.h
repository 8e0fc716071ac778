/* Subnet leases: who holds which part of a network. The line that decides who gets a subnet is
 * choose_subnet in op_subnet.c. Source: API.md, "Semantics that are not negotiable"; RELIABILITY.md
 * S7, S8. */
#ifndef WEFT_STORE_OP_SUBNET_H
#define WEFT_STORE_OP_SUBNET_H

#include "store/apply.h"

/* PUT on a subnet: a reservation. */
void subnet_reserve(struct apply *apply, const struct command_put *put, const struct object *found);
/* DELETE by an operator, whatever its state. A holder that lives goes on using the subnet until it
 * learns of it, so the subnet rests until that lease would have ended; is_forced skips the rest. */
void subnet_remove(struct apply *apply, const struct command_delete *delete,
                   const struct object *found);

#endif
