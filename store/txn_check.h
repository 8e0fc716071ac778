/* What can be said of a transaction before it is run: the API refuses it with this before it is
 * proposed, and the state machine relies on nobody having done so. */
#ifndef WEFT_STORE_TXN_CHECK_H
#define WEFT_STORE_TXN_CHECK_H

#include "store/command.h"

/* Looks at the form: known targets and operations, each with what it needs, not too many of them,
 * and no key that two operations of a branch write. It knows nothing of kinds and their bodies.
 * Errors: ERR_INVALID with the problem filled; pointers are those of API.md, "/then/3/put/key". */
MUST_USE enum err txn_check(const struct command_txn *txn, struct problem *problem);

#endif
