/* Put and delete of an object under the rules of its kind, for the operations that come to it by
 * different ways. */
#ifndef WEFT_STORE_OP_OBJECT_H
#define WEFT_STORE_OP_OBJECT_H

#include "store/apply.h"

/* Both decide, and then write or refuse; `found` is what is there, NULL when nothing is. The
 * conditions of the command are not looked at. What refuses a field names it in problem.errors. */
void object_put(struct apply *apply, const struct command_put *put, const struct object *found);
void object_remove(struct apply *apply, const struct command_delete *delete,
                   const struct object *found);

#endif
