/* The names of the agent's files in its state directory, and the smallest of them: the VTEP's MAC,
 * made once and kept for the node's life, because peers send to it. */
#ifndef WEFT_AGENT_FILES_H
#define WEFT_AGENT_FILES_H

#include "util/check.h"
#include "util/err.h"
#include "util/ip.h"

#define FILE_ADDRESSES "addresses" /* ipam.h: must be whole, or the agent does not start */
#define FILE_CACHE     "store"     /* cache.h: may be lost */
#define FILE_VTEP_MAC  "vtep_mac"

/* Reads the MAC, or makes and keeps a new one; a damaged file counts as lost. Errors: ERR_IO,
 * logged. */
MUST_USE enum err files_vtep_mac(const char *state_dir, struct mac_address *out_mac);

#endif
