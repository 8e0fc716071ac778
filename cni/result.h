/* The result of ADD, in the version of the request. Pure.
 *
 * Source: CNI 1.1.0, "Success", and the same chapter of 0.3.0 to 1.0.0. */
#ifndef WEFT_CNI_RESULT_H
#define WEFT_CNI_RESULT_H

#include "cni/config.h"
#include "wire/attachment.h"

/* Writes the result, with a line feed. A prevResult in the configuration (we are chained behind
 * another plugin) comes first and ours is appended to it. `netns` is the sandbox, CNI_NETNS as it
 * was given. */
void cni_result_write(const struct cni_config *config, const struct attachment *attachment,
                      const char *netns, struct buf *out);

#endif
