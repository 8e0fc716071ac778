/* Ids of TTL leases as people see them: 16 hex digits, lower case. 0 is none. */
#ifndef WEFT_API_LEASE_ID_H
#define WEFT_API_LEASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define LEASE_ID_SIZE 17u

void lease_id_format(uint64_t id, char out[LEASE_ID_SIZE]);
/* False for anything but 16 hex digits, and for 0. */
bool lease_id_parse(const char *text, uint64_t *out_id);

#endif
