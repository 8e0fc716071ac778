/* What each CNI verb does. ADD is a sequence of steps, each of which knows its undo: a failed ADD
 * leaves nothing.
 *
 *     ADD: reserve (agent, durable) -> make the interface -> ready (agent: host route in the
 * kernel) DEL: remove the interface -> release (agent, or left behind for it)
 *
 * Calls for different containers share nothing but the agent, so they run in parallel. */
#ifndef WEFT_CNI_VERBS_H
#define WEFT_CNI_VERBS_H

#include "cni/args.h"
#include "cni/config.h"
#include "util/buf.h"

/* Does it; `out` gets what goes to stdout on success. Errors: any but ERR_OK, with `error` filled.
 */
MUST_USE enum err verbs_run(const struct cni_args *args, const struct cni_config *config,
                            struct buf *out, struct cni_error *error);

#endif
