/* Stored networks and subnets as the structs that operations decide on. */
#ifndef WEFT_STORE_RESOURCE_H
#define WEFT_STORE_RESOURCE_H

#include "store/apply.h"
#include "wire/kind_network.h"
#include "wire/kind_subnet.h"

/* Decodes a stored object into the apply's arena. What cannot be decoded stops the process at the
 * commit: this very program wrote it. */
void network_decode(struct apply *apply, struct slice payload, struct network *out_network);
void subnet_decode(struct apply *apply, struct slice payload, struct subnet *out_subnet);
/* The payload of a subnet. Owns: the apply's arena. */
struct slice subnet_encode(struct apply *apply, const struct subnet *subnet);

/* Find what is stored; false when there is none. */
bool network_find(struct apply *apply, const char *name, struct network *out_network);
bool subnet_find(struct apply *apply, const char *key, struct object *out_object,
                 struct subnet *out_subnet);

#endif
