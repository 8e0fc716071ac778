/* How the arguments of each command stand in the log (wire/field bytes): a row a field. Numbers are
 * in the log: never reuse one. */
#ifndef WEFT_STORE_COMMAND_SHAPE_H
#define WEFT_STORE_COMMAND_SHAPE_H

#include "wire/field.h"

extern const struct shape shape_command_put;
extern const struct shape shape_command_delete;
extern const struct shape shape_command_delete_prefix;
extern const struct shape shape_command_subnet_hold;
extern const struct shape shape_command_subnet_expire;
extern const struct shape shape_command_lease_grant;
extern const struct shape shape_command_lease;
extern const struct shape shape_command_lease_expire;
extern const struct shape shape_command_txn;
extern const struct shape shape_command_once;
extern const struct shape shape_command_compact;

#endif
