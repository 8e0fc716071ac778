/* A transaction's JSON, turned into the command: {"if":[C...],"then":[O...],"else":[O...]}. Field
 * tables say what may be there; what they cannot say (which members exclude each other, base64,
 * keys and bodies of kinds) is checked here, each fault with its pointer. Pure. */
#ifndef WEFT_API_TXN_READ_H
#define WEFT_API_TXN_READ_H

#include "store/command.h"
#include "wire/json.h"
#include "wire/problem.h"

/* The request's form, for the API document. */
extern const struct shape shape_txn;

/* Errors: ERR_INVALID with all faults (up to the problem's bound). Owns: values live in the arena.
 */
MUST_USE enum err txn_read(const struct json *json, struct arena *arena,
                           struct command_txn *out_txn, struct problem *problem);

#endif
